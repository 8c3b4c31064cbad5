"""The meta-evaluation's rows, and what is refused in them."""

from pathlib import Path
from typing import Any

import pytest
from benchmark_rows import jsonl

from medeval.errors import MedevalError
from medeval.items.benchmarks.healthbench_meta import load
from medeval.records import tables


def judged(**changes: Any) -> dict[str, Any]:
    row = {
        "prompt": [{"role": "user", "content": "My head hurts."}],
        "completion": "Since when?",
        "rubric": "Asks for the duration",
        "category": "cluster:context_seeking_not-enough-context_context_seeking",
        "binary_labels": [True, False],
        "anonymized_physician_ids": ["p1", "p2"],
        "prompt_id": "prompt-1",
        "completion_id": "completion-1",
        "canary": "canary",
    }
    return row | changes


def test_a_row_keeps_every_physicians_label(tmp_path: Path) -> None:
    rows = [judged(), judged(rubric="Is kind", binary_labels=[True], anonymized_physician_ids=["p3"])]
    loaded = load([jsonl(tmp_path / "oss_meta_eval.jsonl", rows)], "rev")
    table = tables.build(tables.JUDGEMENTS, loaded.items)
    assert table.schema == tables.JUDGEMENTS.schema
    first = table.to_pylist()[0]
    assert (first["labels"], first["physicians"]) == ([True, False], ["p1", "p2"])
    assert (first["stratum"], first["category"]) == (
        "context_seeking",
        "context_seeking_not-enough-context_context_seeking",
    )
    assert (first["canary"], first["completion_id"]) == ("canary", "completion-1")
    assert loaded.report.gold == {"met": 2, "not met": 1}
    assert len(set(table["item_id"].to_pylist())) == 2


def test_the_same_criterion_of_the_same_answer_is_named_and_kept_apart(tmp_path: Path) -> None:
    loaded = load([jsonl(tmp_path / "oss_meta_eval.jsonl", [judged(), judged()])], "rev")
    assert loaded.items[1]["item_id"] == loaded.items[0]["item_id"] + "-2"
    assert [note.row for note in loaded.report.repeats] == [1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"binary_labels": []}, "an empty one"),
        ({"binary_labels": [1, 0]}, "no list of true and false"),
        ({"anonymized_physician_ids": ["p1"]}, "2 labels by 1 physicians"),
        ({"anonymized_physician_ids": None}, "no list of texts"),
        ({"category": "cluster:astrology"}, "none of the themes"),
        ({"completion": ""}, "completion is empty"),
        ({"prompt": [{"role": "assistant", "content": "Hello"}]}, "the last message is not the user's"),
    ],
)
def test_a_broken_row_stops_the_load_and_is_named(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(MedevalError, match=rf"row 1 \(completion-1\).*{reason}"):
        load([jsonl(tmp_path / "oss_meta_eval.jsonl", [judged(), judged(**changes)])], "rev")
