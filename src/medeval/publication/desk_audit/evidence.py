"""What every part of the audit draws on: the publication, and the item counts that its digits fit."""

from collections.abc import Mapping
from dataclasses import dataclass

from medeval.publication.desk_audit.digits import Digits, audit_digits
from medeval.publication.publication import Publication


@dataclass(frozen=True)
class PrintedEvidence:
    """A publication with the item counts in use, by benchmark.

    Attributes:
        items: Totals.
        counts: Effective counts, for standard errors; a benchmark of unknown size is absent.
    """

    publication: Publication
    digits: tuple[Digits, ...]
    items: Mapping[str, int]
    counts: Mapping[str, float]

    def label(self, name: str | None) -> str:
        """Return the printed name of a benchmark, model or weight file; an id without a name is its own."""
        publication = self.publication
        labels = {benchmark.id: benchmark.label for benchmark in publication.benchmarks}
        labels |= {model.id: model.label for model in publication.models}
        return "" if name is None else labels.get(name, name)

    def labels(self, names: tuple[str, ...] | list[str]) -> str:
        """Return the printed names as a list in words."""
        return ", ".join(self.label(name) for name in names)


def gather(publication: Publication) -> PrintedEvidence:
    """Test the digits of every benchmark and collect the item counts in use."""
    digits = tuple(
        found for benchmark in publication.benchmarks if (found := audit_digits(publication, benchmark)) is not None
    )
    items = {d.benchmark: d.items for d in digits if d.items is not None}
    counts = {d.benchmark: d.effective_n for d in digits if d.effective_n is not None}
    return PrintedEvidence(publication, digits, items, counts)
