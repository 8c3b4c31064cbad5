"""The lock and the mirror of a configuration reach the jobs that fetch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.services.hub.conftest import COMMIT, ROWS, WEIGHTS, Machine
from tests.services.hub.server import sha256
from tests.services.hub.test_mirror import DATA_PATH, MODEL_PATH, PACKAGED, write_run
from tests.workflow.conftest import ROOT, workflow_copy

NO_NETWORK = """
import socket
def refuse(self, address):
    raise OSError(f"no network: {address}")
socket.socket.connect = socket.socket.connect_ex = refuse
"""
TARGETS = ["results/small/weights/model/bf16.gguf", "results/small/weights/model/q4.gguf"]
ROWS_FILE = "results/small/sources/medqa/0/rows.jsonl"


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake where no process can connect to anything."""
    (folder / "python").mkdir(exist_ok=True)
    (folder / "python" / "sitecustomize.py").write_text(NO_NETWORK)
    paths = os.pathsep.join([str(folder / "python"), str(ROOT / "src")])
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "2", "--configfile", "run.yaml"]
    environment = os.environ | {"PYTHONPATH": paths, "HF_HOME": str(folder / "home")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def project(machine: Machine) -> Path:
    """A project whose mirror holds the files of its run, which is locked."""
    folder = workflow_copy(machine.folder / "project")
    for path, content in {MODEL_PATH: WEIGHTS, DATA_PATH: ROWS, "pypi/carrier-1.0/carrier/data.bin": None}.items():
        file = folder / "mirror" / path
        file.parent.mkdir(parents=True)
        file.write_bytes(content or b"packaged weights")
    files = [
        entry("owner/model", "model", "weights.gguf", WEIGHTS),
        entry("owner/data", "dataset", "data/rows.jsonl", ROWS),
    ]
    (folder / "lock.yaml").write_text(yaml.safe_dump({"files": files}))
    write_run(folder, lock="lock.yaml", hub={"mirror": "mirror"})
    return folder


def entry(repo: str, kind: str, file: str, content: bytes) -> dict[str, object]:
    facts = {"revision": COMMIT, "size": len(content), "sha256": sha256(content)}
    return {"repo": repo, "kind": kind, "file": file} | facts


def test_a_run_fetches_everything_from_its_mirror_without_a_network(project: Path) -> None:
    result = snakemake(project, *TARGETS, ROWS_FILE)
    assert result.returncode == 0, result.stderr[-4000:]
    assert (project / TARGETS[0]).read_bytes() == WEIGHTS
    assert sha256((project / TARGETS[1]).read_bytes()) == PACKAGED["sha256"]
    assert (project / ROWS_FILE).read_bytes() == ROWS

    (project / "mirror").rename(project / "elsewhere")
    write_run(project, lock="lock.yaml", hub={"mirror": "elsewhere"})
    again = snakemake(project, *TARGETS, ROWS_FILE, "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr, "another mirror made the run fetch again"


def test_a_run_whose_lock_is_incomplete_can_be_planned_and_not_fetched(project: Path) -> None:
    lock = yaml.safe_load((project / "lock.yaml").read_text())
    lock["files"][0]["sha256"] = None
    (project / "lock.yaml").write_text(yaml.safe_dump(lock))
    run = yaml.safe_load((project / "run.yaml").read_text())
    del run["models"][0]["variants"]["bf16"]["source"]["sha256"]
    (project / "run.yaml").write_text(yaml.safe_dump(run))
    assert snakemake(project, TARGETS[0], "--dry-run").returncode == 0
    result = snakemake(project, TARGETS[0])
    assert result.returncode != 0
    assert "lock.yaml does not state its sha256" in result.stderr
    assert "Run `medeval lock CONFIG`" in result.stderr
    assert not (project / TARGETS[0]).exists()
