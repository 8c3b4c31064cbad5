"""Rows of judged criteria that contradict each other, found before they are scored."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.records.system import SYSTEM

Row = dict[str, Any]
_RUN = (*SYSTEM, "benchmark", "subset")
_SHOWN_GAPS = 3
_ONE_FILE_PER_JUDGE = "Give one file per judge; `medeval judge panel` compares them."
_KEEP_ONE = (
    "Keep one of them; several answers to a prompt need the column `sample`, a prompt that stands in several subsets "
    "needs the column `subset`, and grades of several judges need one file per judge, with the column `judge`."
)


def check(path: Path, rows: Sequence[Row]) -> None:
    """Refuse rows that cannot all be true.

    Raises:
        MedevalError: A criterion of an answer is judged twice; a criterion has different points or tags in different
            rows; the rows of an example have different example tags. A prompt may differ between subsets.
    """
    _once(path, rows)
    _same(path, rows, "points", lambda row: row["points"], criterion=True)
    _same(path, rows, "tags", lambda row: _as_set(row["tags"]), criterion=True)
    _same(path, rows, "example_tags", lambda row: _as_set(row["example_tags"]), criterion=False)


def gaps(rows: Sequence[Row]) -> Iterator[str]:
    """Say which answers lack a criterion that other answers to the same prompt have, or a number in between.

    A grade that is missing should have a row with a null `met`; without a row it cannot be counted.
    """
    found: dict[tuple[str, ...], set[int]] = {}
    of_prompt: dict[tuple[str, str], set[int]] = {}
    for row in rows:
        answer = (*(row[name] for name in _RUN), row["item_id"], str(row["sample"]))
        found.setdefault(answer, set()).add(row["criterion_index"])
        of_prompt.setdefault((row["subset"], row["item_id"]), set()).add(row["criterion_index"])
    lacking = []
    for answer, indexes in found.items():
        known = of_prompt[answer[4], answer[5]]
        if missing := sorted((known | set(range(min(known), max(known)))) - indexes):
            lacking.append(f"prompt {answer[5]}, sample {answer[6]} lacks criterion {', '.join(map(str, missing))}")
    if lacking:
        more = f" and {len(lacking) - _SHOWN_GAPS:,} more" if len(lacking) > _SHOWN_GAPS else ""
        yield (
            f"{len(lacking):,} answers lack rows, and their scores leave these criteria out: "
            f"{'; '.join(lacking[:_SHOWN_GAPS])}{more}. A missing grade needs a row with a null met"
        )


def _once(path: Path, rows: Sequence[Row]) -> None:
    first: dict[tuple[Any, ...], int] = {}
    for number, row in enumerate(rows):
        key = (*(row[name] for name in _RUN), row["item_id"], row["sample"], row["criterion_index"])
        if (before := first.setdefault(key, number)) != number:
            judges = [rows[place]["judge"] for place in (before, number)]
            raise MedevalError(
                f"{path}: rows {before} and {number} both judge criterion {row['criterion_index']} of prompt "
                f"{row['item_id']!r}, sample {row['sample']}"
                + (f"; their judges are {judges[0]!r} and {judges[1]!r}" if judges[0] != judges[1] else ""),
                _ONE_FILE_PER_JUDGE if judges[0] != judges[1] else _KEEP_ONE,
            )


def _same(path: Path, rows: Sequence[Row], name: str, value: Callable[[Row], Any], *, criterion: bool) -> None:
    first: dict[tuple[Any, ...], int] = {}
    for number, row in enumerate(rows):
        if row[name] is None:
            continue
        key = (row["subset"], row["item_id"], row["criterion_index"] if criterion else None)
        before = first.setdefault(key, number)
        if value(rows[before]) != value(row):
            what = f"criterion {row['criterion_index']} of " if criterion else ""
            raise MedevalError(
                f"{path}: rows {before} and {number}: {what}prompt {row['item_id']!r} has the {name} "
                f"{_shown(rows[before][name])} and {_shown(row[name])}",
                "Correct one of them; a prompt that stands in several subsets needs the column `subset`.",
            )


def _as_set(tags: tuple[str, ...] | None) -> frozenset[str]:
    return frozenset(tags or ())


def _shown(value: Any) -> str:
    return ", ".join(value) or "(none)" if isinstance(value, tuple) else f"{value:g}"
