"""HealthBench scoring: numbers worked from the definition, and cases counted by hand."""

import itertools
import json
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from medeval.errors import MedevalError
from medeval.grades.means import clipped_mean, clustered_se, example_score, reference_std, worst_at_k
from medeval.grades.scoring import score_grades
from medeval.records import tables

NO_ERRORS = {"se": None, "reference_std": None}


def grade(item_id: str, index: int, points: float, met: bool | None, **changes: Any) -> dict[str, Any]:
    row = {
        "model": "m",
        "variant": "f16",
        "target": "cpu",
        "benchmark": "healthbench",
        "subset": "main",
        "item_id": item_id,
        "sample": 0,
        "criterion_index": index,
        "points": points,
        "tags": ["axis:accuracy"],
        "example_tags": ["theme:global"],
        "stratum": "global",
        "judge": "j",
        "judge_prompt_sha256": "p",
        "status": "unusable" if met is None else "graded",
        "met": met,
    }
    return row | changes


def table(*rows: dict[str, Any]) -> pa.Table:
    return tables.build(tables.GRADES, rows)


def run_of(*rows: dict[str, Any]) -> dict[str, Any]:
    (run,) = score_grades(table(*rows))["runs"]
    return run


# A: 11/22 = 0.5; B: -10/5 = -2
FIRST = [grade("A", i, p, m) for i, (p, m) in enumerate([(7, True), (5, False), (10, True), (-6, True)])]
SECOND = [grade("B", 0, 5, False), grade("B", 1, -10, True)]


def test_example_score_subtracts_met_negative_criteria() -> None:
    assert example_score([7, 5, 10, -6], [True, False, True, True]) == 0.5


def test_example_score_may_be_negative_and_is_not_clipped() -> None:
    assert example_score([5, -10], [False, True]) == -2.0


def test_example_score_is_missing_rather_than_guessed() -> None:
    assert example_score([5, -10], [True, None]) is None
    assert example_score([-10], [False]) is None
    with pytest.raises(MedevalError):
        example_score([5, 5], [True])


def test_the_mean_is_clipped_and_the_examples_are_not() -> None:
    # mean of 0.5 and -2 is -0.75 -> 0; clipping each example first would give 0.25
    assert clipped_mean([0.5, -2.0]) == 0.0
    run = run_of(*FIRST, *SECOND)
    assert (run["overall"]["score"], run["overall"]["unclipped"], run["overall"]["n"]) == (0.0, -0.75, 2)


@pytest.mark.parametrize(("k", "expected"), [(1, 0.5), (2, 0.3166667), (3, 0.25), (4, 0.2)])
def test_worst_at_k_oracle(k: int, expected: float) -> None:
    assert worst_at_k([0.2, 0.5, 0.9, 0.4], k) == pytest.approx(expected, abs=1e-6)


def test_worst_at_k_is_the_mean_minimum_of_all_subsets() -> None:
    scores = [0.3, -0.7, 0.3, 1.0, 0.1, 0.6]
    for k in range(1, 7):
        expected = np.mean([min(chosen) for chosen in combinations(scores, k)])
        assert worst_at_k(scores, k) == pytest.approx(expected, rel=1e-12)
    assert worst_at_k([0.4] * 8, 5) == pytest.approx(0.4)
    with pytest.raises(MedevalError):
        worst_at_k([0.4], 2)


def test_worst_at_k_averages_over_prompts() -> None:
    # A: 1 and 0; B: 1 and 1 -> k=1: (0.5 + 1)/2, k=2: (0 + 1)/2
    answers = [("A", 0, True), ("A", 1, False), ("B", 0, True), ("B", 1, True)]
    run = run_of(*(grade(item, 0, 5, met, sample=sample) for item, sample, met in answers))
    assert [(row["k"], row["score"], row["n_prompts"]) for row in run["worst_at_k"]] == [
        (1, 0.75, 2),
        (2, 0.5, 2),
    ]


def test_criterion_tags_rescore_with_their_own_criteria() -> None:
    # axis:x in A: 4 of 8; in B only a negative criterion: undefined, left out
    rows = [
        grade("A", 0, 4, True, tags=["axis:x"]),
        grade("A", 1, 4, False, tags=["axis:x"]),
        grade("A", 2, 2, True, tags=["axis:y", "level:example"]),
        grade("B", 0, -3, True, tags=["axis:x"]),
        grade("B", 1, 6, True, tags=["axis:y"]),
    ]
    run = run_of(*rows)
    assert run["tags"]["axis:x"] | NO_ERRORS == {
        "score": 0.5, "unclipped": 0.5, "n": 1, "n_missing": 0, "n_undefined": 1, **NO_ERRORS
    }  # fmt: skip
    assert (run["axes"]["y"]["score"], run["axes"]["y"]["n"]) == (1.0, 2)
    assert run["tags"]["level:example"]["n"] == 1
    assert run["overall"]["unclipped"] == pytest.approx((6 / 10 + 3 / 6) / 2)


def test_example_tags_use_the_whole_example_score() -> None:
    rows = [row | {"example_tags": ["theme:a"]} for row in FIRST]
    rows += [row | {"example_tags": ["theme:a", "theme:b"]} for row in SECOND]
    run = run_of(*rows)
    assert run["themes"]["a"]["unclipped"] == -0.75
    assert (run["themes"]["b"]["score"], run["themes"]["b"]["unclipped"]) == (0.0, -2.0)


def test_a_tag_on_examples_and_criteria_is_refused() -> None:
    with pytest.raises(MedevalError, match="axis:accuracy"):
        score_grades(table(grade("A", 0, 5, True, example_tags=["axis:accuracy"])))


def test_missing_grade_removes_the_example_and_is_counted() -> None:
    # inspect_evals PR 2284: counting the lost -10 as not met would lift B to 1.0
    run = run_of(*FIRST, grade("B", 0, 5, True), grade("B", 1, -10, None))
    assert run["overall"] | NO_ERRORS == {
        "score": 0.5, "unclipped": 0.5, "n": 1, "n_missing": 1, "n_undefined": 0, **NO_ERRORS
    }  # fmt: skip
    assert run["verdicts"] == {"n": 6, "n_missing": 1, "missing_share": 1 / 6}


def test_missing_grade_leaves_tags_alone_that_do_not_need_it() -> None:
    run = run_of(grade("A", 0, 5, True, tags=["axis:x"]), grade("A", 1, 5, None, tags=["axis:y"]))
    assert (run["axes"]["x"]["score"], run["axes"]["x"]["n_missing"]) == (1.0, 0)
    assert (run["axes"]["y"]["score"], run["axes"]["y"]["n_missing"]) == (None, 1)


def test_bounds_fill_missing_grades_both_ways() -> None:
    # points 5 (met), 5 (lost), -8 (lost): all met 2/10, none met 5/10, best 10/10, worst -3/10 -> 0
    run = run_of(grade("A", 0, 5, True), grade("A", 1, 5, None), grade("A", 2, -8, None))
    assert run["bounds"] == {"all_met": 0.2, "none_met": 0.5, "highest": 1.0, "lowest": 0.0}
    assert run["overall"]["score"] is None


def test_bounds_are_the_extremes_over_every_way_to_fill_missing_grades() -> None:
    # Every mean lies inside 0..1, so no bound is a clipped one.
    points = {"A": (10, 4, 6, -5), "B": (8, 12, -4, -3), "C": (5, 5)}
    met: dict[str, tuple[bool | None, ...]] = {
        "A": (True, None, False, None), "B": (True, None, None, False), "C": (True, False)
    }  # fmt: skip
    run = run_of(*(grade(q, k, points[q][k], met[q][k]) for q in points for k in range(len(points[q]))))
    gaps = [(q, k) for q in points for k in range(len(points[q])) if met[q][k] is None]
    means = {}
    for filling in itertools.product((False, True), repeat=len(gaps)):
        filled = dict(zip(gaps, filling, strict=True))
        scores = [
            sum(w for k, w in enumerate(points[q]) if filled.get((q, k), met[q][k]))
            / sum(w for w in points[q] if w > 0)
            for q in points
        ]
        means[filling] = sum(scores) / len(scores)
    assert min(means.values()) > 0 and max(means.values()) < 1
    expected = {
        "all_met": means[(True,) * len(gaps)],
        "none_met": means[(False,) * len(gaps)],
        "highest": max(means.values()),
        "lowest": min(means.values()),
    }
    assert len(set(expected.values())) == len(expected)
    assert run["bounds"] == pytest.approx(expected)


def test_bounds_equal_the_score_when_nothing_is_missing() -> None:
    run = run_of(*FIRST)
    assert set(run["bounds"].values()) == {run["overall"]["score"]}


def test_bootstrap_error_matches_the_normal_theory_and_its_seed() -> None:
    # sd/sqrt(n) of the mean; 1000 resamples give about 2 % noise
    scores = np.random.default_rng(3).uniform(0.2, 0.8, 400)
    expected = scores.std() / 20
    assert clustered_se(scores, np.arange(400)) == pytest.approx(expected, rel=0.12)
    assert clustered_se(scores, np.arange(400), seed=1) == clustered_se(scores, np.arange(400), seed=1)


def test_bootstrap_resamples_prompts_not_rows() -> None:
    # every prompt answered 4 times alike: rows would give half of the true error
    scores = np.random.default_rng(4).uniform(0.2, 0.8, 100)
    once = clustered_se(scores, np.arange(100))
    assert clustered_se(np.repeat(scores, 4), np.repeat(np.arange(100), 4)) == pytest.approx(once, rel=0.12)


def test_the_reference_error_resamples_rows_as_the_authors_code_does() -> None:
    # two prompts, each answered 50 times alike: rows look like 100 independent examples
    scores = np.repeat([0.2, 0.8], 50)
    assert reference_std(scores, seed=2) == pytest.approx(scores.std() / 10, rel=0.12)
    prompts = np.repeat(["a", "b"], 50)
    # resampling two prompts gives 0.2, 0.5, 0.5 or 0.8
    assert clustered_se(scores, prompts, seed=2) == pytest.approx(np.std([0.2, 0.5, 0.5, 0.8]), rel=0.12)


def test_both_errors_and_the_interval_are_reported_and_explained() -> None:
    rows = [grade(name, 0, 5, name < "n", sample=k) for name in "abcdefghijklmnopqrstuvwxyz" for k in (0, 1)]
    document = score_grades(table(*rows))
    (run,) = document["runs"]
    assert run["overall"]["reference_std"] < run["overall"]["se"]
    assert (run["interval"]["clusters"], run["interval"]["n"]) == (26, 52)
    assert run["interval"]["low"] < run["overall"]["unclipped"] < run["interval"]["high"]
    assert {"se", "reference_std", "interval", "bounds"} <= set(document["meaning"])


def test_a_score_with_more_than_half_a_percent_missing_is_flagged() -> None:
    def flags(n_missing: int) -> list[str]:
        found = run_of(*(grade(f"{i:03}", 0, 5, None if i < n_missing else True) for i in range(400)))["flags"]
        return list(found)

    assert flags(2) == []  # 0.5 %
    assert flags(3) == ["TOO_MANY_MISSING_VERDICTS"]


def test_the_length_of_replies_is_looked_up_per_answer() -> None:
    lengths = {("A", 0): 100, ("B", 0): 200, ("B", 1): 400}
    rows = [*FIRST, *SECOND, grade("B", 0, 5, True, sample=1), grade("C", 0, 5, True), grade("D", 0, 5, None)]
    (run,) = score_grades(table(*rows), length_of=lambda run, item, sample: lengths.get((item, sample)))["runs"]
    assert run["length"]["correlation"]["value"] == pytest.approx(np.corrcoef([0.5, -2.0, 1.0], [100, 200, 400])[0, 1])
    counts = [run["length"][name] for name in ("n", "n_without_length", "n_without_score")]
    assert counts == [3, 2, 1]


def test_runs_and_subsets_are_kept_apart() -> None:
    # the same prompt carries other criteria in another subset
    rows = [*FIRST, grade("A", 0, 1, True, subset="hard"), grade("A", 0, 1, False, model="n")]
    runs = score_grades(table(*rows))["runs"]
    assert [(run["model"], run["subset"], run["overall"]["score"]) for run in runs] == [
        ("m", "main", 0.5), ("m", "hard", 1.0), ("n", "main", 0.0)
    ]  # fmt: skip


def test_row_order_does_not_matter() -> None:
    rows = [*FIRST, *SECOND, *(row | {"sample": 1} for row in SECOND)]
    assert run_of(*rows) == run_of(*reversed(rows))


def test_two_judges_in_a_run_are_refused() -> None:
    with pytest.raises(MedevalError, match="judge"):
        score_grades(table(grade("A", 0, 5, True), grade("A", 1, 5, True, judge="k")))


@pytest.mark.parametrize("change", [{"met": None}, {"status": "error"}])
def test_grade_that_contradicts_its_status_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MedevalError, match="criterion 0"):
        score_grades(table(grade("A", 0, 5, True) | change))


def test_result_is_json_ready() -> None:
    json.dumps(score_grades(table(*FIRST, *SECOND, grade("C", 0, 5, None))), allow_nan=False)
