"""The rows of anybody's table as responses: types, missing values, how replies ended, and where reasoning stands."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.scores.layout import COLUMN_TYPES, READ_COLUMNS, UNKNOWN_TOKENS, ResponsesLayout, Stated
from medeval.scores.thoughts import has_known_marks, joined, part_as_stated, part_by_known_marks

# What other programs call the ways a reply ends, in small letters.
FINISH_NAMES = {
    **dict.fromkeys(("stop", "eos", "eos_token", "end_turn", "stop_sequence", "scored"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_new_tokens", "model_length"), "length"),
    **dict.fromkeys(("error", "content_filter"), "error"),
}

_LEAST = {"sample": 0, "generated_tokens": UNKNOWN_TOKENS}

Where = Callable[[int], str]


def as_responses(batch: pa.Table, layout: ResponsesLayout, where: Where) -> tuple[pa.Table, Counter[str]]:
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
    columns = {name: as_type(batch[name], name, COLUMN_TYPES[name], where, layout.path) for name in layout.columns}
    for name, value in layout.constants.items():
        columns[name] = pa.repeat(pa.scalar(value, COLUMN_TYPES[name]), len(batch))
    counts: Counter[str] = Counter()
    if layout.foreign:
        absent = ("text", "reasoning", "option_logprobs", "shown_order", "labels_shown", "error", "finish_reason")
        for name in absent:
            columns.setdefault(name, pa.nulls(len(batch), COLUMN_TYPES[name]))
        columns["reasoning"] = pc.if_else(pc.equal(columns["reasoning"], ""), None, columns["reasoning"])
        _fill_tokens(columns, counts)
        columns["finish_reason"] = _finish_reasons(columns, "finish_reason" in layout.columns, counts, where)
        columns |= _parted(columns, layout.stated, counts)
    for name in (*tables.RESPONSES.key, "generated_tokens"):
        if columns[name].null_count:
            row = pc.index(columns[name].is_null(), True).as_py()
            raise MedevalError(f"{where(row)} has no {name!r}", "Correct that row, or leave it out.")
    for name, least in _LEAST.items():
        _refuse_below(columns[name], name, least, where)
    return pa.table({name: columns[name] for name in READ_COLUMNS}), counts


def _refuse_below(column: pa.Array, name: str, least: int, where: Where) -> None:
    below = pc.less(column, least)
    if pc.any(below).as_py():
        row = pc.index(below, True).as_py()
        unknown = f", or {UNKNOWN_TOKENS} where it is not known" if least == UNKNOWN_TOKENS else ""
        raise MedevalError(
            f"{where(row)}: {name} is {column[row].as_py()}, expected 0 or more{unknown}",
            "Correct that row, or leave it out.",
        )


def as_type(column: pa.ChunkedArray, name: str, wanted: pa.DataType, where: Where, path: Path) -> pa.Array:
    """Return a column of a table of others in the type that is needed; ids may be whole numbers.

    Raises:
        MedevalError: A value cannot be had in that type, and its row is named; or no value of the column's type can.
    """
    array = column.combine_chunks()
    whole = name == "item_id" and pa.types.is_integer(array.type)
    if wanted == pa.string() and not is_text(array.type) and not whole:
        raise MedevalError(
            f"{path}: column {name!r} holds {array.type}, expected text{' or whole numbers' * (name == 'item_id')}",
            "Write the column as text.",
        )
    try:
        return array.cast(wanted)
    except pa.ArrowNotImplementedError as error:
        raise MedevalError(
            f"{path}: column {name!r} holds {array.type}, expected {wanted}", "Correct the column's type."
        ) from error
    except pa.ArrowInvalid as error:
        row = next((row for row in range(len(array)) if not _castable(array.slice(row, 1), wanted)), 0)
        raise MedevalError(
            f"{where(row)}: column {name!r} is not {wanted} ({error})", "Correct the value, or the column's type."
        ) from error


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text, in whatever form it is stored; one without values may."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    known = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(test(kind) for test in known)


def _castable(array: pa.Array, kind: pa.DataType) -> bool:
    try:
        array.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True


def _fill_tokens(columns: dict[str, pa.Array], counts: Counter[str]) -> None:
    if unknown := columns["generated_tokens"].null_count:
        counts["generated_tokens: none, so their number is not known"] += unknown
        columns["generated_tokens"] = pc.fill_null(columns["generated_tokens"], UNKNOWN_TOKENS)


def _finish_reasons(columns: Mapping[str, pa.Array], there: bool, counts: Counter[str], where: Where) -> pa.Array:
    """Return stop, length or error for every row: what the row says, error if it holds one or nothing, else stop."""
    said = pc.utf8_lower(pc.if_else(pc.equal(columns["finish_reason"], ""), None, columns["finish_reason"]))
    known = pc.index_in(said, pa.array(list(FINISH_NAMES)), skip_nulls=True)
    unknown = pc.and_(said.is_valid(), known.is_null())
    if pc.any(unknown).as_py():
        row = pc.index(unknown, True).as_py()
        raise MedevalError(
            f"{where(row)}: finish_reason {columns['finish_reason'][row].as_py()!r} is not known",
            f"Write one of: {', '.join(FINISH_NAMES)}.",
        )
    reasons = pc.fill_null(pa.array(list(FINISH_NAMES.values())).take(known), "stop")
    failed = pc.fill_null(pc.greater(pc.binary_length(columns["error"]), 0), False)
    generated = pc.fill_null(pc.equal(columns["mode"], "generate"), False)
    empty = pc.and_(generated, pc.and_(columns["text"].is_null(), columns["reasoning"].is_null()))
    empty = pc.and_(empty, pc.invert(pc.or_(failed, pc.equal(reasons, "error"))))
    if nothing := pc.sum(empty).as_py():
        counts["text: null, and no error or reasoning is said, so the reply counts as an error"] += nothing
    failed = pc.or_(failed, empty)
    if there and (silent := pc.sum(pc.and_(pc.and_(said.is_null(), generated), pc.invert(failed))).as_py()):
        counts["finish_reason: none, the reply counts as complete"] += silent
    return pc.if_else(failed, "error", reasons)


def _parted(columns: Mapping[str, pa.Array], stated: Stated, counts: Counter[str]) -> dict[str, pa.Array]:
    """Part reasoning from generated texts: by the marks that are stated, else by those that are well known."""
    if stated.texts_as_they_are:
        return {}
    generated = pc.fill_null(pc.equal(columns["mode"], "generate"), False)
    rows = np.flatnonzero(pc.and_(generated, columns["text"].is_valid()).to_numpy(zero_copy_only=False)).tolist()
    texts = columns["text"].to_pylist()
    marks = stated.reasoning
    rows = rows if marks else [row for row in rows if has_known_marks(texts[row])]
    if not rows:
        return {}
    thoughts = columns["reasoning"].to_pylist()
    for row in rows:
        parted = part_as_stated(texts[row], marks) if marks else part_by_known_marks(texts[row], counts)
        texts[row], thoughts[row] = parted.text, joined(thoughts[row], parted.reasoning)
    return {"text": pa.array(texts, pa.string()), "reasoning": pa.array(thoughts, pa.string())}
