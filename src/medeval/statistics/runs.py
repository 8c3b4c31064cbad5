"""Several runs of the same items: how much of the spread is between items and how much is run-to-run noise."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import count, finite_matrix, finite_vector, label_codes, not_negative, positive

# A spread of run means this many times what item noise explains points at an effect of whole runs.
SYSTEMATIC_RATIO = 3.0


@dataclass(frozen=True, slots=True)
class RunVariance:
    """One-way analysis of variance of item scores over runs.

    Attributes:
        value: Mean score over all items and runs.
        n: Number of items.
        runs: Number of runs k.
        between: Mean square between items, k times the variance of item means.
        within: Mean square within items: the run-to-run variance of one item's score.
        item_variance: Variance of the items' expected scores, ``(between - within) / k``; an estimate near 0 can come
            out negative and is left so.
        intraclass_correlation: ``item_variance / (item_variance + within)``; None when scores do not vary.
        within_share: One minus the intraclass correlation; None when scores do not vary.
        sampling_se: Error of the mean when items are a sample of many (super-population estimand).
        fixed_se: Error of the mean over exactly these items: run noise alone.
        run_means: Mean of each run, shape (k,).
        run_ratio: Variance of the run means over what item noise explains; None when items never vary between runs.
        systematic: Whether ``run_ratio`` is above 3; None when it is None.
        method: Name of the procedure.
    """

    value: float
    n: int
    runs: int
    between: float
    within: float
    item_variance: float
    intraclass_correlation: float | None
    within_share: float | None
    sampling_se: float
    fixed_se: float
    run_means: tuple[float, ...]
    run_ratio: float | None
    systematic: bool | None
    method: str = "one-way analysis of variance, items by runs"


def decompose_runs(scores: npt.ArrayLike) -> RunVariance:
    """Split the variance of scores into items and runs.

    Args:
        scores: Score of every item in every run, shape (n items, k runs), n and k at least 2, none missing.

    Raises:
        ValueError: Fewer than two items or runs, ragged rows, or scores that are not finite.
    """
    matrix = finite_matrix(scores, "scores")
    n, runs = matrix.shape
    if n < 2 or runs < 2:
        raise ValueError(f"scores: expected at least 2 items and 2 runs, got {n} items and {runs} runs")
    item_means, run_means = matrix.mean(axis=1), matrix.mean(axis=0)
    within = float(matrix.var(axis=1, ddof=1).mean())
    between = runs * float(item_means.var(ddof=1))
    item_variance = (between - within) / runs
    total = item_variance + within
    correlation = item_variance / total if total > 0.0 else None
    ratio = float(run_means.var(ddof=1)) / (within / n) if within > 0.0 else None
    return RunVariance(
        value=float(matrix.mean()),
        n=n,
        runs=runs,
        between=between,
        within=within,
        item_variance=item_variance,
        intraclass_correlation=correlation,
        within_share=None if correlation is None else 1.0 - correlation,
        sampling_se=math.sqrt(between / runs / n),
        fixed_se=fixed_item_se(within, n, runs),
        run_means=tuple(run_means.tolist()),
        run_ratio=ratio,
        systematic=None if ratio is None else ratio > SYSTEMATIC_RATIO,
    )


def fixed_item_se(within_variance: float, n: int, runs: int = 1) -> float:
    """Error of a mean over fixed items from run noise alone, ``sqrt(within / (n k))``.

    Raises:
        ValueError: A negative variance, or counts below 1.
    """
    not_negative(within_variance, "within_variance")
    return math.sqrt(within_variance / (count(n, "n", least=1) * count(runs, "runs", least=1)))


def one_run_variance(scores: npt.ArrayLike, subjects: npt.ArrayLike | None = None) -> float:
    """Variance that run noise alone gives the score of one run over these items.

    Args:
        scores: Score of every item in every run, shape (n items, k runs), k at least 2, none missing.
        subjects: One label per item, shape (n,), when the score is the mean over subjects; else None.

    Raises:
        ValueError: Fewer than two runs, ragged rows, scores that are not finite, or not one label per item.
    """
    matrix = finite_matrix(scores, "scores")
    n, runs = matrix.shape
    if runs < 2:
        raise ValueError(f"scores: expected at least 2 runs, got {runs}")
    codes = np.zeros(n, dtype=np.int64) if subjects is None else label_codes(subjects, n, "subjects")
    sizes = np.bincount(codes)
    within = np.bincount(codes, weights=matrix.var(axis=1, ddof=1)) / sizes
    return float((within / sizes).sum()) / sizes.size**2


def required_runs(one_run: float, room: float, multiplier: float, published_runs: int = 1, half_unit: float = 0) -> int:
    """Fewest runs of ours with which ``multiplier`` times the error of a replication stays below ``room``.

    Args:
        one_run: Variance that run noise gives one run's score, see :func:`one_run_variance`.
        room: Distance from the difference seen to the margin; above 0.
        multiplier: Quantile of the interval, such as 1.645.
        published_runs: Runs the publication averaged; 1 when it does not say.
        half_unit: Half of the last published digit, in the unit of ``room``.

    Returns:
        The number of runs; 0 when no number suffices, since the publication's own noise fills the room.

    Raises:
        ValueError: A negative variance, a room or multiplier of 0 or less, or counts below 1.
    """
    not_negative(one_run, "one_run")
    allowed = (positive(room, "room") / positive(multiplier, "multiplier")) ** 2
    left = allowed - one_run / count(published_runs, "published_runs", least=1) - not_negative(half_unit, "h") ** 2 / 3
    return math.floor(one_run / left) + 1 if left > 0.0 else 0


def relative_variance(noise_to_signal: float, runs: float) -> float:
    """Variance of an item's run-averaged score as a share of its single-run variance.

    Args:
        noise_to_signal: Run variance over item variance.
        runs: Number of runs averaged; ``math.inf`` for the limit.

    Raises:
        ValueError: A negative ratio or fewer than one run.
    """
    not_negative(noise_to_signal, "noise_to_signal")
    if not runs >= 1.0:
        raise ValueError(f"runs: expected at least 1, got {runs}")
    return (1.0 + noise_to_signal / runs) / (1.0 + noise_to_signal)


def replication_se(
    within_variances: npt.ArrayLike,
    n_items: npt.ArrayLike,
    our_runs: int,
    published_runs: int = 1,
    half_unit: float = 0.0,
) -> float:
    """Error of our macro-average minus a published one, both measured on the same items.

    Item sampling cancels; left are the run noise of both sides and the rounding of the published number.

    Args:
        within_variances: Run-to-run variance of an item's score in each benchmark, shape (B,).
        n_items: Items of each benchmark, shape (B,); effective items for a mean of subjects.
        our_runs: Runs we averaged.
        published_runs: Runs the publication averaged; 1 when it does not say.
        half_unit: Half of the last published digit, as a fraction.

    Raises:
        ValueError: Unequal shapes, negative variances, or counts below 1.
    """
    variances, sizes = finite_vector(within_variances, "within_variances"), finite_vector(n_items, "n_items")
    if variances.size != sizes.size:
        raise ValueError(f"within_variances and n_items: got {variances.size} and {sizes.size} benchmarks")
    not_negative(float(variances.min()), "within_variances")
    positive(float(sizes.min()), "n_items")
    not_negative(half_unit, "half_unit")
    repeats = 1.0 / count(our_runs, "our_runs", least=1) + 1.0 / count(published_runs, "published_runs", least=1)
    noise = float((variances / sizes).sum()) * repeats / variances.size**2
    return math.sqrt(noise + half_unit**2 / 3.0)
