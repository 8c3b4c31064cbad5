"""A decision from a rule's outcome: what it carries, and what holds for every rule."""

from dataclasses import replace

from medeval.scores.policies import AVERAGE_LIMIT_POINTS, DIFFERENCE_LIMIT_POINTS, TRUNCATED_LIMIT
from medeval.statistics.power import minimum_detectable_effect
from medeval.verdicts.basis import OrderBasis, PointsBasis, ValueBasis
from medeval.verdicts.measured import Difference
from medeval.verdicts.verdict import Decision, Flag, Verdict


def decision_of(
    basis: PointsBasis,
    metric: str,
    a: str,
    b: str,
    found: Difference,
    verdict: Verdict,
    reasons: list[str],
    alpha: float,
    p_value: float | None,
    flags: set[Flag] | frozenset[Flag] = frozenset(),
    *,
    effect: float | None,
) -> Decision:
    """Return the decision of a rule about a difference, in points.

    Args:
        basis: The rule, and what it was applied to.
        metric: What was measured.
        a: The system the claim is about.
        b: What it is compared with.
        found: What was measured.
        verdict: What the rule says.
        reasons: Why.
        alpha: Level of the tests.
        p_value: Of the test that decides; None without one.
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
        matters = isinstance(basis, OrderBasis) or verdict is Verdict.INCONCLUSIVE
        if matters and effect is not None and smallest > abs(effect):
            raised.add(Flag.UNDERPOWERED)
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
        estimand=found.estimand,
        basis=basis,
        minimum_detectable_effect=smallest,
        fixed_se=found.fixed_se,
        truncated=found.truncated,
        alternatives=found.alternatives,
        benchmarks_absent=found.absent,
        judge=found.judge,
    )
    return _guarded(decision, found)


def _guarded(decision: Decision, found: Difference) -> Decision:
    """Apply what holds for every rule: cut replies, replies that can be read in several ways, benchmarks not run."""
    tolerated = AVERAGE_LIMIT_POINTS if isinstance(decision.basis, ValueBasis) else DIFFERENCE_LIMIT_POINTS
    moved = {words: value for words, value in found.alternatives.items() if abs(value - found.value) > tolerated}
    if moved:
        shown = ", ".join(f"{value:+.2f} with {words}" for words, value in moved.items())
        flags = decision.flags | {Flag.EXTRACTION_SENSITIVE}
        decision = replace(decision, reasons=(*decision.reasons, f"the figure would be {shown}"), flags=flags)
    cut = found.truncated.largest
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
        withheld=reason,
    )
