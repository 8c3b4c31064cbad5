"""What every statistical result carries, and the constants that results share.

All values are fractions (0 to 1) or the unit of the input; nothing here is in points.
"""

from dataclasses import dataclass

DEFAULT_SEED = 20260101
DEFAULT_CONFIDENCE = 0.95
DEFAULT_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: The estimate.
        se: Standard error; None when it cannot be computed (too few observations or clusters).
        low: Lower end of the interval; None when it cannot be computed.
        high: Upper end of the interval; None when it cannot be computed.
        n: Number of items behind the estimate.
        method: How the interval was made, in words fit for a report.
        confidence: Coverage the interval aims at.
        seed: Seed of the random generator; None when nothing was drawn.
    """

    value: float
    se: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    confidence: float = DEFAULT_CONFIDENCE
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class ClusteredEstimate(Estimate):
    """A mean whose items fall in clusters; ``se`` is the corrected (CR1) error unless CR0 was asked for.

    Attributes:
        clusters: Number of independent clusters.
        cr0: Cluster-robust error without small-sample correction; None with one cluster.
        cr1: The same with the factor G/(G-1) on the variance; None with one cluster.
        naive: Error that ignores the clusters; None with one item.
        design_effect: ``se**2 / naive**2``; None when either is missing or ``naive`` is 0.
        effective_n: ``n / design_effect``; None when the design effect is missing or 0.
    """

    clusters: int = 0
    cr0: float | None = None
    cr1: float | None = None
    naive: float | None = None
    design_effect: float | None = None
    effective_n: float | None = None


@dataclass(frozen=True, slots=True)
class BootstrapEstimate(Estimate):
    """A percentile interval from resampled clusters.

    Attributes:
        clusters: Number of clusters that were resampled.
        resamples: Number of resamples drawn.
        p_value: Two-sided, ``2 min(P(T* <= null), P(T* >= null))`` with one added to both counts, at most 1;
            None when the null value makes no sense for the estimate or there is nothing to resample.
    """

    clusters: int = 0
    resamples: int = DEFAULT_RESAMPLES
    p_value: float | None = None
