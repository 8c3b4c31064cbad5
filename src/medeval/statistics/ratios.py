"""Ratio of two means measured on the same items, such as generated tokens per reply."""

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import (
    FloatArray,
    count,
    finite_vector,
    label_codes,
    open_fraction,
    same_length,
)
from medeval.statistics.bootstrap import resampled_totals, summarise
from medeval.statistics.estimates import (
    DEFAULT_CONFIDENCE,
    DEFAULT_RESAMPLES,
    DEFAULT_SEED,
    BootstrapEstimate,
    Estimate,
)
from medeval.statistics.quantiles import two_sided

EstimateT = TypeVar("EstimateT", bound=Estimate)


@dataclass(frozen=True, slots=True)
class RatioEstimate:
    """A ratio of means by three routes, which should agree.

    Attributes:
        delta: Delta-method error and symmetric interval on the ratio itself.
        log: The same error on the log scale, so an interval that is never negative; its ``se`` is that of the log.
        bootstrap: Percentile bootstrap over clusters of items.
        median_of_ratios: Median of the items' own ratios, which long replies do not dominate; None when an item's
            denominator is 0.
        n: Number of items.
    """

    delta: Estimate
    log: Estimate
    bootstrap: BootstrapEstimate
    median_of_ratios: float | None
    n: int


def ratio_of_means(
    numerator: npt.ArrayLike,
    denominator: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = DEFAULT_SEED,
) -> RatioEstimate:
    """Mean of ``numerator`` over mean of ``denominator`` on the same items, with error and intervals.

    Delta method: the error of ``R`` is the cluster-robust (CR1) error of the mean of ``x - R y``, over the mean of
    ``y``. With one cluster, errors and intervals are None.

    Args:
        numerator: One amount per item, shape (n,), none negative.
        denominator: One amount per item in the same order, shape (n,), none negative.
        clusters: One label per item, shape (n,); None when items are independent.
        confidence: Coverage of the intervals.
        resamples: Resamples of the bootstrap.
        seed: Seed of the bootstrap.

    Raises:
        ValueError: Wrong or unequal shapes, amounts that are negative or not finite, a mean of 0, or so few items with
            a positive denominator that a resample has none.
    """
    top, bottom = _amounts(numerator, denominator)
    codes = label_codes(clusters, top.size, "clusters")
    open_fraction(confidence, "confidence")
    groups = int(codes.max()) + 1
    ratio = float(top.mean() / bottom.mean())
    rows: FloatArray = np.stack([np.bincount(codes, weights=side) for side in (top, bottom)], axis=1)
    se = None
    if groups > 1:
        spread = float(np.linalg.norm(rows[:, 0] - ratio * rows[:, 1])) / top.size
        se = spread * math.sqrt(groups / (groups - 1)) / float(bottom.mean())
    return RatioEstimate(
        delta=_delta(ratio, se, top.size, confidence),
        log=_log(ratio, se, top.size, confidence),
        bootstrap=_bootstrap(rows, ratio, top.size, resamples, confidence, seed),
        median_of_ratios=float(np.median(top / bottom)) if bottom.min() > 0.0 else None,
        n=top.size,
    )


def inverse(ratio: EstimateT) -> EstimateT:
    """Return the estimate of B over A from that of A over B: its ends change places, its error is by the delta method.

    An end at 0 has no inverse and becomes None.
    """
    return replace(
        ratio,
        value=1.0 / ratio.value,
        low=1.0 / ratio.high if ratio.high else None,
        high=1.0 / ratio.low if ratio.low else None,
        se=None if ratio.se is None else ratio.se / ratio.value**2,
    )


def _amounts(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    top, bottom = finite_vector(numerator, "numerator"), finite_vector(denominator, "denominator")
    same_length(top, bottom, "numerator and denominator")
    for values, name in ((top, "numerator"), (bottom, "denominator")):
        if values.min() < 0.0:
            raise ValueError(f"{name}: expected no negative amounts, got {values.min()}")
        if values.sum() == 0.0:
            raise ValueError(f"{name}: all amounts are 0, so there is no ratio to estimate")
    return top, bottom


def _delta(ratio: float, se: float | None, n: int, confidence: float) -> Estimate:
    if se is None:
        return Estimate(ratio, None, None, None, n, "delta method (needs two clusters)", confidence)
    half = two_sided(confidence) * se
    return Estimate(ratio, se, ratio - half, ratio + half, n, "delta method, normal", confidence)


def _log(ratio: float, se: float | None, n: int, confidence: float) -> Estimate:
    if se is None:
        return Estimate(ratio, None, None, None, n, "log ratio (needs two clusters)", confidence)
    relative = se / ratio
    factor = math.exp(two_sided(confidence) * relative)
    return Estimate(ratio, relative, ratio / factor, ratio * factor, n, "log ratio, normal", confidence)


def _bootstrap(
    rows: FloatArray, ratio: float, n: int, resamples: int, confidence: float, seed: int
) -> BootstrapEstimate:
    count(resamples, "resamples", least=1)
    totals = resampled_totals(rows, resamples, np.random.default_rng(seed))
    if (totals[:, 1] == 0.0).any():
        raise ValueError("denominator: too few positive amounts, a resample has none")
    return summarise(
        totals[:, 0] / totals[:, 1],
        value=ratio,
        n=n,
        clusters=len(rows),
        null=None,
        confidence=confidence,
        seed=seed,
        method="percentile bootstrap of item clusters",
    )
