"""The scorer against a published run of HealthBench's reference code: 100 graded examples, 69 scores."""

import ast
import json
import os
from pathlib import Path
from typing import Any

import pytest

from medeval import tables
from medeval.healthbench.scoring import score_grades

SHARED = Path(os.environ.get("MEDEVAL_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")
FOLDER = SHARED / "data" / "healthbench"
pytestmark = pytest.mark.skipif(
    not (FOLDER / "graded_100.jsonl").exists(),
    reason=f"PUBLISHED HEALTHBENCH SCORES NOT CHECKED: no {FOLDER}; set MEDEVAL_SHARED",
)


def _rows() -> list[dict[str, Any]]:
    lines = (FOLDER / "graded_100.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for line in lines for row in _graded(json.loads(line))]


def _graded(example: dict[str, Any]) -> list[dict[str, Any]]:
    # the verdicts are stored as the text of a Python list
    verdicts = ast.literal_eval(example["responses"])
    assert len(verdicts) == len(example["rubrics"])
    run = {
        "model": "oracle",
        "variant": "",
        "target": "api",
        "benchmark": "healthbench",
        "subset": "main",
        "item_id": example["prompt_id"],
        "sample": 0,
        "example_tags": example["example_tags"],
        "stratum": "",
        "judge": "oracle",
        "judge_prompt_sha256": "",
        "status": "graded",
    }
    return [
        {
            **run,
            "criterion_index": index,
            "points": verdict["points"],
            "tags": verdict["tags"],
            "met": verdict["response_dict"]["criteria_met"],
        }
        for index, verdict in enumerate(verdicts)
    ]


def test_every_published_score_is_reproduced() -> None:
    published = json.loads((FOLDER / "graded_100_metrics.json").read_text(encoding="utf-8"))
    rows = _rows()
    assert len(rows) == 1157
    (run,) = score_grades(tables.build(tables.GRADES, rows))["runs"]
    assert run["overall"]["score"] == pytest.approx(0.485298, abs=5e-7)
    ours = {"overall_score": run["overall"], **run["tags"]}
    # "score" is the overall score a second time
    expected = {name for name in published if f"{name}:n_samples" in published} - {"score"}
    assert len(expected) == 69
    assert set(ours) == expected
    for name in expected:
        assert ours[name]["score"] == pytest.approx(published[name], abs=1e-9), name
        assert ours[name]["n"] == published[f"{name}:n_samples"], name
        # one answer per prompt: clusters are rows; both figures are bootstraps, so they agree roughly
        assert ours[name]["se"] == pytest.approx(published[f"{name}:bootstrap_std"], rel=0.15, abs=0.004), name
