"""How far scores depend on the replies that gave no answer: cut by the token limit, unreadable, refused."""

from collections.abc import Callable, Sequence

from medeval.comparisons.document import Policies, Score
from medeval.verdicts.measured import POINTS

_POLICIES: dict[str, Callable[[Policies], float | None]] = {
    "replies without an answer as guesses": lambda policies: policies.random,
    "replies without an answer left out": lambda policies: policies.excluded,
}


def truncated_share(scores: Sequence[Score]) -> float:
    """Return the mean over benchmarks of the share of replies that were cut by the token limit; 0 without any."""
    shares = [entry.statuses.truncated / entry.responses for entry in scores]
    return sum(shares) / len(shares) if shares else 0.0


def alternatives(value: float, a: Sequence[Score], b: Sequence[Score] = ()) -> dict[str, float]:
    """Return a value, or a difference A minus B, under the other treatments of replies without an answer, in points.

    A treatment that is not known of every benchmark is left out.

    Args:
        value: The value in points with such replies as wrong.
        a: A's scores, one entry per benchmark.
        b: B's, for a difference.
    """
    found = {}
    for words, accuracy in _POLICIES.items():
        shifts = [_mean_shift(scores, accuracy) for scores in (a, b)]
        if None not in shifts:
            found[words] = value + (shifts[0] or 0.0) - (shifts[1] or 0.0)
    return found


def _mean_shift(scores: Sequence[Score], accuracy: Callable[[Policies], float | None]) -> float | None:
    """Return how far a treatment moves the mean from that with such replies as wrong, in points."""
    values = [(accuracy(entry.policies), entry.policies.wrong) for entry in scores]
    shifts = [value - wrong for value, wrong in values if value is not None and wrong is not None]
    if len(shifts) < len(values):
        return None
    return POINTS * sum(shifts) / len(shifts) if shifts else 0.0
