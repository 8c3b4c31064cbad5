"""The project used from another folder, and from a checkout in which nothing may be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import ROOT, run_snakemake, workflow_copy

ITEMS = "results/demo/items/medqa.parquet"


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of everything below a folder."""
    found = {path: path.stat() for path in folder.rglob("*")}
    return {str(path): (status.st_size, status.st_mtime_ns) for path, status in found.items()}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project whose files and folders may not be written (root may all the same)."""
    folder = workflow_copy(tmp_path / "checkout")
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    return folder


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("given", [(), ("--configfile", "CHECKOUT/config/demo.yaml"), ("--configfile", "mine.yaml")])
def test_shipped_files_are_found_and_results_stay_where_the_user_stands(
    checkout: Path, desk: Path, given: tuple[str, ...]
) -> None:
    shutil.copy(checkout / "config/demo.yaml", desk / "mine.yaml")
    (desk / "mine.yaml").chmod(0o644)
    before = contents(checkout)
    options = [word.replace("CHECKOUT", str(checkout)) for word in given]
    audit = "results/demo/desk_audits/medpsy.json"
    result = run_snakemake(desk, "--snakefile", str(checkout / "Snakefile"), *options, "--", ITEMS, audit)
    assert result.returncode == 0, result.stderr[-3000:]
    assert f"Using workflow specific profile {checkout}/profiles/default" in result.stderr
    assert contents(checkout) == before
    assert (desk / ITEMS).stat().st_size > 0
    assert (desk / audit).stat().st_size > 0
    plan = run_snakemake(desk, "--snakefile", str(checkout / "Snakefile"), *options, "-n")
    assert plan.returncode == 0, plan.stderr[-3000:]
    # From the weights, which come from the package index, to the verdicts.
    assert all(f"\n{rule} " in plan.stdout + plan.stderr for rule in ("fetch", "evaluate", "grade", "verdict"))


def test_a_project_that_moved_makes_nothing_again(tmp_path: Path, desk: Path) -> None:
    project = workflow_copy(tmp_path / "here")
    assert run_snakemake(desk, "--snakefile", str(project / "Snakefile"), "--", ITEMS).returncode == 0
    moved = project.rename(tmp_path / "there")
    result = run_snakemake(desk, "--snakefile", str(moved / "Snakefile"), "-n", "--", ITEMS)
    assert "Nothing to be done" in result.stdout + result.stderr


def test_results_can_be_put_elsewhere_from_inside_the_checkout(checkout: Path, desk: Path) -> None:
    before = contents(checkout)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--directory", str(desk), "--", ITEMS]
    result = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "Using workflow specific profile profiles/default" in result.stderr
    assert contents(checkout) == before
    assert (desk / ITEMS).stat().st_size > 0


def test_a_file_where_the_user_stands_comes_before_the_shipped_one(desk: Path) -> None:
    model = yaml.safe_load((ROOT / "config/models/smollm2-135m-instruct.yaml").read_text()) | {"title": "My own"}
    (desk / "config/models").mkdir(parents=True)
    (desk / "config/models/smollm2-135m-instruct.yaml").write_text(yaml.safe_dump(model))
    medeval = Path(sys.executable).with_name("medeval")
    command = [str(medeval), "check", str(ROOT / "config/demo.yaml")]
    result = subprocess.run(command, cwd=desk, env=os.environ, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "My own: evaluates f16, q4_k_m" in result.stdout
    assert f"file {ROOT}/config/demo/medqa" in result.stdout


def test_a_file_that_is_in_neither_place_is_named_as_it_was_written(desk: Path) -> None:
    document = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    (desk / "mine.yaml").write_text(yaml.safe_dump(document | {"models": ["config/models/none.yaml"]}))
    result = run_snakemake(desk, "--snakefile", str(ROOT / "Snakefile"), "--configfile", "mine.yaml", "-n")
    assert result.returncode != 0
    assert "config/models/none.yaml: no such file" in result.stdout + result.stderr
