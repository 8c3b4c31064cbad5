"""How often two systems of several runs disagree on an item, beyond how often one disagrees with itself."""

from dataclasses import dataclass

import numpy.typing as npt

from medeval.statistics.arrays import FloatArray, finite_matrix, same_length
from medeval.statistics.clustered import cluster_mean
from medeval.statistics.estimates import DEFAULT_CONFIDENCE, DEFAULT_SEED, ClusteredEstimate


@dataclass(frozen=True, slots=True)
class Churn:
    """Disagreement of single runs, averaged over all pairs of runs and over items.

    Attributes:
        rate: Chance that a run of the base and a run of the test system differ on an item.
        floor: Chance that two runs of the base differ on it; None with a single run.
        excess: ``rate - floor``, which is what the test system adds; None with a single run of the base.
        effective: Discordance of the run-averaged scores, the mean of their squared difference: it is what the error
            of the paired difference is made of.
        n: Number of items.
        runs_base: Runs of the base.
        runs_test: Runs of the test system.
    """

    rate: ClusteredEstimate
    floor: ClusteredEstimate | None
    excess: ClusteredEstimate | None
    effective: float
    n: int
    runs_base: int
    runs_test: int


def churn(
    base: npt.ArrayLike,
    test: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = DEFAULT_SEED,
) -> Churn:
    """Measure flips between two systems against the base's self-flip floor, using every pair of runs.

    Args:
        base: Correctness of the base, 0 or 1, shape (n items, k runs).
        test: Correctness of the test system on the same items, shape (n items, m runs).
        clusters: One label per item, shape (n,); None when items are independent.
        confidence: Coverage of the intervals.
        seed: Seed of the cluster bootstrap, used only with few clusters.

    Raises:
        ValueError: Ragged or empty rows, unequal numbers of items, or scores outside 0 to 1.
    """
    first, second = finite_matrix(base, "base"), finite_matrix(test, "test")
    same_length(first, second, "base and test")
    for values, name in ((first, "base"), (second, "test")):
        if values.min() < 0.0 or values.max() > 1.0:
            raise ValueError(f"{name}: expected scores from 0 to 1")
    (n, runs), p, q = first.shape, first.mean(axis=1), second.mean(axis=1)
    flips = p * (1.0 - q) + q * (1.0 - p)
    # Of k runs, k (k - 1) ordered pairs are of two different ones: unbiased for 2 p (1 - p).
    own = None if runs < 2 else 2.0 * p * (1.0 - p) * runs / (runs - 1)

    def mean(values: FloatArray) -> ClusteredEstimate:
        return cluster_mean(values, clusters, confidence=confidence, seed=seed)

    return Churn(
        rate=mean(flips),
        floor=None if own is None else mean(own),
        excess=None if own is None else mean(flips - own),
        effective=float(((p - q) ** 2).mean()),
        n=n,
        runs_base=runs,
        runs_test=second.shape[1],
    )
