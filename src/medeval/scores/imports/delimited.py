"""Replies in a CSV or TSV file: one row each, its columns named as ours or mapped to ours."""

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.scores.imports.questions import shown_in
from medeval.scores.imports.records import RecordField
from medeval.scores.imports.replies import ForeignReply, Shown

# Our name -> the field of a reply.
COLUMNS = {
    "item_id": "identifier",
    **{
        field.name: field.name
        for field in fields(ForeignReply)
        if field.name not in ("where", "shown", "listed", "refused", "identifier", "stratum", "gold")
    },
}
_NEVER_EMPTY = ("text",)  # an empty text is an empty reply, any other empty field is none
_LAST_SURROGATE, _FIRST_SURROGATE = "\udcff", "\udc80"


def read(path: Path, mapping: Mapping[str, str]) -> Iterator[ForeignReply]:
    """Yield the replies of one file.

    Fields may hold line breaks, if they are quoted. An empty field is no value, but for the text.

    Args:
        path: The file, UTF-8; its suffix says whether commas or tabs part the fields.
        mapping: Our name of a column -> the file's; a column that has our name needs no entry.

    Raises:
        MedevalError: The file is missing or has another header, or a row is broken or not UTF-8; the row is named,
            counted from 0 without the header.
    """
    if not path.is_file():
        raise MedevalError(f"{path}: no such file", "Correct the path.")
    csv.field_size_limit(sys.maxsize)  # replies are longer than the module expects of a field
    # A byte that is not UTF-8 becomes a surrogate, so that the row that holds it can be named.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        rows = csv.reader(stream, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
        try:
            header = next(rows, [])
            places = _places(path, header, mapping)
            for number, row in enumerate(row for row in rows if row):
                if len(row) != len(header):
                    raise MedevalError(
                        f"{path}: row {number} has {len(row)} fields, expected {len(header)}",
                        "Quote fields that hold commas or line breaks.",
                    )
                where = f"{path}: row {number}"
                yield _reply(row, places, where, _shown(header, row, places, where))
        except csv.Error as error:
            raise MedevalError(
                f"{path}: broken at line {rows.line_num} ({error})", "Quote fields that hold quotes or line breaks."
            ) from error


def _places(path: Path, header: list[str], mapping: Mapping[str, str]) -> dict[str, int]:
    """Return our name -> position in a row, for every column that is read."""
    if unknown := [name for name in mapping if name not in COLUMNS]:
        raise MedevalError(
            f"--column {unknown[0]}=...: there is no column of that name", f"Give one of: {', '.join(COLUMNS)}."
        )
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise MedevalError(f"{path}: column name(s) used twice: {', '.join(twice)}", "Rename one of each.")
    if absent := [name for name in mapping.values() if name not in header]:
        raise MedevalError(f"{path}: has no column {', '.join(absent)}; found {', '.join(header)}", "Correct --column.")
    named = {**{name: name for name in COLUMNS if name in header}, **mapping}
    if missing := [name for name in ("item_id",) if name not in named]:
        raise MedevalError(
            f"{path}: no column is {', '.join(missing)}; found {', '.join(header)}",
            f"Say which column it is: --column {missing[0]}=NAME.",
        )
    if "text" not in named and "option_logprobs" not in named:
        raise MedevalError(
            f"{path}: no column is text; found {', '.join(header)}", "Say which column it is: --column text=NAME."
        )
    return {name: header.index(theirs) for name, theirs in named.items()}


def _shown(header: list[str], row: list[str], places: Mapping[str, int], where: str) -> tuple[Shown, ...]:
    """Return the options in columns that are not of a reply; numbers under a letter are no options but scores."""
    others = {
        name: value for place, (name, value) in enumerate(zip(header, row, strict=True)) if place not in places.values()
    }
    texts = {name: value for name, value in others.items() if len(name) > 1 or not _is_number(value)}
    return shown_in(RecordField(texts, where, "Write the options as a JSON list of texts, or rename the column."))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _reply(row: list[str], places: Mapping[str, int], where: str, shown: tuple[Shown, ...]) -> ForeignReply:
    values: dict[str, Any] = {"shown": shown}
    for name, place in places.items():
        if bad := next((c for c in row[place] if _FIRST_SURROGATE <= c <= _LAST_SURROGATE), None):
            raise MedevalError(
                f"{where}: column {name!r} holds the byte 0x{ord(bad) & 0xFF:02x}, which is not UTF-8",
                "Write the file as UTF-8.",
            )
        values[COLUMNS[name]] = row[place] if row[place] or name in _NEVER_EMPTY else None
    if (logprobs := values.get("option_logprobs")) is not None:
        values["option_logprobs"] = [float(value) for value in _numbers(logprobs, where, "option_logprobs")]
    if (order := values.get("shown_order")) is not None:
        values["shown_order"] = tuple(_numbers(order, where, "shown_order", whole=True))
    return ForeignReply(where=where, **{name: value for name, value in values.items() if value is not None})


def _numbers(text: str, where: str, name: str, *, whole: bool = False) -> list[Any]:
    example = "[2, 0, 1, 3]" if whole else "[-1.5, -0.2]"
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise MedevalError(f"{where}: {name} is no JSON list ({error})", f"Write {example}.") from error
    kinds = (int,) if whole else (int, float)
    if not isinstance(found, list) or any(isinstance(v, bool) or not isinstance(v, kinds) for v in found):
        raise MedevalError(f"{where}: {name} is no list of {'whole ' * whole}numbers", f"Write {example}.")
    return found
