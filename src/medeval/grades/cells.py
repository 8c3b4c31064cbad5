"""Cells of a foreign Parquet table in the type that scoring needs; what cannot be read names its row.

Grades come as booleans, numbers and texts, tags as lists and as JSON, numbers as decimals and texts: whatever
programs write. Everything that has one meaning is read; everything else is refused.
"""

import ast
import json
import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import pyarrow as pa

from medeval.errors import MedevalError

T = TypeVar("T")

_MET = {"true": True, "1": True, "1.0": True, "yes": True, "false": False, "0": False, "0.0": False, "no": False}
# What libraries write for an absent value when they turn a column into texts.
_ABSENT = frozenset({"", "none", "null", "nan", "na", "n/a", "<na>"})


class Unreadable(Exception):
    """A value cannot be what its column holds; the message says what was expected."""


@dataclass(frozen=True)
class Column:
    """A column of a file.

    Attributes:
        where: The file and how rows are named, for errors.
        name: The column's name.
        values: Its values as Python objects.
        describe: Returns words that identify a row's example, for errors.
    """

    where: str
    name: str
    values: list[Any]
    describe: Callable[[int], str]

    def read(self, reader: Callable[[Any], T]) -> list[T]:
        """Read every value; equal ones are read once.

        Raises:
            MedevalError: A value cannot be read.
        """
        known: dict[Hashable, T] = {}
        found = []
        for row, value in enumerate(self.values):
            key = (type(value), str(value) if isinstance(value, list | dict | float) else value)
            if key not in known:
                try:
                    known[key] = reader(value)
                except Unreadable as error:
                    raise MedevalError(
                        f"{self.where}: row {row}{self.describe(row)}: {self.name} is {value!r}, expected {error}",
                        "Correct this row where the table is made; rows are counted from 0.",
                    ) from error
            found.append(known[key])
        return found


def columns(path: str, table: pa.Table, describe: Callable[[int], str]) -> Mapping[str, Column]:
    """Return the columns of a table by name."""
    return {name: Column(path, name, table[name].to_pylist(), describe) for name in table.schema.names}


def name(value: Any) -> str:
    """Read what names something: a text, or a whole number.

    Raises:
        Unreadable: It is neither, or nothing.
    """
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and value == value // 1:
        return str(int(value))
    raise Unreadable("a name")


def name_or(default: str) -> Callable[[Any], str]:
    """Return a reader of names that takes `default` for an absent one."""
    return lambda value: default if value is None or value == "" else name(value)


def index(value: Any) -> int:
    """Read a whole number from 0.

    Raises:
        Unreadable: It is none.
    """
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and number >= 0 and number == int(number):
            return int(value)
    raise Unreadable("a whole number, 0 or more")


def points(value: Any) -> float:
    """Read a criterion's points: a number that is not 0.

    Raises:
        Unreadable: It is none.
    """
    try:
        number = math.nan if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number == 0:
        raise Unreadable("a number that is not 0")
    return number


def met(value: Any) -> bool | None:
    """Read a grade; None where it is missing.

    Raises:
        Unreadable: It is something else.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _ABSENT:
            return None
        if word in _MET:
            return _MET[word]
    elif isinstance(value, int | float | Decimal):
        if value != value:  # what a missing value becomes in a column of floats
            return None
        if value in (0, 1):
            return bool(value)
    raise Unreadable("true, false, 1, 0, or null for a missing grade")


def tags(value: Any) -> tuple[str, ...] | None:
    """Read a list of texts, also one that is written as JSON or as a Python list; None where it is absent.

    Raises:
        Unreadable: It is something else.
    """
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, str):
        value = _list_in(value)
    if not isinstance(value, list | tuple) or not all(isinstance(tag, str) for tag in value):
        raise Unreadable("a list of texts, or JSON of one")
    return tuple(dict.fromkeys(value))


def _list_in(text: str) -> Any:
    if text.strip().lower() in _ABSENT:
        return []
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
