"""Files of JSON records; whatever is wrong with one names its place."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, object) for every line of a file that is not blank.

    Raises:
        MedevalError: The file is missing, or a line is no UTF-8 text or no JSON object.
    """
    if not path.is_file():
        raise MedevalError(f"{path}: no such file", "Name the files themselves, not their folder.")
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                where = f"{path}: line {number}"
                yield where, json_object(line, where)


def json_object(content: bytes, where: str) -> dict[str, Any]:
    """Read a JSON object; NaN and Infinity are numbers, as other programs write them.

    Raises:
        MedevalError: It is none, or is not UTF-8.
    """
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise MedevalError(
            f"{where}: not JSON ({error})", "The file was cut or changed; take it from where it was written."
        ) from error
    if not isinstance(value, dict):
        raise MedevalError(f"{where}: a JSON {type(value).__name__}, expected an object", "Give another file.")
    return value


def require(record: Mapping[str, Any], names: tuple[str, ...], where: str, remedy: str) -> None:
    """Check that a record has the fields that it is read by.

    Raises:
        MedevalError: It lacks some.
    """
    if missing := [name for name in names if name not in record]:
        raise MedevalError(f"{where}: has no {', '.join(missing)}; found {', '.join(record) or 'nothing'}", remedy)


_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


@dataclass(frozen=True)
class RecordField:
    """A value of a JSON record and where it stands in it; whatever is read from it is checked to be of that kind.

    Attributes:
        value: The value; None for a key that the record lacks.
        where: The place of the record, such as "samples.jsonl: line 7".
        remedy: What to do about a record that is not of the form.
        path: Where the value stands in the record, such as "output.choices[0]".
    """

    value: Any
    where: str
    remedy: str
    path: str = ""

    def wrong(self, expected: str) -> MedevalError:
        """Return the error that names the field, what it holds and what was expected."""
        found = _KINDS.get(type(self.value), "nothing")
        return MedevalError(f"{self.where}: {self.path or 'it'} is {found}, expected {expected}", self.remedy)

    def __getitem__(self, key: str) -> "RecordField":
        """Return a field of an object."""
        return self._inner(self.object().get(key), f"{self.path}.{key}" if self.path else key)

    def _inner(self, value: Any, path: str) -> "RecordField":
        return RecordField(value, self.where, self.remedy, path)

    def object(self) -> dict[str, Any]:
        """Return the value, which is an object."""
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        return self.value

    def or_empty(self) -> "RecordField":
        """Return the field itself, or an empty object in place of nothing."""
        return self._inner({}, self.path) if self.value is None else self

    def entries(self, least: int = 0) -> list["RecordField"]:
        """Return the entries of a list that has so many at least."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        if len(self.value) < least:
            raise MedevalError(f"{self.where}: {self.path} has {len(self.value)} entries, expected more", self.remedy)
        return [self._inner(value, f"{self.path}[{number}]") for number, value in enumerate(self.value)]

    def text(self) -> str:
        """Return the value, which is text."""
        if not isinstance(self.value, str):
            raise self.wrong("text")
        return self.value

    def text_if_any(self) -> str | None:
        """Return the value, which is text or nothing."""
        return None if self.value is None else self.text()

    def whole(self) -> int:
        """Return the value, which is a whole number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.wrong("a whole number")
        return self.value

    def whole_if_any(self) -> int | None:
        """Return the value, which is a whole number or nothing."""
        return None if self.value is None else self.whole()

    def number(self) -> float:
        """Return the value, which is a number, or text that says one."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float, str)):
            raise self.wrong("a number")
        try:
            return float(self.value)
        except ValueError:
            raise self.wrong("a number") from None

    def identifier(self) -> str | None:
        """Return the value as text: it is text, a whole number or nothing."""
        return str(self.whole()) if isinstance(self.value, int) else self.text_if_any()
