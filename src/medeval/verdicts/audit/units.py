"""What an audit draws: single items, or all items of one cluster of near duplicates together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from medeval.errors import MedevalError
from medeval.items.benchmarks.registry import find
from medeval.records import tables

# HealthBench's subsets are benchmarks of their own: one prompt carries other rubrics in each.
SUBSETS = {"main": "healthbench", "hard": "healthbench_hard", "consensus": "healthbench_consensus"}


@dataclass(frozen=True, slots=True)
class Unit:
    """Items that are drawn together.

    Attributes:
        items: Their ids, in alphabetical order; the first names the unit.
        shares: Share of each in the benchmark's score; the shares of a benchmark sum to 1.
        spans: Highest minus lowest score that each can have: 1, but for a rubric with negative points, whose
            example scores go down to a negative number (the highest is always 1).
    """

    items: tuple[str, ...]
    shares: tuple[float, ...]
    spans: tuple[float, ...]

    @property
    def share(self) -> float:
        """Share of the unit in the benchmark's score."""
        return sum(self.shares)

    @property
    def size(self) -> float:
        """Largest effect that the unit can have on a difference of two systems' scores; its chance to be drawn."""
        return sum(share * span for share, span in zip(self.shares, self.spans, strict=True))


def read_units(paths: Sequence[Path]) -> dict[str, list[Unit]]:
    """Read the units of every benchmark in some items and conversations tables.

    Raises:
        MedevalError: A file is neither, two of them hold the same benchmark, or a conversation has no score.
    """
    found: dict[str, list[Unit]] = {}
    for path in paths:
        kind = tables.read_record(path).get("table")
        if kind not in (tables.ITEMS.name, tables.CONVERSATIONS.name):
            raise MedevalError(
                f"{path}: expected items or conversations, found {kind or 'a file that medeval did not write'}",
                "Give the tables that `medeval items` wrote.",
            )
        conversations = kind == tables.CONVERSATIONS.name
        table = tables.read(path, tables.CONVERSATIONS if conversations else tables.ITEMS)
        units = conversation_units(table) if conversations else item_units(table)
        if repeated := sorted(units.keys() & found.keys()):
            raise MedevalError(f"{path}: holds {repeated[0]}, as another of the files does", "Give it once.")
        found.update(units)
    return found


def item_units(table: pa.Table) -> dict[str, list[Unit]]:
    """Return the units of multiple-choice items, by benchmark.

    Args:
        table: Rows of `tables.ITEMS`.
    """
    rows = table.select(["benchmark", "item_id", "cluster_id", "stratum"]).to_pylist()
    found = {}
    for benchmark, items in _grouped(rows, "benchmark").items():
        by_stratum = find(benchmark).aggregate == "strata"
        strata = _grouped(items, "stratum") if by_stratum else {"": items}
        shares = {row["item_id"]: 1.0 / (len(strata) * len(part)) for part in strata.values() for row in part}
        found[benchmark] = _units(items, shares, dict.fromkeys(shares, 1.0))
    return found


def conversation_units(table: pa.Table) -> dict[str, list[Unit]]:
    """Return the units of HealthBench, each subset as a benchmark of its own.

    Args:
        table: Rows of `tables.CONVERSATIONS`.

    Raises:
        MedevalError: A rubric has no positive points, so that its conversation has no score.
    """
    rows = table.select(["subset", "item_id", "cluster_id", "rubrics"]).to_pylist()
    found = {}
    for subset, items in _grouped(rows, "subset").items():
        spans = {row["item_id"]: 1.0 - lowest_score([c["points"] for c in row["rubrics"]]) for row in items}
        found[SUBSETS[subset]] = _units(items, dict.fromkeys(spans, 1.0 / len(items)), spans)
    return found


def lowest_score(points: Iterable[float]) -> float:
    """Return the lowest score that a rubric allows: all its negative points, over all its positive ones.

    Raises:
        MedevalError: It has no positive points.
    """
    values = list(points)
    possible = sum(value for value in values if value > 0)
    if possible <= 0:
        raise MedevalError("a rubric has no positive points, so no score is defined", "Leave the conversation out.")
    return sum(value for value in values if value < 0) / possible


def _grouped(rows: Iterable[dict[str, Any]], key: str) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return dict(groups)


def _units(rows: list[dict[str, Any]], shares: Mapping[str, float], spans: Mapping[str, float]) -> list[Unit]:
    found = []
    for members in _grouped(rows, "cluster_id").values():
        items = tuple(sorted(row["item_id"] for row in members))
        found.append(Unit(items, tuple(shares[item] for item in items), tuple(spans[item] for item in items)))
    return found
