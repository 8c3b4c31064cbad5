"""Text of a configuration reaches every stage as it was written, whatever Snakemake or a shell would make of it."""

import contextlib
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from medeval.records import tables
from medeval.run.config import load_run
from tests.workflow.conftest import run_snakemake, small_config, workflow_copy

# CI plans a tenth of what `make trials` does.
PLANS = int(os.environ.get("MEDEVAL_TRIALS", "100")) // 10
FRAGMENTS = ["{model}", "{variant}", "{wildcards.model}", "{input}", "{{", "}}", "{", "}", "{0}", "'", '"', "\n", "\r"]
FRAGMENTS += [
    "$HOME",
    "`id`",
    "\\",
    "%s",
    "!",
    " ",
    "\t",
    "#",
    "--out",
    "=",
    "é",
    "日本",
    "{params.seed:q}",
    "\n\n[",
    "*",
]
FRAGMENTS += ["<results>", "<logs>", "<x>"]
TEXTS = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
LOST = "You are {model} {variant}, '{{x}}' \"{input}\"\n$HOME `id` \\ %s <results>"


def shell_commands(output: str) -> Iterator[list[str]]:
    """Yield the words of every command that a plan shows; a word may go over several lines."""
    for shown in re.split("^Shell command: (?!None$)", output, flags=re.MULTILINE)[1:]:
        lines = shown.split("\n")
        for count in range(1, len(lines) + 1):
            try:
                words = shlex.split("\n".join(lines[:count]))
            except ValueError:  # a quotation is still open
                continue
            yield words
            break


def options(words: list[str]) -> dict[str, str]:
    """Return the options of a command by name, both of `--name value` and of `--name=value`."""
    found = {name: value for name, value in itertools.pairwise(words) if name.startswith("--")}
    return found | dict(word.split("=", 1) for word in words if word.startswith("--") and "=" in word)


def configuration(folder: Path, text: str) -> Path:
    """Write a run with a text in every place that takes any, on weights and a checkpoint that need not be real."""
    (folder / "f16.gguf").touch()
    checkpoint = [folder / name for name in ("config.json", "model.safetensors")]
    for file in checkpoint:
        file.touch()
    path = small_config(
        folder,
        folder / "f16.gguf",
        title=f"title {text}",
        notes=[text],
        protocol={"modes": ["letter"], "headline": "letter", "system": text},
    )
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    [model] = document["models"]
    converted = {"checkpoint": [{"type": "file", "path": str(file)} for file in checkpoint], "type": "BF16"}
    model["variants"]["bf16"] = converted | {"published_as": f"file {text}"}
    model |= {"title": text, "template_options": {"persona": text}}
    model |= {"reasoning": {"open": f"<{text}", "close": f"{text}>"}, "evaluate": ["f16", "q4_k_m", "bf16"]}
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workflow_copy(tmp_path_factory.mktemp("text"))


@example(text="")
@example(text=LOST)
@given(text=TEXTS.map("".join))
@settings(
    max_examples=PLANS,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # a plan takes seconds: shrinking would take an hour
)
def test_any_text_arrives_unchanged_in_the_commands_of_the_plan(copy: Path, text: str) -> None:
    path = configuration(copy, text)
    with contextlib.chdir(copy):
        run = load_run(path)
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", "-n", "-p", "--configfile", path.name],
        cwd=copy,
        capture_output=True,
        check=False,
    )
    output = result.stdout.decode() + result.stderr.decode()
    assert result.returncode == 0, output[-3000:]
    stages: dict[str, list[dict[str, str]]] = {}
    for words in shell_commands(output):
        program = next(index for index, word in enumerate(words) if Path(word).name == "medeval")
        stages.setdefault(words[program + 1], []).append(options(words[program + 2 :]))
    assert len(stages["evaluate"]) == 3 * 3  # variants and benchmarks
    for found in stages["evaluate"]:
        assert json.loads(found["--protocol"])["system"] == text
        assert json.loads(found["--template-options"]) == {"persona": text}
        assert {"open": f"<{text}", "close": f"{text}>"}.items() <= json.loads(found["--reasoning"]).items()
    [converted] = stages["convert"]
    assert converted["--name"] == text
    for stage in ("report", "track"):
        [found] = stages[stage]
        assert json.loads(found["--config"]) == json.loads(run.model_dump_json())
    [verdict] = [words for words in shell_commands(output) if "verdict" in words]
    assert f"--subject=file {text}=smollm2/bf16" in verdict


def test_a_key_that_is_given_twice_stops_the_run(tmp_path: Path) -> None:
    folder = workflow_copy(tmp_path / "run")
    (folder / "twice.yaml").write_text((folder / "config/demo.yaml").read_text() + "\ntitle: another\n")
    result = run_snakemake(folder, "--configfile", "twice.yaml", "-n")
    assert result.returncode != 0
    assert "key 'title' is given twice" in result.stdout + result.stderr


def test_both_sides_of_a_comparison_are_asked_the_text_that_was_written(
    tmp_path: Path, smollm2_files: dict[str, Path]
) -> None:
    folder = workflow_copy(tmp_path / "run")
    protocol = {"modes": ["letter"], "headline": "letter", "system": LOST}
    small_config(folder, smollm2_files["f16"], protocol=protocol)
    targets = [f"results/small/responses/smollm2/{variant}/cpu/medqa.parquet" for variant in ("f16", "q4_k_m")]
    result = run_snakemake(folder, "--configfile", "small.yaml", "--", *targets)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-3000:]
    for target in targets:
        record = json.loads((folder / f"{target}.lm_eval.json").read_text())
        assert record["identity"]["protocol"]["system"] == LOST
    prompts = [tables.read(folder / target, tables.RESPONSES)["prompt_sha256"].to_pylist() for target in targets]
    assert len(prompts[0]) == 24
    assert prompts[0] == prompts[1]
