"""What a loader did with every source row: used, set aside, refused, or used with a remark."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SHOWN_ROWS = 5
_REVISION = re.compile("[0-9a-f]{40}")  # a folder named by a commit says nothing to a reader


@dataclass(frozen=True)
class RowNote:
    """One row that needs a remark.

    Attributes:
        file: The source file; its folder is part of it, as several subjects may share a file name.
        row: 0-based row in that file.
        source_id: The source's own id of the row, or None when it has none.
        detail: What was found; never the row's text.
    """

    file: str
    row: int
    source_id: str | None
    detail: str


@dataclass(frozen=True)
class LoadReport:
    """The account of a load. `rows_read` = `items` + rows in `outside` + `unusable`: no row vanishes.

    Attributes:
        benchmark: Benchmark id.
        rows_read: Rows in the source files.
        items: Items made of them.
        expected_items: Items that the whole benchmark has, as published.
        outside: Reason -> rows that belong to another split, category or tier.
        unusable: Rows of the benchmark that no question can be made of.
        repeats: Items whose text occurred before in the same load; they share its cluster.
        empty_options: Options without content that were removed.
        repeated_options: Items in which options, or a rubric's criteria, read the same.
        look_alikes: Items with Cyrillic or Greek letters inside otherwise Latin words.
        remarks: Anything else that a reader of the scores should know of a row.
        notes: Anything that concerns the load as a whole.
        trimmed: Items that lost white space at the ends of a text.
        line_ends: Items in which CR LF or CR became LF.
        gold: Label of the (first) correct option -> items; empty for a benchmark without options.
        strata: Stratum -> items.
    """

    benchmark: str
    rows_read: int
    items: int
    expected_items: int
    outside: Mapping[str, int]
    unusable: tuple[RowNote, ...]
    repeats: tuple[RowNote, ...]
    empty_options: tuple[RowNote, ...]
    repeated_options: tuple[RowNote, ...]
    look_alikes: tuple[RowNote, ...]
    remarks: tuple[RowNote, ...]
    notes: tuple[str, ...]
    trimmed: int
    line_ends: int
    gold: Mapping[str, int]
    strata: Mapping[str, int]


@dataclass(frozen=True)
class Loaded:
    """A benchmark's rows, ready for `tables.build`, and the account of how they came about."""

    items: list[dict[str, Any]]
    report: LoadReport


def summary(report: LoadReport) -> str:
    """Return the report as lines for the terminal; rows are named by number and id, never quoted."""
    counts = f"{report.items} items of {report.rows_read} rows"
    if report.items != report.expected_items:
        counts += f" (the whole benchmark has {report.expected_items} items)"
    lines = [f"{report.benchmark}: {counts}"]
    lines += [f"outside: {count} rows: {reason}" for reason, count in report.outside.items()]
    lines += _noted("unusable", report.unusable)
    lines += _noted("repeated question", report.repeats)
    lines += _noted("empty option", report.empty_options)
    lines += _noted("repeated option", report.repeated_options)
    lines += _noted("look-alike letters", report.look_alikes)
    lines += _noted("remark", report.remarks)
    lines += [f"white space trimmed: {report.trimmed} items"] if report.trimmed else []
    lines += [f"line ends made LF: {report.line_ends} items"] if report.line_ends else []
    lines += [f"gold: {_counts(report.gold)}"] if report.gold else []
    lines += [f"strata: {_counts(report.strata)}"] if set(report.strata) != {""} else []
    return "\n  ".join([*lines, *(f"note: {note}" for note in report.notes)])


def name_rows(notes: Sequence[RowNote]) -> str:
    """Name the first few of some rows by file, row number and id, and say how many more there are."""
    more = len(notes) - _SHOWN_ROWS
    return ", ".join(map(_name_row, notes[:_SHOWN_ROWS])) + (f" and {more} more" if more > 0 else "")


def _name_row(note: RowNote) -> str:
    file = Path(note.file)
    folder = "" if _REVISION.fullmatch(file.parent.name) or not file.parent.name else f"{file.parent.name}/"
    source_id = f" ({note.source_id})" if note.source_id else ""
    return f"{folder}{file.name} row {note.row}{source_id}"


def _noted(title: str, notes: Sequence[RowNote]) -> list[str]:
    by_detail: dict[str, list[RowNote]] = {}
    for note in notes:
        by_detail.setdefault(note.detail, []).append(note)
    return [f"{title}: {len(group)}: {detail}: {name_rows(group)}" for detail, group in by_detail.items()]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label or '(none)'} {count}" for label, count in sorted(Counter(counts).items()))
