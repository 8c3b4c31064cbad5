"""May another protocol explain the difference? A contradiction needs a published value outside what protocols give."""

from collections.abc import Mapping
from dataclasses import replace

from medeval.publication.claims import Claim, Comparison
from medeval.verdicts.basis import EqualityBasis, LossBasis, OrderBasis, TokensBasis, ValueBasis
from medeval.verdicts.decide import EQUAL_WITHIN
from medeval.verdicts.decision import withheld
from medeval.verdicts.verdict import Decision, ProtocolRange, Verdict


def consider_protocols(
    decision: Decision, claim: Claim, part: Comparison, others: Mapping[str, float], *, undisclosed: bool
) -> Decision:
    """Record what other protocols give, and leave a part open that only ours contradicts.

    Args:
        decision: What our protocol decides.
        claim: The claim.
        part: The part of it.
        others: The same figure under other protocols, by name: other prompts, or other treatments of replies
            without an answer; in the decision's own unit, for a value as ours minus the stated one.
        undisclosed: Whether the publication's own protocol is unknown, or known to differ.
    """
    if decision.estimate is None:
        return decision
    values = [decision.estimate, *others.values()]
    low, high = min(values), max(values)
    covers = _covers(decision, claim, part, low, high)
    decision = replace(decision, protocol_range=ProtocolRange(low, high, others, covers))
    if not undisclosed or decision.verdict is not Verdict.NOT_REPRODUCED:
        return decision
    if covers:
        reason = f"other protocols give {low:+.2f} to {high:+.2f}, which covers the published figure"
        return withheld(decision, reason)
    measured = f"none of {len(values)} protocols measured covers the published figure"
    reason = measured if others else "the publication's protocol is not known, and no other than ours was measured"
    return replace(decision, reasons=(*decision.reasons, reason))


def _covers(decision: Decision, claim: Claim, part: Comparison, low: float, high: float) -> bool:
    """Whether a range of protocols holds what the publication says."""
    margin = claim.margin or EQUAL_WITHIN
    match decision.basis:
        case ValueBasis():
            return high >= 0.0 if part.at_least else low <= 0.0 <= high
        case LossBasis():
            return high > -margin
        case EqualityBasis():
            return low < margin and high > -margin
        case TokensBasis(meets=(least, most)):
            return low <= most and high >= least
        case OrderBasis() if part.stated_difference is not None:
            return low <= part.stated_difference <= high
        case OrderBasis():
            return high > 0.0
        case _:
            return False
