"""The whole desk audit: a publication in, findings and one conclusion per claim out."""

from medeval.publication.claims import Claim, Comparison
from medeval.publication.desk_audit.accuracy_claims import audit_accuracy, audit_value
from medeval.publication.desk_audit.evidence import PrintedEvidence, gather
from medeval.publication.desk_audit.findings import ClaimAudit, DeskAudit, PartAudit, Reservation, worst
from medeval.publication.desk_audit.ratio_claims import audit_loss, audit_size, audit_tokens
from medeval.publication.desk_audit.rubric_claims import audit_rubric
from medeval.publication.desk_audit.shared import shared_findings
from medeval.publication.publication import AVERAGE, SIZE, TOKENS, Publication


def desk_audit(publication: Publication) -> DeskAudit:
    """Audit every claim of a publication on its printed figures alone; no model is needed.

    Standard errors treat the items as a sample of questions and the two models' answers as unrelated
    unless a sentence says "paired".
    """
    evidence = gather(publication)
    claims = tuple(_audit_claim(evidence, claim) for claim in publication.claims)
    return DeskAudit(title=publication.title, claims=claims, shared=shared_findings(evidence))


def _audit_claim(evidence: PrintedEvidence, claim: Claim) -> ClaimAudit:
    parts = [_audit_part(evidence, claim, part) for part in claim.comparisons]
    flags = {flag for part in parts for flag in part.flags}
    findings = {finding.sentence: finding for part in parts for finding in part.findings}
    return ClaimAudit(
        claim.id,
        claim.type,
        claim.sentence,
        "; ".join(text for part in claim.comparisons if (text := _stated(part))),
        worst([part.conclusion for part in parts]),
        tuple(flag for flag in Reservation if flag in flags),
        tuple(findings.values()),
    )


def _audit_part(evidence: PrintedEvidence, claim: Claim, part: Comparison) -> PartAudit:
    if part.metric == TOKENS and claim.type != "T1":
        return audit_tokens(evidence, part)
    if part.metric == SIZE:
        return audit_size(evidence, part)
    if claim.type == "T1":
        return audit_value(evidence, part)
    if claim.type == "T3":
        return audit_loss(evidence, claim, part)
    if part.metric != AVERAGE and evidence.publication.benchmark(part.metric).kind == "rubric":
        return audit_rubric(evidence, claim, part)
    return audit_accuracy(evidence, claim, part)


def _stated(part: Comparison) -> str:
    """Return what a claim states, as printed: two figures, a loss or a reduction."""
    if part.stated_a is not None and part.stated_b is not None:
        digits = 0 if part.metric == TOKENS else 2
        return f"{part.stated_a:,.{digits}f} v {part.stated_b:,.{digits}f}"
    if part.stated_difference is not None:
        return f"{part.stated_difference:+.2f}"
    return "" if part.stated_reduction is None else f"-{part.stated_reduction:.0f} %"
