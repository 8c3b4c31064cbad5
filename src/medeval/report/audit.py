"""Section 6: what a publication's printed figures say of its claims, before any model is run."""

from dataclasses import dataclass

from medeval.publication.desk_audit import findings
from medeval.publication.desk_audit.findings import ClaimAudit, DeskAudit
from medeval.report.documents import File, Run
from medeval.report.names import FLAGS, OUTCOMES, known

_GOOD = {"arithmetic holds", "equality shown", "bound certified", "resolved for its judge", "resolved"}
_BAD = {"does not add up", "contradicted by its own figures"}


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """One check: its sign and tone, its name, its sentence and the numbers behind it."""

    sign: str
    tone: str
    outcome: str
    check: str
    sentence: str
    numbers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ShownClaim:
    """One claim as printed, with its conclusion and findings."""

    id: str
    sentence: str
    stated: str
    conclusion: str
    tone: str
    flags: tuple[tuple[str, str], ...]
    findings: tuple[ShownFinding, ...]


@dataclass(frozen=True, slots=True)
class AuditedPublication:
    """One publication."""

    title: str
    file: str
    sha256: str
    claims: tuple[ShownClaim, ...]
    shared: tuple[ShownFinding, ...]


def audits(run: Run) -> list[AuditedPublication]:
    """Return every desk audit that was given."""
    return [_audit(file, audit) for file, audit in run.audits]


def _audit(file: File, audit: DeskAudit) -> AuditedPublication:
    return AuditedPublication(
        title=audit.title,
        file=file.name,
        sha256=file.sha256,
        claims=tuple(_claim(claim) for claim in audit.claims),
        shared=tuple(_finding(finding) for finding in audit.shared),
    )


def _claim(claim: ClaimAudit) -> ShownClaim:
    conclusion = claim.conclusion
    return ShownClaim(
        id=claim.id,
        sentence=claim.sentence,
        stated=claim.stated,
        conclusion=conclusion,
        tone="good" if conclusion in _GOOD else "bad" if conclusion in _BAD else "open",
        flags=tuple((flag, known(FLAGS, flag, "flag")) for flag in claim.flags),
        findings=tuple(_finding(finding) for finding in claim.findings),
    )


def _finding(finding: findings.DeskFinding) -> ShownFinding:
    sign, tone = known(OUTCOMES, finding.outcome, "outcome")
    return ShownFinding(
        sign=sign,
        tone=tone,
        outcome=finding.outcome,
        check=finding.check,
        sentence=finding.sentence,
        numbers=tuple((name, _number(value)) for name, value in finding.numbers.items()),
    )


def _number(value: float | int | str | None) -> str:
    return "not finite" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
