"""Takes typed values out of a source row; a value that no question can be made of is said to be so."""

import json
import string
from collections.abc import Mapping, Sequence
from typing import Any

LETTERS = string.ascii_uppercase


class UnusableRow(Exception):
    """The row belongs to the benchmark, but no item can be made of it; the message says why."""


class OutsideSelection(Exception):
    """The row belongs to another split, category or tier; the message says which."""


def text(values: Mapping[str, Any], column: str) -> str:
    """Return a text as the source has it.

    Raises:
        UnusableRow: It is missing, empty or no text.
    """
    value = values[column]
    if value is None or value == "":
        raise UnusableRow(f"{column} is empty")
    if not isinstance(value, str):
        raise UnusableRow(f"{column} is {type(value).__name__}, expected text")
    return value


def texts(values: Mapping[str, Any], column: str) -> list[str]:
    """Return a list of texts; None in it becomes "", an option without content.

    Raises:
        UnusableRow: It is missing, no list, or holds something else than texts.
    """
    value = values[column]
    if not isinstance(value, list):
        raise UnusableRow(f"{column} is {type(value).__name__}, expected a list of texts")
    return _texts(value, column)


def lettered_texts(values: Mapping[str, Any], column: str) -> list[str]:
    """Return the texts of a mapping from A, B, C, ... (in any order, without a gap) to texts.

    Raises:
        UnusableRow: It is no such mapping.
    """
    value = values[column]
    if not isinstance(value, dict):
        raise UnusableRow(f"{column} is {type(value).__name__}, expected an object with the keys A, B, ...")
    if sorted(value) != list(LETTERS[: len(value)]):
        raise UnusableRow(f"{column} has the keys {', '.join(sorted(value))}, expected A, B, ... without a gap")
    return _texts([value[letter] for letter in sorted(value)], column)


def integer(values: Mapping[str, Any], column: str) -> int:
    """Return a whole number.

    Raises:
        UnusableRow: It is missing or no whole number.
    """
    value = values[column]
    if isinstance(value, bool) or not isinstance(value, int):
        raise UnusableRow(f"{column} is {_short(value)}, expected a whole number")
    return value


def letter(values: Mapping[str, Any], column: str) -> int:
    """Return the 0-based index of an option letter.

    Raises:
        UnusableRow: It is missing or no such letter.
    """
    value = values[column]
    if not isinstance(value, str) or len(value) != 1 or value not in LETTERS:
        raise UnusableRow(f"{column} is {_short(value)}, expected one capital letter")
    return LETTERS.index(value)


def _texts(value: Sequence[Any], column: str) -> list[str]:
    if wrong := [part for part in value if part is not None and not isinstance(part, str)]:
        raise UnusableRow(f"{column} holds {type(wrong[0]).__name__}, expected texts")
    return ["" if part is None else part for part in value]


def _short(value: Any) -> str:
    shown = json.dumps(value, default=lambda other: type(other).__name__)
    return shown if len(shown) <= 20 else type(value).__name__
