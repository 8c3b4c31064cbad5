"""Anybody's table of judged criteria in the form that is scored.

A table that this package wrote is taken as it is. Any other Parquet file needs the columns `prompt_id` (or
`item_id`), `criterion_index`, `points` and `met`, one row per judged criterion of one answer, and may have `tags`,
`example_tags`, `sample`, `subset`, `model`, `variant`, `target`, `benchmark`, `judge` and `judge_prompt_sha256`.
What it lacks is filled with a placeholder, and that is told. Nothing is guessed from file names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medeval.errors import MedevalError
from medeval.grades import cells
from medeval.grades.consistency import check, gaps
from medeval.records import tables
from medeval.records.parquet import read_columns

UNNAMED, UNKNOWN, NOT_STATED = "unnamed", "-", "not stated"
_REQUIRED = ("criterion_index", "points", "met")
_PROMPT = ("prompt_id", "item_id")
_NAMES: Mapping[str, str] = {
    "model": UNNAMED,
    "variant": UNKNOWN,
    "target": UNKNOWN,
    "benchmark": "healthbench",
    "subset": NOT_STATED,
    "judge": NOT_STATED,
    "judge_prompt_sha256": NOT_STATED,
}
_TAGS = {"tags": "axis or level", "example_tags": "theme"}
_THEME = "theme:"


@dataclass(frozen=True)
class GradesFile:
    """Judged criteria of a file.

    Attributes:
        table: Rows of ``tables.GRADES``.
        own: Whether this package wrote the file.
        notes: What was filled in, left aside or noticed, as sentences.
    """

    table: pa.Table
    own: bool
    notes: tuple[str, ...]


def read_grades(path: Path) -> GradesFile:
    """Read a table of judged criteria.

    Raises:
        MedevalError: It is no Parquet file, lacks a column, has no rows, holds what cannot be read, or contradicts
            itself. The message names the row.
    """
    if tables.read_record(path):
        table = tables.read(path, tables.GRADES)
        if not len(table):
            raise _no_rows(path)
        return GradesFile(table, True, ())
    there = pq.read_schema(path).names
    prompt = next((name for name in _PROMPT if name in there), None)
    missing = [name for name in _REQUIRED if name not in there]
    if prompt is None or missing:
        wanted = [*([] if prompt else ["prompt_id"]), *missing]
        raise MedevalError(
            f"{path}: has no column {', '.join(wanted)}; found {', '.join(there) or 'none'}",
            "Rename its columns; one row holds one judged criterion of one answer.",
        )
    used = [prompt, *_REQUIRED, "tags", "example_tags", "sample", *_NAMES]
    table = read_columns(path, used)
    if not len(table):
        raise _no_rows(path)
    rows = _rows(path, table, prompt)
    check(path, rows)
    return GradesFile(tables.build(tables.GRADES, _filled(rows)), False, (*_notes(table, there, used), *gaps(rows)))


def _no_rows(path: Path) -> MedevalError:
    return MedevalError(f"{path}: the table holds no rows", "Give the table that the grading wrote.")


def _rows(path: Path, table: pa.Table, prompt: str) -> list[dict[str, Any]]:
    """Read every cell; `tags` and `example_tags` are None where they are absent."""
    prompts = table[prompt].to_pylist()
    found = cells.columns(str(path), table, lambda row: f" (prompt {prompts[row]!r})")
    n = len(table)
    read: dict[str, Sequence[Any]] = {
        "item_id": found[prompt].read(cells.name),
        "criterion_index": found["criterion_index"].read(cells.index),
        "points": found["points"].read(cells.points),
        "met": found["met"].read(cells.met),
        "sample": found["sample"].read(cells.index) if "sample" in found else [0] * n,
        "tags": found["tags"].read(cells.tags) if "tags" in found else [None] * n,
        "example_tags": found["example_tags"].read(cells.tags) if "example_tags" in found else [None] * n,
    }
    for name, default in _NAMES.items():
        read[name] = _names(path, found[name], default) if name in found else [default] * n
    return [dict(zip(read, values, strict=True)) for values in zip(*read.values(), strict=True)]


def _names(path: Path, column: cells.Column, default: str) -> list[str]:
    """Read a column of names; where none is given the default stands for all, where some are, all must be."""
    absent = [row for row, value in enumerate(column.values) if value is None or value == ""]
    if absent and len(absent) < len(column.values):
        row = absent[0]
        raise MedevalError(
            f"{path}: row {row}{column.describe(row)} has no {column.name}, others have one",
            "Correct that row, or leave it out; rows are counted from 0.",
        )
    return column.read(cells.name_or(default))


def _filled(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Complete rows that are consistent: an example's tags may stand in one of its rows only."""
    example_tags: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in rows:
        if row["example_tags"] is not None:
            example_tags.setdefault((row["subset"], row["item_id"]), row["example_tags"])
    filled = []
    for row in rows:
        tags = example_tags.get((row["subset"], row["item_id"]), ())
        themes = [tag.removeprefix(_THEME) for tag in tags if tag.startswith(_THEME)]
        filled.append(
            {
                **row,
                "tags": list(row["tags"] or ()),
                "example_tags": list(tags),
                "stratum": themes[0] if themes else "",
                "status": "unusable" if row["met"] is None else "graded",
            }
        )
    return filled


def _notes(table: pa.Table, there: Sequence[str], used: Sequence[str]) -> list[str]:
    notes = [
        f"{name}: {default!r} for every row ({'no value' if name in there else 'no column'})"
        for name, default in _NAMES.items()
        if name not in there or not any(value not in (None, "") for value in table[name].to_pylist())
    ]
    if "sample" not in there:
        notes.append("sample: 0 for every row (no column), so every prompt has one answer")
    notes += [
        f"{name}: no column, so there are no scores by {what}" for name, what in _TAGS.items() if name not in there
    ]
    if left := [name for name in there if name not in used]:
        notes.append(f"columns not used: {', '.join(left)}")
    return notes
