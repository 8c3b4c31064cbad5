"""What a publication's own figures say against its claims, and how its comparators were measured elsewhere."""

from medeval.publication.claims import Comparison
from medeval.publication.desk_audit.audit import desk_audit
from medeval.publication.desk_audit.comparator import gaps
from medeval.publication.desk_audit.evidence import gather
from medeval.publication.desk_audit.findings import CheckOutcome
from medeval.publication.publication import AVERAGE, Publication
from medeval.verdicts.evidence import Evidence
from medeval.verdicts.measured import POINTS
from medeval.verdicts.verdict import ComparatorRow, Flag

_RAISED = {Flag.ARITHMETIC, Flag.COMPARATOR_MISMATCH}


class PublishedFigures:
    """The desk audit of a publication, as far as it qualifies verdicts.

    Args:
        publication: The publication.
    """

    def __init__(self, publication: Publication) -> None:
        self._publication = publication
        self._claims = {claim.id: claim for claim in desk_audit(publication).claims}
        self._counts = gather(publication).counts

    def flags(self, claim_id: str) -> set[Flag]:
        """Return the flags that a claim has by its printed figures alone."""
        return {Flag(flag) for flag in self._claims[claim_id].flags} & _RAISED

    def findings(self, claim_id: str) -> list[str]:
        """Return what the printed figures of a claim say against it, in sentences."""
        found = self._claims[claim_id].findings
        return [
            finding.sentence
            for finding in found
            if finding.outcome is CheckOutcome.FAILS and finding.check in ("arithmetic", "ratio", "size", "comparator")
        ]

    def comparator(self, part: Comparison, b: str, evidence: Evidence) -> tuple[ComparatorRow, ...]:
        """Return what the makers of B print for it beside the figure that the claim uses, and what we measured.

        Args:
            part: A comparison of two models.
            b: MODEL/VARIANT of B.
            evidence: What was measured.
        """
        ours = {entry.benchmark: POINTS * entry.accuracy.value for entry in evidence.scores(b)}
        over = self._publication.average.over if part.metric == AVERAGE and self._publication.average else [part.metric]
        return tuple(
            ComparatorRow(
                benchmark=gap.benchmark,
                makers=gap.own,
                claim_uses=gap.used,
                ours=ours.get(gap.benchmark),
                gap_se=gap.standard_error,
                definition=gap.definition,
                mismatch=gap.mismatch,
            )
            for gap in gaps(self._publication, part.b, self._counts)
            if gap.benchmark in over
        )
