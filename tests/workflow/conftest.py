"""Real runs of the DAG, in a folder of their own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


# Loaded by every Python process of a run: only this machine can be connected to.
LOOPBACK_ONLY = """
import ipaddress, socket
connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
def allowed(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and not ipaddress.ip_address(address[0]).is_loopback:
        raise OSError(f"no network: {address}")
def guarded(original):
    def call(self, address):
        allowed(self, address)
        return original(self, address)
    return call
socket.socket.connect, socket.socket.connect_ex = guarded(connect), guarded(connect_ex)
"""


def run_snakemake(folder: Path, *arguments: str, network: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Snakemake on the workflow in a folder; by default its processes can reach nothing but this machine."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    if not network:
        (folder / "guard").mkdir(exist_ok=True)
        (folder / "guard" / "sitecustomize.py").write_text(LOOPBACK_ONLY)
        environment["PYTHONPATH"] = str(folder / "guard")
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def workflow_copy(folder: Path) -> Path:
    """Copy the workflow and its configuration, so that a test may change them."""
    folder.mkdir(exist_ok=True)
    for name in ("Snakefile", "workflow", "profiles", "config"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy(source, folder / name)
    return folder


def small_config(folder: Path, weights: Path | None, **changes: Any) -> Path:
    """Write a run of two benchmarks and two conversations, on weights that are here or on those of the demo."""
    demo = yaml.safe_load((folder / "config/models/smollm2-135m-instruct.yaml").read_text())["variants"]
    shipped = {"source": demo["q4_1"]["source"]}
    unquantized: dict[str, Any] = (
        {"quantize_from": "q4_1", "type": "F16", "allow_requantize": True}
        if weights is None
        else {"source": {"type": "file", "path": str(weights)}}
    )
    model = {
        "id": "smollm2",
        "title": "SmolLM2",
        "published_as": "SmolLM2-135M-Instruct",
        "licence": "Apache-2.0",
        "variants": {
            **({"q4_1": shipped} if weights is None else {}),
            "f16": unquantized | {"published_as": "smollm2-f16"},
            "q4_k_m": {"quantize_from": "f16", "type": "Q4_K_M", "published_as": "smollm2-q4_k_m"},
            "q4_k_m-imat": {"quantize_from": "f16", "type": "Q4_K_M", "imatrix": "medical"},
        },
        "imatrices": {
            "medical": {"variant": "f16", "text": {"type": "file", "path": "config/demo/calibration.txt"}},
        },
        "reference": "f16",
        "evaluate": ["f16", "q4_k_m"],
    }
    conversations = (folder / "config/demo/healthbench/oss_eval.demo.jsonl").read_text().splitlines()[:2]
    (folder / "oss_eval.small.jsonl").write_text("\n".join(conversations) + "\n")
    files = {
        "medqa": "config/demo/medqa/phrases_no_exclude_test.jsonl",
        "medxpertqa": "config/demo/medxpertqa/Text-test.jsonl",
        "healthbench": "oss_eval.small.jsonl",
    }
    document: dict[str, Any] = {
        "name": "small",
        "title": "A small run",
        "models": [model],
        "benchmarks": [
            {"id": name, "licence": "CC0-1.0", "sources": [{"type": "file", "path": path}]}
            for name, path in files.items()
        ],
        "protocol": {
            "modes": ["generate", "letter", "cloze", "choices_only"],
            "headline": "cloze",
            "max_tokens": 12,
            "conversation_max_tokens": 24,
        },
        "engine": {"sequences": 4},
        "judge": {"type": "local", "model": "smollm2", "variant": "f16", "max_tokens": 64},
        "contamination": {"corpora": [{"type": "file", "path": "config/demo/corpus.jsonl"}]},
        "claims": "config/claims/demo.yaml",
        "desk_audits": ["config/claims/medpsy.yaml"],
    }
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(document | changes))
    return path


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the small run has been run to its end from a mirror, without a network, once for all tests."""
    folder = workflow_copy(tmp_path_factory.mktemp("run"))
    small_config(folder, None, hub={"mirror": "mirror"})
    medeval = Path(sys.executable).with_name("medeval")
    subprocess.run([str(medeval), "mirror", "small.yaml", "--out", "mirror"], cwd=folder, check=True)
    result = run_snakemake(folder, "--configfile", "small.yaml")
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
    return folder
