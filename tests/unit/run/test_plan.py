"""The paths that the rules connect."""

import re
from pathlib import Path

import pytest

from medeval.errors import MedevalError
from medeval.records.yaml_files import load_yaml
from medeval.run.check import describe_run
from medeval.run.config import RunConfig, from_mapping, load_run
from medeval.run.plan import Plan, one_of

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def plan() -> Plan:
    return Plan(load_run(Path("config/demo.yaml")), Path("results/demo"))


def test_the_demo_scores_seven_benchmarks_of_two_files(plan: Plan) -> None:
    assert len(plan.scores()) == 14
    assert plan.scores()[0] == "results/demo/scores/smollm2-135m-instruct/f16/cpu/medqa.parquet"


def test_a_local_judge_needs_its_weights(plan: Plan) -> None:
    assert plan.judge_weights() == ["results/demo/weights/smollm2-135m-instruct/f16.gguf"]


def test_no_judge_means_no_grades() -> None:
    document = load_yaml(Path("config/demo.yaml")) | {"judge": None}
    assert Plan(from_mapping(document, Path("demo.yaml")), Path("results/demo")).grades() == []


def test_source_files_keep_their_names_and_order(plan: Plan) -> None:
    assert plan.sources("mmlu_health")[1] == "results/demo/sources/mmlu_health/1/clinical_knowledge.jsonl"


def test_fetched_and_quantized_files_are_told_apart(plan: Plan) -> None:
    model = "smollm2-135m-instruct"
    assert [path for path in plan.fetched if path.startswith("weights")] == [f"weights/{model}/q4_1.gguf"]
    assert plan.quantized() == [f"{model}/f16", f"{model}/q4_k_m"]


def with_server(**changes: object) -> dict[str, object]:
    """Return the demo's configuration with a second model that a server answers for."""
    document = load_yaml(Path("config/demo.yaml"))
    served = {
        "id": "big",
        "title": "Big",
        "licence": "unknown",
        "variants": {"hosted": {"served": {"url": "http://localhost:8000/v1", "model": "big"}}},
        "reference": "hosted",
        "evaluate": ["hosted"],
    }
    protocol = {"modes": ["generate"], "headline": "generate"}
    models = [*document["models"], served]
    return document | {"models": models, "targets": ["cpu", "api"], "protocol": protocol} | changes


def test_each_target_evaluates_what_it_can() -> None:
    plan = Plan(from_mapping(with_server(), Path("demo.yaml")), Path("results/demo"))
    folders = {str(Path(path).parent) for path in plan.scores()}
    assert folders == {
        "results/demo/scores/smollm2-135m-instruct/f16/cpu",
        "results/demo/scores/smollm2-135m-instruct/q4_k_m/cpu",
        "results/demo/scores/big/hosted/api",
    }
    assert plan.evaluated_files("big", "hosted", "api") == []
    assert '"model":"big"' in plan.source_option("big", "hosted", "api")
    with pytest.raises(MedevalError, match="smollm2-135m-instruct/f16 has no `served` for target 'api'"):
        plan.source_option("smollm2-135m-instruct", "f16", "api")
    assert "results/demo/weights/big/hosted.gguf.json" not in plan.weights_descriptions()


def test_a_check_says_where_a_served_model_is() -> None:
    text = describe_run(from_mapping(with_server(), Path("demo.yaml")))
    assert "    hosted: big at http://localhost:8000/v1\n" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": ["cpu", "api", "vllm"]}, "`targets` has 'vllm', and no evaluated variant has `checkpoint` for it"),
        ({"targets": ["cpu"]}, "no target of \\['cpu'\\] can evaluate big/hosted"),
        ({"protocol": {"modes": ["generate", "letter"]}}, "whose servers cannot score options"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(MedevalError, match=message):
        from_mapping(with_server(**changes), Path("demo.yaml"))


def test_the_device_is_looked_at_where_there_is_something_to_find_out() -> None:
    model = "smollm2-135m-instruct"
    document = load_yaml(Path("config/demo.yaml"))
    fixed = Plan(from_mapping(document, Path("demo.yaml")), Path("results/demo"))
    assert fixed.probe(model, "f16", "cpu") == []
    assert fixed.probe(model, "f16", "vulkan") == [f"results/demo/probes/{model}/f16/vulkan.json"]
    measured = Plan(from_mapping(document | {"engine": {}}, Path("demo.yaml")), Path("results/demo"))
    assert measured.probe(model, "f16", "cpu") == [f"results/demo/probes/{model}/f16/cpu.json"]


def test_a_targets_own_environment_is_used_where_it_was_made(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert plan.program("vulkan") == "medeval"
    program = tmp_path / ".venv-vulkan/bin/medeval"
    program.parent.mkdir(parents=True)
    program.touch()
    assert plan.program("vulkan") == ".venv-vulkan/bin/medeval"


def test_a_pattern_matches_its_paths_alone() -> None:
    assert not re.fullmatch(one_of([]), "")
    assert re.fullmatch(one_of(["m-1.7b/bf16", "a/(b) c"]), "a/(b) c")
    assert not re.fullmatch(one_of(["m-1.7b/bf16"]), "m-1x7b/bf16")


def test_the_reproduction_says_what_is_not_pinned() -> None:
    text = describe_run(load_run(Path("config/medpsy.yaml")))
    assert "not pinned yet, so a run will refuse them:" in text
    assert "unsloth/medgemma-27b-text-it-GGUF@NOT PINNED" in text.split("refuse them:")[1]


def changed(**changes: object) -> RunConfig:
    return from_mapping(load_yaml(Path("config/demo.yaml")) | changes, Path("config/demo.yaml"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"benchmarks": [{"id": "medqs", "licence": "x", "sources": []}]}, r"benchmarks\[0\]"),
        ({"targets": ["cpu", "cpu"]}, "`targets` holds"),
        ({"protocol": {"modes": ["letter"], "headline": "cloze"}}, "`headline` is 'cloze'"),
        ({"judge": {"type": "local", "model": "other", "variant": "f16"}}, "`judge` names other/f16"),
        ({"protocol": {"modes": ["generate"], "samples": 5}}, "`samples` is 5 at temperature 0"),
        ({"targets": ["vllm"]}, "targets"),
        ({"seed": -1}, "seed: input should be greater than or equal to 0"),
        ({"models": ["config/models/absent.yaml"]}, r"config/models/absent.yaml: no such file"),
    ],
)
def test_a_wrong_configuration_names_the_key(changes: dict[str, object], message: str) -> None:
    with pytest.raises(MedevalError, match=message):
        changed(**changes)


def test_a_variant_is_either_fetched_or_quantized() -> None:
    model = load_yaml(Path("config/models/smollm2-135m-instruct.yaml"))
    model["variants"]["q4_1"]["quantize_from"] = "f16"
    with pytest.raises(MedevalError, match="give either `source`, `checkpoint`, `quantize_from` or `served`"):
        changed(models=[model])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evaluate": ["q4_k_m"]}, "`evaluate` lacks the reference 'f16'"),
        ({"evaluate": []}, "`evaluate` lacks the reference 'f16'"),
        ({"evaluate": ["f16", "f16"]}, "names a variant twice"),
        ({"published_as": "smollm2-f16"}, "`published_as` gives"),
    ],
)
def test_a_model_that_cannot_be_compared_is_refused(changes: dict[str, object], message: str) -> None:
    model = load_yaml(Path("config/models/smollm2-135m-instruct.yaml")) | changes
    with pytest.raises(MedevalError, match=message):
        changed(models=[model])


def test_healthbench_alone_needs_a_judge() -> None:
    benchmarks = [entry for entry in load_yaml(Path("config/demo.yaml"))["benchmarks"] if entry["id"] == "healthbench"]
    with pytest.raises(MedevalError, match="no `judge` grades it"):
        changed(benchmarks=benchmarks, judge=None)


def test_a_change_of_a_local_source_is_seen(plan: Plan) -> None:
    name = "phrases_no_exclude_test.jsonl"
    assert plan.local_source(f"sources/medqa/0/{name}") == [f"config/demo/medqa/{name}"]
    assert plan.local_source("weights/smollm2-135m-instruct/q4_1.gguf") == []


def variants(**changes: dict[str, object]) -> RunConfig:
    model = load_yaml(Path("config/models/smollm2-135m-instruct.yaml"))
    for name, change in changes.items():
        model["variants"][name] = model["variants"].get(name, {}) | change
    model["imatrices"] = {
        "medical": {"variant": "f16", "text": {"type": "file", "path": "config/demo/calibration.txt"}}
    }
    return changed(models=[model])


def test_a_matrix_is_made_from_its_text_by_its_variant() -> None:
    plan = Plan(variants(q4_k_m={"imatrix": "medical"}), Path("r"))
    model = "smollm2-135m-instruct"
    assert plan.imatrix(model, "q4_k_m") == [f"r/imatrices/{model}/medical.gguf"]
    assert plan.imatrix(model, "f16") == []
    assert plan.calibration_text(model, "medical") == f"r/imatrices/{model}/medical/calibration.txt"
    assert f"imatrices/{model}/medical/calibration.txt" in plan.fetched


def test_a_checkpoint_lies_in_one_folder() -> None:
    files = [{"type": "file", "path": f"somewhere/{name}"} for name in ("config.json", "model.safetensors")]
    plan = Plan(variants(bf16={"checkpoint": files, "type": "BF16"}), Path("r"))
    folder = "r/checkpoints/smollm2-135m-instruct/bf16"
    assert plan.checkpoint("smollm2-135m-instruct", "bf16") == [f"{folder}/config.json", f"{folder}/model.safetensors"]
    assert plan.converted() == ["smollm2-135m-instruct/bf16"]
    assert "checkpoints/smollm2-135m-instruct/bf16/config.json" in plan.fetched


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"q4_k_m": {"imatrix": "other"}}, "names unknown matrix 'other'; known: \\['medical'\\]"),
        ({"q4_1": {"imatrix": "medical"}}, "`imatrix` goes with `quantize_from`"),
        ({"x": {"checkpoint": [{"type": "file", "path": "a"}], "type": "Q4_K_M"}}, "a checkpoint is converted to BF16"),
        ({"x": {"checkpoint": [{"type": "file", "path": "a"}]}}, "`type` goes with"),
        ({"q4_1": {"type": "F16"}}, "`type` goes with"),
    ],
)
def test_a_variant_that_cannot_be_made_is_refused(changes: dict[str, dict[str, object]], message: str) -> None:
    with pytest.raises(MedevalError, match=message):
        variants(**changes)


def test_a_missing_local_file_is_named_before_anything_runs() -> None:
    run = changed(claims="config/claims/absent.yaml")
    with pytest.raises(MedevalError, match=r"config/claims/absent.yaml"):
        describe_run(run)
