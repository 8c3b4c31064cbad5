"""Anybody's table of responses in the form that is scored: what it holds, what is stated for it, what is filled in.

A table that this package wrote says of itself what it is. Any other Parquet file needs the columns benchmark, item_id
and text, and may have every other column of a response; what it lacks is stated by its user or filled in by a
placeholder, and either is told. Nothing is guessed from file names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from medeval.errors import MedevalError
from medeval.records import tables

if TYPE_CHECKING:
    from medeval.run.model import Reasoning

UNNAMED, UNKNOWN, UNKNOWN_TOKENS = "unnamed", "-", -1
READ_COLUMNS = (
    *tables.RESPONSES.key,
    "finish_reason",
    "text",
    "reasoning",
    "option_logprobs",
    "shown_order",
    "labels_shown",
    "generated_tokens",
)
_LATER_COLUMNS = ("shown_order", "labels_shown")  # which tables of older versions lack
_REQUIRED = ("benchmark", "item_id")
_DEFAULTS: Mapping[str, Any] = {
    "model": UNNAMED,
    "variant": UNKNOWN,
    "target": UNKNOWN,
    "sample": 0,
    "mode": "generate",
    "generated_tokens": UNKNOWN_TOKENS,
}
COLUMN_TYPES = {name: tables.RESPONSES.schema.field(name).type for name in (*READ_COLUMNS, "error")}


@dataclass(frozen=True)
class Stated:
    """What the user says of a table that does not say it itself.

    Attributes:
        model: Name of the model.
        variant: Name of the weights file's variant.
        target: What it ran on.
        match: The column of the items that the table's `item_id` names.
        reasoning: How to part reasoning from texts; None parts it by the marks that are well known.
        texts_as_they_are: Texts may hold what looks like reasoning, and are read whole.
    """

    model: str | None = None
    variant: str | None = None
    target: str | None = None
    match: str | None = None
    reasoning: "Reasoning | None" = None
    texts_as_they_are: bool = False

    @property
    def names(self) -> dict[str, str]:
        """The identity columns that are stated."""
        given = {"model": self.model, "variant": self.variant, "target": self.target}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class ResponsesLayout:
    """How a file's rows become responses.

    Attributes:
        path: The file.
        foreign: Whether another program wrote it.
        rows: Its number of rows.
        row_bytes: Their mean size, not compressed.
        columns: The columns that are read.
        constants: Column -> value, for those that it lacks.
        stated: What its user said of it.
        notes: What was filled in or left aside, as sentences.
    """

    path: Path
    foreign: bool
    rows: int
    row_bytes: float
    columns: tuple[str, ...]
    constants: Mapping[str, Any] = field(default_factory=dict)
    stated: Stated = field(default_factory=Stated)
    notes: tuple[str, ...] = ()

    @property
    def match(self) -> str:
        """The column of the items that `item_id` names."""
        return self.stated.match or "item_id"


def read_layout(path: Path, stated: Stated) -> ResponsesLayout:
    """Look at a file of responses.

    Raises:
        MedevalError: It is no Parquet file, another kind or version of table, lacks a column or has no rows, or what
            is stated contradicts what it says.
    """
    record = tables.read_record(path)
    if record:
        tables.read(path, tables.RESPONSES, columns=["sample"])  # refuses other kinds and versions of table
    file = pq.ParquetFile(path)
    there = file.schema_arrow.names
    groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
    rows = file.metadata.num_rows
    size = {"rows": rows, "row_bytes": sum(group.total_byte_size for group in groups) / max(rows, 1)}
    layout = _own(path, there, stated, size) if record else _foreign(path, there, stated, size)
    if not rows:
        raise MedevalError(f"{path}: the table holds no responses", "Give the table of the replies to score.")
    return layout


def _own(path: Path, there: Sequence[str], stated: Stated, size: Mapping[str, Any]) -> ResponsesLayout:
    if stated != Stated():
        raise MedevalError(
            f"{path}: the table says itself whose responses it holds and how they are matched",
            "Leave out --model, --variant, --target, --match and --reasoning.",
        )
    columns = tuple(name for name in READ_COLUMNS if name in there)
    optional = dict.fromkeys(_LATER_COLUMNS)
    if missing := [name for name in READ_COLUMNS if name not in (*columns, *optional)]:
        raise MedevalError(f"{path}: column(s) missing: {', '.join(missing)}", "Run the stage that writes it again.")
    constants = {name: value for name, value in optional.items() if name not in columns}
    return ResponsesLayout(path, False, columns=columns, constants=constants, **size)


def _foreign(path: Path, there: Sequence[str], stated: Stated, size: Mapping[str, Any]) -> ResponsesLayout:
    missing = [name for name in _REQUIRED if name not in there]
    if "text" not in there and "option_logprobs" not in there:
        missing.append("text")
    if missing:
        raise MedevalError(
            f"{path}: has no column {', '.join(missing)}; found {', '.join(there) or 'none'}",
            "Rename its columns, or read it with `medeval import csv`, which takes a mapping of columns.",
        )
    if "text" not in there and "mode" not in there:
        raise MedevalError(
            f"{path}: holds log-probabilities and does not say of what",
            "Add a column `mode`: letter for those of the options' letters, cloze for those of their texts.",
        )
    if twice := [name for name in stated.names if name in there]:
        raise MedevalError(
            f"{path}: has the column {', '.join(twice)}, which is also stated",
            f"Leave out {', '.join('--' + name for name in twice)}, or the column.",
        )
    if stated.reasoning and "reasoning" in there:
        raise MedevalError(
            f"{path}: has the column reasoning, so its texts need no delimiters",
            "Leave out --reasoning, or the column; `--reasoning none` reads texts as they are.",
        )
    columns = tuple(name for name in (*READ_COLUMNS, "error") if name in there)
    constants = {name: value for name, value in {**_DEFAULTS, **stated.names}.items() if name not in there}
    notes = _notes(there, columns, constants, stated)
    return ResponsesLayout(path, True, columns=columns, constants=constants, stated=stated, notes=notes, **size)


def _notes(
    there: Sequence[str], columns: Sequence[str], constants: Mapping[str, Any], stated: Stated
) -> tuple[str, ...]:
    notes = []
    if filled := {name: value for name, value in constants.items() if name not in stated.names}:
        words = (f"{name} {'not known' if value == UNKNOWN_TOKENS else repr(value)}" for name, value in filled.items())
        notes.append(f"no column, so for every row: {', '.join(words)}")
    if "finish_reason" not in columns:
        notes.append("finish_reason: no column; every reply counts as complete, so truncated ones are not told apart")
    if left := [name for name in there if name not in columns]:
        notes.append(f"columns not used: {', '.join(left)}")
    return tuple(notes)
