"""`medeval healthbench score` against a published run of the reference code: 100 graded examples, 69 scores."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

SHARED = Path(os.environ.get("MEDEVAL_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")
FOLDER = SHARED / "data" / "healthbench"
MEDEVAL = Path(sys.executable).with_name("medeval")
pytestmark = pytest.mark.skipif(
    not (FOLDER / "graded_100.jsonl").exists(),
    reason=f"PUBLISHED HEALTHBENCH SCORES NOT CHECKED: no {FOLDER}; set MEDEVAL_SHARED",
)


def _graded(example: dict[str, Any]) -> list[dict[str, Any]]:
    # the grades are stored as the text of a Python list
    grades = ast.literal_eval(example["responses"])
    assert len(grades) == len(example["rubrics"])
    return [
        {
            "prompt_id": example["prompt_id"],
            "criterion_index": index,
            "points": grade["points"],
            "met": grade["response_dict"]["criteria_met"],
            "tags": grade["tags"],
            "example_tags": example["example_tags"],
        }
        for index, grade in enumerate(grades)
    ]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    lines = (FOLDER / "graded_100.jsonl").read_text(encoding="utf-8").splitlines()
    found = pd.DataFrame([row for line in lines for row in _graded(json.loads(line))])
    assert len(found) == 1157
    return found


def _scored(frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    frame.to_parquet(folder / "grades.parquet")
    command = [MEDEVAL, "healthbench", "score", "--grades", folder / "grades.parquet", "--out", folder / "scores.json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (run,) = json.loads((folder / "scores.json").read_text())["runs"]
    return dict(run)


def test_every_published_score_is_reproduced(frame: pd.DataFrame, tmp_path: Path) -> None:
    published = json.loads((FOLDER / "graded_100_metrics.json").read_text(encoding="utf-8"))
    run = _scored(frame, tmp_path)
    assert run["overall"]["score"] == pytest.approx(0.485298, abs=5e-7)
    ours = {"overall_score": run["overall"], **run["tags"]}
    # "score" is the overall score a second time
    expected = {name for name in published if f"{name}:n_samples" in published} - {"score"}
    assert len(expected) == 69
    assert set(ours) == expected
    for name in expected:
        assert ours[name]["score"] == pytest.approx(published[name], abs=1e-9), name
        assert ours[name]["n"] == published[f"{name}:n_samples"], name
        for error in ("se", "reference_std"):  # one answer per prompt: clusters are rows, and both are bootstraps
            std = published[f"{name}:bootstrap_std"]
            assert ours[name][error] == pytest.approx(std, rel=0.15, abs=0.004), (name, error)


FLAVOURS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "texts": lambda f: f.assign(
        met=f["met"].map({True: "True", False: "False"}),
        points=f["points"].astype(str),
        criterion_index=f["criterion_index"].astype(str),
        tags=f["tags"].map(json.dumps),
        example_tags=f["example_tags"].map(str),
    ),
    "numbers": lambda f: f.assign(
        met=f["met"].astype("int8"), points=f["points"].astype("int32"), criterion_index=f["criterion_index"] * 1.0
    ),
    "categories": lambda f: f.assign(prompt_id=f["prompt_id"].astype("category"), met=f["met"].astype("float32")),
    "shuffled": lambda f: f.sample(frac=1, random_state=1),
}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_types_of_the_columns_do_not_matter(frame: pd.DataFrame, tmp_path: Path, flavour: str) -> None:
    run = _scored(FLAVOURS[flavour](frame), tmp_path)
    assert run["overall"]["score"] == pytest.approx(0.4852978244650695, abs=1e-12)
    assert len(run["tags"]) == 68


def test_a_lost_grade_leaves_its_example_out_and_the_published_score_within_the_bounds(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    lost = frame.assign(met=frame["met"].astype(object))
    lost.loc[::50, "met"] = None
    run = _scored(lost, tmp_path)
    assert run["verdicts"]["n_missing"] == 24
    assert run["flags"] == ["TOO_MANY_MISSING_VERDICTS"]
    assert run["overall"]["n"] == 100 - lost[lost["met"].isna()]["prompt_id"].nunique()
    assert run["bounds"]["lowest"] < 0.485298 < run["bounds"]["highest"]
