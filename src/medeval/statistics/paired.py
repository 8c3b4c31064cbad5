"""Two systems on the same items: tests and intervals for the difference of their mean scores.

A is the first system, B the second; ``only_a`` counts items that A alone gets right, ``only_b`` those B alone does.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from medeval.statistics.arrays import (
    FloatArray,
    IntArray,
    count,
    finite_vector,
    is_binary,
    label_codes,
    open_fraction,
    same_length,
)
from medeval.statistics.bootstrap import cluster_bootstrap
from medeval.statistics.clustered import cluster_error, cluster_mean
from medeval.statistics.estimates import (
    DEFAULT_CONFIDENCE,
    DEFAULT_RESAMPLES,
    DEFAULT_SEED,
    BootstrapEstimate,
    ClusteredEstimate,
    Estimate,
)
from medeval.statistics.quantiles import two_sided

# With fewer items that tell the systems apart, the normal interval is replaced by Tango's score interval.
CLT_FROM_DISCORDANT = 50


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's test of equal accuracy on the same items.

    Attributes:
        only_a: Items that A alone gets right.
        only_b: Items that B alone gets right.
        exact: Two-sided exact binomial p-value; 1 when no item tells the systems apart.
        mid_p: The same counting half of the observed outcome; less conservative.
    """

    only_a: int
    only_b: int
    exact: float
    mid_p: float


@dataclass(frozen=True, slots=True)
class PairedDifference(ClusteredEstimate):
    """Mean of A - B over the same items.

    Attributes:
        p_value: Two-sided p-value of no difference; None when there is a single cluster.
        test: The test behind ``p_value``, in words.
        mcnemar: Counts and both p-values; None unless scores are 0/1 and items independent.
        correlation: Pearson correlation of the two systems' item scores; None when either does not vary.
        unpaired_se: Error that the same scores would have on two separate sets of items, for contrast; None with one
            cluster.
    """

    p_value: float | None = None
    test: str = ""
    mcnemar: McNemar | None = None
    correlation: float | None = None
    unpaired_se: float | None = None


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """Exact and mid-p McNemar test from the two discordant counts.

    Raises:
        ValueError: A count is negative or not whole.
    """
    count(only_a, "only_a")
    count(only_b, "only_b")
    total = only_a + only_b
    if total == 0:
        return McNemar(0, 0, 1.0, 1.0)
    exact = float(stats.binomtest(min(only_a, only_b), total).pvalue)
    observed = float(stats.binom.pmf(min(only_a, only_b), total, 0.5))
    # At a tie the exact p-value is capped at 1, and so is twice a tail that holds more than half of the mass.
    mid_p = 1.0 if only_a == only_b else exact - observed
    return McNemar(only_a, only_b, exact, mid_p)


def tango_interval(only_a: int, only_b: int, n: int, confidence: float = DEFAULT_CONFIDENCE) -> Estimate:
    """Score interval for the difference of two paired proportions (Tango 1998, Statistics in Medicine 17:891).

    Args:
        only_a: Items that A alone gets right.
        only_b: Items that B alone gets right.
        n: All items, also those that do not tell the systems apart.
        confidence: Coverage of the interval.

    Raises:
        ValueError: Counts that are not whole, or more discordant items than items.
    """
    for value, name in ((only_a, "only_a"), (only_b, "only_b")):
        count(value, name)
    count(n, "n", least=1)
    open_fraction(confidence, "confidence")
    if only_a + only_b > n:
        raise ValueError(f"n: expected at least only_a + only_b = {only_a + only_b}, got {n}")
    low = -_tango_upper(only_b, only_a, n, confidence)
    high = _tango_upper(only_a, only_b, n, confidence)
    return Estimate((only_a - only_b) / n, _discordant_se(only_a, only_b, n), low, high, n, "Tango score", confidence)


def paired_difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = DEFAULT_SEED,
) -> PairedDifference:
    """Mean of ``a - b`` with its interval and a test of no difference.

    Independent 0/1 scores are tested with exact McNemar; their interval is Tango's below 50 discordant items and
    normal from there on. All other scores are tested by paired bootstrap and get the interval of
    :func:`medeval.statistics.clustered.cluster_mean`. The error is cluster-robust (CR1) in every case.

    Args:
        a: Scores of A, shape (n,); runs of an item already averaged.
        b: Scores of B on the same items in the same order, shape (n,).
        clusters: One label per item, shape (n,); None when items are independent.
        confidence: Coverage of the interval.
        resamples: Resamples of the bootstrap.
        seed: Seed of the bootstrap.

    Raises:
        ValueError: Wrong or unequal shapes, no items, or scores that are not finite.
    """
    first, second = finite_vector(a, "a"), finite_vector(b, "b")
    same_length(first, second, "a and b")
    codes = label_codes(clusters, first.size, "clusters")
    spread = cluster_mean(first - second, codes, confidence=confidence, seed=seed)
    independent = spread.clusters == first.size
    table = _discordant_table(first, second) if independent else None
    p_value: float | None
    if table is not None:
        low, high, method, used_seed = _binary_interval(table, spread)
        p_value, test = table.exact, "exact McNemar"
    else:
        low, high, method, used_seed = spread.low, spread.high, spread.method, seed
        drawn = paired_bootstrap(first, second, codes, resamples=resamples, confidence=confidence, seed=seed)
        p_value, test = drawn.p_value, f"paired cluster bootstrap, {resamples} resamples"
    return PairedDifference(
        value=spread.value,
        se=spread.se,
        low=low,
        high=high,
        n=spread.n,
        method=method,
        confidence=confidence,
        seed=used_seed,
        clusters=spread.clusters,
        cr0=spread.cr0,
        cr1=spread.cr1,
        naive=spread.naive,
        design_effect=spread.design_effect,
        effective_n=spread.effective_n,
        p_value=p_value,
        test=test,
        mcnemar=table,
        correlation=correlation(first, second),
        unpaired_se=_unpaired_se(first, second, codes),
    )


def paired_bootstrap(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    resamples: int = DEFAULT_RESAMPLES,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = DEFAULT_SEED,
) -> BootstrapEstimate:
    """Percentile interval and test of the mean of ``a - b``, resampling whole clusters of items.

    Arguments, units and errors are those of :func:`paired_difference`.
    """
    first, second = finite_vector(a, "a"), finite_vector(b, "b")
    same_length(first, second, "a and b")
    return cluster_bootstrap(first - second, clusters, null=0.0, resamples=resamples, confidence=confidence, seed=seed)


def correlation(a: npt.ArrayLike, b: npt.ArrayLike) -> float | None:
    """Pearson correlation of two systems' item scores; None when either does not vary.

    Raises:
        ValueError: Wrong or unequal shapes, no items, or scores that are not finite.
    """
    first, second = finite_vector(a, "a"), finite_vector(b, "b")
    same_length(first, second, "a and b")
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _discordant_table(a: FloatArray, b: FloatArray) -> McNemar | None:
    """McNemar's test when both systems have 0/1 scores, else None."""
    if not (is_binary(a) and is_binary(b)):
        return None
    return mcnemar(int(np.count_nonzero(a > b)), int(np.count_nonzero(a < b)))


def _binary_interval(table: McNemar, spread: ClusteredEstimate) -> tuple[float | None, float | None, str, int | None]:
    if table.only_a + table.only_b < CLT_FROM_DISCORDANT or not spread.se:
        score = tango_interval(table.only_a, table.only_b, spread.n, spread.confidence)
        return score.low, score.high, score.method, None
    half = two_sided(spread.confidence) * spread.se
    return spread.value - half, spread.value + half, "normal, paired", None


def _unpaired_se(a: FloatArray, b: FloatArray, codes: IntArray) -> float | None:
    first, second = cluster_error(a, codes), cluster_error(b, codes)
    if first is None or second is None:
        return None
    groups = int(codes.max()) + 1
    return math.hypot(first, second) * math.sqrt(groups / (groups - 1))


def _discordant_se(only_a: int, only_b: int, n: int) -> float | None:
    if n < 2:
        return None
    return math.sqrt(((only_a + only_b) / n - ((only_a - only_b) / n) ** 2) / (n - 1))


def _tango_upper(gain: int, loss: int, n: int, confidence: float) -> float:
    """Largest difference ``d`` that the score test does not reject, given ``gain - loss`` observed over ``n``."""
    limit = two_sided(confidence)
    if gain == n:
        return 1.0

    def excess(difference: float) -> float:
        slack = gain - loss - n * difference
        # Restricted maximum likelihood of the chance that B alone is right, when the difference is fixed.
        linear = (2.0 * n - gain + loss) * difference - gain - loss
        product = -loss * difference * (1.0 - difference)
        root = (math.sqrt(max(0.0, linear**2 - 8.0 * n * product)) - linear) / (4.0 * n)
        variance = n * (2.0 * root + difference * (1.0 - difference))
        # Squared and multiplied out, so that a variance of 0 at the estimate needs no special case.
        return slack * abs(slack) + limit**2 * max(0.0, variance)

    estimate = (gain - loss) / n
    # At a difference of 1 the variance is 0 and the slack negative; just above the estimate the sum is positive.
    if excess(estimate) <= 0.0:
        estimate += 1e-12
    return float(optimize.brentq(excess, estimate, 1.0, xtol=1e-14, rtol=1e-14))
