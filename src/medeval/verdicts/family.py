"""The claims of a publication as one family of tests: Holm over its claims of order, headline claims first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from medeval.publication.claims import Claim, Comparison
from medeval.publication.publication import SIZE, TOKENS, Publication
from medeval.statistics.multiplicity import holm
from medeval.verdicts.document import FamilyRecord, FamilyTest

Key = tuple[str, int]


@dataclass(frozen=True)
class Family:
    """Claims of order that are tested together on one target.

    Attributes:
        name: headline claims, or claims after a headline claim.
        target: The target.
        p_values: Raw p-value by claim and part; None where nothing was measured.
        adjusted: The same after Holm's adjustment over all of them; what was not measured counts as 1.
    """

    name: str
    target: str
    p_values: dict[Key, float | None]
    adjusted: dict[Key, float]

    def record(self, alpha: float) -> FamilyRecord:
        """Describe the family, so that its adjustment can be repeated."""
        tests = (
            FamilyTest(claim, part, raw, self.adjusted[claim, part]) for (claim, part), raw in self.p_values.items()
        )
        return FamilyRecord(self.name, self.target, "Holm", alpha, tuple(tests))


def ordered_parts(claims: Sequence[Claim]) -> Iterator[tuple[Claim, int, Comparison]]:
    """Yield the parts of claims whose order is tested: those of type T2 about scores."""
    for claim in claims:
        for index, part in enumerate(claim.comparisons):
            if claim.type == "T2" and part.b is not None and part.metric not in (SIZE, TOKENS):
                yield claim, index, part


def family(name: str, target: str, p_values: dict[Key, float | None], alpha: float) -> Family:
    """Adjust the p-values of one family; what was not measured still counts, since it was claimed."""
    filled = [1.0 if value is None else value for value in p_values.values()]
    adjusted = holm(filled, alpha).p_values if filled else ()
    return Family(name, target, p_values, dict(zip(p_values, adjusted, strict=True)))


def headline_claims(publication: Publication) -> list[Claim]:
    """Return the claims that wait for no other."""
    return [claim for claim in publication.claims if claim.after is None]
