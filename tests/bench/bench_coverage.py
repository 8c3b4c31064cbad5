"""Time and peak memory of `medeval coverage` on all eight benchmarks: python tests/bench/bench_coverage.py

Makes the items tables from the shared folder (MEDEVAL_SHARED, or ../shared beside the project) in a temporary
folder. HealthBench is there with 100 of its 5,000 conversations, so each is repeated 50 times with 30 % of its words
exchanged. docs/read/coverage.md has the figures of one run.
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from medeval.items.benchmarks.registry import BENCHMARKS, load_benchmark, source_files
from medeval.records import tables

SHARED = Path(os.environ.get("MEDEVAL_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")
AFRIMEDQA = SHARED / "data/afrimedqa/expert_mcq_3910_flattened.csv"
COPIES, EXCHANGED = 50, 0.3


def main() -> None:
    """Make the tables, run the command in a process of its own, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        files = [_write(name, Path(folder)) for name in BENCHMARKS]
        started = time.perf_counter()
        command = [sys.executable, "-c", "from medeval.cli.app import main; main()", "coverage", "--json"]
        printed = subprocess.run([*command, *map(str, files)], check=True, capture_output=True, text=True).stdout
        seconds = time.perf_counter() - started
    account = json.loads(printed)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # KiB on Linux
    sizes = ", ".join(f"{entry['benchmark']} {entry['items']}" for entry in account["benchmarks"])
    print(f"{account['items']} items ({sizes})")  # noqa: T201
    print(f"{len(account['duplicates']['pairs'])} pairs; {seconds:.1f} s; peak {peak:.0f} MiB")  # noqa: T201


def _write(name: str, folder: Path) -> Path:
    source = AFRIMEDQA if name == "afrimedqa" else SHARED / "hub"
    loaded = load_benchmark(name, source_files(name, [source]), "revision").items
    kind = BENCHMARKS[name].table_type
    path = folder / f"{name}.parquet"
    tables.write(path, tables.build(kind, _repeated(loaded) if name == "healthbench" else loaded), kind, command="")
    return path


def _repeated(conversations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    draw = random.Random(1)  # noqa: S311 - nothing secret
    words = [word for row in conversations for message in row["messages"] for word in message["content"].split()]

    def exchanged(text: str) -> str:
        return " ".join(draw.choice(words) if draw.random() < EXCHANGED else word for word in text.split())

    return [
        row
        | {"item_id": f"{row['item_id']}-{copy}", "cluster_id": f"{row['item_id']}-{copy}"}
        | {"messages": [message | {"content": exchanged(message["content"])} for message in row["messages"]]}
        for row in conversations
        for copy in range(COPIES)
    ]


if __name__ == "__main__":
    main()
