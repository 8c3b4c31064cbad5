"""The state of an audit as a document: one entry per claim, with a verdict on the claim as a whole."""

from dataclasses import dataclass
from typing import ClassVar

from medeval.records.documents import Document
from medeval.verdicts.audit.state import Outlook
from medeval.verdicts.verdict import Decision, Flag, Verdict


@dataclass(frozen=True)
class UnauditedPart:
    """A part of a claim that cannot be audited, and why."""

    metric: str
    verdict: Verdict
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AuditedPart(Decision):
    """A part of a claim as it stands: its decision, and what it was decided from.

    Attributes:
        low: Lower end, in points, of the interval that holds at all times with probability 1 - alpha.
        high: Upper end.
        items: Items per system in the complete rounds.
        items_total: Items that exist.
        question: What is asked, in words.
        rounds: Complete rounds.
        rounds_total: Rounds until every item is used.
        decided_after: Round after which the verdict stood; None while it is open.
        decided_items: Items per system when the verdict stood; None while it is open.
        unused: Answered items that are in no complete round.
        unknown: Items of the rounds of which verdicts are missing.
        exact: Whether every item is used, so that nothing is left to chance.
        resolution: Points that all items, as a sample, would show with 80 % power; None before the second round.
        outlook: What an open audit would take; None when decided, or before the first round.
    """

    low: float
    high: float
    items: int
    items_total: int
    question: str
    rounds: int
    rounds_total: int
    decided_after: int | None
    decided_items: int | None
    unused: int
    unknown: int
    exact: bool
    resolution: float | None
    outlook: Outlook | None


@dataclass(frozen=True)
class AuditedClaim:
    """A claim as it stands.

    Attributes:
        claim_id: Its id in the publication.
        type: Its type.
        sentence: What is claimed.
        verdict: The outcome over all parts.
        flags: What qualifies it, sorted.
        parts: Its parts, in the publication's order.
    """

    claim_id: str
    type: str
    sentence: str
    verdict: Verdict
    flags: tuple[Flag, ...]
    parts: tuple[AuditedPart | UnauditedPart, ...]


class AuditStatus(Document):
    """The state of an audit; the last three are None for one that is not conducted here.

    Attributes:
        publication: Title of the publication.
        risk: Chance of a wrong verdict on a claim.
        method: How parts are decided.
        seed: The public seed of the order.
        commitment: SHA-256 that commits to the order.
        claims: The claims that are audited.
        ended: Why nothing more is asked: decided, max_items or max_hours; None while there is more to ask.
        items: Items that each system was asked.
        hours: Hours spent on all answers, judging included.
    """

    SCHEMA: ClassVar[str] = "audit-status.v2"
    WRITER: ClassVar[str] = "medeval audit status --out"

    publication: str
    risk: float
    method: str
    seed: str
    commitment: str
    claims: tuple[AuditedClaim, ...]
    ended: str | None
    items: dict[str, int] | None
    hours: float | None
