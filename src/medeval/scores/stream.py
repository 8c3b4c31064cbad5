"""Scores of any number of responses: read, scored and written batch by batch, by several processes if asked."""

import logging
import multiprocessing
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.files import refuse_to_replace
from medeval.records.writer import PartWriter, written_in_parts
from medeval.scores.columns import as_responses
from medeval.scores.coverage import RunLedger
from medeval.scores.items import read_items
from medeval.scores.layout import ResponsesLayout, Stated, read_layout
from medeval.scores.lookup import IntArray
from medeval.scores.scorer import ITEM_COLUMNS, ScoredResponses, Scorer

log = logging.getLogger(__name__)

# Below this many responses, starting processes takes longer than scoring them.
POOL_ROWS = 20_000
_BATCH_BYTES = 32 << 20
_LEAST_BATCH, _MOST_BATCH = 64, 8192


@dataclass(frozen=True)
class ScoredFile:
    """What scoring a file did.

    Attributes:
        statuses: Status -> responses.
        notes: What was filled in for a table that lacks it, as sentences.
    """

    statuses: Mapping[str, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Failure:
    """An error of a process, whose exception would not survive the way back."""

    problem: str
    remedy: str


@dataclass(frozen=True)
class _ScoredBatch:
    """The scores of one batch, and what was taken for granted."""

    scored: ScoredResponses
    counts: Counter[str] = field(default_factory=Counter)


def score_files(
    items_paths: Sequence[Path],
    responses_path: Path,
    out: Path,
    *,
    command: str,
    stated: Stated | None = None,
    processes: int = 1,
    batch_rows: int | None = None,
) -> ScoredFile:
    """Score a file of responses and write the scores, one row per response in the same order.

    Memory is bounded by the batches that are under way, plus 8 bytes a response. The bytes written depend neither on
    the number of processes nor on the size of the batches.

    Args:
        items_paths: Items tables, this package's or anybody's; see `medeval.scores.items`.
        responses_path: A table of responses, this package's or anybody's; see `medeval.scores.layout`.
        out: Table of scores to write.
        command: The command line, for the record.
        stated: What the user says of a table that does not say it itself.
        processes: Processes that read answers; this one only, below `POOL_ROWS` responses. They import the main
            module, so a script that asks for several must guard its own start (`if __name__ == "__main__"`).
        batch_rows: Responses that are scored together; None takes about 32 MiB of them.

    Raises:
        MedevalError: A table is unusable, a response has no item or cannot be scored, or two answer the same item in
            one run; the file and the row are named, and nothing is written.
    """
    refuse_to_replace(out, [*items_paths, responses_path])
    all_items, notes = read_items(items_paths)
    items = all_items.select(list(ITEM_COLUMNS)).combine_chunks()
    layout = read_layout(responses_path, stated or Stated())
    rows = batch_rows or _batch_rows(layout)
    inputs = {"items" if len(items_paths) == 1 else f"items {i}": path for i, path in enumerate(items_paths)}
    ledger, statuses, counts = RunLedger(len(items)), Counter[str](), Counter[str]()
    with written_in_parts(out, tables.SCORES, command=command, inputs={**inputs, "responses": responses_path}) as file:
        for part in _parts(items, layout, rows, processes if layout.rows >= POOL_ROWS else 1):
            _add(part, file, ledger, statuses)
            counts += part.counts
        ledger.check_unique(str(responses_path))
    taken = (f"{sentence} ({count} rows)" for sentence, count in sorted(counts.items()))
    return ScoredFile(dict(sorted(statuses.items())), (*notes, *layout.notes, *taken))


def _add(part: _ScoredBatch, file: PartWriter, ledger: RunLedger, statuses: Counter[str]) -> None:
    table = part.scored.table
    ledger.add(table, part.scored.places)
    statuses.update({entry["values"]: entry["counts"] for entry in table["status"].value_counts().to_pylist()})
    file.add(table)


def _batch_rows(layout: ResponsesLayout) -> int:
    return min(_MOST_BATCH, max(_LEAST_BATCH, int(_BATCH_BYTES / max(layout.row_bytes, 1.0))))


def _batches(layout: ResponsesLayout, rows: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield (number of its first row, batch); a file with one large row group is not read whole."""
    first = 0
    try:
        with pq.ParquetFile(layout.path, buffer_size=1 << 20, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=rows, columns=list(layout.columns), use_threads=False):
                yield first, batch
                first += len(batch)
    except (pa.ArrowInvalid, OSError) as error:
        raise MedevalError(
            f"{layout.path}: cannot be read after row {first}, it may be damaged ({error})",
            "Delete it and run the stage that writes it again.",
        ) from error


def _parts(items: pa.Table, layout: ResponsesLayout, rows: int, processes: int) -> Iterator[_ScoredBatch]:
    if processes == 1:
        worker = _Worker(items, layout)
        for first, batch in _batches(layout, rows):
            yield worker.score(first, batch)
        return
    yield from _parts_of_pool(items, layout, rows, processes)


def _parts_of_pool(items: pa.Table, layout: ResponsesLayout, rows: int, processes: int) -> Iterator[_ScoredBatch]:
    """Yield the parts in the order of the file; no more than two batches a process are under way."""
    context = multiprocessing.get_context("spawn")  # Arrow's threads do not survive a fork
    pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(_to_bytes(items), layout))
    waiting: deque[Future[Any]] = deque()
    handed = TemporaryDirectory(ignore_cleanup_errors=True)
    try:
        for first, batch in _batches(layout, rows):
            waiting.append(pool.submit(_score, first, _to_file(batch, Path(handed.name) / str(first))))
            if len(waiting) >= 2 * processes:
                yield _received(waiting.popleft().result())
        while waiting:
            yield _received(waiting.popleft().result())
    except BrokenProcessPool as error:
        raise MedevalError(
            f"{layout.path}: a process that scored it ended without a word, as one does when memory runs out",
            "Run it again with fewer `--processes`.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
        handed.cleanup()


class _Worker:
    """Scores the batches of one file."""

    def __init__(self, items: pa.Table, layout: ResponsesLayout) -> None:
        self._scorer, self._layout = Scorer(items, layout.match), layout

    def score(self, first: int, batch: pa.RecordBatch) -> _ScoredBatch:
        def where(row: int) -> str:
            return f"{self._layout.path}: row {first + row}"

        responses, counts = as_responses(pa.table(batch), self._layout, where)
        return _ScoredBatch(self._scorer.score(responses, where), counts)


_worker: _Worker | None = None  # of a process of the pool


def _start(items: bytes, layout: ResponsesLayout) -> None:
    global _worker
    pa.set_cpu_count(1)
    _worker = _Worker(_from_bytes(items), layout)


def _score(first: int, batch: Path) -> tuple[bytes, IntArray, Counter[str]] | _Failure:
    assert _worker is not None  # noqa: S101 - the pool's initializer made it
    try:
        with pa.memory_map(str(batch)) as source:
            part = _worker.score(first, pa.ipc.open_stream(source).read_next_batch())
    except MedevalError as error:
        return _Failure(error.problem, error.remedy)
    finally:
        batch.unlink()
    return _to_bytes(part.scored.table), part.scored.places, part.counts


def _received(result: tuple[bytes, IntArray, Counter[str]] | _Failure) -> _ScoredBatch:
    if isinstance(result, _Failure):
        raise MedevalError(result.problem, result.remedy)
    table, places, counts = result
    return _ScoredBatch(ScoredResponses(_from_bytes(table), places), counts)


def _to_file(batch: pa.RecordBatch, path: Path) -> Path:
    """Write a batch where another process can map it: texts through a pipe would be copied several times."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write(batch)
    return path


def _to_bytes(rows: pa.Table) -> bytes:
    """Return rows as an Arrow stream, which unlike a pickle leaves out what a slice does not show."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write(rows)
    found: bytes = sink.getvalue().to_pybytes()
    return found


def _from_bytes(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()
