"""Every claim of an audit judged by the rounds answered so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medeval.publication.claims import Claim
from medeval.publication.publication import Publication
from medeval.verdicts.audit.answers import Answers
from medeval.verdicts.audit.order import Order
from medeval.verdicts.audit.questions import NoQuestion, Question, conversation_subset, part_risk, questions
from medeval.verdicts.audit.state import Standing, standing
from medeval.verdicts.audit.status import AuditedClaim, AuditedPart, AuditStatus, UnauditedPart
from medeval.verdicts.measured import POINTS
from medeval.verdicts.verdict import Decision, Flag, Verdict, combine, not_testable

METHOD = "betting on each item of a round, drawn without replacement; medeval.statistics.sequential"


@dataclass(frozen=True)
class Audited:
    """What the judgement of every claim shares.

    Attributes:
        publication: Figures and claims.
        order: The committed order.
        answers: Scores by system, benchmark and item.
        systems: Published name -> MODEL/VARIANT.
        risk: Risk of each claim; its parts share it.
        credible_judge: Whether the judge's agreement with physicians is established; no part about graded
            conversations is decided without.
    """

    publication: Publication
    order: Order
    answers: Answers
    systems: Mapping[str, str]
    risk: float
    credible_judge: bool


@dataclass(frozen=True)
class Part:
    """One part of a claim as it stands.

    Attributes:
        question: What is asked, or why nothing is.
        decision: The verdict with its reasons.
        standing: State of the audit; None for a part that cannot be audited here.
    """

    question: Question | NoQuestion
    decision: Decision
    standing: Standing | None

    @property
    def is_open(self) -> bool:
        """Whether more items can decide it."""
        if self.standing is None or self.standing.exact or Flag.JUDGE_NOT_CREDIBLE in self.decision.flags:
            return False
        return self.decision.verdict is Verdict.INCONCLUSIVE


def audit_parts(audit: Audited, claims: Sequence[str] = ()) -> dict[str, list[Part]]:
    """Judge every part of every claim by the rounds answered so far.

    Args:
        audit: Order, answers and what else is needed.
        claims: Ids of the claims that are audited; none for all.

    Raises:
        MedevalError: As for :func:`medeval.verdicts.audit.state.standing`.
    """
    asked = list(questions(audit.publication))
    chosen = [claim.id for claim in audit.publication.claims if not claims or claim.id in claims]
    return {name: [_part(entry, asked, audit) for entry in asked if entry.claim == name] for name in chosen}


def audit_status(
    audit: Audited,
    parts: Mapping[str, Sequence[Part]],
    *,
    ended: str | None = None,
    items: dict[str, int] | None = None,
    hours: float | None = None,
) -> AuditStatus:
    """Return the state of an audit as a document.

    Args:
        audit: What the judgement rests on.
        parts: What :func:`audit_parts` found, by claim.
        ended: Why an audit that is conducted asks nothing more; None while it does.
        items: Items that it asked of each system.
        hours: Hours that it spent.
    """
    chosen = [claim for claim in audit.publication.claims if claim.id in parts]
    return AuditStatus(
        publication=audit.publication.title,
        risk=audit.risk,
        method=METHOD,
        seed=audit.order.seed,
        commitment=audit.order.commitment,
        claims=tuple(_audited_claim(claim, parts[claim.id], audit) for claim in chosen),
        ended=ended,
        items=items,
        hours=hours,
    )


def _part(entry: Question | NoQuestion, asked: Sequence[Question | NoQuestion], audit: Audited) -> Part:
    reason = _obstacle(entry, audit)
    if reason or isinstance(entry, NoQuestion):
        return Part(entry, not_testable(entry.metric, entry.a, entry.b or entry.a, reason), None)
    found = standing(entry, audit.order, audit.answers, audit.systems, part_risk(audit.risk, asked, entry))
    return Part(entry, _decision(found, audit.credible_judge), found)


def _audited_claim(claim: Claim, parts: Sequence[Part], audit: Audited) -> AuditedClaim:
    decisions = [part.decision for part in parts]
    flags = set().union(*(decision.flags for decision in decisions))
    if audit.publication.evaluation.undisclosed:
        flags.add(Flag.PROTOCOL_MISMATCH)
    return AuditedClaim(
        claim_id=claim.id,
        type=claim.type,
        sentence=claim.sentence,
        verdict=combine(decisions),
        flags=tuple(sorted(flags)),
        parts=tuple(_audited_part(part) for part in parts),
    )


def _obstacle(part: Question | NoQuestion, audit: Audited) -> str:
    """Return why a part cannot be audited here; empty when it can."""
    if isinstance(part, NoQuestion):
        return part.reason
    if unknown := [name for name in (part.a, part.b) if name is not None and name not in audit.systems]:
        return f"this run evaluates no {', '.join(unknown)}"
    if absent := [name for name in part.benchmarks if name not in audit.order.units]:
        return f"the order has no {', '.join(absent)}"
    return ""


def _decision(found: Standing, credible_judge: bool) -> Decision:
    question = found.question
    verdict, reasons, flags = found.verdict, [_reason(found)], set()
    if found.unknown:
        reasons.append(f"verdicts on {found.unknown} items are missing and count as badly as they could, on each side")
    far = question.distance
    if found.resolution is not None and far is not None and found.resolution > far:
        flags.add(Flag.UNDERPOWERED)
        reasons.append(
            f"all items, as a sample, would resolve {POINTS * found.resolution:.2f} points; the verdict is about "
            "exactly these items and replies"
        )
    if any(conversation_subset(name) for name in question.benchmarks) and not credible_judge:
        verdict = Verdict.INCONCLUSIVE
        flags.add(Flag.JUDGE_NOT_CREDIBLE)
        reasons.insert(0, "the judge's agreement with physicians is not established")
    return Decision(
        metric=question.metric,
        a=question.a,
        b=question.b or question.a,
        verdict=verdict,
        reasons=tuple(reasons),
        estimate=None if found.estimate is None else POINTS * found.estimate,
        low=POINTS * found.low,
        high=POINTS * found.high,
        alpha=found.risk,
        method=METHOD,
        items=found.items,
        items_total=found.items_total,
        flags=frozenset(flags),
    )


def _reason(found: Standing) -> str:
    low, high = (None if limit is None else POINTS * limit for limit in found.question.limits)
    words = [f"above {low:g}"] if low is not None else []
    limits = " and ".join([*words, f"below {high:g}"] if high is not None else words)
    if found.verdict is Verdict.REPRODUCED:
        return f"shown to be {limits} after {found.decided_items:,} items"
    if found.verdict is Verdict.NOT_REPRODUCED:
        return f"shown not to be {limits} after {found.decided_items:,} items"
    if found.exact:
        return f"every item is used, and missing verdicts decide whether it is {limits}"
    return f"not shown to be {limits}, nor the opposite, after {found.items:,} items"


def _audited_part(part: Part) -> AuditedPart | UnauditedPart:
    found, decision = part.standing, part.decision
    if found is None:
        return UnauditedPart(metric=decision.metric, verdict=decision.verdict, reasons=decision.reasons)
    return AuditedPart(
        **vars(decision),
        question=found.question.words,
        rounds=found.rounds,
        rounds_total=found.rounds_total,
        decided_after=found.decided_after,
        decided_items=found.decided_items,
        unused=found.unused,
        unknown=found.unknown,
        exact=found.exact,
        resolution=None if found.resolution is None else POINTS * found.resolution,
        outlook=found.outlook,
    )
