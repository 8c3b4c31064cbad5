"""The agreement document as tables for the terminal."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from medeval.records.system import SYSTEM

_STYLES = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}
_NONE = "-"
_SHOWN = 5

Entry = Mapping[str, Any]


def render(document: Entry, width: int = 120) -> str:
    """Return the document of `run.agree` as text: what was compared, every level of agreement, the gate."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=False)
    for line in _heading(document):
        console.print(escape(line), soft_wrap=True)
    for table in _tables(document, "A and B"):
        console.print(table)
    if document["floor"]:
        for table in _tables(document["floor"], "A and its second run"):
            console.print(table)
    if document["gate"]:
        console.print(_gate(document["gate"]))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).rstrip()


def _heading(document: Entry) -> Iterable[str]:
    sides = (("A", document["a"]), ("B", document["b"]), ("A again", document["again"]))
    for name, side in sides:
        if side:
            system = "/".join(side[key] for key in SYSTEM)
            runs = ", ".join(side["run_ids"])
            yield f"{name}: {system}, run {runs}, {side['responses']:,} responses ({side['path']})"
    differing = document["settings_that_differ"]
    if differing is None:
        yield "Settings that differ: not known for both runs"
    else:
        found = [f"{name} ({_short(both['a'])}; {_short(both['b'])})" for name, both in differing.items()]
        yield f"Settings that differ: {', '.join(found) or 'none'}"
    for note in document["notes"]:
        yield f"Note: {note}."
    for entry in document["groups"]:
        for side in ("a", "b"):
            if missing := entry[f"only_in_{side}"]:
                more = f" and {len(missing) - _SHOWN} more; --out names all" if len(missing) > _SHOWN else ""
                yield f"Only in {side.upper()}, {_label(entry)}: {', '.join(missing[:_SHOWN])}{more}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."


def _tables(part: Entry, sides: str) -> Iterable[Table]:
    entries = [*part["groups"], *(entry for entry in part["overall"] if len(entry["benchmarks"]) > 1)]
    for title, columns, cells in (
        ("Responses", _ROW_COLUMNS, _row_cells),
        ("Probabilities of the options", _OPTION_COLUMNS, _option_cells),
        ("Generated replies", _REPLY_COLUMNS, _reply_cells),
        ("Correctness", _CORRECTNESS_COLUMNS, _correctness_cells),
    ):
        rows = [(_label(entry), *found) for entry in entries if (found := tuple(cells(entry)))]
        if rows:
            yield _table(f"{title}, {sides}", ("benchmark, mode", *columns), rows)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Make a table, without the columns in which nothing was measured."""
    table = Table(title=title, title_justify="left", box=SIMPLE, collapse_padding=True, pad_edge=False)
    kept = [place for place in range(len(columns)) if any(row[place] != _NONE for row in rows)]
    for place in kept:
        table.add_column(columns[place], justify="right" if place else "left", no_wrap=not place)
    for row in rows:
        table.add_row(*(row[place] for place in kept))
    return table


def _label(entry: Entry) -> str:
    benchmark = entry["benchmark"] if "benchmark" in entry else f"all {len(entry['benchmarks'])}"
    return f"{benchmark}, {entry['mode']}"


_ROW_COLUMNS = (
    "shared",
    "only in A, B",
    "errors in A, B",
    "compared",
    "other prompt",
    "same prompt length",
)


def _row_cells(entry: Entry) -> Iterable[str]:
    rows = entry["rows"]
    yield f"{rows['shared']:,}"
    yield f"{rows['only_in_a']:,}, {rows['only_in_b']:,}"
    yield f"{rows['errors_a']:,}, {rows['errors_b']:,}"
    yield f"{rows['compared']:,}"
    yield f"{rows['different_prompts']:,}"
    yield _share(entry["same_prompt_tokens"])


_OPTION_COLUMNS = ("n", "mean KL, nats", "mean JS", "mean TV", "max |Δ log p|", "same first", "same first, A clear")


def _option_cells(entry: Entry) -> Iterable[str]:
    options = entry["options"]
    if options is None:
        return
    yield f"{options['n']:,}"
    yield from (_mean(options[name]) for name in ("kl", "js", "tv"))
    yield _number(options["max_log_ratio"], "infinite")
    yield _share(options["top1"])
    yield _share(options["clear_top1"])


_REPLY_COLUMNS = (
    "n",
    "same text",
    "texts part at (median)",
    "same tokens",
    "tokens part at (median)",
    "max |Δ log p| before",
)


def _reply_cells(entry: Entry) -> Iterable[str]:
    replies = entry["replies"]
    if replies is None:
        return
    tokens = replies["tokens"] or {"same": None, "first_difference": None, "max_log_ratio": None}
    yield f"{replies['n']:,}"
    yield _share(replies["same_text"])
    yield _place(replies["first_difference"])
    yield _share(tokens["same"])
    yield _place(tokens["first_difference"])
    yield _number(tokens["max_log_ratio"], _NONE)


_CORRECTNESS_COLUMNS = (
    "n",
    "A, B right",
    "change, points",
    "p",
    "flips",
    "lost, gained",
    "answers change",
    "excess flips, points",
)


def _correctness_cells(entry: Entry) -> Iterable[str]:
    correctness = entry["correctness"]
    if correctness is None:
        return
    flips = correctness["flips"]
    change = flips["change"]
    yield f"{correctness['n']:,}"
    yield f"{correctness['accuracy_a']:.1%}, {correctness['accuracy_b']:.1%}"
    yield _points(change)
    yield _NONE if change["p_value"] is None else f"{change['p_value']:.3g}"
    yield _share(flips["rate"])
    yield f"{flips['lost']:,}, {flips['gained']:,}"
    yield _share(correctness["answer_changes"])
    yield _points(correctness["excess_flips"])


def _mean(estimate: Entry) -> str:
    return _with_ends(_number(estimate["value"], "infinite"), estimate, lambda end: f"{end:.2g}")


def _share(estimate: Entry | None) -> str:
    if estimate is None:
        return _NONE
    digits = 1 if estimate["n"] < 1000 else 2  # no finer than one item
    return _with_ends(f"{estimate['value']:.{digits}%}", estimate, lambda end: f"{100 * end:.{digits}f}")


def _points(estimate: Entry | None) -> str:
    if estimate is None:
        return _NONE
    return _with_ends(f"{100 * estimate['value']:+.2f}", estimate, lambda end: f"{100 * end:+.2f}")


def _with_ends(value: str, estimate: Entry, form: Callable[[float], str]) -> str:
    if estimate["low"] is None or estimate["high"] is None:
        return f"{value}\nno interval"
    return f"{value}\n{form(estimate['low'])} to {form(estimate['high'])}"


def _number(value: float | None, absent: str) -> str:
    return absent if value is None else f"{value:.2g}"


def _place(spread: Entry | None) -> str:
    return _NONE if spread is None else f"{spread['unit']} {spread['median']:g}\nof {spread['n']:,} that do"


def _gate(decided: Entry) -> Table:
    table = Table(title=f"Gate: {decided['verdict']}", title_justify="left", box=SIMPLE)
    for column in ("mode", "criterion", "limit"):
        table.add_column(column)
    table.add_column("outcome", no_wrap=True)
    table.add_column("found")
    for criterion in decided["criteria"]:
        outcome = criterion["verdict"]
        styled = f"[{_STYLES[outcome]}]{outcome}[/]"
        table.add_row(criterion["mode"], criterion["name"], criterion["limit"], styled, criterion["reason"])
    return table
