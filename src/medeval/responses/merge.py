"""The responses of all shards of a benchmark put together, as if it had been evaluated in one piece."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.shards import Shard, names, record_path, timings_path
from medeval.responses.record import EvaluationRecord


def merge(shards: Sequence[Path], out: Path, *, command: str) -> int:
    """Put the responses of all shards of a benchmark together, with their timings and records.

    Rows are ordered by mode, then by item as in the whole benchmark, then by sample: the same bytes
    as those of a run in one piece, but for the record of where they come from.

    Returns:
        Number of responses.

    Raises:
        MedevalError: Shards are missing, repeated, or of different runs.
    """
    records = [EvaluationRecord.read(record_path(path)) for path in shards]
    found = sorted(str(record.shard) for record in records)
    counts = {Shard.parse(name).count for name in found}
    if len(counts) != 1 or found != sorted(names(counts.pop())):
        raise MedevalError(
            f"{out}: the shards given are {found}, not each of one division once",
            "Give all shards of one benchmark, each once.",
        )
    first = records[0].identity
    if different := sorted({name for record in records for name in record.identity.differences(first)}):
        raise MedevalError(
            f"{out}: the shards were run differently: {', '.join(different)}",
            "Delete the shards of the older run and evaluate them again.",
        )
    numbers = [Shard.parse(str(record.shard)).number for record in records]
    in_order = [path for _, path in sorted(zip(numbers, shards, strict=True))]
    for path_of, kind in ((_itself, tables.RESPONSES), (timings_path, tables.TIMINGS)):
        parts = [tables.read(path_of(path), kind) for path in in_order]
        tables.write(
            path_of(out),
            _interleaved(parts),
            kind,
            command=command,
            inputs={f"shard{number}": path for number, path in zip(numbers, shards, strict=True)},
        )
    accuracies = {str(record.shard): record.accuracy or {} for record in records}
    merged = EvaluationRecord(
        identity=first, software=None, shard=None, sequences=None, accuracy=None, shards=accuracies
    )
    merged.write(record_path(out))
    return sum(tables.read(path, tables.RESPONSES).num_rows for path in in_order)


def _itself(path: Path) -> Path:
    return path


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
