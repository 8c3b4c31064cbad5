"""Intervals for the mean score of one system on one set of independent items."""

import math

import numpy as np
import numpy.typing as npt
from statsmodels.stats.proportion import proportion_confint

from medeval.statistics.arrays import count, finite_vector, is_binary, label_codes, open_fraction
from medeval.statistics.clustered import cluster_mean
from medeval.statistics.estimates import DEFAULT_CONFIDENCE, DEFAULT_SEED, Estimate
from medeval.statistics.quantiles import two_sided

# Below a few hundred items the normal approximation is unreliable (Bowyer et al., arXiv 2503.01747).
EXACT_BELOW = 300


def wilson(successes: int, n: int, confidence: float = DEFAULT_CONFIDENCE) -> Estimate:
    """Wilson score interval of ``successes / n``.

    Raises:
        ValueError: Counts are not whole, ``n`` < 1, or ``successes`` > ``n``.
    """
    return _proportion(successes, n, confidence, "wilson", "Wilson score")


def clopper_pearson(successes: int, n: int, confidence: float = DEFAULT_CONFIDENCE) -> Estimate:
    """Clopper-Pearson exact interval of ``successes / n``: never covers less than it says.

    Raises:
        ValueError: As for :func:`wilson`.
    """
    return _proportion(successes, n, confidence, "beta", "Clopper-Pearson exact")


def jeffreys(successes: int, n: int, confidence: float = DEFAULT_CONFIDENCE) -> Estimate:
    """Equal-tailed interval of the posterior under the Jeffreys prior Beta(1/2, 1/2).

    Raises:
        ValueError: As for :func:`wilson`.
    """
    return _proportion(successes, n, confidence, "jeffreys", "beta-binomial posterior, Jeffreys prior")


def proportion_interval(successes: int, n: int, confidence: float = DEFAULT_CONFIDENCE) -> Estimate:
    """Interval of a single-run proportion: Clopper-Pearson below 300 items, Wilson from there on."""
    return (clopper_pearson if n < EXACT_BELOW else wilson)(successes, n, confidence)


def t_interval(scores: npt.ArrayLike, confidence: float = DEFAULT_CONFIDENCE) -> Estimate:
    """Mean of independent item scores with ``sd / sqrt(n)`` as error and a t interval with n - 1 degrees of freedom.

    Scores that do not vary give a standard error of 0 but no interval: no spread was seen to build one from.

    Args:
        scores: One score per item, shape (n,), runs of an item already averaged.
        confidence: Coverage of the interval.

    Raises:
        ValueError: ``scores`` is empty, not 1-D, or not finite.
    """
    values = finite_vector(scores, "scores")
    open_fraction(confidence, "confidence")
    n = values.size
    mean = float(values.mean())
    if n < 2:
        return Estimate(mean, None, None, None, n, "t (needs two items)", confidence)
    se = float(values.std(ddof=1)) / math.sqrt(n)
    if se == 0.0:
        return Estimate(mean, se, None, None, n, "t (no variation)", confidence)
    half = two_sided(confidence, n - 1) * se
    return Estimate(mean, se, mean - half, mean + half, n, f"t with {n - 1} degrees of freedom", confidence)


def mean_interval(
    scores: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = DEFAULT_SEED,
) -> Estimate:
    """Mean score with the interval that suits the data.

    Independent 0/1 scores get :func:`proportion_interval`, other independent scores :func:`t_interval`, and
    items that share clusters :func:`medeval.statistics.clustered.cluster_mean`.

    Args:
        scores: One score per item, shape (n,); runs of an item already averaged.
        clusters: One label per item, shape (n,); None when every item is independent.
        confidence: Coverage of the interval.
        seed: Seed of the cluster bootstrap, used only with few clusters.

    Raises:
        ValueError: Wrong shapes, no items, or scores that are not finite.
    """
    values = finite_vector(scores, "scores")
    codes = label_codes(clusters, values.size, "clusters")
    if len(np.unique(codes)) < values.size:
        return cluster_mean(values, codes, confidence=confidence, seed=seed)
    if is_binary(values):
        return proportion_interval(int(values.sum()), values.size, confidence)
    return t_interval(values, confidence)


def _proportion(successes: int, n: int, confidence: float, method: str, label: str) -> Estimate:
    count(n, "n", least=1)
    count(successes, "successes")
    open_fraction(confidence, "confidence")
    if successes > n:
        raise ValueError(f"successes: expected at most n = {n}, got {successes}")
    low, high = proportion_confint(successes, n, alpha=1.0 - confidence, method=method)
    share = successes / n
    se = math.sqrt(share * (1.0 - share) / (n - 1)) if n > 1 else None
    # Rounding can push an end a hair outside [0, 1] or off the estimate at 0 of n and n of n.
    low = 0.0 if successes == 0 else max(0.0, float(low))
    high = 1.0 if successes == n else min(1.0, float(high))
    return Estimate(share, se, low, high, n, label, confidence)
