"""A decision from a rule's outcome: what it carries, and what holds for every rule."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from medeval.scores.policies import AVERAGE_LIMIT_POINTS, DIFFERENCE_LIMIT_POINTS, TRUNCATED_LIMIT
from medeval.statistics.power import minimum_detectable_effect
from medeval.verdicts.measured import Difference
from medeval.verdicts.verdict import Decision, Flag, Verdict


def decision_of(
    rule: str,
    metric: str,
    a: str,
    b: str,
    found: Difference,
    verdict: Verdict,
    reasons: list[str],
    alpha: float,
    p_value: float | None,
    numbers: Mapping[str, Any],
    flags: set[Flag] | frozenset[Flag] = frozenset(),
    *,
    effect: float | None,
) -> Decision:
    """Return the decision of a rule about a difference, in points.

    Args:
        rule: Name of the rule.
        metric: What was measured.
        a: The system the claim is about.
        b: What it is compared with.
        found: What was measured.
        verdict: What the rule says.
        reasons: Why.
        alpha: Level of the tests.
        p_value: Of the test that decides; None without one.
        numbers: What the rule was applied to, beside what was measured.
        flags: What the rule found to qualify its verdict.
        effect: The stated difference, or the margin; None when there is neither.
    """
    raised = set(flags)
    if found.partial:
        raised.add(Flag.PARTIAL_COVERAGE)
    smallest = minimum_detectable_effect(found.se, alpha) if found.se else None
    if smallest is not None:
        reasons = [*reasons, f"the smallest difference found with 80 % power is {smallest:.2f} points"]
        # A margin that was decided although it is small needs no such caution; a stated difference does.
        matters = rule == "order" or verdict is Verdict.INCONCLUSIVE
        if matters and effect is not None and smallest > abs(effect):
            raised.add(Flag.UNDERPOWERED)
    more = {
        "minimum_detectable_effect": smallest,
        "fixed_se": found.fixed_se,
        "truncated": dict(found.truncated),
        "alternatives": dict(found.alternatives),
        "benchmarks_absent": list(found.absent),
    }
    decision = Decision(
        metric=metric,
        a=a,
        b=b,
        verdict=verdict,
        reasons=(*reasons, *found.notes, *found.partial),
        estimate=found.value,
        low=found.low,
        high=found.high,
        se=found.se,
        alpha=alpha,
        p_value=p_value,
        method=found.method,
        items=found.items,
        items_total=found.items_total,
        flags=frozenset(raised),
        rule=rule,
        estimand=found.estimand,
        numbers={**found.numbers, **numbers, **more},
    )
    return _guarded(decision, found)


def _guarded(decision: Decision, found: Difference) -> Decision:
    """Apply what holds for every rule: cut replies, replies that can be read in several ways, benchmarks not run."""
    tolerated = AVERAGE_LIMIT_POINTS if decision.rule == "value" else DIFFERENCE_LIMIT_POINTS
    moved = {words: value for words, value in found.alternatives.items() if abs(value - found.value) > tolerated}
    if moved:
        shown = ", ".join(f"{value:+.2f} with {words}" for words, value in moved.items())
        flags = decision.flags | {Flag.EXTRACTION_SENSITIVE}
        decision = replace(decision, reasons=(*decision.reasons, f"the figure would be {shown}"), flags=flags)
    cut = max(found.truncated.values(), default=0.0)
    if cut > TRUNCATED_LIMIT:
        reason = f"{100 * cut:.1f} % of the replies of one side were cut by the token limit; raise it first"
        decision = replace(decision, flags=decision.flags | {Flag.TRUNCATED})
        if decision.verdict is Verdict.REPRODUCED:
            decision = withheld(decision, reason)
        else:
            decision = replace(decision, reasons=(*decision.reasons, reason))
    if found.absent:
        decision = withheld(decision, f"the average was not measured: {', '.join(found.absent)} is missing")
    return decision


def withheld(decision: Decision, reason: str, *flags: Flag) -> Decision:
    """Turn a part that is decided into an undecided one, for a reason that then stands first."""
    return replace(
        decision,
        verdict=Verdict.INCONCLUSIVE,
        reasons=(reason, *decision.reasons),
        flags=decision.flags | set(flags),
        numbers={**decision.numbers, "withheld": reason},
    )
