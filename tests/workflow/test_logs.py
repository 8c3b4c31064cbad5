"""A failed attempt's log outlives the next attempt."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workflow.conftest import ROOT, run_snakemake, small_config, workflow_copy


def test_the_log_of_every_failed_attempt_is_kept(tmp_path: Path, smollm2_files: dict[str, Path]) -> None:
    weights = tmp_path / "weights.gguf"
    with smollm2_files["f16"].open("rb") as stream:
        weights.write_bytes(stream.read(1_000_000))
    folder = workflow_copy(tmp_path / "run")
    small_config(folder, weights)
    target = "results/small/weights/smollm2/q4_k_m.gguf"
    result = run_snakemake(folder, "--configfile", "small.yaml", "--retries", "1", "--", target)
    assert result.returncode != 0
    logs = folder / "results/small/logs/quantize/smollm2"
    attempts = sorted(logs.glob("q4_k_m.log.attempt-*"))
    assert len(attempts) == 2
    for log in (*attempts, logs / "q4_k_m.log"):
        assert "not a complete GGUF file (1,000,000 bytes)" in log.read_text()

    shutil.copy(smollm2_files["f16"], weights)
    result = run_snakemake(folder, "--configfile", "small.yaml", "--", target)
    assert result.returncode == 0, result.stderr[-3000:]
    assert sorted(logs.glob("q4_k_m.log.attempt-*")) == attempts
    assert "not a complete GGUF file" not in (logs / "q4_k_m.log").read_text()
    assert "not a complete GGUF file" in attempts[0].read_text()
    assert (logs / "q4_k_m.log").stat().st_nlink == 1


@pytest.mark.parametrize("links", ["hard", "symbolic", "none"])
@pytest.mark.parametrize("succeeds", [True, False])
def test_a_log_has_one_name_after_success_and_two_after_failure(tmp_path: Path, links: str, succeeds: bool) -> None:
    programs, folder = tmp_path / "bin", tmp_path / "a folder"
    programs.mkdir()
    folder.mkdir()
    if links != "hard":
        refused = "-f" if links == "symbolic" else "*"
        ln = f'#!/bin/sh\ncase "$1" in {refused}) exit 1 ;; *) exec {shutil.which("ln")} "$@" ;; esac\n'
        (programs / "ln").write_text(ln)
        (programs / "ln").chmod(0o755)
    job = f'keep_log "$1"; echo said > "$1"; {"true" if succeeds else "false"}; end_attempt'
    script = f"set -euo pipefail; . {ROOT}/workflow/scripts/log.sh; {job}"
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    for attempt in (1, 2):
        (folder / "a.log").unlink(missing_ok=True)  # as Snakemake does
        command = ["bash", "-c", script, "-", str(folder / "a.log")]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (result.returncode == 0) == succeeds, result.stderr
        names = sorted(path.name for path in folder.iterdir())
        # Where the file system has no links at all, a log is kept until the next attempt only.
        assert len(names) == (1 if succeeds or links == "none" else 1 + attempt)
        assert {(folder / name).read_text() for name in names} == {"said\n"}
        assert not succeeds or not (folder / "a.log").is_symlink()


def test_every_rule_that_runs_a_command_keeps_its_log() -> None:
    rules = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    commands = rules.split("shell:\n")[1:]
    assert len(commands) == len(re.findall(r"^\s*rule \w+:", rules, re.MULTILINE)) > 10
    assert [command[:80] for command in commands if not command.lstrip().startswith('"keep_log {log:q}; ')] == []
