"""What the commands share."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel

from medeval.errors import MedevalError
from medeval.records.yaml_files import validate

FILE = click.Path(path_type=Path)
FOLDER = click.Path(path_type=Path, file_okay=False)

SectionT = TypeVar("SectionT", bound=BaseModel)


def command_line() -> str:
    """Return the command line that is running, for the record in the tables."""
    return shlex.join(["medeval", *sys.argv[1:]])


def json_object(option: str, text: str) -> dict[str, Any]:
    """Read an option's value that must be a JSON object.

    Raises:
        MedevalError: It is not one.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise MedevalError(f"{option}: not JSON: {error}", "Quote the whole value for the shell.") from error
    if not isinstance(value, dict):
        raise MedevalError(f"{option}: expected a JSON object, found {text}", 'Give one such as {"key": "value"}.')
    return value


def section(kind: type[SectionT], option: str, text: str) -> SectionT:
    """Read an option's value that must be a part of the configuration, as JSON.

    Raises:
        MedevalError: It is not JSON, or holds a wrong key or value.
    """
    return validate(kind, json_object(option, text), Path(option))
