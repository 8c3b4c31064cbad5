"""Conversion of checkpoints to GGUF, against expectations that are written down by hand.

These tests need `.venv-convert` (torch and llama.cpp's converter): `make setup-convert`.
"""

import os
from pathlib import Path

import pytest
from checkpoints import make_checkpoint, write_expected
from click.testing import CliRunner
from smollm2_checkpoint import make_smollm2_checkpoint

from medeval.cli.app import main
from medeval.errors import MedevalError
from medeval.records.files import read_json, sha256_file
from medeval.responses.engines.llama_model import LlamaModel
from medeval.weights.convert import convert
from medeval.weights.diff import diff_gguf
from medeval.weights.document import SpecialToken
from medeval.weights.inspect import inspect_gguf

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def environment() -> Path:
    folder = ROOT / ".venv-convert"
    if not (folder / ".complete").exists() and not list(folder.glob("share/llama-cpp-python-*/source.json")):
        reason = "CONVERSION NOT TESTED: there is no .venv-convert; run `make setup-convert`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.mark.parametrize(
    ("architecture", "tied"),
    [("Qwen3ForCausalLM", True), ("Qwen3ForCausalLM", False), ("Gemma3ForCausalLM", True), ("LlamaForCausalLM", False)],
)
def test_every_tensor_of_a_checkpoint_arrives_bit_for_bit(
    tmp_path: Path, environment: Path, architecture: str, tied: bool
) -> None:
    expected = make_checkpoint(tmp_path / "checkpoint", architecture, tied=tied)
    write_expected(tmp_path / "expected.gguf", expected)
    record = convert(tmp_path / "checkpoint", tmp_path / "out.gguf", name="Tiny", environment=environment)
    document = diff_gguf(tmp_path / "expected.gguf", tmp_path / "out.gguf")
    assert document["same_weights"], document["differing"][:3] or document["only_in_a"] + document["only_in_b"]
    assert record["tied_head"] is tied and record["tensors_by_type"].keys() == {"BF16", "F32"}
    _llama_cpp_accepts(tmp_path / "out.gguf")
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == [
        "out.gguf",
        "out.gguf.provenance.json",
    ]


def _llama_cpp_accepts(path: Path) -> None:
    model = LlamaModel(path)
    assert model.metadata("general.name") == "Tiny" and model.vocabulary_size == 300
    model.close()


def test_the_demos_model_returns_from_a_checkpoint_as_it_was(
    tmp_path: Path, environment: Path, smollm2_files: dict[str, Path]
) -> None:
    make_smollm2_checkpoint(smollm2_files["f16"], tmp_path / "smollm2")
    convert(tmp_path / "smollm2", tmp_path / "out.gguf", "F16", environment=environment)
    document = diff_gguf(smollm2_files["f16"], tmp_path / "out.gguf")
    assert document["same_weights"] and document["compared"] == 272
    assert document["tokenizer_equal"] and document["chat_template_equal"]
    tokenizer = inspect_gguf(tmp_path / "out.gguf", hash_file=False).tokenizer
    assert tokenizer.pre == "smollm"  # the converter knows the tokenizer by what it does with a test text
    assert tokenizer.special_tokens["eos"] == SpecialToken(2, "<|im_end|>")


def test_the_record_holds_every_source_file_and_the_converter(tmp_path: Path, environment: Path) -> None:
    folder = tmp_path / "checkpoint"
    make_checkpoint(folder, "Qwen3ForCausalLM", tied=True)
    convert(folder, tmp_path / "out.gguf", environment=environment)
    record = read_json(tmp_path / "out.gguf.provenance.json")
    files = record["source"]["files"]
    assert {name: entry["sha256"] for name, entry in files.items()} == {
        path.name: sha256_file(path) for path in folder.iterdir()
    }
    assert record["sha256"] == sha256_file(tmp_path / "out.gguf")
    made_by = record["made_by"]
    assert made_by["llama_cpp_commit"] == "0c1e57098"
    assert made_by["archive_sha256"] in (ROOT / "requirements.lock").read_text()
    wanted = dict(line.split("==") for line in _pins())
    assert {name: made_by["packages"][name].split("+")[0] for name in made_by["packages"]} == {
        name: wanted[name] for name in made_by["packages"]
    }


def _pins() -> list[str]:
    lines = (ROOT / "requirements-convert.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_an_unknown_architecture_is_an_error_that_leaves_nothing(tmp_path: Path, environment: Path) -> None:
    folder = tmp_path / "checkpoint"
    make_checkpoint(folder, "Qwen3ForCausalLM", tied=True)
    config = (folder / "config.json").read_text().replace("Qwen3ForCausalLM", "UnheardOfForCausalLM")
    (folder / "config.json").write_text(config)
    with pytest.raises(MedevalError, match=r"UnheardOfForCausalLM[\s\S]*GGUF that the publisher ships"):
        convert(folder, tmp_path / "out.gguf", environment=environment)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_missing_environment_names_the_command(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "checkpoint", "Qwen3ForCausalLM", tied=True)
    arguments = [str(tmp_path / "checkpoint"), "--out", str(tmp_path / "o"), "--environment", str(tmp_path / "none")]
    result = CliRunner().invoke(main, ["convert", *arguments])
    assert result.exit_code == 2 and "-> Run: make setup-convert" in result.output


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("config.json", "no config.json"),
        ("model-00002-of-00002.safetensors", "1 of 2 parts are missing, the first being model-00002"),
    ],
)
def test_an_incomplete_checkpoint_is_named(tmp_path: Path, environment: Path, missing: str, message: str) -> None:
    make_checkpoint(tmp_path / "checkpoint", "Qwen3ForCausalLM", tied=True)
    (tmp_path / "checkpoint" / missing).unlink()
    with pytest.raises(MedevalError, match=message):
        convert(tmp_path / "checkpoint", tmp_path / "out.gguf", environment=environment)


def test_weights_that_could_run_code_are_refused(tmp_path: Path, environment: Path) -> None:
    make_checkpoint(tmp_path / "checkpoint", "Qwen3ForCausalLM", tied=True)
    for part in (tmp_path / "checkpoint").glob("*.safetensors"):
        part.rename(part.with_suffix(".bin"))
    with pytest.raises(MedevalError, match=r"no \*.safetensors"):
        convert(tmp_path / "checkpoint", tmp_path / "out.gguf", environment=environment)
