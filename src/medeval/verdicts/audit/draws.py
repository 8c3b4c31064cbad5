"""The draws of an audit as arrays, in the form that the sequential test needs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medeval.statistics.arrays import FloatArray, IntArray
from medeval.verdicts.audit.units import Unit


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Units by round and benchmark, shape (n, B) each; 0 where a benchmark is used up.

    With s the sizes and y the values, the mean in question is ``middle`` plus the sum of s y. Several orders at once
    have a leading dimension.

    Attributes:
        sizes: Largest effect of each unit on the mean.
        counts: Items of each unit.
        middle: The mean if every value were 0.
    """

    sizes: FloatArray
    counts: IntArray
    middle: float

    @property
    def totals(self) -> FloatArray:
        """Sum of the sizes of each benchmark, shape (B,)."""
        first = self.sizes.reshape(-1, *self.sizes.shape[-2:])[0]
        return np.asarray(first.sum(axis=0))

    def items(self, rounds: int) -> int:
        """Items of the first rounds."""
        return int(self.counts[:rounds].sum())


def draws_of(benchmarks: Sequence[Sequence[Unit]], *, difference: bool) -> Draws:
    """Return the draws of a mean over benchmarks of the same weight.

    Args:
        benchmarks: Units of each, in the order in which they are drawn.
        difference: Whether the mean is of a difference of two systems, not of a score.
    """
    weight = (1.0 if difference else 0.5) / len(benchmarks)
    sizes = by_round([np.array([weight * unit.size for unit in units]) for units in benchmarks])
    counts = by_round([np.array([len(unit.items) for unit in units], dtype=float) for units in benchmarks])
    # The middle of the scores from 1 - span to 1 is 1 - span / 2.
    half_spans = sum(unit.size for units in benchmarks for unit in units) / (2.0 * len(benchmarks))
    return Draws(sizes, counts.astype(np.int64), 0.0 if difference else 1.0 - half_spans)


def by_round(columns: Sequence[FloatArray]) -> FloatArray:
    """Put columns of unequal length side by side, filled up with 0, shape (..., n, B).

    Args:
        columns: One array per benchmark, shape (..., n_b).
    """
    length = max(column.shape[-1] for column in columns)
    lead = columns[0].shape[:-1]
    table = np.zeros((*lead, length, len(columns)))
    for index, column in enumerate(columns):
        table[..., : column.shape[-1], index] = column
    return table
