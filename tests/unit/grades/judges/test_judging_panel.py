"""Panels and anchors: who judges matters, and how much of it is said."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from judging_rows import grade, write_grades

from medeval.cli.judge import judge as command
from medeval.errors import MedevalError
from medeval.grades.judges.anchors import anchors, read_official
from medeval.grades.judges.families import Families, of_run, parse_families
from medeval.grades.judges.grades import GradedCriteria, read_by_judge, read_graded, read_one_judge
from medeval.grades.judges.panel import panel
from medeval.grades.judges.retest import retest
from medeval.statistics.anchors import anchor_offset, transport
from medeval.statistics.self_preference import own_family_odds, self_preference

FAMILIES = Families({"ours": "qwen", "theirs": "gemma", "J-qwen": "qwen", "J-llama": "llama", "J-mistral": "mistral"})
POINTS = (5.0, 3.0, -4.0)


def by_judge(folder: Path, judge: str, grades: dict[str, Any], **changes: Any) -> GradedCriteria:
    """Grades of one judge: model -> array of grades, shape (prompts, 3), None where one is missing."""
    rows = [
        grade(model, f"q{prompt}", index, POINTS[index], None if met is None else bool(met), judge=judge) | changes
        for model, table in grades.items()
        for prompt, row in enumerate(table)
        for index, met in enumerate(row)
    ]
    return read_graded(write_grades(folder / f"{judge}.parquet", rows))


def documented(graded: list[GradedCriteria], families: Families = FAMILIES) -> dict[str, Any]:
    document = panel(graded, families)
    json.dumps(document, allow_nan=False)
    return document


def random_tables(n: int = 80, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"ours": rng.random((n, 3)) < 0.5, "theirs": rng.random((n, 3)) < 0.5}


def favouring(tables: dict[str, np.ndarray], model: str, share: float, seed: int = 1) -> dict[str, np.ndarray]:
    """Turn a share of one model's unfavourable grades into favourable ones."""
    rng = np.random.default_rng(seed)
    good = np.array([True, True, False])
    changed = np.where(rng.random(tables[model].shape) < share, good, tables[model])
    return {**tables, model: changed}


def test_scores_mean_range_and_majority_of_three_judges(tmp_path: Path) -> None:
    judges = [
        by_judge(tmp_path, "J-qwen", {"ours": [[1, 1, 0], [1, 0, 0]]}),
        by_judge(tmp_path, "J-llama", {"ours": [[1, 0, 0], [1, 0, 1]]}),
        by_judge(tmp_path, "J-mistral", {"ours": [[0, 0, 0], [1, 0, 1]]}),
    ]
    [run] = documented(judges)["runs"]
    scores = [run["by_judge"][name]["value"] for name in ("J-qwen", "J-llama", "J-mistral")]
    assert scores == pytest.approx([(8 + 5) / 16, (5 + 1) / 16, (0 + 1) / 16])
    assert run["mean"] == pytest.approx(sum(scores) / 3)
    assert (run["lowest"], run["highest"]) == (min(scores), max(scores))
    # Majority: met 1, 0, 0 and 1, 0, 1.
    assert run["majority"]["value"] == pytest.approx((5 + 1) / 16)
    assert run["mean_without_one"] == pytest.approx([(scores[1] + scores[2]) / 2, (scores[0] + scores[1]) / 2])


def test_a_tie_or_a_missing_grade_is_no_grade_of_the_majority(tmp_path: Path) -> None:
    judges = [
        by_judge(tmp_path, "J-qwen", {"ours": [[1, 1, 0], [1, 1, 0]]}),
        by_judge(tmp_path, "J-llama", {"ours": [[1, None, 0], [0, 1, 0]]}),
    ]
    document = documented(judges)
    [run] = document["runs"]
    assert run["ties"] == 1
    assert (run["majority"]["n"], run["majority"]["value"]) == (1, 1.0)
    # A score under each judge is taken over the examples that all judges scored.
    assert [entry["n"] for entry in run["by_judge"].values()] == [1, 1]
    assert [entry["missing"] for entry in document["judges"]] == [0, 1]
    assert any("2 judges; a panel has at least 3" in note for note in document["notes"])


def test_agreement_is_that_of_the_grades_with_missing_ones_left_out(tmp_path: Path) -> None:
    # The ratings of test_statistics_judges, four prompts of three criteria:
    # krippendorff.alpha -> 0.5882352941176471; irrCAC gwet -> 0.65348
    ratings = {
        "J-qwen": [1, 1, 0, 0, 1, 1, 0, 1, None, 0, 1, None],
        "J-llama": [1, 0, 0, 0, 1, 1, 1, 1, 0, None, 1, None],
        "J-mistral": [1, 1, 0, 1, 1, None, 0, 1, 0, 0, None, 1],
    }
    judges = [
        by_judge(tmp_path, name, {"ours": np.array(row, dtype=object).reshape(4, 3).tolist()})
        for name, row in ratings.items()
    ]
    overall = documented(judges)["agreement"][0]
    assert overall["alpha"]["value"] == pytest.approx(0.5882352941176471)
    assert overall["ac1"]["value"] == pytest.approx(0.65348, abs=5e-6)


def test_a_judge_that_favours_its_family_is_found_and_others_are_not(tmp_path: Path) -> None:
    tables = random_tables()
    judges = [
        by_judge(tmp_path, "J-qwen", favouring(tables, "ours", 0.4)),
        by_judge(tmp_path, "J-llama", favouring(tables, "ours", 0.05, seed=2)),
        by_judge(tmp_path, "J-mistral", favouring(tables, "theirs", 0.05, seed=3)),
    ]
    [entry] = documented(judges)["preferences"]
    found = {one["judge"]: one for one in entry["judges"]}
    preference = found["J-qwen"]["preference"]
    assert preference["low"] > 0.05
    assert found["J-llama"]["preference"] is None
    assert found["J-llama"]["reason"] == "no model is of its family"
    assert entry["odds"]["low"] > 1


def test_self_preference_is_a_difference_of_differences() -> None:
    # One prompt: own model .9 and .5 under itself and a reference, other model .4 and .3: (.4) - (.1).
    scores = np.array([[[0.9, 0.5], [0.4, 0.3]], [[0.8, 0.5], [0.3, 0.3]]])
    found = self_preference(scores, 0, [True, False], [False, True], [False, True])
    assert found is not None
    assert found.value == pytest.approx((0.3 + 0.3) / 2)
    assert self_preference(scores, 0, [True, False], [False, True], [False, False]) is None
    lenient = scores + np.array([0.2, 0.0])  # a judge that is kinder to everybody prefers nobody
    again = self_preference(lenient, 0, [True, False], [False, True], [False, True])
    assert again is not None
    assert again.value == pytest.approx(found.value)


def test_odds_within_a_family_come_from_a_regression_with_judge_and_model() -> None:
    # Two judges and two models, one of each in either family; four hundred grades of each pair.
    rng = np.random.default_rng(7)
    models, judges = np.tile([0, 0, 1, 1], 400), np.tile([0, 1, 0, 1], 400)
    own = (models == judges).astype(float)
    logit = -0.2 + 0.8 * own + 0.5 * judges - 0.4 * models
    favourable = (rng.random(1600) < 1 / (1 + np.exp(-logit))).astype(float)
    found = own_family_odds(favourable, models, judges, own, np.arange(1600) // 4)
    assert found is not None
    assert found.low < np.exp(0.8) < found.high
    # Four parameters fit the four cells exactly, so the estimate is the root of the odds ratio of the two-by-two table.
    share = {(m, j): favourable[(models == m) & (judges == j)].mean() for m in (0, 1) for j in (0, 1)}
    odds = {cell: p / (1 - p) for cell, p in share.items()}
    expected = np.sqrt(odds[0, 0] * odds[1, 1] / (odds[0, 1] * odds[1, 0]))
    assert found.ratio == pytest.approx(expected, rel=1e-6)
    assert own_family_odds(favourable, np.zeros(1600), judges, own * 0, np.arange(1600)) is None


def test_an_ordering_that_depends_on_the_judge_is_named(tmp_path: Path) -> None:
    tables = random_tables()
    fair = [
        by_judge(tmp_path, name, favouring(tables, "ours", 0.5, seed=seed))
        for seed, name in enumerate(("J-qwen", "J-llama"))
    ]
    [same] = documented(fair)["orderings"]
    assert same["same_sign"]
    assert set(same["resolved_under"]) == {"J-qwen", "J-llama"}
    odd = by_judge(tmp_path, "J-mistral", favouring(tables, "theirs", 0.9))
    [other] = documented([*fair, odd])["orderings"]
    assert not other["same_sign"]
    assert other["under"]["J-mistral"]["value"] < 0 < other["under"]["J-qwen"]["value"]


def test_what_only_some_judges_graded_is_left_out_and_counted(tmp_path: Path) -> None:
    whole = by_judge(tmp_path, "J-qwen", {"ours": [[1, 1, 0], [1, 0, 0]]})
    part = by_judge(tmp_path, "J-llama", {"ours": [[1, 1, 0]]})
    document = documented([whole, part])
    assert document["criteria"] == 3
    assert [entry["left_out"] for entry in document["judges"]] == [3, 0]


def test_a_second_grading_shows_flips_that_a_mean_hides(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first = by_judge(tmp_path, "J-qwen", {"ours": [[1, 0, 0], [0, 1, 1], [1, 1, 0], [1, 1, None]]})
    second = by_judge(tmp_path / "again", "J-qwen", {"ours": [[0, 0, 0], [1, 1, 1], [1, 1, 0], [1, 1, 0]]})
    document = retest(first, second)
    json.dumps(document, allow_nan=False)
    found = {entry["part"]: entry for entry in document["flips"]}
    assert (found["all criteria"]["lost"], found["all criteria"]["gained"], found["all criteria"]["n"]) == (1, 1, 11)
    assert found["negative points"]["rate"]["value"] == 0.0
    [run] = document["runs"]
    assert (run["examples"], run["change"]["value"], document["missing_in_one"]) == (3, 0.0, 1)
    with pytest.raises(MedevalError, match="the judges differ"):
        retest(first, by_judge(tmp_path, "J-llama", {"ours": [[1, 0, 0]]}))


def test_the_retest_command_counts_what_flips_each_way(tmp_path: Path) -> None:
    by_judge(tmp_path, "J-qwen", {"ours": [[1, 0, 0], [0, 1, 1]]})
    path = str(tmp_path / "J-qwen.parquet")
    result = CliRunner().invoke(
        command, ["retest", path, path, "--out", str(tmp_path / "r.json")], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert "6 criteria in both gradings" in result.output


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    first = by_judge(tmp_path, "J-qwen", {"ours": [[1, 1, 0]]})
    with pytest.raises(MedevalError, match="two files are by the judge 'J-qwen'"):
        panel([first, first], FAMILIES)
    with pytest.raises(MedevalError, match="share no criterion"):
        panel([first, by_judge(tmp_path, "J-llama", {"theirs": [[1, 1, 0]]})], FAMILIES)
    with pytest.raises(MedevalError, match=r"criterion 0 of q0 has points \[5.0, 9.0\]"):
        panel([first, by_judge(tmp_path, "J-llama", {"ours": [[1, 1, 0]]}, points=9.0)], FAMILIES)


def test_a_judges_files_are_put_together_and_may_not_repeat_a_criterion(tmp_path: Path) -> None:
    tables = random_tables(n=5)
    for model, table in tables.items():
        (tmp_path / model).mkdir()
        for name in ("J-qwen", "J-llama"):
            by_judge(tmp_path / model, name, {model: table})
    paths = [tmp_path / model / f"{name}.parquet" for model in tables for name in ("J-qwen", "J-llama")]
    found = read_by_judge(paths)
    assert [one.judge for one in found] == ["J-qwen", "J-llama"]
    assert [len(one.frame) for one in found] == [30, 30]
    assert len(documented(found)["runs"]) == 2
    with pytest.raises(MedevalError, match="two grades of 'J-qwen' on criterion 0 of q0, ours"):
        read_by_judge([paths[0], paths[0]])
    with pytest.raises(MedevalError, match="is by 'J-qwen'.* by 'J-llama'"):
        read_one_judge(paths)


def test_families_are_stated_by_name_or_by_the_beginning_of_a_judges_name() -> None:
    families = parse_families(["medpsy-4b=qwen", "Llama=llama", "Llama-Guard=guard", "a=b=c"])
    assert families.of_model("medpsy-4b") == "qwen"
    assert families.of_model("medpsy") is None
    assert families.of_judge("Llama-3.3-70B at http://x, temperature 0") == "llama"
    assert families.of_judge("Llama-Guard-3") == "guard"
    assert families.of_model("a=b") == "c"
    with pytest.raises(MedevalError, match="expected NAME=FAMILY"):
        parse_families(["qwen"])
    with pytest.raises(MedevalError, match="stated to be x and y"):
        parse_families(["a=x", "a=y"])


def test_a_runs_configuration_states_families_of_models_and_judge() -> None:
    root = Path(__file__).parents[4]
    stated = of_run(root / "config/medpsy.yaml")
    assert {"medpsy-4b=qwen", "medgemma-27b-text-it=gemma"} <= set(stated)


def test_the_panel_command_shows_scores_and_orderings(tmp_path: Path) -> None:
    for seed, name in enumerate(("J-qwen", "J-llama", "J-mistral")):
        by_judge(tmp_path, name, favouring(random_tables(), "ours", 0.3, seed=seed))
    files = [str(tmp_path / f"{name}.parquet") for name in ("J-qwen", "J-llama", "J-mistral")]
    families = [f"--family={name}={family}" for name, family in FAMILIES.stated.items()]
    result = CliRunner().invoke(
        command, ["panel", *files, *families, "--out", str(tmp_path / "p.json")], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert "same sign; resolved: 3 of 3" in result.output
    assert "judge and judged share the family qwen: J-qwen may favour its own" in result.output


def test_an_offset_and_its_spread_are_those_of_the_differences() -> None:
    found = anchor_offset([0.50, 0.60, 0.45], [0.42, 0.50, 0.36])
    assert found.offset == pytest.approx(0.09)
    assert found.residual_sd == pytest.approx(0.01)
    assert found.enough
    carried = transport(0.74, 0.03, found)
    assert carried.corrected == pytest.approx(0.65)
    assert carried.total_se == pytest.approx((0.03**2 + 0.01**2) ** 0.5)
    assert not anchor_offset([0.5, 0.6], [0.4, 0.5]).enough
    assert anchor_offset([0.5], [0.4]).residual_sd is None


def constant(folder: Path, name: str, shares: dict[str, float], n: int = 400) -> GradedCriteria:
    """Graded examples of one criterion, of which a share is met."""
    rows = [
        grade(model, f"q{prompt}", 0, 5.0, prompt < round(share * n), judge="J")
        for model, share in shares.items()
        for prompt in range(n)
    ]
    return read_graded(write_grades(folder / f"{name}.parquet", rows))


def official(folder: Path, document: Any) -> Path:
    path = folder / "official.json"
    path.write_text(json.dumps(document))
    return path


def test_a_score_is_carried_over_and_two_anchors_decide_nothing(tmp_path: Path) -> None:
    shares = {"a": 0.60, "b": 0.40, "c": 0.50}
    known = {model: {"overall": share - 0.1, "hedging": share - 0.1} for model, share in shares.items()}
    judged = constant(tmp_path, "ours", {"m": 0.9})
    for names, verdict in ((("a", "b", "c"), "NOT_REPRODUCED"), (("a", "b"), "INCONCLUSIVE")):
        graded = constant(tmp_path, "anchors", {name: shares[name] for name in names})
        document = anchors(graded, read_official(official(tmp_path, known)), judged, published=0.6)
        json.dumps(document, allow_nan=False)
        [run] = document["runs"]
        assert document["offsets"]["overall"]["offset"] == pytest.approx(0.1)
        assert run["scores"]["hedging"]["corrected"] == pytest.approx(0.8)
        assert run["verdict"] == verdict
        assert ("at least 3 are needed" in run["reason"]) == (len(names) < 3)


def test_offsets_of_negative_means_are_taken_and_subtracted_on_one_scale(tmp_path: Path) -> None:
    # One criterion of 4 and one of -8: always gaining -8 and sometimes 4 gives the mean share - 2 below 0.
    def graded(name: str, shares: dict[str, float]) -> GradedCriteria:
        rows = [
            grade(model, f"q{prompt}", index, points, index == 1 or prompt < share * 40, judge="J")
            for model, share in shares.items()
            for prompt in range(40)
            for index, points in enumerate((4.0, -8.0))
        ]
        return read_graded(write_grades(tmp_path / f"{name}.parquet", rows))

    known = {"a": {"overall": 0.1}, "b": {"overall": 0.2}, "c": {"overall": 0.3}}
    document = anchors(graded("anchors", {"a": 0.5, "b": 0.6, "c": 0.7}), known, graded("ours", {"m": 0.9}))
    assert [pair["judged"] for pair in document["anchors"]] == pytest.approx([-1.5, -1.4, -1.3])
    assert document["offsets"]["overall"]["offset"] == pytest.approx(-1.6)
    [run] = document["runs"]
    assert run["scores"]["overall"]["raw"] == pytest.approx(-1.1)
    assert run["scores"]["overall"]["corrected"] == pytest.approx(0.5)
    assert "not clipped" in document["scale"]


def test_an_official_score_of_0_is_no_anchor(tmp_path: Path) -> None:
    graded = constant(tmp_path, "anchors", {"a": 0.5})
    with pytest.raises(MedevalError, match="official score of a, overall, is 0, perhaps a negative mean"):
        anchors(graded, {"a": {"overall": 0.0}})


@pytest.mark.parametrize(("share", "verdict"), [(0.9, "NOT_REPRODUCED"), (0.1, "INCONCLUSIVE"), (0.05, "INCONCLUSIVE")])
def test_a_published_0_is_refuted_by_higher_scores_and_never_reproduced(
    tmp_path: Path, share: float, verdict: str
) -> None:
    shares = {"a": 0.60, "b": 0.40, "c": 0.50}
    graded = constant(tmp_path, "anchors", shares, n=4000)
    known = {model: {"overall": value - 0.1} for model, value in shares.items()}
    document = anchors(graded, known, constant(tmp_path, "ours", {"m": share}, n=4000), published=0.0)
    assert document["runs"][0]["verdict"] == verdict
    assert ("may be a negative mean" in document["runs"][0]["reason"]) == (verdict == "INCONCLUSIVE")


def test_anchors_need_official_scores_and_the_same_judge(tmp_path: Path) -> None:
    graded = constant(tmp_path, "anchors", {"a": 0.5})
    with pytest.raises(MedevalError, match="no official score of a"):
        anchors(graded, {"b": {"overall": 0.5}})
    with pytest.raises(MedevalError, match="a has no scored example of global_health"):
        anchors(graded, {"a": {"global_health": 0.5}})
    other = by_judge(tmp_path, "J-qwen", {"ours": [[1, 1, 0]]})
    with pytest.raises(MedevalError, match="is graded by 'J'"):
        anchors(graded, {"a": {"overall": 0.5}}, other)
    with pytest.raises(MedevalError, match="47.78 is no fraction"):
        read_official(official(tmp_path, {"a": {"overall": 47.78}}))


@pytest.mark.parametrize("name", ["panel", "retest", "anchors", "calibrate", "meta-eval"])
def test_no_audit_replaces_what_it_reads(tmp_path: Path, name: str) -> None:
    paths = [str(constant(tmp_path, model, {"a": 0.5}, n=2).path) for model in ("x", "y")]
    given = {
        "panel": paths,
        "retest": paths,
        "anchors": [paths[0], "--official", paths[1]],
        "calibrate": [paths[0], "--rows", paths[1], "--verdicts", paths[1]],
        "meta-eval": [paths[0], "--verdicts", paths[1]],
    }
    before = Path(paths[1]).read_bytes()
    result = CliRunner().invoke(command, [name, *given[name], "--out", paths[1]])
    assert isinstance(result.exception, MedevalError | SystemExit)
    assert "would replace a file that is read" in f"{result.output}{result.exception}"
    assert Path(paths[1]).read_bytes() == before


def test_the_anchors_command_says_that_one_anchor_is_not_enough(tmp_path: Path) -> None:
    constant(tmp_path, "anchors", {"a": 0.5})
    arguments = ["anchors", str(tmp_path / "anchors.parquet"), "--official"]
    arguments += [str(official(tmp_path, {"a": {"overall": 0.4}})), "--out", str(tmp_path / "anchors.json")]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "fewer than 3: at best INCONCLUSIVE" in result.output
