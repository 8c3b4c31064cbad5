"""When an audit ends: the first round after which the evidence suffices, or everything has been drawn."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import FloatArray, IntArray, open_fraction
from medeval.statistics.sequential.evidence import TOLERANCE, log_evidence

INSIDE, OUTSIDE, OPEN = 1, -1, 0

# Most audits end early; only those that have not are followed further.
_STAGES = (64, 256, 1024)


@dataclass(frozen=True, slots=True, eq=False)
class Endings:
    """How some audits end, one entry each.

    Attributes:
        outcomes: INSIDE when the total is shown to be strictly between the limits, OUTSIDE when it is shown not to
            be, OPEN when neither is.
        rounds: 1-based round after which that is so; the rounds drawn where it is OPEN.
    """

    outcomes: IntArray
    rounds: IntArray


def endings(
    lowest: FloatArray,
    highest: FloatArray,
    sizes: FloatArray,
    totals: FloatArray,
    limits: tuple[float | None, float | None],
    risk: float,
) -> Endings:
    """Follow audits of "the total is strictly between the limits" to their ends.

    Every outcome follows from one two-sided confidence sequence, so the chance of any wrong one, at whatever limits
    and whenever it is looked for, is at most ``risk``. After the last round of all strata the total is known.

    Args:
        lowest: Values of the units drawn, shape (S, n, B); -1 where a value is not known, 0 where a stratum is used up.
        highest: The same, but 1 where a value is not known.
        sizes: Their sizes, shape (S, n, B).
        totals: Sum of all sizes of each stratum, shape (B,).
        limits: Lower and upper limit; None for no limit.
        risk: Chance of a wrong outcome, half of it for each side of the sequence.

    Raises:
        ValueError: As for :func:`log_evidence`, or no limit at all.
    """
    if limits == (None, None):
        raise ValueError("limits: expected at least one number, got none")
    needed = float(np.log(2.0 / open_fraction(risk, "risk")))
    count, n = lowest.shape[:2]
    outcomes, rounds = np.zeros(count, dtype=np.int64), np.full(count, n, dtype=np.int64)
    for looks in [*(stage for stage in _STAGES if stage < n), n]:
        still = np.flatnonzero(outcomes == OPEN)
        if not still.size or not looks:
            break
        seen = np.ix_(still, np.arange(looks))
        outcomes[still], ends = _settled(lowest[seen], highest[seen], sizes[seen], totals, limits, needed)
        rounds[still] = np.where(outcomes[still] == OPEN, n, ends)
    done = (outcomes == OPEN) & (sizes.sum(axis=(1, 2)) >= totals.sum() - TOLERANCE)
    outcomes[done] = _exact(_total(sizes[done], lowest[done]), _total(sizes[done], highest[done]), limits)
    return Endings(outcomes, rounds)


def first_true(reached: npt.NDArray[np.bool_]) -> IntArray:
    """1-based position of the first True along the last axis; 0 where there is none."""
    return np.where(reached.any(axis=-1), reached.argmax(axis=-1) + 1, 0).astype(np.int64)


def _settled(
    lowest: FloatArray,
    highest: FloatArray,
    sizes: FloatArray,
    totals: FloatArray,
    limits: tuple[float | None, float | None],
    needed: float,
) -> tuple[IntArray, IntArray]:
    """Outcome and round of each audit, by the evidence on both sides of each limit."""
    low, high = limits
    never = np.iinfo(np.int64).max
    inside, outside = np.zeros(len(lowest), dtype=np.int64), np.full(len(lowest), never)

    def first(values: FloatArray, threshold: float) -> IntArray:
        found = first_true(log_evidence(values, sizes, totals, threshold) >= needed)
        return np.where(found > 0, found, never)

    if low is not None:
        inside = np.maximum(inside, first(lowest, low))
        outside = np.minimum(outside, first(-highest, -low))
    if high is not None:
        inside = np.maximum(inside, first(-highest, -high))
        outside = np.minimum(outside, first(lowest, high))
    ends = np.minimum(inside, outside)
    outcomes = np.where(inside < outside, INSIDE, OUTSIDE)
    return np.where(ends == never, OPEN, outcomes), ends


def _total(sizes: FloatArray, values: FloatArray) -> FloatArray:
    return np.asarray((sizes * values).sum(axis=(1, 2)))


def _exact(least: FloatArray, most: FloatArray, limits: tuple[float | None, float | None]) -> IntArray:
    """Outcome when nothing is left to draw; OPEN where values that are not known decide."""
    low, high = limits
    lower, upper = (-np.inf if low is None else low), (np.inf if high is None else high)
    inside = (least > lower + TOLERANCE) & (most < upper - TOLERANCE)
    outside = (most <= lower + TOLERANCE) | (least >= upper - TOLERANCE)
    return np.where(inside, INSIDE, np.where(outside, OUTSIDE, OPEN))
