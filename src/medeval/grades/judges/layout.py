"""Numbers and tables of the judge commands for the terminal."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from medeval.records.system import SYSTEM

NONE = "-"

Entry = Mapping[str, Any]


def as_text(parts: Iterable[str | Table], width: int = 120) -> str:
    """Render lines and tables, in order, as plain text."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=False)
    for part in parts:
        if isinstance(part, str):
            console.print(escape(part), soft_wrap=True)
        else:
            console.print(part)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).strip()


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Make a table whose first column is text and the others figures."""
    made = Table(title=title, title_justify="left", box=SIMPLE, collapse_padding=True, pad_edge=False)
    for place, column in enumerate(columns):
        made.add_column(column, justify="right" if place else "left", no_wrap=not place)
    for row in rows:
        made.add_row(*map(escape, row))
    return made


def figure(entry: Entry | None, *, digits: int = 3, signed: bool = False) -> str:
    """Show an estimate with its interval, as fractions."""
    if entry is None or entry["value"] is None:
        return NONE
    sign = "+" if signed else ""
    value = f"{entry['value']:{sign}.{digits}f}"
    if entry["low"] is None or entry["high"] is None:
        return f"{value} (no interval)"
    return f"{value} ({entry['low']:{sign}.{digits}f} to {entry['high']:{sign}.{digits}f})"


def number(value: float | None, *, digits: int = 3, signed: bool = False) -> str:
    """Show a number, or a dash."""
    return NONE if value is None else f"{value:{'+' if signed else ''}.{digits}f}"


def run_name(run: Entry) -> str:
    """Name a system and its subset by what is stated of them."""
    return "/".join(run[name] for name in (*SYSTEM, "subset") if run[name] != NONE)
