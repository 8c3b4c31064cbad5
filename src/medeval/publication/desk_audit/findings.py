"""What a desk audit returns: findings with their numbers, and one conclusion per claim."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from medeval.records.documents import Document

Number = float | int | str | None


class CheckOutcome(StrEnum):
    """How a check ended."""

    HOLDS = "holds"
    CAUTION = "caution"
    FAILS = "fails"
    NOT_TESTABLE = "not testable"


class Reservation(StrEnum):
    """A reservation about a claim, as the verdicts name it."""

    ARITHMETIC = "ARITHMETIC"
    COMPARATOR_MISMATCH = "COMPARATOR_MISMATCH"
    FRAGILE = "FRAGILE"
    PROTOCOL_MISMATCH = "PROTOCOL_MISMATCH"
    UNDERPOWERED = "UNDERPOWERED"


class Conclusion(StrEnum):
    """What the printed figures alone say of a claim; none is a verdict, which needs measurements.

    Ordered from the least to the most favourable: a claim of several parts gets the first that applies.
    """

    DOES_NOT_ADD_UP = "does not add up"
    CONTRADICTED = "contradicted by its own figures"
    NOT_RESOLVED = "not resolved"
    EQUALITY_NOT_SHOWN = "equality not shown"
    NOT_CERTIFIED = "bound not certified"
    NOT_TESTABLE = "not testable"
    ARITHMETIC_HOLDS = "arithmetic holds"
    EQUALITY_SHOWN = "equality shown"
    CERTIFIED = "bound certified"
    RESOLVED_FOR_JUDGE = "resolved for its judge"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class DeskFinding:
    """One check: its outcome, a sentence in plain words, and the numbers behind it (points unless named)."""

    check: str
    outcome: CheckOutcome
    sentence: str
    numbers: Mapping[str, Number]


@dataclass(frozen=True)
class PartAudit:
    """The outcome of one comparison of a claim."""

    conclusion: Conclusion
    flags: tuple[Reservation, ...]
    findings: tuple[DeskFinding, ...]


@dataclass(frozen=True)
class ClaimAudit:
    """All that the printed figures say of one claim."""

    id: str
    type: str
    sentence: str
    stated: str
    conclusion: Conclusion
    flags: tuple[Reservation, ...]
    findings: tuple[DeskFinding, ...]


class DeskAudit(Document):
    """The audit of one publication: its claims, and findings that concern them all."""

    SCHEMA: ClassVar[str] = "desk_audit.v1"
    WRITER: ClassVar[str] = "medeval desk-audit --json"

    title: str
    claims: tuple[ClaimAudit, ...]
    shared: tuple[DeskFinding, ...]


def worst(conclusions: list[Conclusion]) -> Conclusion:
    """Return the least favourable of some conclusions, in the order in which they are defined."""
    order = list(Conclusion)
    return min(conclusions, key=order.index)
