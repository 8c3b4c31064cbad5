"""Time and peak memory of `medeval score` on a million long replies: python tests/bench/bench_score.py

Makes items and a table of replies of 2,000 characters, as another program would write it, in a temporary folder: three
of five replies end with the requested line, one states its answer otherwise, and one names the text of an option or
nothing at all. Then scores it with one and with two processes. docs/read/scoring.md has the figures of one run.
"""

import argparse
import multiprocessing
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from medeval.answers.reading import read_answer
from medeval.records import tables

ITEMS, BODIES, CHUNK = 12_000, 2_000, 10_000
OPTIONS = ("Acute myocardial infarction", "Pulmonary embolism", "Gastro-oesophageal reflux", "Panic disorder")
ENDS = ("\n\nAnswer: B",) * 6 + (" So the answer is (B).", "\n**B. Pulmonary embolism**")
ENDS += (" That makes it pulmonary embolism.", " More tests are needed.")
WORDS = (
    *("the", "patient", "presents", "with", "a", "history", "of", "chest", "pain", "which", "suggests", "that", "we"),
    *("consider", "each", "diagnosis", "because", "evidence", "of", "(A)", "acute", "disease", "is", "not", "likely"),
    *("in", "this", "case", "while", "option", "C", "remains", "possible;", "therefore"),
)
LABELS = ("(A)", "C")  # among those words, one in seventeen, each of which has to be looked at


def main() -> None:
    """Make the tables, score them and print what it took."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--characters", type=int, default=2_000)
    arguments.add_argument("--row-group", type=int, default=1_000_000, help="rows of a row group; pandas writes one")
    arguments.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--prose", action="store_true", help="replies without letters that look like labels")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: a child is charged with the memory of the process that started it.
        making = (folder, chosen.characters, chosen.rows, chosen.row_group)
        maker = multiprocessing.get_context("spawn").Process(
            target=_write_tables, args=making, kwargs={"prose": chosen.prose}
        )
        maker.start()
        maker.join()
        size = (folder / "responses.parquet").stat().st_size / 2**20
        print(f"{chosen.rows:,} replies of {chosen.characters:,} characters, {size:,.0f} MiB as Parquet")  # noqa: T201
        alone = _reading_microseconds(_bodies(chosen.characters, prose=chosen.prose))
        print(f"read_answer alone: {alone:.0f} us of CPU a reply")  # noqa: T201
        for processes in chosen.processes:
            _score(folder, processes, chosen.rows)


def _score(folder: Path, processes: int, rows: int) -> None:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    usage = "(getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN))"
    peak = f"from resource import *; print(max(one.ru_maxrss for one in {usage}))"
    program = f"from medeval.cli.app import main; main(standalone_mode=False); {peak}"
    command = [sys.executable, "-c", program, "score", "--processes", str(processes)]
    tables_given = ["--items", str(folder / "items.parquet"), "--responses", str(folder / "responses.parquet")]
    out = folder / f"scores.{processes}.parquet"
    found = subprocess.run([*command, *tables_given, "--out", str(out)], check=True, stdout=subprocess.PIPE, text=True)
    largest = int(found.stdout.splitlines()[-1]) / 1024
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(  # noqa: T201
        f"{processes} process(es): {wall:.1f} s, {rows / wall:,.0f} replies/s, {1e6 * cpu / rows:.1f} CPU seconds a "
        f"million, largest process {largest:,.0f} MiB"
    )


def _reading_microseconds(bodies: list[str]) -> float:
    texts = [body + end for body in bodies[:200] for end in ENDS]
    started = time.process_time()
    for text in texts:
        read_answer(text, OPTIONS)
    return 1e6 * (time.process_time() - started) / len(texts)


def _bodies(characters: int, *, prose: bool = False) -> list[str]:
    draw = random.Random(1)  # noqa: S311 - nothing secret
    words_of, bodies = [word for word in WORDS if not (prose and word in LABELS)], []
    for _ in range(BODIES):
        words = draw.choices(words_of, k=characters // 4)
        marks = (draw.choice((" ", " ", " ", " ", " ", ", ", ". ", "\n")) for _ in words)
        bodies.append("".join(word + mark for word, mark in zip(words, marks, strict=True))[: characters - 20])
    return bodies


def _write_tables(folder: Path, characters: int, rows: int, row_group: int, *, prose: bool) -> None:
    _write_items(folder / "items.parquet")
    _write_responses(folder / "responses.parquet", _bodies(characters, prose=prose), rows, row_group)


def _write_items(path: Path) -> None:
    rows = (
        {
            "benchmark": "medqa",
            "item_id": f"{index:016x}",
            "question": f"Question {index}?",
            "options": list(OPTIONS),
            "answer": 1,
            "answers": [1],
            "stratum": "step1",
            "cluster_id": f"{index:016x}",
            "source_row": index,
            "source_revision": "bench",
        }
        for index in range(ITEMS)
    )
    tables.write(path, tables.build(tables.ITEMS, rows), tables.ITEMS, command="")


def _write_responses(path: Path, bodies: list[str], rows: int, row_group: int) -> None:
    schema = pa.schema([(name, pa.string()) for name in ("benchmark", "item_id", "text", "finish_reason", "model")])
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for part in _grouped(bodies, rows, row_group, schema):
            file.write_table(part, row_group_size=row_group)


def _grouped(bodies: list[str], rows: int, row_group: int, schema: pa.Schema) -> Iterator[pa.Table]:
    held: list[pa.Table] = []
    for first in range(0, rows, CHUNK):
        numbers = range(first, min(first + CHUNK, rows))
        columns = {
            "benchmark": ["medqa"] * len(numbers),
            "item_id": [f"{number % ITEMS:016x}" for number in numbers],
            "text": [bodies[number % BODIES] + ENDS[number * 7 % len(ENDS)] for number in numbers],
            "finish_reason": ["stop"] * len(numbers),
            "model": [f"model-{number // ITEMS}" for number in numbers],
        }
        held.append(pa.table(columns, schema=schema))
        if sum(map(len, held)) >= row_group or numbers[-1] == rows - 1:
            yield pa.concat_tables(held)
            held = []


if __name__ == "__main__":
    main()
