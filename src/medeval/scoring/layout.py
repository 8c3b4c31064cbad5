"""Anybody's table of responses in the form that is scored: what it holds, what is stated for it, what is filled in.

A table that this package wrote says of itself what it is. Any other Parquet file needs the columns benchmark, item_id
and text, and may have every other column of a response; what it lacks is stated by its user or filled in by a
placeholder, and either is told. Nothing is guessed from file names.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medeval import tables
from medeval.answers.reasoning import split_reasoning
from medeval.errors import MedevalError

UNNAMED, UNKNOWN, UNKNOWN_TOKENS = "unnamed", "-", -1
READ_COLUMNS = (
    *tables.RESPONSES.key,
    "finish_reason",
    "text",
    "reasoning",
    "option_logprobs",
    "generated_tokens",
)
# What other programs call the two ways a reply ends.
FINISH_NAMES = {
    **dict.fromkeys(("stop", "eos", "eos_token", "end_turn", "stop_sequence", "scored"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_new_tokens", "model_length"), "length"),
    "error": "error",
}
# Marks of reasoning in a text that should have none.
REASONING_TAGS = ("<think>", "</think>", "<unused94>", "<unused95>")

_REQUIRED = ("benchmark", "item_id")
_DEFAULTS: Mapping[str, Any] = {
    "model": UNNAMED,
    "variant": UNKNOWN,
    "target": UNKNOWN,
    "sample": 0,
    "mode": "generate",
    "generated_tokens": UNKNOWN_TOKENS,
}
_TYPES = {name: tables.RESPONSES.schema.field(name).type for name in (*READ_COLUMNS, "error")}


@dataclass(frozen=True)
class Delimiters:
    """Where a model's reasoning begins and ends in its replies.

    Attributes:
        open: Text that starts it.
        close: Text that ends it.
        opened_by_template: Whether replies begin inside of it, because the prompt ended with the opening text.
    """

    open: str
    close: str
    opened_by_template: bool = False


@dataclass(frozen=True)
class Stated:
    """What the user says of a table that does not say it itself.

    Attributes:
        model: Name of the model.
        variant: Name of the weights file's variant.
        target: What it ran on.
        match: The column of the items that the table's `item_id` names.
        reasoning: How to part reasoning from texts; None when texts hold none.
        texts_as_they_are: Texts may hold what looks like reasoning, and it is to be read as part of the answer.
    """

    model: str | None = None
    variant: str | None = None
    target: str | None = None
    match: str | None = None
    reasoning: Delimiters | None = None
    texts_as_they_are: bool = False

    @property
    def names(self) -> dict[str, str]:
        """The identity columns that are stated."""
        given = {"model": self.model, "variant": self.variant, "target": self.target}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Layout:
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


def read_layout(path: Path, stated: Stated) -> Layout:
    """Look at a file of responses.

    Raises:
        MedevalError: It is no Parquet file, another kind or version of table, lacks a column, or what is stated
            contradicts what it says.
    """
    record = tables.read_record(path)
    if record:
        tables.read(path, tables.RESPONSES, columns=["sample"])  # refuses other kinds and versions of table
    file = pq.ParquetFile(path)
    there = file.schema_arrow.names
    groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
    rows = file.metadata.num_rows
    size = {"rows": rows, "row_bytes": sum(group.total_byte_size for group in groups) / max(rows, 1)}
    if record:
        return _own(path, there, stated, size)
    return _foreign(path, there, stated, size)


def _own(path: Path, there: Sequence[str], stated: Stated, size: Mapping[str, Any]) -> Layout:
    if stated != Stated():
        raise MedevalError(
            f"{path}: the table says itself whose responses it holds and how they are matched",
            "Leave out --model, --variant, --target, --match and --reasoning.",
        )
    if missing := [name for name in READ_COLUMNS if name not in there]:
        raise MedevalError(f"{path}: column(s) missing: {', '.join(missing)}", "Run the stage that writes it again.")
    return Layout(path, False, columns=READ_COLUMNS, **size)


def _foreign(path: Path, there: Sequence[str], stated: Stated, size: Mapping[str, Any]) -> Layout:
    missing = [name for name in _REQUIRED if name not in there]
    if "text" not in there and "option_logprobs" not in there:
        missing.append("text")
    if missing:
        raise MedevalError(
            f"{path}: has no column {', '.join(missing)}; found {', '.join(there) or 'none'}",
            "Rename its columns, or read it with `medeval import-responses`, which takes a mapping of columns.",
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
    return Layout(path, True, columns=columns, constants=constants, stated=stated, notes=notes, **size)


def _notes(
    there: Sequence[str], columns: Sequence[str], constants: Mapping[str, Any], stated: Stated
) -> tuple[str, ...]:
    notes = []
    for name, value in constants.items():
        how = "as stated" if name in stated.names else "no column"
        meaning = "not known" if name == "generated_tokens" else repr(value)
        notes.append(f"{name}: {meaning} for every row ({how})")
    if "finish_reason" not in columns:
        notes.append("finish_reason: no column; every reply counts as complete, so truncated ones are not told apart")
    if left := [name for name in there if name not in columns]:
        notes.append(f"columns not used: {', '.join(left)}")
    return tuple(notes)


def as_responses(batch: pa.Table, layout: Layout, where: Callable[[int], str]) -> tuple[pa.Table, Counter[str]]:
    """Return rows of a file as responses, and how often something was taken for granted.

    Args:
        batch: Rows with the columns `layout.columns`.
        layout: What is known of the file.
        where: Names a row's place, for messages.

    Returns:
        The columns `READ_COLUMNS`, in the types of `tables.RESPONSES`; and sentence -> rows that it holds for.

    Raises:
        MedevalError: A row lacks a value that it must have, or has one that is not understood.
    """
    columns = {name: _cast(batch[name], name, where) for name in layout.columns}
    for name, value in layout.constants.items():
        columns[name] = pa.repeat(pa.scalar(value, _TYPES[name]), len(batch))
    for name in (*tables.RESPONSES.key, "generated_tokens"):
        if columns[name].null_count:
            row = pc.index(columns[name].is_null(), True).as_py()
            raise MedevalError(f"{where(row)} has no {name!r}", "Correct that row, or leave it out.")
    counts: Counter[str] = Counter()
    if layout.foreign:
        for name in ("text", "reasoning", "option_logprobs", "error", "finish_reason"):
            columns.setdefault(name, pa.nulls(len(batch), _TYPES[name]))
        columns["finish_reason"] = _finish_reasons(columns, "finish_reason" in layout.columns, counts, where)
        columns |= _parted(columns, layout.stated, where)
    return pa.table({name: columns[name] for name in READ_COLUMNS}), counts


def _cast(column: pa.ChunkedArray, name: str, where: Callable[[int], str]) -> pa.Array:
    array, wanted = column.combine_chunks(), _TYPES[name]
    if (
        wanted == pa.string()
        and not _is_text(array.type)
        and not (name == "item_id" and pa.types.is_integer(array.type))
    ):
        raise MedevalError(
            f"{where(0)}: column {name!r} holds {array.type}, expected text", "Write the column as text."
        )
    try:
        return array.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        row = next((row for row in range(len(array)) if not _castable(array.slice(row, 1), wanted)), 0)
        raise MedevalError(
            f"{where(row)}: column {name!r} is not {wanted} ({error})", "Correct the value, or the column's type."
        ) from error


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    known = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(test(kind) for test in known)


def _castable(array: pa.Array, kind: pa.DataType) -> bool:
    try:
        array.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True


def _finish_reasons(
    columns: Mapping[str, pa.Array], there: bool, counts: Counter[str], where: Callable[[int], str]
) -> pa.Array:
    """Return stop, length or error for every row: what the row says, error if it holds one, else stop."""
    said = columns["finish_reason"]
    known = pc.index_in(said, pa.array(list(FINISH_NAMES)))
    unknown = pc.and_(said.is_valid(), known.is_null())
    if pc.any(unknown).as_py():
        row = pc.index(unknown, True).as_py()
        raise MedevalError(
            f"{where(row)}: finish_reason {said[row].as_py()!r} is not known",
            f"Write one of: {', '.join(FINISH_NAMES)}.",
        )
    reasons = pc.fill_null(pa.array(list(FINISH_NAMES.values())).take(known), "stop")
    failed = pc.fill_null(pc.greater(pc.binary_length(columns["error"]), 0), False)
    generated = pc.equal(columns["mode"], "generate")
    if there and (silent := pc.sum(pc.and_(pc.and_(said.is_null(), generated), pc.invert(failed))).as_py()):
        counts["finish_reason: none, the reply counts as complete"] += silent
    return pc.if_else(failed, "error", reasons)


def _parted(columns: Mapping[str, pa.Array], stated: Stated, where: Callable[[int], str]) -> dict[str, pa.Array]:
    """Part reasoning from generated texts as stated; refuse texts that hold marks of it when nothing is stated."""
    generated = pc.and_(pc.equal(columns["mode"], "generate"), columns["text"].is_valid())
    reasoning = pc.if_else(pc.equal(columns["reasoning"], ""), None, columns["reasoning"])
    if stated.texts_as_they_are:
        return {"reasoning": reasoning}
    if stated.reasoning is None:
        _refuse_tags(columns["text"], generated, where)
        return {"reasoning": reasoning}
    marks = stated.reasoning
    texts, thoughts = columns["text"].to_pylist(), reasoning.to_pylist()
    for row in np.flatnonzero(generated.to_numpy(zero_copy_only=False)).tolist():
        text = texts[row]
        if marks.opened_by_template and not text.startswith(marks.open):
            text = marks.open + text
        thoughts[row], answer, unfinished = split_reasoning(text, marks.open, marks.close)
        texts[row] = None if unfinished else answer
    return {"text": pa.array(texts, pa.string()), "reasoning": pa.array(thoughts, pa.string())}


def _refuse_tags(texts: pa.Array, generated: pa.Array, where: Callable[[int], str]) -> None:
    for tag in REASONING_TAGS:
        found = pc.and_(generated, pc.fill_null(pc.match_substring(texts, tag), False))
        if pc.any(found).as_py():
            row = pc.index(found, True).as_py()
            raise MedevalError(
                f"{where(row)}: the text holds {tag}, a mark of reasoning, which must not be read as an answer",
                'Say how replies are parted, such as `--reasoning \'{"open": "<think>", "close": "</think>"}\'`, or '
                "`--reasoning none` to read the texts as they are.",
            )
