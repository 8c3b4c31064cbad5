"""A hub on loopback, and a command line that is told to use it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.services.hub.server import Hub, Repository, sha256

COMMIT, EARLIER = "c0ffee" + "0" * 34, "beef" + "0" * 36
WEIGHTS = bytes(range(256)) * 4000  # 1,024,000 bytes: a large file, in many pieces
ROWS = b'{"question": "Which?"}\n'  # a small one, kept in git itself
GOOD, WITHOUT_ACCESS, FINE_GRAINED, REVOKED = ("hf_" + word * 6 for word in ("Good", "Poor", "Fine", "Gone"))


@pytest.fixture
def hub() -> Iterator[Hub]:
    model = Repository(
        {COMMIT: {"weights.gguf": WEIGHTS, "config.json": b"{}"}, EARLIER: {"weights.gguf": WEIGHTS[::-1]}},
        refs={"main": COMMIT},
    )
    data = Repository({COMMIT: {"data/rows.jsonl": ROWS}}, kind="dataset", refs={"main": COMMIT})
    gated = Repository({COMMIT: {"weights.gguf": WEIGHTS}}, refs={"main": COMMIT}, gated=True)
    server = Hub(
        {"owner/model": model, "owner/data": data, "owner/gated": gated},
        tokens={GOOD: "read", WITHOUT_ACCESS: "none", FINE_GRAINED: "fine-grained"},
    )
    yield server
    server.close()


@dataclass
class Machine:
    """A user's machine: a folder of work, a cache, and the command line."""

    hub: Hub
    folder: Path
    token: str | None = None
    timeout: int = 10

    @property
    def cache(self) -> Path:
        return self.folder / "home" / "hub"

    @property
    def out(self) -> Path:
        return self.folder / "out" / "weights.gguf"

    def run(self, *arguments: str, network: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `medeval` to its end."""
        process = self.start(*arguments, network=network, **environment)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def start(self, *arguments: str, network: bool = True, **environment: str) -> subprocess.Popen[str]:
        """Start `medeval`."""
        script = Path(__file__).with_name("command.py")
        command = [sys.executable, str(script), str(self.folder / "waits"), "yes" if network else "no", *arguments]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PIP_"))}
        settings = {
            "HF_ENDPOINT": self.hub.url,
            "HF_HOME": str(self.folder / "home"),
            "HF_HUB_DOWNLOAD_TIMEOUT": str(self.timeout),
            "HF_HUB_ETAG_TIMEOUT": str(self.timeout),
            **({"HF_TOKEN": self.token} if self.token else {}),
        }
        return subprocess.Popen(
            command, cwd=self.folder, env=kept | settings | environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def fetch(self, *options: str, **source: Any) -> subprocess.CompletedProcess[str]:
        """Fetch the weights, or another file by its source."""
        return self.run("fetch", "--source", weights(**source), "--out", str(self.out), *options)

    @property
    def waits(self) -> list[float]:
        """Seconds that the command would have waited, in order."""
        path = self.folder / "waits"
        return [float(line) for line in path.read_text().splitlines()] if path.exists() else []

    def files(self) -> set[str]:
        """Every file below the cache and the folder of results, but for locks and the cache's tag."""
        found = [path for path in self.folder.rglob("*") if path.is_file() and ".locks" not in path.parts]
        named = {str(path.relative_to(self.folder)) for path in found}
        return {name for name in named if name not in ("waits", "home/hub/CACHEDIR.TAG")}


BLOB = f"home/hub/models--owner--model/blobs/{sha256(WEIGHTS)}"
SNAPSHOT = f"home/hub/models--owner--model/snapshots/{COMMIT}/weights.gguf"
OUT = "out/weights.gguf"
COMPLETE = {BLOB, SNAPSHOT, OUT, f"{OUT}.source.json"}
PARTIAL = f"{BLOB}.medeval.incomplete"


def weights(**changes: Any) -> str:
    """Return the source of the large file as JSON."""
    source = {"type": "hub", "repo": "owner/model", "revision": COMMIT, "file": "weights.gguf"}
    return json.dumps(source | changes)


@pytest.fixture
def machine(hub: Hub, tmp_path: Path) -> Machine:
    return Machine(hub, tmp_path)
