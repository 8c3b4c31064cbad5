"""What the treatment of unanswered items does to an average and to a difference, and when no headline is printed.

Unanswered counts as wrong. That is a choice, and where the other two choices move a figure by more than the limits
here, the figure says as much about reading answers as about the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from medeval.items.benchmarks.registry import BENCHMARKS
from medeval.scores.accounting import POLICIES

AVERAGE_LIMIT_POINTS = 0.5
DIFFERENCE_LIMIT_POINTS = 0.3
TRUNCATED_LIMIT = 0.02  # share of responses cut by the token limit above which a score is no headline
_POINTS = 100.0


@dataclass(frozen=True)
class PolicyEffect:
    """One figure under three policies for what is not answered.

    Attributes:
        by_policy: Policy -> figure, a fraction; None where it cannot be computed: as a guess without the items,
            left out where a benchmark, or a stratum that its score is a mean of, has no answer at all.
        moved_points: The largest distance from the primary policy, in points.
        flagged: Whether that is more than the limit, or there is no figure with unanswered items left out.
    """

    by_policy: Mapping[str, float | None]
    moved_points: float
    flagged: bool


def benchmark_score(account: Mapping[str, Any], policy: str) -> float | None:
    """Return the score of an account as its benchmark defines it: over responses, or the mean of its strata.

    A benchmark that is not known here counts by response.

    Args:
        account: An entry of `accounting`.
        policy: wrong, random or excluded.
    """
    name = f"accuracy_{policy}"
    benchmark = BENCHMARKS.get(account["benchmark"])
    if benchmark is None or benchmark.aggregate == "items":
        score: float | None = account[name]
        return score
    strata = [stratum[name] for stratum in account["strata"]]
    return None if None in strata else fmean(strata)


def average_effect(accounts: Sequence[Mapping[str, Any]]) -> PolicyEffect:
    """Return a system's unweighted average over benchmarks under every policy.

    Args:
        accounts: Entries of `accounting` of one system and mode, one per benchmark, at least one.
    """
    return _effect({policy: _average(accounts, policy) for policy in POLICIES}, AVERAGE_LIMIT_POINTS)


def difference_effect(a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]]) -> PolicyEffect:
    """Return the difference A minus B of two systems' averages under every policy.

    Args:
        a: A's accounts of one mode, one per benchmark.
        b: B's, of the same benchmarks in any order.

    Raises:
        ValueError: The benchmarks differ.
    """
    of_a, of_b = (sorted(account["benchmark"] for account in side) for side in (a, b))
    if of_a != of_b:
        raise ValueError(f"accounts: expected the same benchmarks, got {', '.join(of_a)} and {', '.join(of_b)}")
    differences: dict[str, float | None] = {}
    for policy in POLICIES:
        first, second = _average(a, policy), _average(b, policy)
        differences[policy] = None if first is None or second is None else first - second
    return _effect(differences, DIFFERENCE_LIMIT_POINTS)


def why_no_headline(account: Mapping[str, Any]) -> str | None:
    """Say why a score must not be printed as a headline; None when it may.

    A reply cut by the token limit measures the limit. Raise it and generate again before anything is concluded.
    """
    truncated = account["statuses"]["truncated"]
    if truncated <= TRUNCATED_LIMIT:
        return None
    return (
        f"{_POINTS * truncated:.1f} % of the responses were cut by the token limit, "
        f"more than {_POINTS * TRUNCATED_LIMIT:.0f} %"
    )


def _average(accounts: Sequence[Mapping[str, Any]], policy: str) -> float | None:
    scores = [benchmark_score(account, policy) for account in accounts]
    known = [score for score in scores if score is not None]
    return fmean(known) if len(known) == len(scores) else None


def _effect(by_policy: Mapping[str, float | None], limit_points: float) -> PolicyEffect:
    primary = by_policy["wrong"]
    known = [value for value in by_policy.values() if value is not None]
    moved = max(abs(value - primary) for value in known) * _POINTS if primary is not None else 0.0
    return PolicyEffect(dict(by_policy), moved, moved > limit_points or by_policy["excluded"] is None)
