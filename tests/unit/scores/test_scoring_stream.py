"""Scoring in batches and processes: the bytes are the same, the order is kept, and nothing is half written."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scoring_rows import item, response, run, write_items, write_rows

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.writer import written_in_parts
from medeval.scores import stream
from medeval.scores.coverage import RunLedger
from medeval.scores.stream import score_files

TEXTS = ("Answer: B", "Answer: A", "(C)", "Hmm.", "<think>It may be", "Kidney", "Answer: A/B")


@st.composite
def replies(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Replies to up to six items in several samples, in any order."""
    keys = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), unique=True, min_size=1, max_size=20))
    return [
        {
            "benchmark": "toy",
            "item_id": f"i{number}",
            "sample": sample,
            "text": draw(st.sampled_from(TEXTS)),
            "finish_reason": draw(st.sampled_from(["stop", "length", None])),
        }
        for number, sample in keys
    ]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(replies(), st.integers(1, 25))
def test_neither_the_bytes_nor_the_notes_depend_on_the_batches_and_rows_keep_their_order(
    rows: list[dict[str, Any]], batch_rows: int
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        items = write_items(folder / "items.parquet", [item(f"i{number}") for number in range(6)])
        given_rows = write_rows(folder / "replies.parquet", rows)
        whole, parts = (
            score_files([items], given_rows, folder / out, command="c", batch_rows=size)
            for out, size in (("whole.parquet", 1000), ("parts.parquet", batch_rows))
        )
        assert whole == parts
        assert (folder / "whole.parquet").read_bytes() == (folder / "parts.parquet").read_bytes()
        found = pq.read_table(folder / "parts.parquet")
    assert found.select(["item_id", "sample"]).to_pylist() == [
        {"item_id": row["item_id"], "sample": row["sample"]} for row in rows
    ]


def test_processes_change_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "POOL_ROWS", 10)
    items = write_items(tmp_path / "items.parquet", [item(f"i{number}") for number in range(40)])
    rows = write_rows(
        tmp_path / "r.parquet",
        [{"benchmark": "toy", "item_id": f"i{n}", "text": TEXTS[n % len(TEXTS)]} for n in range(40)],
    )
    found = [
        score_files([items], rows, tmp_path / f"{count}.parquet", command="c", processes=count, batch_rows=7)
        for count in (1, 2)
    ]
    assert found[0] == found[1]
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()


def test_an_error_in_a_process_names_the_row_of_the_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "POOL_ROWS", 10)
    items = write_items(tmp_path / "items.parquet", [item(f"i{number}") for number in range(40)])
    given_rows = [{"benchmark": "toy", "item_id": f"i{n}", "text": "B"} for n in range(40)]
    given_rows[33]["item_id"] = "ghost"
    rows = write_rows(tmp_path / "r.parquet", given_rows)
    with pytest.raises(MedevalError, match=r"r\.parquet: row 33 answers item 'ghost'"):
        score_files([items], rows, tmp_path / "s.parquet", command="c", processes=2, batch_rows=7)
    assert {path.name for path in tmp_path.iterdir()} == {"items.parquet", "r.parquet"}


def test_the_stage_and_the_function_give_the_same_scores(tmp_path: Path) -> None:
    items = [item("a"), item("b")]
    rows = [response("b", text="Answer: C"), response("a")]
    path = tmp_path / "r.parquet"
    tables.write(path, tables.build(tables.RESPONSES, rows), tables.RESPONSES, command="")
    score_files([write_items(tmp_path / "i.parquet", items)], path, tmp_path / "s.parquet", command="c")
    assert tables.read(tmp_path / "s.parquet", tables.SCORES).equals(run(items, rows))


def test_replies_that_repeat_in_different_batches_are_refused_by_both_rows(tmp_path: Path) -> None:
    items = write_items(tmp_path / "items.parquet", [item("a"), item("b")])
    rows = [{"benchmark": "toy", "item_id": name, "text": "B"} for name in ("a", "b", "a")]
    with pytest.raises(MedevalError, match=r"r\.parquet: rows 0 and 2 answer the same item"):
        score_files([items], write_rows(tmp_path / "r.parquet", rows), tmp_path / "s.parquet", command="", batch_rows=1)


def test_a_ledger_knows_runs_that_differ_in_one_name_only() -> None:
    ledger = RunLedger(items=2)
    rows = [response("a"), response("b"), response("a", sample=1), response("a", model="n")]
    table = tables.build(tables.RESPONSES, rows)
    ledger.add(table, [0, 1, 0, 0])  # type: ignore[arg-type]
    ledger.check_unique("here")
    assert len(ledger.runs) == 3


def test_a_damaged_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    items = write_items(tmp_path / "items.parquet", [item("a")])
    rows = write_rows(tmp_path / "r.parquet", [{"benchmark": "toy", "item_id": "a", "text": "Answer: B" * 5000}])
    content = bytearray(rows.read_bytes())
    content[4 : len(content) // 2] = b"\0" * (len(content) // 2 - 4)
    rows.write_bytes(bytes(content))
    with pytest.raises(MedevalError, match=r"r\.parquet"):
        score_files([items], rows, tmp_path / "s.parquet", command="")
    assert not (tmp_path / "s.parquet").exists()


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    items = write_items(tmp_path / "items.parquet", [item("a")])
    empty = pa.table({name: pa.array([], pa.string()) for name in ("benchmark", "item_id", "text")})
    with pytest.raises(MedevalError, match=r"r\.parquet: the table holds no responses"):
        score_files([items], write_rows(tmp_path / "r.parquet", empty), tmp_path / "s.parquet", command="")
    assert not (tmp_path / "s.parquet").exists()


_ENDLESS = """
import sys, time
from pathlib import Path
from medeval.scores import stream
whole = stream._batches
def slow(layout, rows):
    for number, batch in enumerate(whole(layout, rows)):
        yield batch
        print("batch", flush=True)
        time.sleep(60)
stream._batches = slow
stream.score_files([Path(sys.argv[1])], Path(sys.argv[2]), Path(sys.argv[3]), command="c", batch_rows=1)
"""


def test_a_killed_run_leaves_the_scores_that_were_there(tmp_path: Path) -> None:
    items = write_items(tmp_path / "items.parquet", [item("a"), item("b")])
    rows = write_rows(
        tmp_path / "r.parquet", [{"benchmark": "toy", "item_id": name, "text": "Answer: B"} for name in "ab"]
    )
    out = tmp_path / "scores.parquet"
    out.write_bytes(b"the scores of before")
    with subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(items), str(rows), str(out)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert out.read_bytes() == b"the scores of before"


def test_a_writer_gives_the_same_bytes_however_the_rows_come(tmp_path: Path) -> None:
    rows = run([item(f"i{n}") for n in range(9)], [response(f"i{n}") for n in range(9)])
    for name, sizes in (("one", [9]), ("many", [1, 2, 3, 3])):
        with written_in_parts(tmp_path / name, tables.SCORES, command="", inputs={}) as file:
            start = 0
            for size in sizes:
                file.add(rows.slice(start, size))
                start += size
    assert (tmp_path / "one").read_bytes() == (tmp_path / "many").read_bytes()
    assert tables.read(tmp_path / "one", tables.SCORES).equals(rows)
