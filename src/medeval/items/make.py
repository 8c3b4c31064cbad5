"""Source rows to items: one benchmark's files become one validated table."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from medeval.errors import MedevalError
from medeval.items.benchmarks.locate import revision_of
from medeval.items.benchmarks.registry import find, load_benchmark, source_files, summary
from medeval.records import tables
from medeval.records.files import read_json, sha256_file

log = logging.getLogger(__name__)


def make_items(
    benchmark: str,
    sources: Sequence[Path],
    out: Path,
    *,
    expected: int | None,
    command: str,
    options: Mapping[str, str] | None = None,
) -> str:
    """Read a benchmark's source files and write its items.

    Args:
        benchmark: The benchmark's id.
        sources: Its source files, in order, or folders that have them; see `registry.source_files`.
        out: Table to write.
        expected: Number of items that must come out; None accepts any.
        command: The command line, for the record.
        options: What the benchmark's loader takes besides: split, encoding, gold.

    Returns:
        What was seen while reading, as text for the terminal.

    Raises:
        MedevalError: A file is unusable, too many rows are, or the count is not the expected one.
    """
    options = options or {}
    files = source_files(benchmark, sources, options.get("split"))
    loaded = load_benchmark(benchmark, files, _revision(files), **options)
    if expected is not None and len(loaded.items) != expected:
        raise MedevalError(
            f"{', '.join(map(str, sources))}: {len(loaded.items)} items of {benchmark}, expected {expected}",
            "Check that the source is the pinned revision; if it changed on purpose, correct `expected_items`.",
        )
    for path in files:
        _require_unchanged(path)
    table_type = find(benchmark).table_type
    inputs = {f"source {index}": path for index, path in enumerate(files)}
    tables.write(out, tables.build(table_type, loaded.items), table_type, command=command, inputs=inputs)
    return summary(loaded.report)


def _require_unchanged(path: Path) -> None:
    """Refuse a fetched file whose bytes are no longer those that were verified."""
    record = path.with_name(path.name + ".source.json")
    if record.exists() and (found := sha256_file(path)) != (verified := read_json(record)["sha256"]):
        raise MedevalError(
            f"{path}: SHA-256 is {found}, but {verified} was verified when the file was fetched",
            "Delete the file and run the stage that fetches it again.",
        )


def _revision(sources: Sequence[Path]) -> str:
    """Name the sources' revision by the record beside the first file, its snapshot in a cache, or its hash."""
    record = sources[0].with_name(sources[0].name + ".source.json")
    if record.exists():
        return str(read_json(record)["revision"])
    return revision_of(sources[0]) or sha256_file(sources[0])
