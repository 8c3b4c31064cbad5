"""Adjustment of p-values for the number of claims tested together."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from statsmodels.stats.multitest import multipletests

from medeval.statistics.arrays import finite_vector, open_fraction


@dataclass(frozen=True, slots=True)
class AdjustedTests:
    """A family of tests after adjustment, in the order of the input.

    Attributes:
        p_values: Adjusted p-values.
        rejected: Whether each null hypothesis is rejected.
        level: Family-wise error rate (Holm) or false discovery rate (Benjamini-Hochberg).
        method: Name of the procedure.
    """

    p_values: tuple[float, ...]
    rejected: tuple[bool, ...]
    level: float
    method: str


def holm(p_values: npt.ArrayLike, alpha: float = 0.05) -> AdjustedTests:
    """Holm's step-down procedure, for the confirmatory claims of one publication.

    Raises:
        ValueError: No p-values, one that is not a finite number from 0 to 1, or a wrong ``alpha``.
    """
    return _adjust(p_values, alpha, "holm", "Holm step-down")


def benjamini_hochberg(p_values: npt.ArrayLike, rate: float = 0.10) -> AdjustedTests:
    """Benjamini-Hochberg procedure, for exploratory tables.

    Raises:
        ValueError: As for :func:`holm`.
    """
    return _adjust(p_values, rate, "fdr_bh", "Benjamini-Hochberg")


def _adjust(p_values: npt.ArrayLike, level: float, method: str, name: str) -> AdjustedTests:
    values = finite_vector(p_values, "p_values")
    open_fraction(level, "level")
    if np.any((values < 0.0) | (values > 1.0)):
        raise ValueError(f"p_values: expected fractions from 0 to 1, got {values.tolist()}")
    rejected, adjusted, _, _ = multipletests(values, alpha=level, method=method)
    return AdjustedTests(tuple(adjusted.tolist()), tuple(rejected.tolist()), level, name)
