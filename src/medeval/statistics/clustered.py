"""Mean of scores that come in clusters, with an error that allows for the dependence inside them."""

import math

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import FloatArray, IntArray, finite_vector, label_codes, open_fraction
from medeval.statistics.bootstrap import cluster_bootstrap
from medeval.statistics.estimates import DEFAULT_CONFIDENCE, DEFAULT_SEED, ClusteredEstimate
from medeval.statistics.quantiles import two_sided

# The sandwich error is too small, and its t interval too short, when clusters are few.
FEW_CLUSTERS = 30


def cluster_mean(
    scores: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    corrected: bool = True,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = DEFAULT_SEED,
) -> ClusteredEstimate:
    """Mean with the cluster-robust standard error of Miller (arXiv 2411.00640) and a t interval with G - 1 df.

    With fewer than 30 clusters that are real groups, the interval is the wider, end by end, of the t interval and a
    percentile cluster bootstrap, and ``method`` says so: the bootstrap alone is too short with few clusters.
    Cluster sums that do not vary give an error of 0 but no interval.

    Args:
        scores: One score per item, shape (n,); runs of an item already averaged.
        clusters: One label per item, shape (n,); None makes every item its own cluster.
        corrected: Use CR1 (factor G/(G-1)) for ``se``, else CR0.
        confidence: Coverage of the interval.
        seed: Seed of the bootstrap.

    Raises:
        ValueError: Wrong shapes, no items, or scores that are not finite.
    """
    values = finite_vector(scores, "scores")
    codes = label_codes(clusters, values.size, "clusters")
    open_fraction(confidence, "confidence")
    groups = int(codes.max()) + 1
    cr0 = cluster_error(values, codes)
    cr1 = None if cr0 is None else cr0 * math.sqrt(groups / (groups - 1))
    se = cr1 if corrected else cr0
    low, high, method, used_seed = _interval(values, codes, se, confidence, seed)
    naive = float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else None
    effect = None if se is None or not naive else (se / naive) ** 2
    return ClusteredEstimate(
        value=float(values.mean()),
        se=se,
        low=low,
        high=high,
        n=values.size,
        method=("CR1" if corrected else "CR0") + ", " + method,
        confidence=confidence,
        seed=used_seed,
        clusters=groups,
        cr0=cr0,
        cr1=cr1,
        naive=naive,
        design_effect=effect,
        effective_n=values.size / effect if effect else None,
    )


def cluster_error(scores: FloatArray, codes: IntArray) -> float | None:
    """CR0 standard error of the mean: the root of the squared cluster sums of residuals, over n.

    Args:
        scores: Checked scores, shape (n,).
        codes: Cluster numbers 0..G-1, shape (n,).

    Returns:
        The error, or None with a single cluster, whose residuals sum to 0 whatever the truth is.
    """
    if codes.max() == 0:
        return None
    residuals = np.bincount(codes, weights=scores - scores.mean())
    return float(np.linalg.norm(residuals)) / scores.size


def design_effect(cluster_size: float, intraclass_correlation: float) -> float:
    """Variance inflation of equal clusters, ``1 + (m - 1) rho`` (Kish).

    Raises:
        ValueError: A cluster smaller than one item, or a correlation outside [-1, 1].
    """
    if not (math.isfinite(cluster_size) and cluster_size >= 1.0):
        raise ValueError(f"cluster_size: expected at least 1, got {cluster_size}")
    if not -1.0 <= intraclass_correlation <= 1.0:
        raise ValueError(f"intraclass_correlation: expected -1 to 1, got {intraclass_correlation}")
    return 1.0 + (cluster_size - 1.0) * intraclass_correlation


def _interval(
    values: FloatArray, codes: IntArray, se: float | None, confidence: float, seed: int
) -> tuple[float | None, float | None, str, int | None]:
    """Return low, high, the method in words, and the seed when one was used."""
    groups = int(codes.max()) + 1
    if se is None:
        return None, None, "no interval: needs two clusters", None
    if se == 0.0:
        return None, None, "no interval: no variation between clusters", None
    mean = float(values.mean())
    half = two_sided(confidence, groups - 1) * se
    words = f"t with {groups - 1} degrees of freedom"
    if groups == values.size or groups >= FEW_CLUSTERS:
        return mean - half, mean + half, words, None
    drawn = cluster_bootstrap(values, codes, confidence=confidence, seed=seed)
    words = f"wider of {words} and cluster bootstrap ({groups} clusters, fewer than {FEW_CLUSTERS})"
    # With two clusters or more, which is checked above, the bootstrap has both ends.
    low, high = (end if end is not None else mean for end in (drawn.low, drawn.high))
    return min(mean - half, low), max(mean + half, high), words, seed
