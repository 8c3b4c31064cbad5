"""From score tables to comparisons: the right items, weights and signs."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medeval.comparisons.document import Comparisons
from medeval.comparisons.run import compare
from medeval.errors import MedevalError
from medeval.records import tables

# Correctness of each item under two files of one model: benchmark -> (stratum, reference, quantized).
MEDQA = [("", True, True)] * 60 + [("", True, False)] * 20 + [("", False, True)] * 10 + [("", False, False)] * 10
MMLU = [("anatomy", True, True)] * 2 + [("anatomy", True, False)] * 2 + [("virology", False, False)] * 8


def score_row(benchmark: str, index: int, stratum: str, correct: bool, variant: str, **changes: Any) -> dict[str, Any]:
    row = {
        "model": "tiny",
        "variant": variant,
        "target": "cpu",
        "benchmark": benchmark,
        "item_id": f"{benchmark}-{index}",
        "sample": 0,
        "mode": "letter",
        "stratum": stratum,
        "cluster_id": f"{benchmark}-{index}",
        "status": "answered",
        "stage": "logprob",
        "correct": correct,
        "method": "letter-logprob@1",
        "generated_tokens": 0,
        "choice": 0,
    }
    return row | changes


def write_scores(folder: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"{name}.parquet"
    tables.write(path, tables.build(tables.SCORES, rows), tables.SCORES, command="test", inputs={})
    return path


def item_row(benchmark: str, index: int) -> dict[str, Any]:
    name = f"{benchmark}-{index}"
    texts = {"question": "Which?", "stratum": "", "cluster_id": name, "source_revision": "r"}
    choices = {"options": ["one", "two"], "answer": 0, "answers": [0]}
    return {"benchmark": benchmark, "item_id": name, "source_row": index, **texts, **choices}


def write_items(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "items.parquet"
    tables.write(path, tables.build(tables.ITEMS, rows), tables.ITEMS, command="test", inputs={})
    return path


def write_grades(folder: Path, variant: str, met: list[bool | None]) -> Path:
    """Grade conversations by one criterion each; None is a missing grade."""
    path = folder / f"grades-{variant}.parquet"
    rows = [
        {
            "model": "tiny",
            "variant": variant,
            "target": "cpu",
            "benchmark": "healthbench",
            "subset": "main",
            "item_id": f"c{index}",
            "sample": 0,
            "criterion_index": 0,
            "points": 5.0,
            "tags": ["axis:accuracy"],
            "example_tags": ["theme:hedging"],
            "stratum": "hedging",
            "judge": "judge@1",
            "judge_prompt_sha256": "ab" * 32,
            "status": "unusable" if grade is None else "graded",
            "met": grade,
        }
        for index, grade in enumerate(met)
    ]
    tables.write(path, tables.build(tables.GRADES, rows), tables.GRADES, command="test", inputs={})
    return path


def rows_of(benchmark: str, outcomes: list[tuple[str, bool, bool]], variant: str) -> list[dict[str, Any]]:
    side = 1 if variant == "f16" else 2
    return [score_row(benchmark, i, outcome[0], bool(outcome[side]), variant) for i, outcome in enumerate(outcomes)]


def run_compare(folder: Path, paths: list[Path], **changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"references": ["tiny/f16"], "headline": "letter", "margin_points": 1.0, "seed": 1}
    written = compare(paths, folder / "out.json", **options | changes)
    document: dict[str, Any] = json.loads((folder / "out.json").read_text())
    # Whatever the tables hold, the document that is read back is the one that was written.
    assert Comparisons.read(folder / "out.json").as_json() == written.as_json() == document
    return document


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    paths = [
        write_scores(tmp_path, f"{benchmark}-{variant}", rows_of(benchmark, outcomes, variant))
        # The quantized file's tables come first: the order of the inputs must not decide who is the reference.
        for variant in ("q4", "f16")
        for benchmark, outcomes in (("medqa", MEDQA), ("mmlu_health", MMLU))
    ]
    return run_compare(tmp_path, paths)


def test_the_reference_comes_first_whatever_the_order_of_the_tables(document: dict[str, Any]) -> None:
    [pair] = document["comparisons"]
    assert (pair["a"]["variant"], pair["b"]["variant"]) == ("f16", "q4")


def test_a_difference_is_reference_minus_quantized_with_its_error(document: dict[str, Any]) -> None:
    medqa = document["comparisons"][0]["benchmarks"][0]
    # Both right 60, only the reference 20, only the quantized 10, neither 10: sqrt(0.29 / 99), and the exact
    # binomial test of 10 in 30.
    assert medqa["difference"]["value"] == pytest.approx(0.10)
    assert medqa["difference"]["se"] == pytest.approx(0.0541229427, rel=1e-8)
    assert medqa["difference"]["mcnemar"]["exact"] == pytest.approx(0.0987371467, rel=1e-8)
    assert (medqa["flips"]["lost"], medqa["flips"]["gained"]) == (20, 10)


def test_a_benchmark_of_subjects_weighs_its_subjects_the_same(document: dict[str, Any]) -> None:
    scores = {(e["benchmark"], e["variant"]): e["accuracy"]["value"] for e in document["scores"]}
    assert scores["mmlu_health", "f16"] == pytest.approx((1.0 + 0.0) / 2)  # not 4 of 12
    assert scores["mmlu_health", "q4"] == pytest.approx((0.5 + 0.0) / 2)
    mmlu = document["comparisons"][0]["benchmarks"][1]
    assert mmlu["difference"]["value"] == pytest.approx(0.25)


def test_the_average_weighs_benchmarks_the_same(document: dict[str, Any]) -> None:
    average = document["comparisons"][0]["average"]
    assert average["normal"]["value"] == pytest.approx((0.10 + 0.25) / 2)
    assert average["bootstrap"]["value"] == pytest.approx(average["normal"]["value"])
    assert average["micro"] == pytest.approx((100 * 0.10 + 12 * 0.25) / 112)
    assert average["wins"] == 2


def test_non_inferiority_is_about_the_loss_of_the_quantized_file(document: dict[str, Any]) -> None:
    test = document["comparisons"][0]["average"]["non_inferiority"]
    assert test["value"] == pytest.approx(0.175)
    assert test["within"] is False


def test_only_shared_items_are_compared_and_the_rest_is_counted(tmp_path: Path) -> None:
    paths = [
        write_scores(tmp_path, "f16", rows_of("medqa", MEDQA, "f16")),
        write_scores(tmp_path, "q4", rows_of("medqa", MEDQA, "q4")[:95]),
    ]
    [pair] = run_compare(tmp_path, paths)["comparisons"]
    assert pair["benchmarks"][0]["items"] == 95
    assert pair["benchmarks"][0]["items_only_in_one"] == 5


def test_samples_of_an_item_are_averaged_and_not_counted_as_items(tmp_path: Path) -> None:
    rows = [
        score_row("medqa", item, "", (item + sample) % 2 == 0, "f16", sample=sample, mode="generate")
        for item in range(40)
        for sample in range(3)
    ]
    [score] = run_compare(tmp_path, [write_scores(tmp_path, "f16", rows)], headline="generate")["scores"]
    assert (score["items"], score["responses"]) == (40, 120)
    assert score["accuracy"]["n"] == 40


def test_a_headline_that_nobody_measured_is_refused(tmp_path: Path) -> None:
    paths = [write_scores(tmp_path, "f16", rows_of("medqa", MEDQA, "f16"))]
    with pytest.raises(MedevalError, match="no score has the headline mode 'cloze'; there are: letter"):
        run_compare(tmp_path, paths, headline="cloze")


def test_two_models_are_compared_by_their_references_only(tmp_path: Path) -> None:
    paths = []
    for model in ("tiny", "other"):
        for variant in ("f16", "q4"):
            rows = [row | {"model": model} for row in rows_of("medqa", MEDQA, variant)]
            paths.append(write_scores(tmp_path, f"{model}-{variant}", rows))
    pairs = run_compare(tmp_path, paths, references=["tiny/f16", "other/f16"])["comparisons"]
    names = {tuple(f"{pair[side]['model']}/{pair[side]['variant']}" for side in "ab") for pair in pairs}
    assert names == {("tiny/f16", "tiny/q4"), ("other/f16", "other/q4"), ("tiny/f16", "other/f16")}


def test_no_row_is_counted_twice(tmp_path: Path) -> None:
    paths = [write_scores(tmp_path, name, rows_of("medqa", MEDQA, "f16")) for name in ("one", "two")]
    with pytest.raises(MedevalError, match="scores rows share the key"):
        run_compare(tmp_path, paths)


def test_the_items_that_exist_are_counted(tmp_path: Path) -> None:
    items = write_items(tmp_path, [item_row("medqa", index) for index in range(100)])
    document = run_compare(tmp_path, [write_scores(tmp_path, "f16", rows_of("medqa", MEDQA, "f16")[:95]), items])
    assert document["items_total"] == {"medqa": 100}
    assert document["scores"][0]["items"] == 95


def test_an_items_table_without_rows_leaves_the_number_of_items_unknown(tmp_path: Path) -> None:
    paths = [write_scores(tmp_path, "f16", rows_of("medqa", MEDQA, "f16")), write_items(tmp_path, [])]
    document = run_compare(tmp_path, paths)
    assert document["items_total"] == {}
    assert document["scores"][0]["chance"] is None


def test_systems_without_a_shared_item_are_not_compared_and_the_reason_is_kept(tmp_path: Path) -> None:
    quantized = [row | {"item_id": f"other-{row['item_id']}"} for row in rows_of("medqa", MEDQA, "q4")]
    paths = [
        write_scores(tmp_path, "f16", rows_of("medqa", MEDQA, "f16")),
        write_scores(tmp_path, "q4", quantized),
    ]
    document = run_compare(tmp_path, paths)
    assert document["comparisons"] == []
    reasons = {entry["benchmark"]: entry["reason"] for entry in document["not_compared"]}
    assert reasons == {"medqa": "the two share no item", None: "the two share no scored item in this mode"}


def test_systems_without_a_shared_benchmark_are_not_compared(tmp_path: Path) -> None:
    paths = [
        write_scores(tmp_path, "f16", rows_of("medqa", MEDQA, "f16")),
        write_scores(tmp_path, "q4", rows_of("mmlu_health", MMLU, "q4")),
    ]
    document = run_compare(tmp_path, paths)
    assert document["comparisons"] == []
    assert {entry["reason"] for entry in document["not_compared"]} >= {"only tiny/f16/cpu was scored"}


def test_a_mode_that_one_system_lacks_has_no_average_of_it(tmp_path: Path) -> None:
    both = rows_of("medqa", MEDQA, "f16") + [row | {"mode": "cloze"} for row in rows_of("medqa", MEDQA, "f16")]
    paths = [write_scores(tmp_path, "f16", both), write_scores(tmp_path, "q4", rows_of("medqa", MEDQA, "q4"))]
    document = run_compare(tmp_path, paths)
    assert {(entry["variant"], entry["mode"]) for entry in document["averages"]} == {
        ("f16", "letter"),
        ("f16", "cloze"),
        ("q4", "letter"),
    }
    assert [pair["mode"] for pair in document["comparisons"]] == ["letter"]


def test_grades_alone_are_compared(tmp_path: Path) -> None:
    paths = [write_grades(tmp_path, "f16", [True] * 10), write_grades(tmp_path, "q4", [True] * 6 + [False] * 4)]
    document = run_compare(tmp_path, paths)
    assert document["scores"] == document["comparisons"] == []
    [pair] = document["conversation_comparisons"]
    assert pair["difference"]["value"] == pytest.approx(0.4)


def test_conversations_without_a_score_on_both_sides_have_no_difference(tmp_path: Path) -> None:
    paths = [
        write_grades(tmp_path, "f16", [True] * 4 + [None] * 4),
        write_grades(tmp_path, "q4", [None] * 4 + [True] * 4),
    ]
    [pair] = run_compare(tmp_path, paths)["conversation_comparisons"]
    assert (pair["difference"], pair["items"], pair["items_only_in_one"]) == (None, 0, 8)


def test_a_system_of_which_every_grade_is_missing_has_no_score(tmp_path: Path) -> None:
    [entry] = run_compare(tmp_path, [write_grades(tmp_path, "f16", [None] * 3)])["conversations"]
    assert (entry["overall"], entry["missing"]) == (None, 3)


def test_items_alone_are_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match=r"no score and no grade in .*items.parquet"):
        run_compare(tmp_path, [write_items(tmp_path, [item_row("medqa", 0)])])


def test_a_parquet_file_of_another_program_is_refused_by_name(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "foreign.parquet")
    with pytest.raises(MedevalError, match=r"foreign.parquet: expected a table of .* medeval did not write"):
        run_compare(tmp_path, [tmp_path / "foreign.parquet"])


def test_a_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match="a folder, expected a Parquet file"):
        run_compare(tmp_path, [tmp_path])


def generated(variant: str, tokens: list[int], failed: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    return [
        score_row("medqa", i, "", True, variant, mode="generate", generated_tokens=count)
        | ({"status": "error", "stage": "none", "correct": False} if i in failed else {})
        for i, count in enumerate(tokens)
    ]


def test_items_with_a_failed_reply_are_left_out_of_the_ratio_of_tokens_and_counted(tmp_path: Path) -> None:
    paths = [
        write_scores(tmp_path, "f16", generated("f16", [100] * 20 + [0], failed=(20,))),
        write_scores(tmp_path, "q4", generated("q4", [50] * 20 + [70])),
    ]
    [pair] = run_compare(tmp_path, paths, headline="generate")["comparisons"]
    assert pair["tokens"]["bootstrap"]["value"] == pytest.approx(0.5)  # B over A: 50 against 100
    assert (pair["tokens"]["n"], pair["tokens"]["items_with_errors"]) == (20, 1)


def test_an_empty_reply_that_did_not_fail_counts_as_no_tokens(tmp_path: Path) -> None:
    paths = [
        write_scores(tmp_path, "f16", generated("f16", [100] * 19 + [0])),
        write_scores(tmp_path, "q4", generated("q4", [95] * 20)),
    ]
    [pair] = run_compare(tmp_path, paths, headline="generate")["comparisons"]
    assert pair["tokens"]["bootstrap"]["value"] == pytest.approx(1.0)


def test_a_mode_that_generates_nothing_says_why_it_has_no_ratio(document: dict[str, Any]) -> None:
    [pair] = document["comparisons"]
    assert (pair["tokens"], pair["tokens_missing"]) == (None, "nothing was generated")


def test_benchmarks_without_any_spread_are_marked_with_the_draws_behind_them(tmp_path: Path) -> None:
    lost = [("anatomy", True, False)] * 3 + [("virology", True, False)] * 9
    paths = [write_scores(tmp_path, variant, rows_of("mmlu_health", lost, variant)) for variant in ("f16", "q4")]
    [entry] = run_compare(tmp_path, paths)["comparisons"][0]["benchmarks"]
    assert (entry["constant"], entry["difference"]["value"]) == (True, 1.0)
    assert entry["draws"] == 6  # the smaller of two subjects decides: 3 items, of half the weight
