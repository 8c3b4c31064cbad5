"""Shards: parts of a benchmark that are evaluated by different jobs, and put together again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.files import read_json, write_json


@dataclass(frozen=True)
class Shard:
    """Every `count`-th item, beginning with item number `number` (1-based)."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `2-of-8`.

        Raises:
            MedevalError: The text is not of that form, or the number is not among the shards.
        """
        found = re.fullmatch(r"(\d+)-of-(\d+)", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise MedevalError(f"shard {text!r} is not one", "Write it as NUMBER-of-COUNT, such as 2-of-8.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}-of-{self.count}"

    def take(self, table: pa.Table) -> pa.Table:
        """Return this shard's rows."""
        return table.take(list(range(self.number - 1, table.num_rows, self.count)))


def names(count: int) -> list[str]:
    """Return the names of all shards."""
    return [str(Shard(number, count)) for number in range(1, count + 1)]


def timings_path(responses: Path) -> Path:
    """Return where the timings that belong to a table of responses are."""
    return responses.with_name(f"{responses.name}.timings.parquet")


def record_path(responses: Path) -> Path:
    """Return where lm-eval's accuracies and the identity of the run are."""
    return responses.with_name(f"{responses.name}.lm_eval.json")


def merge(shards: Sequence[Path], out: Path, *, command: str) -> int:
    """Put the responses of all shards of a benchmark together, with their timings and records.

    Rows are ordered by mode, then by item as in the whole benchmark, then by sample: the same bytes
    as those of a run in one piece, but for the record of where they come from.

    Returns:
        Number of responses.

    Raises:
        MedevalError: Shards are missing, repeated, or of different runs.
    """
    records = [read_json(record_path(path)) for path in shards]
    found = sorted(str(record["shard"]) for record in records)
    counts = {Shard.parse(name).count for name in found}
    if len(counts) != 1 or found != sorted(names(counts.pop())):
        raise MedevalError(
            f"{out}: the shards given are {found}, not each of one division once",
            "Give all shards of one benchmark, each once.",
        )
    identities = [record["identity"] for record in records]
    if different := sorted({key for other in identities for key in other if other[key] != identities[0].get(key)}):
        raise MedevalError(
            f"{out}: the shards were run differently: {', '.join(different)}",
            "Delete the shards of the older run and evaluate them again.",
        )
    in_order = [path for _, path in sorted(zip(records, shards, strict=True), key=lambda pair: _number(pair[0]))]
    for path_of, kind in ((_itself, tables.RESPONSES), (timings_path, tables.TIMINGS)):
        parts = [tables.read(path_of(path), kind) for path in in_order]
        tables.write(
            path_of(out),
            _interleaved(parts),
            kind,
            command=command,
            inputs={
                Shard.__name__.lower() + str(_number(record)): path
                for record, path in zip(records, shards, strict=True)
            },
        )
    write_json(
        record_path(out),
        {
            "identity": identities[0],
            "shard": None,
            "shards": {record["shard"]: record["accuracy"] for record in records},
            "accuracy": None,
        },
    )
    return sum(tables.read(path, tables.RESPONSES).num_rows for path in in_order)


def _itself(path: Path) -> Path:
    return path


def _number(record: dict[str, Any]) -> int:
    return Shard.parse(record["shard"]).number


def _interleaved(parts: Sequence[pa.Table]) -> pa.Table:
    """Deal the items of all shards in turn, mode by mode: the order of the undivided benchmark."""
    places: list[tuple[int, int, int, int]] = []  # mode, item in its shard, shard, row
    offset = 0
    modes: dict[str, int] = {}
    for number, part in enumerate(parts):
        item, earlier = -1, None
        for row, (mode, name) in enumerate(
            zip(part.column("mode").to_pylist(), part.column("item_id").to_pylist(), strict=True)
        ):
            if (mode, name) != earlier:
                item = 0 if earlier is None or mode != earlier[0] else item + 1
                earlier = (mode, name)
            places.append((modes.setdefault(mode, len(modes)), item, number, offset + row))
        offset += part.num_rows
    return pa.concat_tables(parts).take([row for *_, row in sorted(places)])
