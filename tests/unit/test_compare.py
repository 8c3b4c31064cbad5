"""From score tables to comparisons: the right items, weights and signs."""

import json
from pathlib import Path
from typing import Any

import pytest

from medeval import tables
from medeval.compare.run import compare
from medeval.errors import MedevalError

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


def rows_of(benchmark: str, outcomes: list[tuple[str, bool, bool]], variant: str) -> list[dict[str, Any]]:
    side = 1 if variant == "f16" else 2
    return [score_row(benchmark, i, outcome[0], bool(outcome[side]), variant) for i, outcome in enumerate(outcomes)]


def run_compare(folder: Path, paths: list[Path], **changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"references": ["tiny/f16"], "headline": "letter", "margin_points": 1.0, "seed": 1}
    compare(paths, folder / "out.json", **options | changes)
    document: dict[str, Any] = json.loads((folder / "out.json").read_text())
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
