"""Evaluation loses nothing when it is killed, and never mixes two runs."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medeval.items.make import make_items
from medeval.records import tables

ROOT = Path(__file__).parents[3]


def make(folder: Path) -> Path:
    path = folder / "medqa.parquet"
    source = ROOT / "config/demo/medqa/phrases_no_exclude_test.jsonl"
    make_items("medqa", [source], path, expected=24, command="test")
    return path


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("items"))


def evaluate_command(items: Path, weights: Path, out: Path, *, seed: int = 1) -> list[str]:
    protocol = {"modes": ["generate", "letter"], "max_tokens": 12, "temperature": 0.8, "samples": 2}
    options = ["--model", "smollm2", "--variant", "q4_k_m", "--protocol", json.dumps(protocol), "--seed", str(seed)]
    files = ["--items", str(items), "--weights", str(weights), "--out", str(out)]
    return [str(Path(sys.executable).with_name("medeval")), "evaluate", *files, *options]


def answers(path: Path) -> list[dict[str, object]]:
    return tables.read(path, tables.RESPONSES).to_pylist()


@pytest.fixture(scope="module")
def uninterrupted(items: Path, smollm2_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "responses.parquet"
    subprocess.run(evaluate_command(items, smollm2_files["q4_k_m"], out), check=True, capture_output=True)
    return out


def finished_lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def test_killed_runs_continue_and_end_with_the_same_answers(
    items: Path, smollm2_files: dict[str, Path], uninterrupted: Path, tmp_path: Path
) -> None:
    out = tmp_path / "responses.parquet"
    journal = tmp_path / "responses.parquet.journal"
    kept = 0
    for finished in (5, 20):
        process = subprocess.Popen(evaluate_command(items, smollm2_files["q4_k_m"], out), stderr=subprocess.DEVNULL)
        while finished_lines(journal) < finished and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not out.exists()
        assert finished_lines(journal) >= max(finished, kept)
        kept = finished_lines(journal)
    with journal.open("ab") as stream:
        stream.write(b'{"key": "generate/cut sho')
    result = subprocess.run(
        evaluate_command(items, smollm2_files["q4_k_m"], out), check=True, capture_output=True, text=True
    )
    # Each process began with a line of its own.
    assert f"continuing after {kept - 2} finished items" in result.stderr
    assert answers(out) == answers(uninterrupted)


def test_two_samples_of_an_item_are_drawn_with_their_own_seeds(uninterrupted: Path) -> None:
    texts = {
        (row["item_id"], row["sample"]): row["text"] for row in answers(uninterrupted) if row["mode"] == "generate"
    }
    different = sum(texts[item, 0] != texts[item, 1] for item, _ in texts if (item, 1) in texts)
    assert different > len(texts) / 4


def test_every_letter_row_has_one_logprob_per_option(uninterrupted: Path) -> None:
    rows = [row for row in answers(uninterrupted) if row["mode"] == "letter"]
    assert len(rows) == 24
    assert all(isinstance(row["option_logprobs"], list) and len(row["option_logprobs"]) == 4 for row in rows)


def test_a_prompt_that_does_not_fit_is_one_counted_error(smollm2_files: dict[str, Path], tmp_path: Path) -> None:
    rows = tables.read(make(tmp_path), tables.ITEMS).to_pylist()[:2]
    rows[0]["question"] += " word" * 9000
    items = tmp_path / "subset of medqa.parquet"
    tables.write(items, tables.build(tables.ITEMS, rows), tables.ITEMS, command="test", inputs={})
    out = tmp_path / "responses.parquet"
    command = evaluate_command(items, smollm2_files["q4_k_m"], out)
    subprocess.run(command, check=True, capture_output=True)
    found = {(row["item_id"], row["mode"]): row for row in answers(out) if row["sample"] == 0}
    assert len(found) == 4  # the two items of the given file in two modes, not those of a neighbouring one
    assert {row["finish_reason"] for key, row in found.items() if key[0] == rows[0]["item_id"]} == {"error"}
    assert "exceed the model's context of 8,192" in str(found[rows[0]["item_id"], "generate"]["error"])
    assert found[rows[1]["item_id"], "letter"]["finish_reason"] == "scored"


def test_a_table_without_items_is_named(smollm2_files: dict[str, Path], tmp_path: Path) -> None:
    items = tmp_path / "empty.parquet"
    tables.write(items, tables.build(tables.ITEMS, []), tables.ITEMS, command="test", inputs={})
    command = evaluate_command(items, smollm2_files["q4_k_m"], tmp_path / "out.parquet")
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "empty.parquet: the table holds no items" in result.stderr
