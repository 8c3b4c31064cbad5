"""The publication file of MedPsy holds every published figure of the source file it was made from."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medeval.publication.publication import Publication, load_publication
from medeval.records.yaml_files import load_yaml

ROOT = Path(__file__).resolve().parents[3]
# Names that the source file spells otherwise.
BENCHMARKS = {
    "medqa_usmle": "medqa",
    "medqa_4op_0shot": "medqa",
    "medqa_4op_best_of_5": "medqa",
    "mmlu_med": "mmlu_health",
    "medxpertqa_text": "medxpertqa",
    "afrimedqa_25q": "afrimedqa",
}


@pytest.fixture(scope="module")
def publication() -> Publication:
    return load_publication(ROOT / "config" / "claims" / "medpsy.yaml")


@pytest.fixture(scope="module")
def claims() -> dict[str, Any]:
    path = Path(os.environ.get("MEDEVAL_SHARED", ROOT.parent / "shared")) / "claims.yaml"
    if not path.is_file():
        pytest.skip(f"NOT CHECKED: {path} is absent, so config/claims/medpsy.yaml was not compared with its source")
    return load_yaml(path)


def _model_id(name: str) -> str:
    return name.removesuffix(" (Thinking)").removesuffix(" (multimodal)")


def _numbers(node: Any) -> Iterator[float]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _numbers(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _numbers(value)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield float(node)


def test_benchmark_ids_are_those_used_everywhere(publication: Publication) -> None:
    expected = {"medqa", "medmcqa", "pubmedqa", "mmlu_health", "mmlu_pro_health", "medxpertqa", "afrimedqa"}
    assert publication.average is not None
    assert set(publication.average.over) == expected
    assert publication.benchmark("healthbench").kind == "rubric"


def test_every_claim_and_figure_has_a_source(publication: Publication) -> None:
    assert [claim.id for claim in publication.claims] == [f"c{number:02}" for number in range(1, 12)]
    assert all(claim.source for claim in publication.claims)
    assert sum(model.choice is not None for model in publication.models) == 7
    assert all(len(model.rubric) == 2 for model in publication.models if model.choice is not None)


def test_every_closed_ended_figure_is_held(publication: Publication, claims: dict[str, Any]) -> None:
    for name, block in claims["medpsy_published"]["models"].items():
        model = publication.model(_model_id(name))
        assert model is not None
        assert model.choice is not None
        assert (model.label, model.hub) == (name, block["hf_id"])
        assert (model.choice.source, model.choice.status) == (block["source"], block["status"])
        figures = dict(block["closed_ended"])
        assert model.choice.average == figures.pop("closed_ended_average")
        assert model.choice.values == {BENCHMARKS.get(key, key): value for key, value in figures.items()}


def test_every_healthbench_figure_is_held(publication: Publication, claims: dict[str, Any]) -> None:
    for name, block in claims["medpsy_published"]["models"].items():
        model = publication.model(_model_id(name))
        assert model is not None
        held = {part.benchmark: {"overall": part.overall, **part.themes} for part in model.rubric}
        assert held == {key: block[key] for key in ("healthbench", "healthbench_hard")}
    counts = {theme.id: theme.examples for theme in publication.benchmark("healthbench").themes}
    assert counts == claims["healthbench"]["theme_counts"]


def test_every_figure_of_google_is_held(publication: Publication, claims: dict[str, Any]) -> None:
    held = sorted((own.model, own.benchmark, own.value, own.source[0]) for own in publication.own_figures)
    published = sorted(
        (_model_id(name), BENCHMARKS.get(key, key), value, block["source"])
        for name, block in claims["google_published"]["models"].items()
        for key, value in block["values"].items()
    )
    assert held == published


def test_differences_to_google_follow_from_what_is_held(publication: Publication, claims: dict[str, Any]) -> None:
    for name in ("MedGemma-27B-text-it", "MedGemma-1.5-4B-it"):
        for key, difference in claims["medpsy_minus_google"][name].items():
            benchmark = BENCHMARKS.get(key, key)
            used = publication.value(name, benchmark)
            own = next(o.value for o in publication.own_figures if (o.model, o.benchmark) == (name, benchmark))
            assert used is not None
            assert used - own == pytest.approx(difference, abs=1e-9)


def test_token_counts_and_settings_are_held(publication: Publication, claims: dict[str, Any]) -> None:
    for name, mean in claims["tokens"]["avg_response_length"].items():
        assert publication.value(_model_id(name), "tokens") == mean
    settings, evaluation = claims["evaluation_settings"], publication.evaluation
    for key in ("temperature", "top_k", "top_p", "max_output_tokens"):
        assert getattr(evaluation.sampling, key) == settings[key]
    assert evaluation.runs == settings["runs"]
    assert evaluation.usage_max_tokens == settings["usage_snippet_max_new_tokens"]
    assert evaluation.template_digest == settings["chat_template_digest"]
    assert evaluation.judge == claims["medpsy_published"]["judge_healthbench"]
    assert list(publication.benchmark("mmlu_health").strata) == settings["mmlu_health_subjects"]


def test_every_weight_file_is_held(publication: Publication, claims: dict[str, Any]) -> None:
    for name in ("MedPsy-4B", "MedPsy-1.7B"):
        files = {file.quantization: file for file in publication.weights if file.model == name}
        listed = claims["gguf"][name]["files"]
        assert len(files) == len(listed)
        for entry in listed:
            file = files[entry["quant"]]
            assert file.gigabytes == (entry["size_gb"] or entry.get("size_gb_inferred"))
            assert (file.bytes, file.sha256) == (entry.get("bytes"), entry.get("sha256"))
            assert (file.stated_loss, file.imatrix) == (entry.get("avg_loss"), entry["imatrix"])
            assert file.advised_against == ("card_advice" in entry)
            assert file.revision == claims["gguf"][name]["hf_revision_seen"]
    held = {(file.hub, file.revision, file.bytes, file.sha256) for file in publication.weights}
    for entry in claims["medgemma_gguf"]:
        assert (entry["repo"], entry.get("revision"), entry.get("bytes"), entry.get("sha256")) in held
    difference = publication.file_differences[0].values
    stated = claims["gguf"]["q5_minus_q4_4b"]
    assert difference["average"] == stated["closed_ended_average"]
    assert (difference["healthbench"], difference["healthbench_hard"]) == (
        stated["healthbench"],
        stated["healthbench_hard"],
    )


def test_every_number_of_every_claim_is_held(publication: Publication, claims: dict[str, Any]) -> None:
    by_id = {claim.id: claim for claim in publication.claims}
    derived = {"ratio_computed", "check"}  # recomputed by the audit, not stated by the publication
    for entry in claims["claims"]:
        held = set(_numbers(by_id[entry["id"]].model_dump()["comparisons"]))
        stated = {key: value for key, value in entry.items() if key not in derived}
        assert set(_numbers(stated)) <= held, entry["id"]


def test_scores_by_others_are_held(publication: Publication, claims: dict[str, Any]) -> None:
    held = {(anchor.benchmark, anchor.value) for anchor in publication.anchors}
    block = claims["healthbench"]
    for key, benchmark in (("published_overall", "healthbench"), ("published_hard", "healthbench_hard")):
        assert {(benchmark, value) for value in block[key].values()} <= held
    assert {("healthbench", value) for value in block["physician_baseline"].values()} <= held
    for run in claims["reproductions"]:
        own = {key: value for key, value in run.items() if key not in ("google", "n")}
        assert set(_numbers(own)) <= {value for _, value in held}


def test_item_counts_are_candidates(publication: Publication, claims: dict[str, Any]) -> None:
    rows = {
        "mmlu_pro_health": "rows",
        "medmcqa": "rows",
        "medqa_usmle": "rows",
        "medxpertqa": "rows",
        "pubmedqa": "official_test_rows",
        "afrimedqa": "rows_expert_mcq",
    }
    for name, key in rows.items():
        assert publication.benchmark(BENCHMARKS.get(name, name)).candidates[0].n == claims["datasets"][name][key]
    subjects = dict(claims["datasets"]["mmlu_health"]["rows"])
    assert publication.benchmark("mmlu_health").candidates[0].n == subjects.pop("total")
    assert publication.benchmark("mmlu_health").strata == subjects
