"""Files of JSON records; whatever is wrong with one names its place."""

import json
from collections.abc import Iterator, Mapping
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
