"""Calibration: the judge's errors come out of its scores, or it is said why they cannot."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from judging_rows import CATEGORIES, grade, meta_row, write_grades, write_meta, write_meta_grades

from medeval.cli.judge import judge
from medeval.errors import MedevalError
from medeval.grades.judges.calibrate import By, calibrate
from medeval.grades.judges.grades import points_of, read_graded
from medeval.grades.judges.labelled import read_labelled
from medeval.grades.judges.meta_grades import MetaGrades, read_meta_grades
from medeval.grades.judges.rows import MetaRows

RATE, SENSITIVITY, SPECIFICITY = 0.45, 0.9, 0.7
EXAMPLES, CRITERIA = 150, 6


def judged(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Grades of a judge that over-grants, on criteria whose truth is known."""
    return np.where(truth, rng.random(truth.shape) < SENSITIVITY, rng.random(truth.shape) > SPECIFICITY)


def meta(folder: Path, n: int = 900, seed: int = 1) -> tuple[MetaRows, MetaGrades]:
    """Rows whose two physicians agree, with the grades of that judge."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < RATE
    rows = write_meta(
        folder, [meta_row(k, [bool(met)] * 2, category=CATEGORIES[k % 2], prompt=k // 3) for k, met in enumerate(truth)]
    )
    path = write_meta_grades(folder / "meta.parquet", rows.item_ids, judged(truth, rng).tolist(), judge="judge")
    return rows, read_meta_grades(path, rows.item_ids)


def grades(model: str, rate: float = RATE, seed: int = 2, **changes: Any) -> tuple[list[dict[str, Any]], float]:
    """Graded examples of six criteria, one of them negative, and the true mean score."""
    rng = np.random.default_rng(seed)
    points = np.array([7, 5, 5, 3, 2, -6])
    truth = rng.random((EXAMPLES, CRITERIA)) < rate
    grades = judged(truth, rng)
    rows = [
        grade(model, f"q{example}", index, float(points[index]), bool(grades[example, index]), **changes)
        for example in range(EXAMPLES)
        for index in range(CRITERIA)
    ]
    return rows, float((truth * points).sum(axis=1).mean() / points.clip(min=0).sum())


def calibrated(folder: Path, rows: list[dict[str, Any]], by: By = "none", **options: Any) -> dict[str, Any]:
    graded = read_graded(write_grades(folder / "grades.parquet", rows))
    document = calibrate(graded, *meta(folder), by=by, resamples=1000, **options)
    json.dumps(document, allow_nan=False)
    return document


def test_a_judge_that_over_grants_is_corrected_towards_the_truth(tmp_path: Path) -> None:
    rows, truth = grades("m")
    [run] = calibrated(tmp_path, rows)["runs"]
    corrected, raw = run["corrected"], run["raw"]
    assert raw["value"] - truth > 0.08
    assert corrected["low"] < truth < corrected["high"]
    assert abs(corrected["value"] - truth) < 0.03
    assert run["by_error_rates"]["low"] < truth < run["by_error_rates"]["high"]
    assert run["shift"]["high"] < 0
    assert run["rate"]["low"] < RATE < run["rate"]["high"] < run["rate_judged"]


def test_the_corrected_score_is_the_expectation_given_grade_and_stratum(tmp_path: Path) -> None:
    points = [grade("m", "q", 0, 4, True), grade("m", "q", 1, 2, False), grade("m", "q", 2, -3, True)]
    document = calibrated(tmp_path, points)
    [stratum], [run] = document["strata"], document["runs"]
    after_met, after_not_met = stratum["met_after_met"], stratum["met_after_not_met"]
    assert run["raw"]["value"] == pytest.approx((4 - 3) / 6)
    assert run["corrected"]["value"] == pytest.approx((4 * after_met + 2 * after_not_met - 3 * after_met) / 6)


def test_a_difference_keeps_only_the_errors_that_do_not_cancel(tmp_path: Path) -> None:
    better, high = grades("better", rate=0.6)
    worse, low = grades("worse", rate=0.4, seed=3)
    document = calibrated(tmp_path, better + worse)
    [difference] = document["differences"]
    first, second = (run["corrected"] for run in document["runs"])
    assert difference["prompts"] == EXAMPLES
    assert difference["corrected"]["value"] == pytest.approx(first["value"] - second["value"])
    # P(met | grade) was measured at one rate and shrinks differences between others; error rates do not depend on it.
    assert 0 < difference["corrected"]["value"] < difference["raw"]["value"] < high - low
    assert difference["by_error_rates"]["low"] < high - low < difference["by_error_rates"]["high"]
    assert difference["by_error_rates"]["value"] > difference["raw"]["value"]
    same, _ = grades("same")
    twin = [{**row, "model": "twin"} for row in same]
    [nothing] = calibrated(tmp_path, same + twin)["differences"]
    assert (nothing["corrected"]["value"], nothing["corrected"]["low"], nothing["corrected"]["high"]) == (0, 0, 0)


def test_a_judge_that_calls_everything_met_identifies_nothing(tmp_path: Path) -> None:
    rows = write_meta(tmp_path, [meta_row(k, [k % 2 == 0]) for k in range(40)])
    always = read_meta_grades(write_meta_grades(tmp_path / "v.parquet", rows.item_ids, [True] * 40), rows.item_ids)
    graded = read_graded(write_grades(tmp_path / "grades.parquet", grades("m")[0]))
    [run] = calibrate(graded, rows, always, by="none", resamples=200)["runs"]
    assert (run["corrected"], run["shift"], run["rate"]) == (None, None, None)
    assert "sensitivity + specificity - 1 is below 0.2" in run["reason"]
    assert run["rates"][0]["reason"] == "sensitivity + specificity - 1 is 0.000, below 0.2"
    assert run["raw"] is not None


def test_a_stratum_that_the_meta_rows_lack_is_named(tmp_path: Path) -> None:
    [run] = calibrated(tmp_path, grades("m", stratum="global_health")[0], by="theme")["runs"]
    assert run["corrected"] is None
    assert "global_health" in run["reason"]


def test_strata_are_the_theme_or_the_category_that_a_criterion_carries(tmp_path: Path) -> None:
    rows, _ = grades("m", tags=[f"cluster:{CATEGORIES[1]}", "level:cluster"])
    [run] = calibrated(tmp_path, rows, by="category")["runs"]
    assert [entry["stratum"] for entry in run["rates"]] == [CATEGORIES[1]]
    assert run["corrected"] is not None
    with pytest.raises(MedevalError, match="criterion 0 of q0 has no category"):
        calibrated(tmp_path, grades("m")[0], by="category")


def test_examples_with_a_missing_grade_are_left_out_and_counted(tmp_path: Path) -> None:
    rows, _ = grades("m")
    rows[0] |= {"met": None, "status": "unusable"}
    [run] = calibrated(tmp_path, rows)["runs"]
    assert (run["examples"], run["missing"]) == (EXAMPLES - 1, 1)
    assert run["rates"][0]["n"] == EXAMPLES * CRITERIA - 1


def test_points_without_a_positive_criterion_are_undefined(tmp_path: Path) -> None:
    rows = [grade("m", "a", 0, -2, True), grade("m", "b", 0, 4, True)]
    frame = read_graded(write_grades(tmp_path / "g.parquet", rows)).frame
    points = points_of(frame, np.zeros(2, dtype=np.int64), 1)
    assert (points.undefined, points.missing, points.prompts.tolist()) == (1, 0, ["b"])


def test_the_transport_assumption_and_doubts_are_in_the_document(tmp_path: Path) -> None:
    document = calibrated(tmp_path, grades("m", judge="another judge")[0])
    assert "Transport" in document["assumptions"][0]
    assert "'another judge'" in document["notes"][0]
    assert "not from the published meta-evaluation" in document["notes"][1]
    with pytest.raises(MedevalError, match="mixes the judges"):
        calibrated(tmp_path, [*grades("m")[0], *grades("n", judge="other")[0]])


def labels_file(folder: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), folder / "labels.parquet")
    return folder / "labels.parquet"


def test_labels_of_the_same_responses_give_prediction_powered_estimates(tmp_path: Path) -> None:
    rows, truth = grades("m")
    rng = np.random.default_rng(2)
    labels = rng.random((EXAMPLES, CRITERIA)) < RATE  # the truth behind `grades`
    given = [
        {"prompt_id": f"q{example}", "criterion_index": index, "label": bool(labels[example, index])}
        for example in range(50)
        for index in range(CRITERIA)
    ]
    labelled = read_labelled(labels_file(tmp_path, given))
    [run] = calibrated(tmp_path, rows, labelled=labelled)["runs"]
    rate, score = run["prediction_powered"]["rate"], run["prediction_powered"]["score"]
    assert rate["low"] < RATE < rate["high"]
    assert score["low"] < truth < score["high"]
    assert (rate["n"], rate["unlabelled"]) == (50 * CRITERIA, 100 * CRITERIA)
    assert (score["n"], score["unlabelled"]) == (50, 100)
    assert score["se"] < score["classical"]["se"]
    # A prompt with one label lends no unlabelled criteria to the other side, and no whole example.
    labelled = read_labelled(labels_file(tmp_path, given[:-1]))
    [run] = calibrated(tmp_path, rows, labelled=labelled)["runs"]
    assert run["prediction_powered"]["score"]["n"] == 49
    assert run["prediction_powered"]["left_out"] == 1


def test_labels_of_what_was_not_graded_are_refused(tmp_path: Path) -> None:
    path = labels_file(tmp_path, [{"prompt_id": "q999", "criterion_index": 0, "label": True}])
    with pytest.raises(MedevalError, match="criterion 0 of q999, sample 0, which was not graded"):
        calibrated(tmp_path, grades("m")[0], labelled=read_labelled(path))
    path = labels_file(tmp_path, [{"prompt_id": "q0", "criterion_index": 0, "label": None}])
    with pytest.raises(MedevalError, match="row 0 has no label"):
        read_labelled(path)


def test_labels_are_read_in_words_and_refused_by_row(tmp_path: Path) -> None:
    given = [{"prompt_id": "q0", "criterion_index": index, "label": word} for index, word in enumerate(("yes", "0"))]
    assert read_labelled(labels_file(tmp_path, given)).frame["label"].tolist() == [1.0, 0.0]
    path = labels_file(tmp_path, [*given, {"prompt_id": "q0", "criterion_index": 2, "label": "perhaps"}])
    with pytest.raises(MedevalError, match="row 2: label 'perhaps'"):
        read_labelled(path)


def test_the_command_takes_anybodys_grades(tmp_path: Path) -> None:
    rows, _ = meta(tmp_path)
    foreign = [
        {"prompt_id": row["item_id"], "criterion_index": row["criterion_index"], "points": row["points"],
         "met": row["met"], "example_tags": ["theme:hedging"]}
        for row in grades("m")[0]
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(foreign), tmp_path / "theirs.parquet")
    arguments = ["calibrate", str(tmp_path / "theirs.parquet"), "--rows", str(rows.path), "--verdicts"]
    arguments += [str(tmp_path / "meta.parquet"), "--resamples", "200", "--out", str(tmp_path / "c.json")]
    result = CliRunner().invoke(judge, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "Assumed: Transport" in result.output
    [run] = json.loads((tmp_path / "c.json").read_text())["runs"]
    assert run["corrected"]["value"] < run["raw"]["value"]
