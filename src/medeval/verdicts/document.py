"""The verdicts document: a verdict on every claim of a publication, and all that they were decided from."""

from dataclasses import dataclass
from typing import ClassVar, Self

from pydantic import model_validator

from medeval.comparisons.document import Origin
from medeval.records.documents import Document
from medeval.verdicts.subjects import SubjectMatch
from medeval.verdicts.verdict import Decision, Flag, Verdict


@dataclass(frozen=True)
class ClaimVerdict:
    """The verdict on one claim.

    Attributes:
        claim_id: The claim's id in its publication.
        type: The claim's type.
        sentence: What is claimed.
        verdict: The outcome over all parts.
        flags: What qualifies it.
        plain: A statement to quote.
        after: The headline claim that it waits for; None when it waits for none.
        published_figures: What the printed figures alone say against it.
        parts: The decision on each part, on each target.
    """

    claim_id: str
    type: str
    sentence: str
    verdict: Verdict
    flags: tuple[Flag, ...]
    plain: str
    after: str | None
    published_figures: tuple[str, ...]
    parts: tuple[Decision, ...]


@dataclass(frozen=True)
class FamilyTest:
    """The p-value of one part of a claim of order, before and after adjustment; None where nothing was measured."""

    claim_id: str
    part: int
    p_value: float | None
    adjusted_p_value: float


@dataclass(frozen=True)
class FamilyRecord:
    """Claims of order that were tested together on one target."""

    family: str
    target: str
    method: str
    alpha: float
    tests: tuple[FamilyTest, ...]


class Verdicts(Document):
    """The verdicts on a publication's claims.

    Attributes:
        publication: Title of the publication.
        alpha: Level of the tests.
        headline: The mode that decides claims.
        targets: The targets decided on.
        credible_judge: Whether the judge's agreement with physicians was taken as established.
        inputs: SHA-256 of the publication file, the comparisons and the descriptions of weights, by what they are.
        measured: Where the comparisons come from.
        subjects: What stands for each name of the publication.
        families: Claims of order that were tested together.
        verdicts: One verdict per claim, in the publication's order.
    """

    SCHEMA: ClassVar[str] = "verdicts.v5"
    WRITER: ClassVar[str] = "medeval verdict"

    publication: str
    alpha: float
    headline: str
    targets: tuple[str, ...]
    credible_judge: bool
    inputs: dict[str, str]
    measured: Origin
    subjects: tuple[SubjectMatch, ...]
    families: tuple[FamilyRecord, ...]
    verdicts: tuple[ClaimVerdict, ...]

    @model_validator(mode="after")
    def _each_claim_once(self) -> Self:
        names = [verdict.claim_id for verdict in self.verdicts]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"`verdicts` holds {repeated} more than once")
        return self
