"""A confidence sequence for the total: what the evidence of all rounds so far leaves possible."""

from dataclasses import dataclass

import numpy as np

from medeval.statistics.arrays import FloatArray, open_fraction
from medeval.statistics.sequential.evidence import check_rounds, log_evidence

# Bisections of the range of the total: to within a million-millionth of it.
_STEPS = 40


@dataclass(frozen=True, slots=True)
class TotalBounds:
    """What is known of the total after some rounds.

    Attributes:
        low: Lower bound; the total is below it with probability of at most ``risk / 2``, ever.
        high: Upper bound, likewise.
        least: Smallest total still possible, whatever the units left are.
        most: Largest total still possible.
        rounds: Rounds behind the bounds.
        risk: Chance, over the random order, that the total ever leaves ``low..high``.
    """

    low: float
    high: float
    least: float
    most: float
    rounds: int
    risk: float


def total_bounds(
    lowest: FloatArray, highest: FloatArray, sizes: FloatArray, totals: FloatArray, risk: float
) -> TotalBounds:
    """Bounds of the total that hold after every round at once, with probability ``1 - risk``.

    A unit whose value is not known counts with its smallest value against the lower bound and with its largest against
    the upper one, so that no reason for its absence can do harm.

    Args:
        lowest: Values of the units drawn, shape (n, B); -1 where a value is not known.
        highest: The same; 1 where a value is not known.
        sizes: Their sizes, shape (n, B); 0 where a stratum is used up.
        totals: Sum of all sizes of each stratum, shape (B,).
        risk: Chance of the sequence being wrong at any time, half of it for each side.

    Raises:
        ValueError: As for :func:`log_evidence`, or a ``risk`` outside (0, 1).
    """
    open_fraction(risk, "risk")
    whole = float(totals.sum())
    if len(sizes) == 0:
        return TotalBounds(-whole, whole, -whole, whole, 0, risk)
    check_rounds(lowest, sizes, totals)
    left = whole - float(sizes.sum())
    needed = float(np.log(2.0 / risk))
    return TotalBounds(
        low=_lower_bound(lowest, sizes, totals, needed),
        high=-_lower_bound(-highest, sizes, totals, needed),
        least=float((sizes * lowest).sum()) - left,
        most=float((sizes * highest).sum()) + left,
        rounds=len(sizes),
        risk=risk,
    )


def _lower_bound(values: FloatArray, sizes: FloatArray, totals: FloatArray, needed: float) -> float:
    """Return the largest threshold against which the evidence has ever been ``needed``.

    The evidence falls as the threshold rises, in every round, so that bisection finds it.
    """
    low, high = -float(totals.sum()), float(totals.sum())
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        if log_evidence(values, sizes, totals, middle).max() >= needed:
            low = middle
        else:
            high = middle
    return low
