"""`medeval lock` fills what is unknown, keeps what is pinned, and a run reads only what is locked."""

from pathlib import Path
from typing import Any

import yaml

from tests.services.hub.conftest import COMMIT, EARLIER, GOOD, ROWS, WEIGHTS, Machine
from tests.services.hub.server import Hub, sha256
from tests.services.hub.test_mirror import write_run

LOCK = "config/locks/small.yaml"


def model(revision: str | None, **source: Any) -> list[dict[str, Any]]:
    source = {"type": "hub", "repo": "owner/model", "revision": revision, "file": "weights.gguf"} | source
    variants = {"bf16": {"source": source}}
    return [{"id": "m", "title": "M", "licence": "-", "variants": variants, "reference": "bf16", "evaluate": ["bf16"]}]


def run_file(machine: Machine, revision: str | None = None, **changes: Any) -> str:
    return str(write_run(machine.folder, models=model(revision), **changes))


def entries(machine: Machine) -> dict[str, dict[str, Any]]:
    return {entry["repo"]: entry for entry in yaml.safe_load((machine.folder / LOCK).read_text())["files"]}


def test_every_hub_file_is_resolved_to_commit_size_and_hash(hub: Hub, machine: Machine) -> None:
    result = machine.run("lock", run_file(machine))
    assert result.returncode == 0, result.stderr
    assert f"new: model owner/model:weights.gguf: revision {COMMIT}, 1,024,000 bytes" in result.stdout
    assert f"add `lock: {LOCK}`" in result.stdout
    assert entries(machine)["owner/model"] == {
        "repo": "owner/model", "kind": "model", "file": "weights.gguf", "revision": COMMIT,
        "size": len(WEIGHTS), "sha256": sha256(WEIGHTS),
    }  # fmt: skip
    assert entries(machine)["owner/data"]["sha256"] == sha256(ROWS)  # small: downloaded, since the hub states no hash
    assert hub.count("GET", "cdn") == 0  # large: as the hub states it


def test_what_is_pinned_stays_until_an_update_is_asked_for(hub: Hub, machine: Machine) -> None:
    config = run_file(machine)
    hub.repositories["owner/model"].refs["main"] = EARLIER
    machine.run("lock", config)
    hub.repositories["owner/model"].refs["main"] = COMMIT
    hub.seen.clear()
    again = machine.run("lock", config)
    assert "nothing changed" in again.stdout
    assert hub.seen == []  # a complete lock needs no network
    moved = machine.run("lock", config, "--update")
    assert moved.returncode == 0, moved.stderr
    assert f"changed: model owner/model:weights.gguf: revision {EARLIER} -> {COMMIT}, sha256" in moved.stdout
    assert entries(machine)["owner/model"]["sha256"] == sha256(WEIGHTS)
    assert len(entries(machine)) == 2


def test_an_update_leaves_what_the_configuration_pins(hub: Hub, machine: Machine) -> None:
    config = run_file(machine, EARLIER)
    machine.run("lock", config)
    result = machine.run("lock", config, "--update")
    assert "nothing changed" in result.stdout, result.stderr
    assert entries(machine)["owner/model"]["revision"] == EARLIER


def test_a_hub_that_contradicts_the_lock_changes_nothing(hub: Hub, machine: Machine) -> None:
    config = run_file(machine)
    lock = machine.folder / LOCK
    lock.parent.mkdir(parents=True)
    known = {"repo": "owner/model", "kind": "model", "file": "weights.gguf", "revision": COMMIT, "size": 5}
    lock.write_text(yaml.safe_dump({"files": [known | {"sha256": None}]}))
    result = machine.run("lock", config)
    assert result.returncode == 2
    assert "size in bytes is 1024000, expected 5" in result.stderr
    assert entries(machine)["owner/model"] == known | {"sha256": None}
    assert entries(machine)["owner/data"]["revision"] == COMMIT  # what could be resolved is kept


def test_a_gated_repository_does_not_stop_the_others(hub: Hub, machine: Machine) -> None:
    hub.repositories["owner/model"].gated = True
    config = run_file(machine)
    result = machine.run("lock", config)
    assert result.returncode == 2
    assert "the repository is gated, and this machine has no access token" in result.stderr
    assert set(entries(machine)) == {"owner/data"}
    machine.token = GOOD
    assert machine.run("lock", config).returncode == 0
    assert set(entries(machine)) == {"owner/data", "owner/model"}


def test_a_locked_run_reads_what_is_locked_and_nothing_else(hub: Hub, machine: Machine) -> None:
    config = run_file(machine)
    machine.run("lock", config)
    source = '{"type": "hub", "repo": "owner/%s", "file": "weights.gguf"}'
    out = ["--lock", LOCK, "--out", str(machine.out)]
    assert machine.run("fetch", "--source", source % "model", *out).returncode == 0
    assert machine.out.read_bytes() == WEIGHTS
    refused = machine.run("fetch", "--source", source % "gated", *out)
    assert refused.returncode == 2
    assert f"{LOCK} has no entry for hub model owner/gated@NOT PINNED:weights.gguf" in refused.stderr


def test_an_incomplete_entry_is_refused_when_it_is_fetched(hub: Hub, machine: Machine) -> None:
    lock = machine.folder / LOCK
    lock.parent.mkdir(parents=True)
    entry = {"repo": "owner/model", "kind": "model", "file": "weights.gguf", "revision": COMMIT}
    lock.write_text(yaml.safe_dump({"files": [entry | {"size": None, "sha256": None}]}))
    result = machine.fetch("--lock", LOCK)
    assert result.returncode == 2
    assert f"{LOCK} does not state its size and sha256" in result.stderr
    assert "Run `medeval lock CONFIG`" in result.stderr
    assert machine.files() == {LOCK}
    assert hub.seen == []


def test_lock_files_are_written_whole(machine: Machine) -> None:
    machine.run("lock", run_file(machine))
    assert [path.name for path in (machine.folder / Path(LOCK).parent).iterdir()] == ["small.yaml"]
