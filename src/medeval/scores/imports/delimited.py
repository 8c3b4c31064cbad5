"""Replies in a CSV or TSV file: one row each, its columns named as ours or mapped to ours."""

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.scores.imports.replies import ForeignReply

# Our name -> the field of a reply.
COLUMNS = {
    "item_id": "identifier",
    **{
        field.name: field.name
        for field in fields(ForeignReply)
        if field.name not in ("where", "shown", "identifier", "stratum", "gold")
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
                yield _reply(row, places, f"{path}: row {number}")
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


def _reply(row: list[str], places: Mapping[str, int], where: str) -> ForeignReply:
    values: dict[str, Any] = {}
    for name, place in places.items():
        if bad := next((c for c in row[place] if _FIRST_SURROGATE <= c <= _LAST_SURROGATE), None):
            raise MedevalError(
                f"{where}: column {name!r} holds the byte 0x{ord(bad) & 0xFF:02x}, which is not UTF-8",
                "Write the file as UTF-8.",
            )
        values[COLUMNS[name]] = row[place] if row[place] or name in _NEVER_EMPTY else None
    if (logprobs := values.get("option_logprobs")) is not None:
        values["option_logprobs"] = _numbers(logprobs, where)
    return ForeignReply(where=where, **{name: value for name, value in values.items() if value is not None})


def _numbers(text: str, where: str) -> list[float]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise MedevalError(f"{where}: option_logprobs is no JSON list ({error})", "Write [-1.5, -0.2].") from error
    if not isinstance(found, list) or any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in found):
        raise MedevalError(f"{where}: option_logprobs is no list of numbers", "Write [-1.5, -0.2].")
    return [float(value) for value in found]
