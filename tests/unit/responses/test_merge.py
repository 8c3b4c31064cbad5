"""A benchmark in shards gives the same responses as in one piece; wrong sets of shards are refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from medeval.errors import MedevalError
from medeval.items.make import make_items
from medeval.records import tables
from medeval.records.shards import names, record_path, timings_path
from medeval.responses.merge import merge
from medeval.responses.record import EvaluationRecord

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def evaluated(smollm2_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Seven of the demo's MedQA questions: whole, and in three shards."""
    folder = tmp_path_factory.mktemp("shards")
    items = folder / "medqa.parquet"
    source = ROOT / "config/demo/medqa/phrases_no_exclude_test.jsonl"
    make_items("medqa", [source], folder / "all.parquet", expected=24, command="test")
    some = tables.read(folder / "all.parquet", tables.ITEMS).slice(0, 7)
    tables.write(items, some, tables.ITEMS, command="test")
    found = {}
    for name in ["whole", *names(3)]:
        found[name] = folder / f"{name}.parquet"
        shard = [] if name == "whole" else ["--shard", name]
        protocol = {"modes": ["generate", "letter"], "max_tokens": 3, "temperature": 0.7, "samples": 2}
        subprocess.run(
            [
                *[str(Path(sys.executable).with_name("medeval")), "evaluate", "--items", str(items), *shard],
                *["--weights", str(smollm2_files["q4_k_m"]), "--model", "smollm2", "--variant", "q4_k_m"],
                *["--protocol", json.dumps(protocol), "--sequences", "4", "--out", str(found[name])],
            ],
            check=True,
            capture_output=True,
        )
    return found


def test_merged_shards_are_the_responses_of_the_undivided_benchmark(evaluated: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "merged.parquet"
    # In any order: the shards know their numbers.
    assert merge([evaluated[name] for name in reversed(names(3))], out, command="test") == 21
    assert tables.read(out, tables.RESPONSES).equals(tables.read(evaluated["whole"], tables.RESPONSES))
    timed = tables.read(timings_path(out), tables.TIMINGS)
    assert timed["item_id"].to_pylist() == tables.read(out, tables.RESPONSES)["item_id"].to_pylist()
    record = EvaluationRecord.read(record_path(out))
    assert (record.shard, record.accuracy) == (None, None)
    assert record.shards and record.shards.keys() == set(names(3))


def test_a_missing_or_repeated_shard_is_refused(evaluated: dict[str, Path], tmp_path: Path) -> None:
    first, second, _ = (evaluated[name] for name in names(3))
    for shards in ([first, second], [first, second, second]):
        with pytest.raises(MedevalError, match="not each of one division once"):
            merge(shards, tmp_path / "merged.parquet", command="test")


def test_shards_of_different_runs_are_refused(evaluated: dict[str, Path], tmp_path: Path) -> None:
    paths = []
    for name in names(3):
        path = tmp_path / f"{name}.parquet"
        for source, copy in ((evaluated[name], path), (timings_path(evaluated[name]), timings_path(path))):
            copy.write_bytes(source.read_bytes())
        record = json.loads(record_path(evaluated[name]).read_text())
        record["identity"]["seed"] = 7 if name == "2-of-3" else record["identity"]["seed"]
        record_path(path).write_text(json.dumps(record))
        paths.append(path)
    with pytest.raises(MedevalError, match="the shards were run differently: seed"):
        merge(paths, tmp_path / "merged.parquet", command="test")
