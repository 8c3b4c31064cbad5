"""How far scores depend on the replies that gave no answer: cut by the token limit, unreadable, refused."""

from collections.abc import Mapping, Sequence
from typing import Any

from medeval.verdicts.measured import POINTS

_POLICIES = {"random": "replies without an answer as guesses", "excluded": "replies without an answer left out"}


def truncated_share(scores: Sequence[Mapping[str, Any]]) -> float:
    """Return the mean over benchmarks of the share of replies that were cut by the token limit; 0 without any."""
    shares = [entry["statuses"].get("truncated", 0) / entry["responses"] for entry in scores]
    return sum(shares) / len(shares) if shares else 0.0


def alternatives(value: float, a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]] = ()) -> dict[str, float]:
    """Return a value, or a difference A minus B, under the other treatments of replies without an answer, in points.

    A treatment that is not known of every benchmark is left out.

    Args:
        value: The value in points with such replies as wrong.
        a: A's scores, one entry per benchmark.
        b: B's, for a difference.
    """
    found = {}
    for policy, words in _POLICIES.items():
        shifts = [_mean_shift(scores, policy) for scores in (a, b)]
        if None not in shifts:
            found[words] = value + (shifts[0] or 0.0) - (shifts[1] or 0.0)
    return found


def _mean_shift(scores: Sequence[Mapping[str, Any]], policy: str) -> float | None:
    values = [(entry["policies"][policy], entry["policies"]["wrong"]) for entry in scores]
    if any(value is None for value, _ in values):
        return None
    return POINTS * sum(value - wrong for value, wrong in values) / len(values) if values else 0.0
