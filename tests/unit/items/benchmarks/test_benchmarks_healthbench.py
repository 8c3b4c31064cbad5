"""HealthBench: subsets, rubrics, themes and the canary, on invented rows."""

from pathlib import Path
from typing import Any

import pytest
from benchmark_rows import healthbench, jsonl

from medeval.errors import MedevalError
from medeval.items.benchmarks.healthbench import subset_of
from medeval.items.benchmarks.registry import load_benchmark
from medeval.records import tables


@pytest.mark.parametrize(
    ("name", "subset"),
    [
        ("2025-05-07-06-14-12_oss_eval.jsonl", "main"),
        ("demo_main.jsonl", "main"),
        ("hard_2025-05-08-21-00-10.jsonl", "hard"),
        ("consensus_2025-05-09-20-00-46.jsonl", "consensus"),
    ],
)
def test_the_file_name_declares_the_subset(name: str, subset: str) -> None:
    assert subset_of(Path("hard") / name) == subset


@pytest.mark.parametrize("name", ["oss_meta_eval.jsonl", "rows.jsonl", "main_hard.jsonl"])
def test_an_unclear_subset_is_refused(name: str) -> None:
    with pytest.raises(MedevalError, match="does not declare one HealthBench subset"):
        subset_of(Path(name))


def test_one_prompt_may_stand_in_several_subsets_with_other_rubrics(tmp_path: Path) -> None:
    files = [jsonl(tmp_path / f"{subset}.jsonl", [healthbench()]) for subset in ("main", "hard", "consensus")]
    loaded = load_benchmark("healthbench", files, "rev")
    rows = tables.build(tables.CONVERSATIONS, loaded.items).to_pylist()
    assert [(row["subset"], row["item_id"], row["source_row"]) for row in rows] == [
        ("main", "p-1", 0),
        ("hard", "p-1", 1),
        ("consensus", "p-1", 2),
    ]
    assert rows[0]["stratum"] == "hedging"
    assert rows[0]["canary"] == "c"
    assert [criterion["points"] for criterion in rows[0]["rubrics"]] == [5.0, -8.0]
    assert loaded.report.expected_items == 5000 + 1000 + 3671


def test_a_repeat_in_one_subset_is_marked_and_repeated_criteria_are_counted(tmp_path: Path) -> None:
    twice = healthbench()["rubrics"][:1] * 2
    rows = [healthbench(), healthbench(rubrics=twice, canary=None)]
    loaded = load_benchmark("healthbench", [jsonl(tmp_path / "main.jsonl", rows)], "rev")
    assert [(item["item_id"], item["cluster_id"]) for item in loaded.items] == [
        ("p-1", "p-1"),
        ("p-1-2", "p-1"),
    ]
    assert [note.row for note in loaded.report.repeats] == [1]
    assert [note.row for note in loaded.report.repeated_options] == [1]
    assert loaded.report.notes == ("1 rows have no canary",)
    tables.build(tables.CONVERSATIONS, loaded.items)


USER = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"example_tags": []}, "0 themes, expected one"),
        ({"example_tags": ["theme:a", "theme:b"]}, "2 themes"),
        ({"example_tags": "theme:a"}, "expected a list of texts"),
        ({"prompt": []}, "prompt is no list of objects"),
        ({"prompt": [USER, {"role": "assistant", "content": "Yes?"}]}, "the last message is not the user's"),
        ({"prompt": [{"role": "user", "content": " "}]}, "a message has no content"),
        ({"prompt": [{"role": "tool", "content": "x"}]}, "a role that is none of"),
        ({"rubrics": []}, "rubrics is no list of objects, or an empty one"),
        ({"rubrics": [{"criterion": "x", "points": -3, "tags": []}]}, "no criterion has positive points"),
        ({"rubrics": [{"criterion": "x", "points": "5", "tags": []}]}, "points are no number"),
        ({"rubrics": [{"criterion": "x", "points": float("nan"), "tags": []}]}, "points are no number"),
        ({"rubrics": [{"criterion": "", "points": 5, "tags": []}]}, "a criterion has no text"),
        ({"rubrics": [{"criterion": "x", "points": 5}]}, "a criterion's tags"),
        ({"prompt_id": None}, "prompt_id is empty"),
    ],
)
def test_unusable_rows_are_named(tmp_path: Path, changes: Any, reason: str) -> None:
    with pytest.raises(MedevalError, match=reason):
        load_benchmark("healthbench", [jsonl(tmp_path / "main.jsonl", [healthbench(**changes)])], "rev")
