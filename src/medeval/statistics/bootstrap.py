"""Clustered bootstrap of means and of functions of means, fast enough for 10,000 resamples of real benchmarks."""

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import FloatArray, IntArray, count, finite_vector, label_codes, open_fraction
from medeval.statistics.estimates import (
    DEFAULT_CONFIDENCE,
    DEFAULT_RESAMPLES,
    DEFAULT_SEED,
    BootstrapEstimate,
)

# Up to this many distinct clusters it is faster to draw how often each kind occurs than to draw every cluster.
MULTINOMIAL_LIMIT = 256
# Draws held in memory at once by the index form.
BATCH_DRAWS = 2_000_000


def resampled_totals(rows: FloatArray, resamples: int, rng: np.random.Generator) -> FloatArray:
    """Column totals of ``rows`` drawn with replacement, as many rows as there are, ``resamples`` times.

    Rows that are alike (to 12 decimals) are interchangeable, so when few kinds exist their multinomial counts are
    drawn instead of row indices; the distribution of the totals is the same.

    Args:
        rows: One row per cluster, shape (G, c), such as the sum of its scores and its size.
        resamples: Number of resamples R.
        rng: Source of randomness.

    Returns:
        Totals, shape (R, c).
    """
    kinds, occurrences = np.unique(np.round(rows, 12), axis=0, return_counts=True)
    if len(kinds) <= MULTINOMIAL_LIMIT:
        drawn = rng.multinomial(len(rows), occurrences / len(rows), size=resamples)
        return np.asarray(drawn @ kinds, dtype=np.float64)
    return _index_totals(rows, resamples, rng)


def cluster_bootstrap(
    scores: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    null: float | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = DEFAULT_SEED,
) -> BootstrapEstimate:
    """Percentile interval of a mean, resampling whole clusters; pass paired differences for a paired bootstrap.

    Args:
        scores: One score (or paired difference) per item, shape (n,).
        clusters: One label per item, shape (n,); None makes every item its own cluster.
        null: Value tested by ``p_value``; None for no test.
        resamples: Number of resamples, at least 1.
        confidence: Coverage of the interval.
        seed: Seed of the generator.

    Returns:
        The estimate; error, interval and p-value are None with a single cluster.

    Raises:
        ValueError: Wrong shapes, no items, or scores that are not finite.
    """
    values = finite_vector(scores, "scores")
    codes = label_codes(clusters, values.size, "clusters")
    count(resamples, "resamples", least=1)
    open_fraction(confidence, "confidence")
    totals = resampled_totals(cluster_rows(values, codes), resamples, np.random.default_rng(seed))
    return summarise(
        totals[:, 0] / totals[:, 1],
        value=float(values.mean()),
        n=values.size,
        clusters=int(codes.max()) + 1,
        null=null,
        confidence=confidence,
        seed=seed,
        method="percentile bootstrap of clusters",
    )


def cluster_rows(values: FloatArray, codes: IntArray) -> FloatArray:
    """Sum of scores and size of each cluster, shape (G, 2)."""
    return np.column_stack([np.bincount(codes, weights=values), np.bincount(codes)]).astype(np.float64)


def summarise(
    replicates: FloatArray,
    *,
    value: float,
    n: int,
    clusters: int,
    null: float | None,
    confidence: float,
    seed: int,
    method: str,
) -> BootstrapEstimate:
    """Turn bootstrap replicates, shape (R,), into an estimate with percentile ends.

    With one cluster every replicate is the estimate itself, which says nothing: error and interval are then None.
    """
    size = replicates.size
    if clusters < 2 or size < 2:
        reason = "two clusters" if clusters < 2 else "two resamples"
        return BootstrapEstimate(
            value, None, None, None, n, f"{method} (needs {reason})", confidence, seed, clusters, size
        )
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(replicates, [tail, 1.0 - tail])
    return BootstrapEstimate(
        value=value,
        se=float(replicates.std(ddof=1)),
        low=float(low),
        high=float(high),
        n=n,
        method=method,
        confidence=confidence,
        seed=seed,
        clusters=clusters,
        resamples=size,
        p_value=None if null is None else bootstrap_p(replicates, null),
    )


def bootstrap_p(replicates: FloatArray, null: float) -> float:
    """Two-sided p-value of ``null``: twice the smaller tail share, one added above and below, at most 1.

    A resampled mean of equal values can miss ``null`` by rounding alone, so values within 1e-12 count as ties.
    """
    below = int(np.count_nonzero(replicates <= null + 1e-12))
    above = int(np.count_nonzero(replicates >= null - 1e-12))
    return min(1.0, 2.0 * (min(below, above) + 1) / (replicates.size + 1))


def _index_totals(rows: FloatArray, resamples: int, rng: np.random.Generator) -> FloatArray:
    groups = len(rows)
    batch = max(1, BATCH_DRAWS // groups)
    parts = []
    for start in range(0, resamples, batch):
        size = min(batch, resamples - start)
        drawn = rng.integers(0, groups, size=(size, groups))
        drawn += np.arange(size)[:, None] * groups
        weights = np.bincount(drawn.ravel(), minlength=size * groups).reshape(size, groups)
        parts.append(weights.astype(np.float64) @ rows)
    return np.concatenate(parts)
