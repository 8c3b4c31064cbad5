"""From tables of scores to verdicts in one command, and every verdict derived again from its own numbers."""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from claim_tables import ALL_TYPES, BENCHMARKS, claim, comparison, publication, write_tables
from click.testing import CliRunner
from scipy import stats

from medeval.cli.app import main

Z90, Z95 = stats.norm.ppf(0.95), stats.norm.ppf(0.975)


def verdict(folder: Path, *options: str) -> dict[str, Any]:
    arguments = ["verdict", "--claims", str(folder / "publication.yaml"), "--out", str(folder / "verdicts.json")]
    result = CliRunner().invoke(main, [*arguments, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads((folder / "verdicts.json").read_text())
    return document


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audit")
    publication(path)
    write_tables(path / "scores")
    return path


@pytest.fixture(scope="module")
def document(folder: Path) -> dict[str, Any]:
    return verdict(folder, "--scores", str(folder / "scores"))


def one(document: dict[str, Any], claim_id: str) -> dict[str, Any]:
    return next(dict(entry) for entry in document["verdicts"] if entry["claim_id"] == claim_id)


def test_claims_of_every_type_are_decided_from_a_folder_of_tables(document: dict[str, Any]) -> None:
    assert {entry["claim_id"]: entry["verdict"] for entry in document["verdicts"]} == {
        "lead": "REPRODUCED",
        "value": "REPRODUCED",
        "single": "NOT_REPRODUCED",
        "loss": "REPRODUCED",
        "tie": "REPRODUCED",
        "shorter": "REPRODUCED",
        "lag": "NOT_REPRODUCED",
        "part": "REPRODUCED",
        "closed": "INCONCLUSIVE",
    }


def test_systems_are_found_by_their_names(document: dict[str, Any]) -> None:
    found = {entry["name"]: entry["system"] for entry in document["subjects"]}
    # The published file is the publisher's own, not the one of its type that was made here.
    assert found == {
        "Alpha-1B": "alpha-1b/bf16",
        "Beta-2B": "beta-2b/bf16",
        "alpha-q4": "alpha-1b/published-q4_k_m",
    }


def rule_of(part: dict[str, Any], adjusted_p: float | None) -> str:
    """Apply the rule of a part to what it was applied to; written apart from the package."""
    basis, value = part["basis"], part["estimate"]
    match basis["rule"]:
        case "order":
            resolved = (part["low"] > 0 or part["high"] < 0) and adjusted_p is not None and adjusted_p < 0.05
            if resolved:
                return "REPRODUCED" if value > 0 else "NOT_REPRODUCED"
            return "NOT_REPRODUCED" if abs(value) + Z90 * part["se"] < basis["equal_within"] else "INCONCLUSIVE"
        case "value":
            assert basis["repetition"]["ours"] - basis["repetition"]["stated"] == pytest.approx(value)
            assert part["se"] == pytest.approx(value_error(part))
            return inside(value, part["se"], basis["margin"])
        case "equality":
            return inside(value, part["se"], basis["margin"])
        case "loss":
            loss, half = -value, Z90 * part["se"]
            if loss + half < basis["margin"]:
                return "REPRODUCED"
            return "NOT_REPRODUCED" if loss - half > basis["margin"] else "INCONCLUSIVE"
        case _:
            half = 0.05  # the stated multiple has one decimal
            low, high = 0.95 * (basis["stated_ratio"] - half), 1.05 * (basis["stated_ratio"] + half)
            meets = part["low"] <= high and part["high"] >= low
            return "REPRODUCED" if meets else "NOT_REPRODUCED"


def value_error(part: dict[str, Any]) -> float:
    again = part["basis"]["repetition"]
    rounding = again["half_unit"] ** 2 / 3
    if part["estimand"] == "sampled items":
        return math.sqrt(2 * again["own_se"] ** 2 + rounding)
    noise = [row["one_run_variance"] for row in again["benchmarks"]]
    repeats = 1 / again["our_runs"] + 1 / again["published_runs"]
    return math.sqrt(sum(noise) / len(noise) ** 2 * repeats + rounding)


def inside(value: float, se: float, margin: float) -> str:
    if abs(value) + Z90 * se < margin:
        return "REPRODUCED"
    return "NOT_REPRODUCED" if abs(value) - Z95 * se > margin else "INCONCLUSIVE"


def holm_by_hand(p_values: Sequence[float]) -> list[float]:
    order, adjusted, highest = sorted(range(len(p_values)), key=lambda i: p_values[i]), [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def adjusted_by_hand(document: dict[str, Any]) -> dict[tuple[str, int], float]:
    found = {}
    for family in document["families"]:
        raw = [1.0 if test["p_value"] is None else test["p_value"] for test in family["tests"]]
        for test, value in zip(family["tests"], holm_by_hand(raw), strict=True):
            found[test["claim_id"], test["part"]] = value
    return found


def derived(entry: dict[str, Any], index: int, document: dict[str, Any]) -> str:
    part = entry["parts"][index]
    if part["estimate"] is None:
        return "NOT_TESTABLE"
    found = rule_of(part, adjusted_by_hand(document).get((entry["claim_id"], index)))
    cut = max(share or 0.0 for share in part["truncated"].values())
    if cut > 0.02 and found == "REPRODUCED":
        found = "INCONCLUSIVE"
    if part["benchmarks_absent"] or {"HEADLINE_FIRST", "JUDGE_NOT_CREDIBLE"} & set(part["flags"]):
        found = "INCONCLUSIVE"
    explained = "PROTOCOL_MISMATCH" in entry["flags"] and part["protocol_range"]["covers_published"]
    return "INCONCLUSIVE" if found == "NOT_REPRODUCED" and explained else found


def combined(verdicts: list[str]) -> str:
    """A part that is contradicted contradicts the claim; else a part that is open leaves it open."""
    for outcome in ("NOT_REPRODUCED", "INCONCLUSIVE"):
        if outcome in verdicts:
            return outcome
    return verdicts[0] if len(set(verdicts)) == 1 else "INCONCLUSIVE"


def check_derivable(document: dict[str, Any]) -> None:
    for entry in document["verdicts"]:
        again = [derived(entry, index, document) for index in range(len(entry["parts"]))]
        assert again == [part["verdict"] for part in entry["parts"]], entry["claim_id"]
        assert combined(again) == entry["verdict"]


def test_every_verdict_can_be_derived_again_from_its_own_numbers(document: dict[str, Any]) -> None:
    check_derivable(document)
    assert {part["basis"]["rule"] for entry in document["verdicts"] for part in entry["parts"]} == {
        "order",
        "value",
        "loss",
        "equality",
        "tokens",
    }


def test_a_changed_number_changes_the_derived_verdict(document: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(document))
    one_part = changed["verdicts"][0]["parts"][0]
    one_part["low"] = -1.0
    with pytest.raises(AssertionError):
        check_derivable(changed)


def test_a_value_on_the_same_items_is_decided_by_the_noise_between_runs(document: dict[str, Any]) -> None:
    [part] = one(document, "value")["parts"]
    again = part["basis"]["repetition"]
    assert part["estimand"] == "fixed items"
    assert part["se"] == part["fixed_se"]
    assert part["fixed_se"] < again["sampled_se"] / 2
    assert (again["our_runs"], again["published_runs"]) == (3, 3)
    assert part["basis"]["stated_inside_prediction"] == (abs(part["estimate"]) < Z95 * part["se"])


def test_what_was_not_measured_still_counts_in_the_family(folder: Path) -> None:
    unmeasured = claim("other", "T2", comparison("average", "Alpha-1B", "Gamma"))
    models = [{"id": name, "label": name, "role": "comparator"} for name in ("Alpha-1B", "Beta-2B", "Gamma")]
    publication(folder / "scores", [ALL_TYPES[0], unmeasured], models=models, weights=[])
    found = verdict(folder / "scores", "--scores", str(folder / "scores"))
    [family] = found["families"]
    raw = [test["p_value"] for test in family["tests"]]
    assert raw[1] is None
    assert family["tests"][0]["adjusted_p_value"] == pytest.approx(2 * raw[0])
    entry = one(found, "other")
    assert entry["verdict"] == "NOT_TESTABLE"
    assert "--subject 'Gamma=MODEL/VARIANT'" in entry["plain"]
    assert "alpha-1b/bf16" in entry["plain"]


def test_a_claim_after_one_that_did_not_reproduce_is_not_tested(document: dict[str, Any]) -> None:
    closed = one(document, "closed")
    assert closed["flags"] == ["HEADLINE_FIRST"]
    assert closed["parts"][0]["reasons"][0] == "not tested: its headline claim lag did not reproduce"
    names = [(family["family"], [test["claim_id"] for test in family["tests"]]) for family in document["families"]]
    assert names == [("headline claims", ["lead", "lag"]), ("claims after a headline claim", ["part"])]


def test_the_comparisons_are_kept_beside_the_verdicts(folder: Path, document: dict[str, Any]) -> None:
    kept = folder / "verdicts.comparisons.json"
    again = verdict(folder, "--comparisons", str(kept))
    assert again == document


def test_a_copy_of_a_table_in_a_folder_counts_once(tmp_path: Path) -> None:
    publication(tmp_path, [ALL_TYPES[2]], weights=[])
    original = next(path for path in write_tables(tmp_path / "a", {"medqa": 20}) if "bf16" in path.name)
    (tmp_path / "a/mlflow-artifacts").mkdir()
    shutil.copy(original, tmp_path / "a/mlflow-artifacts/copy.parquet")
    document = verdict(tmp_path, "--scores", str(tmp_path / "a"))
    kept = json.loads((tmp_path / "verdicts.comparisons.json").read_text())
    assert str(original) in kept["inputs"]
    assert not any("copy.parquet" in name for name in kept["inputs"])
    assert one(document, "single")["parts"][0]["items"] == 20


def test_a_loss_names_its_worst_benchmark_and_the_flips_of_the_reference_itself(document: dict[str, Any]) -> None:
    [part] = one(document, "loss")["parts"]
    churn = part["basis"]["churn"]
    assert churn["excess"] == pytest.approx(churn["rate"] - churn["floor"])
    assert 5 < churn["floor"] < churn["rate"]
    worst = min(part["basis"]["benchmarks"], key=lambda row: row["difference"])
    assert any(f"the worst benchmark is {worst['benchmark']} with a loss of" in reason for reason in part["reasons"])


def test_a_ratio_shows_right_replies_budgets_and_truncation(document: dict[str, Any]) -> None:
    [part] = one(document, "shorter")["parts"]
    basis = part["basis"]
    assert basis["both_correct"]["ratio"]["value"] == pytest.approx(3.2, rel=0.05)
    assert part["truncated"] == {"a": 0.0, "b": 0.0}
    budgets = {row["tokens"]: row for row in basis["budgets"]}
    # Within 512 tokens most of A's replies end and few of B's do; with room for all, the accuracies are the scores.
    assert budgets[512]["difference"] > budgets[4096]["difference"] + 20
    assert budgets[4096]["a"] == pytest.approx(one(document, "value")["parts"][0]["basis"]["repetition"]["ours"])


def test_a_published_file_is_compared_with_ours_of_the_same_type(tmp_path: Path) -> None:
    paths = [str(path) for path in write_tables(tmp_path, {"medqa": 40})]
    options = ["--reference", "alpha-1b/bf16", "--headline", "generate", "--out", str(tmp_path / "c.json")]
    assert CliRunner().invoke(main, ["compare", *options, *paths]).exit_code == 0
    pairs = json.loads((tmp_path / "c.json").read_text())["comparisons"]
    names = {tuple(pair[side]["variant"] for side in "ab") for pair in pairs}
    assert names == {("bf16", "q4_k_m"), ("bf16", "published-q4_k_m"), ("q4_k_m", "published-q4_k_m")}


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A hundred items of each benchmark, and nothing of the third."""
    path = tmp_path_factory.mktemp("smoke")
    publication(path)
    write_tables(path / "scores", {"medqa": 100, "pubmedqa": 100})
    return verdict(path, "--scores", str(path / "scores"))


def test_an_average_without_all_its_benchmarks_is_never_decided(smoke: dict[str, Any]) -> None:
    for claim_id in ("lead", "loss", "tie"):
        entry = one(smoke, claim_id)
        assert entry["verdict"] == "INCONCLUSIVE"
        assert "PARTIAL_COVERAGE" in entry["flags"]
        assert entry["parts"][0]["reasons"][0] == "the average was not measured: mmlu_health is missing"
        assert "Not everything that the claim covers was measured." in entry["plain"]
    check_derivable(smoke)


def test_a_part_of_the_items_counts_as_a_sample(smoke: dict[str, Any]) -> None:
    [part] = one(smoke, "single")["parts"]
    assert part["estimand"] == "sampled items"
    assert any("the items are not known to be the published ones" in reason for reason in part["reasons"])
    assert "PARTIAL_COVERAGE" in part["flags"]


def test_a_value_of_missing_benchmarks_is_set_against_what_is_printed_for_the_others(tmp_path: Path) -> None:
    figures = {"values": {"medqa": 68.0, "pubmedqa": 72.0}, "source": ["s"], "status": "derived"}
    models = [{"id": "Alpha-1B", "label": "Alpha-1B", "role": "audited", "choice": figures}]
    stated = claim("value", "T1", comparison("average", b=None, stated_a=60.0))
    publication(tmp_path, [stated], models=models, weights=[])
    write_tables(tmp_path / "scores", {"medqa": 400, "pubmedqa": 300})
    [part] = one(verdict(tmp_path, "--scores", str(tmp_path / "scores")), "value")["parts"]
    assert part["basis"]["repetition"]["stated"] == pytest.approx(70.0)  # not the stated average of three benchmarks
    assert abs(part["estimate"]) < 5
    assert part["verdict"] == "INCONCLUSIVE"


def test_cut_replies_forbid_a_reproduction(tmp_path: Path) -> None:
    publication(tmp_path, [ALL_TYPES[0], ALL_TYPES[5]])
    write_tables(tmp_path / "scores", truncated=0.04)
    found = verdict(tmp_path, "--scores", str(tmp_path / "scores"))
    for claim_id in ("lead", "shorter"):
        entry = one(found, claim_id)
        assert entry["verdict"] == "INCONCLUSIVE"
        assert "TRUNCATED" in entry["flags"]
    assert "4." in one(found, "lead")["parts"][0]["reasons"][0]


def test_another_protocol_that_covers_the_published_figure_leaves_a_contradiction_open(
    tmp_path: Path, folder: Path, document: dict[str, Any]
) -> None:
    hidden = publication(tmp_path, [ALL_TYPES[2]], evaluation={"undisclosed": ["prompts"]})
    kept = folder / "verdicts.comparisons.json"
    alone = one(verdict(hidden.parent, "--comparisons", str(kept)), "single")
    assert alone["verdict"] == "NOT_REPRODUCED"
    assert "no other than ours was measured" in alone["parts"][0]["reasons"][-1] or "protocols measured" in str(alone)
    other = json.loads(kept.read_text())
    for entry in other["scores"]:
        entry["accuracy"]["value"] -= 0.25  # another prompt, by which the same model scores 25 points less
    (tmp_path / "other.json").write_text(json.dumps(other))
    options = ["--comparisons", str(kept), "--other-protocol", str(tmp_path / "other.json")]
    again = verdict(hidden.parent, *options)
    entry = one(again, "single")
    assert entry["verdict"] == "INCONCLUSIVE"
    assert "which covers the published figure" in entry["parts"][0]["reasons"][0]
    check_derivable(again)


def refused(folder: Path, *options: str) -> str:
    arguments = ["verdict", "--claims", str(folder / "publication.yaml"), "--out", str(folder / "v.json"), *options]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code != 0
    return str(result.exception or "") + result.output


def test_what_cannot_be_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    assert "either --comparisons or --scores" in refused(folder)
    assert "knows no Delta" in refused(folder, "--scores", str(folder / "scores"), "--subject", "Delta=a/b")
    (tmp_path / "empty").mkdir()
    assert "holds no table of" in refused(folder, "--scores", str(tmp_path / "empty"))


def test_a_quantized_file_alone_does_not_stand_for_its_model(tmp_path: Path) -> None:
    publication(tmp_path, [ALL_TYPES[1]], weights=[])
    write_tables(tmp_path / "scores", {"medqa": 20})
    only = tmp_path / "scores/alpha-1b-q4_k_m.parquet"
    entry = one(verdict(tmp_path, "--scores", str(only)), "value")
    assert entry["verdict"] == "NOT_TESTABLE"
    assert "only the quantized alpha-1b/q4_k_m was measured" in entry["plain"]
    named = verdict(tmp_path, "--scores", str(only), "--subject", "Alpha-1B=alpha-1b/q4_k_m")
    assert one(named, "value")["parts"][0]["a"] == "alpha-1b/q4_k_m"


def test_the_fixture_has_all_benchmarks_of_the_average() -> None:
    assert set(BENCHMARKS) == {"medqa", "pubmedqa", "mmlu_health"}
