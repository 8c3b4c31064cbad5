"""What the length of replies has to do with their scores (arXiv 2505.08775, section on length).

A judge that counts what a reply contains may reward a long one for its length. Hence the correlation within one
model, the share of examples that A wins among replies of like length, and the difference at equal length.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from statsmodels.regression.linear_model import OLS

from medeval.statistics.bootstrap import cluster_bootstrap, resampled_totals
from medeval.statistics.estimates import DEFAULT_CONFIDENCE, DEFAULT_SEED, Estimate
from medeval.statistics.intervals import mean_interval
from medeval.statistics.quantiles import two_sided

LARGEST_RELATIVE_DIFFERENCE = 0.10
_RESAMPLES = 2000

FloatArray = npt.NDArray[np.float64]
# Example -> the scores of its answers and their lengths in characters, in the same order.
Answers = Mapping[str, tuple[FloatArray, FloatArray]]


@dataclass(frozen=True)
class WinRate:
    """How often A's answer to an example scores higher than B's.

    Attributes:
        estimate: Mean over examples of A's share of the pairs that are not tied; None without such an example.
        examples: Examples that both answered.
        pairs: All pairs of an answer of A and one of B to the same example.
        tied: Pairs with equal scores, which are left out.
        apart: Pairs that are not tied and are left out because their lengths differ too much.
        kept: Pairs that count.
        kept_examples: Examples with at least one such pair.
    """

    estimate: Estimate | None
    examples: int
    pairs: int
    tied: int
    apart: int
    kept: int
    kept_examples: int


@dataclass(frozen=True)
class LengthAdjusted:
    """Score differences regressed on differences of the logarithm of the length, one mean pair per example.

    Attributes:
        estimate: The difference A - B at equal length; None when it cannot be told from the slope.
        slope: Change of the difference per unit of log length; None likewise.
        slope_se: Its standard error; None likewise.
        examples: Examples in the regression.
        left_out: Examples with an empty answer, which has no logarithm.
    """

    estimate: Estimate | None
    slope: float | None
    slope_se: float | None
    examples: int
    left_out: int


def correlation(
    scores: npt.ArrayLike, lengths: npt.ArrayLike, prompts: npt.ArrayLike, *, seed: int = DEFAULT_SEED
) -> Estimate | None:
    """Return Pearson's r of score and length in characters, with a percentile bootstrap of whole prompts.

    Args:
        scores: One score per answered example, shape (n,).
        lengths: Characters of its answer, shape (n,).
        prompts: Which prompt it belongs to, shape (n,).
        seed: Seed of the bootstrap.

    Returns:
        The estimate; None with fewer than 3 answers, or when either does not vary.
    """
    x, y = _standardised(scores), _standardised(lengths)
    if x is None or y is None or len(x) < 3:
        return None
    codes = np.unique(np.asarray(prompts), return_inverse=True)[1]
    moments = np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y])
    rows = np.column_stack([np.bincount(codes, weights=column) for column in moments.T]).astype(np.float64)
    drawn = _r(resampled_totals(rows, _RESAMPLES, np.random.default_rng(seed)))
    drawn = drawn[np.isfinite(drawn)]
    low = high = se = None
    if len(rows) > 2 and len(drawn) > 1:
        tail = (1 - DEFAULT_CONFIDENCE) / 2
        low, high = (float(end) for end in np.quantile(drawn, [tail, 1 - tail]))
        se = float(drawn.std(ddof=1))
    method = "Pearson's r, percentile bootstrap of prompts"
    return Estimate(float(_r(moments.sum(axis=0)[None])[0]), se, low, high, len(x), method, seed=seed)


def win_rate(a: Answers, b: Answers, *, limit: float | None = LARGEST_RELATIVE_DIFFERENCE) -> WinRate:
    """Return how often A wins against B among pairs of answers whose lengths are alike.

    Args:
        a: A's answers.
        b: B's answers; examples of only one of the two do not count.
        limit: Largest difference of the two lengths over their mean; None does not look at lengths.
    """
    shared = [example for example in a if example in b]
    pairs = tied = apart = 0
    shares: dict[str, float] = {}
    kept = 0
    for example in shared:
        (score_a, length_a), (score_b, length_b) = a[example], b[example]
        difference = score_a[:, None] - score_b[None, :]
        decided = ~np.isclose(difference, 0.0, rtol=0.0, atol=1e-12)
        alike = np.ones_like(decided) if limit is None else _alike(length_a, length_b, limit)
        counted = difference[decided & alike]
        pairs += difference.size
        tied += int((~decided).sum())
        apart += int((decided & ~alike).sum())
        kept += len(counted)
        if len(counted):
            shares[example] = float((counted > 0).mean())
    estimate = _rate(np.array(list(shares.values()))) if shares else None
    return WinRate(estimate, len(shared), pairs, tied, apart, kept, len(shares))


def length_adjusted(a: Answers, b: Answers) -> LengthAdjusted:
    """Return the difference A - B at equal length, from least squares over examples with HC1 errors.

    Each example gives one row: the difference of the mean scores, and that of the mean log lengths. Both are the
    means over all pairs of an answer of A and one of B.
    """
    shared = [example for example in a if example in b]
    usable = [example for example in shared if (a[example][1] > 0).all() and (b[example][1] > 0).all()]
    left_out = len(shared) - len(usable)
    y = np.array([a[example][0].mean() - b[example][0].mean() for example in usable])
    x = np.array([np.log(a[example][1]).mean() - np.log(b[example][1]).mean() for example in usable])
    if len(y) < 3 or np.ptp(x) < 1e-9:
        return LengthAdjusted(None, None, None, len(usable), left_out)
    fit = OLS(y, np.column_stack([np.ones_like(x), x])).fit(cov_type="HC1")
    value, slope = (float(number) for number in fit.params)
    se, slope_se = (float(number) for number in fit.bse)
    half = two_sided(DEFAULT_CONFIDENCE, len(y) - 2) * se
    method = f"intercept of the regression on log length, HC1, t with {len(y) - 2} degrees of freedom"
    estimate = Estimate(value, se, value - half, value + half, len(y), method)
    return LengthAdjusted(estimate, slope, slope_se, len(usable), left_out)


def _rate(shares: FloatArray) -> Estimate:
    """Return the mean of shares with an interval that stays within 0..1."""
    if np.isin(shares, (0.0, 1.0)).all():
        return mean_interval(shares)
    return cluster_bootstrap(shares)


def _alike(a: FloatArray, b: FloatArray, limit: float) -> npt.NDArray[np.bool_]:
    """Return which pairs of lengths differ by at most `limit` of their mean; two empty answers are alike."""
    difference = np.abs(a[:, None] - b[None, :])
    return np.asarray(difference <= limit * (a[:, None] + b[None, :]) / 2 * (1 + 1e-12))


def _standardised(values: npt.ArrayLike) -> FloatArray | None:
    array = np.asarray(values, dtype=np.float64)
    if len(array) == 0 or np.ptp(array) <= 1e-12 * max(1.0, float(np.abs(array).max())):
        return None
    return np.asarray((array - array.mean()) / array.std())


def _r(totals: FloatArray) -> FloatArray:
    """Return Pearson's r from totals of 1, x, y, xx, yy and xy, shape (R, 6)."""
    n, x, y, xx, yy, xy = totals.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((n * xy - x * y) / np.sqrt((n * xx - x * x) * (n * yy - y * y)))
