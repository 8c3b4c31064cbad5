"""The arithmetic of HealthBench's scores: an example, a mean with its errors, the worst of several answers."""

from collections.abc import Sequence
from math import comb

import numpy as np
import numpy.typing as npt

from medeval.errors import MedevalError
from medeval.statistics.bootstrap import cluster_rows, resampled_totals
from medeval.statistics.estimates import DEFAULT_SEED

RESAMPLES = 1000


def example_score(points: Sequence[float], met: Sequence[bool | None]) -> float | None:
    """Return the points met over the positive points, unclipped.

    Returns:
        The score, at most 1; None when a grade is missing or no criterion has positive points.

    Raises:
        MedevalError: There is not one grade per criterion.
    """
    if len(points) != len(met):
        raise MedevalError(
            f"{len(points)} criteria but {len(met)} grades",
            "Grade the example again; null marks a missing grade.",
        )
    possible = sum(value for value in points if value > 0)
    if None in met or possible <= 0:
        return None
    return sum(value for value, reached in zip(points, met, strict=True) if reached) / possible


def clipped_mean(scores: npt.ArrayLike) -> float:
    """Return the mean of example scores, then clipped to 0..1: the examples themselves are not clipped."""
    return float(np.clip(np.mean(np.asarray(scores, dtype=float)), 0.0, 1.0))


def clustered_se(
    scores: npt.ArrayLike, prompts: npt.ArrayLike, *, resamples: int = RESAMPLES, seed: int = DEFAULT_SEED
) -> float:
    """Return the standard deviation (ddof 0) of the clipped mean over bootstrap resamples of whole prompts.

    Args:
        scores: One score per answered example, shape (n,).
        prompts: Which prompt each belongs to, shape (n,).
        resamples: Number of resamples.
        seed: Seed of the generator.
    """
    codes = np.unique(np.asarray(prompts), return_inverse=True)[1]
    rows = cluster_rows(np.asarray(scores, dtype=float), codes)
    totals = resampled_totals(rows, resamples, np.random.default_rng(seed))
    return float(np.clip(totals[:, 0] / totals[:, 1], 0.0, 1.0).std())


def reference_std(scores: npt.ArrayLike, *, resamples: int = RESAMPLES, seed: int = DEFAULT_SEED) -> float:
    """Return what the authors' code calls `bootstrap_std`: as `clustered_se`, but of rows.

    It is too small when a prompt is answered several times, since it takes these answers for independent.
    """
    values = np.asarray(scores, dtype=float)
    return clustered_se(values, np.arange(len(values)), resamples=resamples, seed=seed)


def worst_at_k(scores: Sequence[float], k: int) -> float:
    """Return the expected lowest score among k answers drawn without replacement from the N given ones.

    With the scores in ascending order it is the sum over i of s_(i) * C(N - i, k - 1) / C(N, k). Unclipped.

    Raises:
        MedevalError: k is not within 1..N.
    """
    total = len(scores)
    if not 1 <= k <= total:
        raise MedevalError(f"worst-at-{k} of {total} answers: k must be 1 to {total}", "Generate more samples.")
    weights = [comb(total - rank, k - 1) for rank in range(1, total + 1)]
    return sum(s * w for s, w in zip(sorted(scores), weights, strict=True)) / comb(total, k)
