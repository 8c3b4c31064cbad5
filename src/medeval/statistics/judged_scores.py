"""Judged rubric scores with the judge's errors taken out, and the uncertainty of both sets that this takes.

The errors are measured on rows that raters labelled, the meta set; the scores come from the judged set. Either is
resampled by whole prompts, independently of the other, so that intervals allow for the sampling of both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import FloatArray, IntArray, finite_matrix, label_codes
from medeval.statistics.bootstrap import resampled_totals, summarise
from medeval.statistics.division import divide_or_nan
from medeval.statistics.estimates import DEFAULT_CONFIDENCE, DEFAULT_SEED, BootstrapEstimate
from medeval.statistics.judge_agreement import FN, FP, TN, TP, bootstrap_totals, group_totals
from medeval.statistics.prevalence import CorrectedShare, corrected_shares, rogan_gladen

RESAMPLES = 4000
Worth: TypeAlias = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
# An interval is given only if the figure can be computed in all but this share of the resamples.
LARGEST_UNDEFINED_SHARE = 0.005


@dataclass(frozen=True, slots=True, eq=False)
class MetaSet:
    """Rows that raters labelled.

    Attributes:
        cells: Pairs by kind, shape (m, 6); see ``judge_agreement``.
        strata: Stratum of each row, from 0, shape (m,).
        prompts: Prompt of each row, shape (m,).
        groups: Number of strata.
    """

    cells: FloatArray
    strata: IntArray
    prompts: npt.NDArray[np.str_]
    groups: int

    def totals(self) -> FloatArray:
        """Return the cells of each stratum, shape (groups, 6)."""
        return group_totals(self.cells, self.strata, self.groups)

    def resampled(self, resamples: int, seed: int) -> FloatArray:
        """Return the cells of each stratum in resamples of prompts, shape (resamples, groups, 6)."""
        return bootstrap_totals(self.cells, self.prompts, self.strata, self.groups, resamples=resamples, seed=seed)


@dataclass(frozen=True, slots=True)
class CorrectedMean:
    """Mean example score as judged and corrected.

    Attributes:
        corrected: The corrected mean, not clipped; its interval allows for the sampling of both sets. None where a
            grade occurs in a stratum of which the meta set has none.
        raw: The mean as judged, not clipped, with the sampling of the judged set alone.
        shift: Corrected minus raw.
        undefined: Strata that have grades of which the meta set says nothing.
    """

    corrected: BootstrapEstimate | None
    raw: BootstrapEstimate
    shift: BootstrapEstimate | None
    undefined: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CorrectedRate:
    """Share of criteria met in one stratum.

    Attributes:
        share: The correction with its error by the delta method, which takes grades for independent; None when the
            meta set has no pair of one class.
        interval: The same value with an interval from resampled prompts of both sets; None when it is not identified.
        n: Grades of the judged set.
    """

    share: CorrectedShare | None
    interval: BootstrapEstimate | None
    n: int


def predictive_values(totals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share of pairs with label met among grades met and among grades not met, from cells (..., 6) to (...)."""
    cell = np.moveaxis(totals, -1, 0)
    return divide_or_nan(cell[TP], cell[TP] + cell[FP]), divide_or_nan(cell[FN], cell[FN] + cell[TN])


def unbiased_values(totals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Values of grades met and not met whose mean is the share of labels met, from cells (..., 6) to (...).

    They are ``q0 / (q1 + q0 - 1)`` and ``(q0 - 1) / (q1 + q0 - 1)``, so that a mean of them is the share of Rogan and
    Gladen; NaN where the judge is no better than chance.
    """
    sensitivity, specificity = error_rates(totals)
    informedness = sensitivity + specificity - 1.0
    return divide_or_nan(specificity, informedness), divide_or_nan(specificity - 1.0, informedness)


def error_rates(totals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sensitivity and specificity of usable grades, from cells (..., 6) to (...)."""
    cell = np.moveaxis(totals, -1, 0)
    return divide_or_nan(cell[TP], cell[TP] + cell[FN]), divide_or_nan(cell[TN], cell[TN] + cell[FP])


def corrected_mean(
    met: npt.ArrayLike,
    not_met: npt.ArrayLike,
    prompts: npt.ArrayLike,
    meta: MetaSet,
    *,
    worth: Worth = predictive_values,
    resamples: int = RESAMPLES,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = DEFAULT_SEED,
) -> CorrectedMean:
    """Mean example score where each criterion counts its points times what its grade is worth in its stratum.

    Args:
        met: Points of the criteria judged met over the example's positive points, by stratum, shape (n, groups).
        not_met: The same of the criteria judged not met.
        prompts: Prompt of each example, shape (n,).
        meta: Rows that tell what grades are worth.
        worth: What grades met and not met are worth, from cells: P(met | grade) by :func:`predictive_values`, which
            holds where as much is met as in the meta set, or :func:`unbiased_values`, which holds where the judge has
            the same error rates.
        resamples: Number of resamples.
        confidence: Coverage of the intervals.
        seed: Seed of the meta set's resamples; the judged set has the next one.

    Raises:
        ValueError: Wrong shapes, or values that are not finite.
    """
    said, denied = finite_matrix(met, "met"), finite_matrix(not_met, "not_met")
    codes = label_codes(prompts, len(said), "prompts")
    rows = _by_cluster(np.column_stack([said, denied, np.ones(len(said))]), codes)
    values = _known(worth(meta.totals()), said, denied)
    undefined = tuple(int(s) for s in np.flatnonzero(np.isnan(values).any(axis=0)))
    drawn = resampled_totals(rows, resamples, np.random.default_rng(seed + 1))
    judged = drawn[:, :-1] / drawn[:, -1:]
    total = rows.sum(axis=0)
    means = total[:-1] / total[-1]

    def estimate(replicates: FloatArray, value: float) -> BootstrapEstimate:
        return _interval(replicates, value, len(said), len(rows), confidence, seed)

    raw_drawn, raw = judged[:, : meta.groups].sum(axis=1), float(means[: meta.groups].sum())
    if undefined:
        return CorrectedMean(None, estimate(raw_drawn, raw), None, undefined)
    meta_drawn = _known(worth(meta.resampled(resamples, seed)), said, denied)
    score_drawn = (judged * np.concatenate(meta_drawn, axis=-1)).sum(axis=1)
    score = float((means * np.concatenate(values)).sum())
    return CorrectedMean(
        estimate(score_drawn, score), estimate(raw_drawn, raw), estimate(score_drawn - raw_drawn, score - raw), ()
    )


def corrected_rates(
    met: npt.ArrayLike,
    strata: IntArray,
    prompts: npt.ArrayLike,
    meta: MetaSet,
    *,
    resamples: int = RESAMPLES,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = DEFAULT_SEED,
) -> tuple[list[CorrectedRate | None], BootstrapEstimate | None]:
    """Share of criteria met by Rogan and Gladen, in each stratum and over all of them.

    Args:
        met: 1 for a criterion judged met and 0 for one judged not met, shape (n,); missing grades left out.
        strata: Stratum of each criterion, from 0, shape (n,).
        prompts: Prompt of each criterion, shape (n,).
        meta: Rows that give sensitivity and specificity.
        resamples: Number of resamples.
        confidence: Coverage of the intervals.
        seed: As for :func:`corrected_mean`.

    Returns:
        One entry per stratum, None where the judged set has no criterion; and the overall share, each stratum
        weighing as its criteria, None when it is not identified in one of them.
    """
    values = np.asarray(met, dtype=float)
    codes = label_codes(prompts, values.size, "prompts")
    counts = np.zeros((int(codes.max()) + 1, meta.groups, 2))
    np.add.at(counts, (codes, strata), np.column_stack([values, np.ones(values.size)]))
    drawn = resampled_totals(counts.reshape(len(counts), -1), resamples, np.random.default_rng(seed + 1))
    drawn = drawn.reshape(resamples, meta.groups, 2)
    rates = corrected_shares(divide_or_nan(drawn[..., 0], drawn[..., 1]), *error_rates(meta.resampled(resamples, seed)))
    totals, cells = counts.sum(axis=0), meta.totals()
    parts = [
        _rate(totals[s], cells[s], rates[:, s], len(counts), confidence, seed) if totals[s, 1] else None
        for s in range(meta.groups)
    ]
    present = [s for s in range(meta.groups) if totals[s, 1]]
    shares = [part.share.value if part and part.share else None for part in parts]
    if any(shares[s] is None for s in present):
        return parts, None
    weights, sizes = totals[present, 1] / totals[:, 1].sum(), drawn[:, present, 1]
    value = float(sum(weight * (shares[s] or 0.0) for weight, s in zip(weights, present, strict=True)))
    overall = (np.where(sizes > 0, rates[:, present], 0.0) * sizes).sum(axis=1) / sizes.sum(axis=1)
    return parts, _interval(overall, value, values.size, len(counts), confidence, seed)


def _rate(
    total: FloatArray, cells: FloatArray, rates: FloatArray, prompts: int, confidence: float, seed: int
) -> CorrectedRate:
    n = int(total[1])
    sensitivity, specificity = (float(rate) for rate in error_rates(cells))
    positives, negatives = round(float(cells[TP] + cells[FN])), round(float(cells[TN] + cells[FP]))
    if not positives or not negatives:
        return CorrectedRate(None, None, n)
    share = rogan_gladen(float(total[0] / n), n, sensitivity, positives, specificity, negatives, confidence)
    if share.value is None:
        return CorrectedRate(share, None, n)
    return CorrectedRate(share, _interval(rates, share.value, n, prompts, confidence, seed), n)


def _known(
    values: tuple[FloatArray, FloatArray], met: FloatArray, not_met: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Set the predictive values of grades that do not occur to 0, where they do not matter."""
    used = (met != 0).any(axis=0), (not_met != 0).any(axis=0)
    return np.where(used[0], values[0], 0.0), np.where(used[1], values[1], 0.0)


def _by_cluster(rows: FloatArray, codes: IntArray) -> FloatArray:
    sums = np.zeros((int(codes.max()) + 1, rows.shape[1]))
    np.add.at(sums, codes, rows)
    return sums


def _interval(
    replicates: FloatArray, value: float, n: int, clusters: int, confidence: float, seed: int
) -> BootstrapEstimate:
    defined = replicates[~np.isnan(replicates)]
    lost = 1.0 - len(defined) / len(replicates)
    method = "percentile bootstrap of prompts"
    if lost > LARGEST_UNDEFINED_SHARE:
        words = f"no interval: not identified in {lost:.1%} of the resamples"
        return BootstrapEstimate(value, None, None, None, n, words, confidence, seed, clusters, len(defined))
    return summarise(
        defined, value=value, n=n, clusters=clusters, null=None, confidence=confidence, seed=seed, method=method
    )
