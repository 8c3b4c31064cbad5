"""Anybody's table of items in the form that responses are scored with.

A table that this package wrote is read as it is. Any other Parquet file needs the columns benchmark, item_id, options
and answer; the answer is counted from 0, or is the letter of an option. What else an item has is taken where it is
there and filled in where it is not, and the notes say so.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medeval.answers.options import LABELS
from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.files import sha256_file
from medeval.records.parquet import read_columns
from medeval.scores.columns import Where, as_type, is_text

_REQUIRED = ("benchmark", "item_id", "options", "answer")
_LABELS = pa.array(list(LABELS))
_FEWEST = 2


def read_items(paths: Sequence[Path]) -> tuple[pa.Table, tuple[str, ...]]:
    """Read items tables, this package's or anybody's, as one.

    Args:
        paths: The files.

    Returns:
        Rows of `tables.ITEMS`, and what was filled in for files that lack it, as sentences.

    Raises:
        MedevalError: A file is unusable, lacks a column or holds an item that cannot be; its row is named.
    """
    parts, notes = [], list[str]()
    for path in paths:
        if tables.read_record(path):
            parts.append(tables.read(path, tables.ITEMS).select(tables.ITEMS.schema.names))
        else:
            part, filled = _foreign(path)
            parts.append(part)
            notes += filled
    table = pa.concat_tables([part.cast(tables.ITEMS.schema) for part in parts])
    _check_unique(table, ", ".join(map(str, paths)))
    return table, tuple(notes)


def _foreign(path: Path) -> tuple[pa.Table, list[str]]:
    given = read_columns(path, tables.ITEMS.schema.names)
    if missing := [name for name in _REQUIRED if name not in given.column_names]:
        raise MedevalError(
            f"{path}: has no column {', '.join(missing)}; found {', '.join(given.column_names) or 'none of an item'}",
            "An items table has the columns benchmark, item_id, options and answer; `medeval items` writes one.",
        )

    def where(row: int) -> str:
        return f"{path}: row {row}"

    if not len(given):
        raise MedevalError(f"{path}: the table holds no items", "Give the table of the questions that were answered.")
    columns: dict[str, pa.Array] = {name: _column(given[name], name, where, path) for name in given.column_names}
    _refuse_null(columns, where)
    _check_options(columns["options"], where)
    lettered = is_text(given["answer"].type)
    columns["answer"] = _answers(columns["answer"], columns["options"], where)
    notes = [f"{path}: answer: read as letters, A for the first option"] if lettered else []
    notes += [f"{path}: filled in: {filled}"] if (filled := _fill(columns, path)) else []
    _check_answers(columns, where)
    return pa.table({name: columns[name] for name in tables.ITEMS.schema.names}), notes


def _column(column: pa.ChunkedArray, name: str, where: Where, path: Path) -> pa.Array:
    wanted = tables.ITEMS.schema.field(name).type
    if name == "answer" and is_text(column.type):
        return column.combine_chunks()
    if name == "options" and not _is_list_of_text(column.type):
        raise MedevalError(
            f"{path}: column 'options' holds {column.type}, expected a list of texts",
            "Write the options of an item as a list, in the order in which they were shown.",
        )
    if name == "answer" and pa.types.is_boolean(column.type):
        raise MedevalError(
            f"{path}: column 'answer' holds {column.type}, which names no option",
            "Write the answer as a whole number, 0 for the first option, or as a letter from A.",
        )
    return as_type(column, name, wanted, where, path)


def _is_list_of_text(kind: pa.DataType) -> bool:
    known = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in known) and is_text(kind.value_type)


def _refuse_null(columns: dict[str, pa.Array], where: Where) -> None:
    for name in _REQUIRED:
        if columns[name].null_count:
            row = pc.index(columns[name].is_null(), True).as_py()
            raise MedevalError(f"{where(row)} has no {name!r}", "Correct that row, or leave it out.")


def _check_options(options: pa.Array, where: Where) -> None:
    counts = pc.list_value_length(options).to_numpy(zero_copy_only=False)
    if len(wrong := np.flatnonzero((counts < _FEWEST) | (counts > len(LABELS)))):
        row = int(wrong[0])
        raise MedevalError(
            f"{where(row)}: {counts[row]} options, expected {_FEWEST} to {len(LABELS)}",
            "Correct that row, or leave it out.",
        )
    if (flat := options.flatten()).null_count:
        row = pc.list_parent_indices(options)[pc.index(flat.is_null(), True).as_py()].as_py()
        raise MedevalError(f"{where(row)}: an option is null", "Leave out places that hold no option.")


def _answers(given: pa.Array, options: pa.Array, where: Where) -> pa.Array:
    """Return the index of every row's answer, given as such or as a letter."""
    found = given
    if is_text(given.type):
        letters = pc.utf8_upper(pc.utf8_trim_whitespace(given.cast(pa.string())))
        found = pc.index_in(letters, _LABELS).cast(pa.int32())
        if found.null_count:
            row = pc.index(found.is_null(), True).as_py()
            raise MedevalError(
                f"{where(row)}: answer {given[row].as_py()!r} is not the letter of an option",
                "Write the answer as a whole number, 0 for the first option, or as a letter from A.",
            )
    counts = pc.list_value_length(options)
    outside = pc.or_(pc.less(found, 0), pc.greater_equal(found, counts))
    if pc.any(outside).as_py():
        row = pc.index(outside, True).as_py()
        raise MedevalError(
            f"{where(row)}: answer {given[row].as_py()!r} of {counts[row].as_py()} options",
            "Count options from 0, or write letters; leave out items whose answer is not known.",
        )
    return found


def _fill(columns: dict[str, pa.Array], path: Path) -> str:
    """Fill in what is missing and return what that is, in words."""
    rows = len(columns["item_id"])
    numbers = pa.array(np.arange(rows), pa.int64())
    single = pa.ListArray.from_arrays(pa.array(np.arange(rows + 1), pa.int32()), columns["answer"])
    standing: dict[str, tuple[Any, str]] = {
        "answers": (single, "the one in answer"),
        "question": (pa.repeat("", rows), "not known"),
        "stratum": (pa.repeat("", rows), "none"),
        "cluster_id": (columns["item_id"], "every item independent of the others"),
        "source_row": (numbers, "the row in this file"),
        "source_revision": (pa.repeat(sha256_file(path), rows), "the SHA-256 of this file"),
    }
    filled = []
    for name, (value, words) in standing.items():
        missing = columns[name].null_count if name in columns else rows
        if missing:
            columns[name] = pc.coalesce(columns[name], value) if missing < rows else value
            filled.append(f"{name} ({words}{f', in {missing} rows' if missing < rows else ''})")
    for name in ("context", "source_id"):
        columns.setdefault(name, pa.nulls(rows, pa.string()))
    return ", ".join(filled)


def _check_answers(columns: dict[str, pa.Array], where: Where) -> None:
    """Check that every row's list of correct options holds its answer and nothing but options."""
    rows = zip(*(columns[name].to_pylist() for name in ("answer", "answers", "options")), strict=True)
    for row, (answer, answers, options) in enumerate(rows):
        known = [index for index in range(len(options)) if index in answers]
        if answer not in answers or known != answers:
            raise MedevalError(
                f"{where(row)}: answers {answers} with answer {answer} of {len(options)} options",
                "List every correct option once, counted from 0, ascending, the one in answer among them.",
            )


def _check_unique(table: pa.Table, where: str) -> None:
    keys = pc.binary_join_element_wise(*(table[name].combine_chunks() for name in tables.ITEMS.key), "\x1f")
    first = pc.index_in(keys, keys).to_numpy(zero_copy_only=False)
    if len(again := np.flatnonzero(first < np.arange(len(table)))):
        row = int(again[0])
        benchmark, item_id = (table[name][row].as_py() for name in tables.ITEMS.key)
        raise MedevalError(
            f"{where}: items {int(first[row])} and {row} are both item {item_id!r} of {benchmark!r}",
            "Leave out one of them, or give them different ids.",
        )
