"""What the commands share."""

import shlex
import sys
from pathlib import Path

import click

FILE = click.Path(path_type=Path)


def command_line() -> str:
    """Return the command line that is running, for the record in the tables."""
    return shlex.join(["medeval", *sys.argv[1:]])
