"""Kill an evaluation at random moments, again and again, and see whether anything is lost, repeated or different.

    python tests/bench/bench_resume.py --weights results/demo/weights/smollm2-135m-instruct/q4_k_m.gguf

Every run is killed (SIGKILL) at a random moment between its start and the time that it would need. When one
survives, its files are compared with those of an uninterrupted run, byte for byte, and a new one begins, until
the wanted number of kills is reached.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import numpy as np

from medeval.items.make import make_items

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--sequences", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        items = folder / "medqa.parquet"
        make_items(
            "medqa", [ROOT / "config/demo/medqa/phrases_no_exclude_test.jsonl"], items, expected=24, command="bench"
        )
        out = folder / "responses.parquet"
        began = time.monotonic()
        subprocess.run(command(items, out, options), check=True, capture_output=True)
        seconds = time.monotonic() - began
        whole = out.read_bytes()
        out.unlink()
        click.echo(f"uninterrupted: {seconds:.1f} s, {len(whole):,} bytes")
        kills = lost = repeated = finished = different = 0
        while kills < options.kills:
            killed, lost_now, repeated_now = attempt(command(items, out, options), out, rng.uniform(0, seconds))
            kills, lost, repeated = kills + killed, lost + lost_now, repeated + repeated_now
            if out.exists():
                finished += 1
                different += out.read_bytes() != whole
                out.unlink()
            click.echo(f"\r{kills} kills, {finished} runs finished", nl=False, err=True)
        click.echo(f"\n{kills} kills, {finished} finished runs: {lost} items lost, {repeated} repeated, ", nl=False)
        click.echo(f"{different} files different")


def command(items: Path, out: Path, options: argparse.Namespace) -> list[str]:
    """Return the command that is killed: greedy replies and letters of 24 questions, fixed batch shape."""
    medeval = str(Path(sys.executable).with_name("medeval"))
    protocol = json.dumps({"modes": ["generate", "letter"], "max_tokens": 24})
    what = ["--items", str(items), "--weights", str(options.weights), "--model", "smollm2", "--variant", "q4_k_m"]
    return [
        medeval,
        "evaluate",
        *what,
        "--protocol",
        protocol,
        "--sequences",
        str(options.sequences),
        "--out",
        str(out),
    ]


def attempt(run: list[str], out: Path, seconds: float) -> tuple[bool, int, int]:
    """Run until a moment, kill; return whether it was killed, and how many finished items vanished or were repeated."""
    journal = out.with_name(out.name + ".journal")
    before = keys(journal)
    process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    after = keys(journal)
    lost = 0 if out.exists() else len((before - after).keys())
    return process.returncode == -signal.SIGKILL, lost, sum(count - 1 for count in after.values())


def keys(journal: Path) -> Counter[str]:
    """Count the complete records of a journal by key."""
    if not journal.exists():
        return Counter()
    entries = map(json.loads, journal.read_bytes().split(b"\n")[:-1])
    return Counter(entry["key"] for entry in entries if entry["kind"] == "result")


if __name__ == "__main__":
    main()
