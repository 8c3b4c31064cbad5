"""Counts what happens to each source row during a load and turns the counts into the report."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from medeval.errors import MedevalError
from medeval.items.benchmarks.fields import OutsideSelection, UnusableRow
from medeval.items.benchmarks.report import Loaded, LoadReport, RowNote, name_rows
from medeval.items.benchmarks.source import SourceRow
from medeval.text.look_alikes import describe, look_alike_words


@dataclass
class Tally:
    """The counts of one load; see `LoadReport` for their meaning.

    Attributes:
        benchmark: Benchmark id.
        expected_items: Items that the whole benchmark has.
        known_unusable: Rows of the whole benchmark known to be unusable; a smaller source may have none.
    """

    benchmark: str
    expected_items: int
    known_unusable: int = 0
    rows_read: int = 0
    trimmed: int = 0
    line_ends: int = 0
    outside: Counter[str] = field(default_factory=Counter)
    gold: Counter[str] = field(default_factory=Counter)
    unusable: list[RowNote] = field(default_factory=list)
    repeats: list[RowNote] = field(default_factory=list)
    empty_options: list[RowNote] = field(default_factory=list)
    repeated_options: list[RowNote] = field(default_factory=list)
    look_alikes: list[RowNote] = field(default_factory=list)
    remarks: list[RowNote] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def row(self, row: SourceRow, source_id: str | None) -> Iterator[None]:
        """Count one row; one that the block finds unusable or outside the selection is counted so."""
        self.rows_read += 1
        try:
            yield
        except OutsideSelection as reason:
            self.outside[str(reason)] += 1
        except UnusableRow as reason:
            self.unusable.append(note(row, source_id, str(reason)))

    def scan(self, row: SourceRow, source_id: str | None, texts: Iterable[str]) -> None:
        """Record the look-alike letters in the texts of one item."""
        if words := [word for text in texts for word in look_alike_words(text)]:
            self.look_alikes.append(note(row, source_id, describe(words)))

    def finish(self, items: list[dict[str, Any]]) -> Loaded:
        """Check the load as a whole and return it with its report.

        Raises:
            MedevalError: More rows are unusable than are known of, or no item is left.
        """
        self._refuse_unknown_defects(len(items))
        if not items:
            reasons = ", ".join(f"{count} rows: {reason}" for reason, count in self.outside.items()) or "no rows"
            raise MedevalError(
                f"{self.benchmark}: no item in the source ({reasons})",
                "Give the file that holds the evaluation split.",
            )
        if len(items) > self.expected_items:
            self.notes.append("more items than the benchmark has: another split is among the source files")
        return Loaded(items, self._report(items))

    def _refuse_unknown_defects(self, items: int) -> None:
        whole = items + len(self.unusable) >= self.expected_items + self.known_unusable
        allowed = self.known_unusable if whole else 0
        if len(self.unusable) > allowed:
            first = self.unusable[0]
            raise MedevalError(
                f"{self.benchmark}: {len(self.unusable)} unusable row(s) where {allowed} are known of: "
                f"{name_rows(self.unusable)}; the first: {first.detail}",
                "Fetch the file at its pinned revision, or correct the rows named.",
            )

    def _report(self, items: list[dict[str, Any]]) -> LoadReport:
        return LoadReport(
            benchmark=self.benchmark,
            rows_read=self.rows_read,
            items=len(items),
            expected_items=self.expected_items,
            outside=dict(self.outside),
            unusable=tuple(self.unusable),
            repeats=tuple(self.repeats),
            empty_options=tuple(self.empty_options),
            repeated_options=tuple(self.repeated_options),
            look_alikes=tuple(self.look_alikes),
            remarks=tuple(self.remarks),
            notes=tuple(self.notes),
            trimmed=self.trimmed,
            line_ends=self.line_ends,
            gold=dict(sorted(self.gold.items())),
            strata=dict(sorted(Counter(item["stratum"] for item in items).items())),
        )


def note(row: SourceRow, source_id: str | None, detail: str) -> RowNote:
    """Return a remark on a row."""
    return RowNote(str(row.file), row.number, source_id, detail)


def source_id(row: SourceRow, column: str | None) -> str | None:
    """Return the source's own id of a row as text, or None when there is none."""
    value = row.values.get(column) if column else None
    return None if value is None else str(value)
