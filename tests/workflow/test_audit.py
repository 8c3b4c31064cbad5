"""`snakemake audit` on real weights: killed in the middle, it continues, and no reply is generated twice."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from medeval.records import tables
from medeval.records.files import sha256_file
from tests.workflow.conftest import run_snakemake, small_config, workflow_copy

AUDITED = {"seed": "31415926", "first_rounds": 3, "growth": 2, "max_items": 12}
CLAIMS = [
    {"id": "a01", "type": "T2", "comparisons": [{"metric": "medqa", "a": "smollm2-f16", "b": "smollm2-q4_k_m"}]},
    {"id": "a02", "type": "T5", "comparisons": [{"metric": "average", "a": "smollm2-f16", "b": "smollm2-q4_k_m"}]},
]


def audit_config(folder: Path, weights: Path) -> None:
    """The small run with two claims on two benchmarks that nobody can decide on 12 items."""
    publication = yaml.safe_load((folder / "config/claims/demo.yaml").read_text())
    publication["claims"] = [{"sentence": "x", "source": ["demo"], "status": "derived"} | claim for claim in CLAIMS]
    publication["average"]["over"] = ["medqa", "medxpertqa"]
    (folder / "claims.yaml").write_text(yaml.safe_dump(publication))
    protocol = {"modes": ["generate", "cloze"], "headline": "generate", "max_tokens": 32}
    small_config(folder, weights, claims="claims.yaml", audit=AUDITED, protocol=protocol, desk_audits=[], judge=None)


def journals(folder: Path) -> dict[Path, list[dict[str, Any]]]:
    """Finished replies by journal, complete lines only."""
    found = {}
    for path in (folder / "results/small/audit/batches").rglob("*.journal"):
        lines = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
        found[path.with_suffix("")] = [line["value"] for line in lines if line["kind"] == "result"]
    return found


def killed_while_answering(folder: Path, replies: int) -> dict[Path, list[dict[str, Any]]]:
    """Start the audit, kill all its processes once a journal holds some replies, and return what was kept."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "audit", "--configfile", "small.yaml"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    end = time.monotonic() + 240
    while time.monotonic() < end and process.poll() is None:
        if any(len(lines) >= replies for lines in journals(folder).values()):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return journals(folder)
        time.sleep(0.01)
    pytest.fail("the audit ended, or took too long, before it could be killed")


@pytest.fixture(scope="module")
def audited(
    tmp_path_factory: pytest.TempPathFactory, smollm2_files: dict[str, Path]
) -> tuple[Path, dict[Path, list[dict[str, Any]]]]:
    """A folder with an audit that was killed and continued, and what its journals held in between."""
    folder = workflow_copy(tmp_path_factory.mktemp("audit"))
    audit_config(folder, smollm2_files["f16"])
    kept = killed_while_answering(folder, replies=2)
    assert not (folder / "results/small/audit.json").exists()
    run_snakemake(folder, "--unlock", "--configfile", "small.yaml")
    result = run_snakemake(folder, "audit", "--configfile", "small.yaml")
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
    return folder, kept


def batches(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("results/small/audit/batches/*/*/*/*/items.parquet"))


def test_replies_from_before_the_kill_are_kept_to_the_last_digit_of_their_times(
    audited: tuple[Path, dict[Path, list[dict[str, Any]]]],
) -> None:
    _, kept = audited
    assert sum(map(len, kept.values())) >= 2
    for path, lines in kept.items():
        timings = tables.read(path.with_name(path.name + ".timings.parquet"), tables.TIMINGS).to_pylist()
        times = {row["item_id"]: (row["seconds_prefill"], row["seconds_decode"]) for row in timings}
        for line in lines:
            result = line["result"]
            # A reply that was generated again would have taken another time.
            assert times[line["place"].split("/")[1]] == (result["seconds_prefill"], result["seconds_decode"])


def test_no_item_is_asked_twice_and_both_files_answer_the_same(
    audited: tuple[Path, dict[Path, list[dict[str, Any]]]],
) -> None:
    folder, _ = audited
    answered: dict[str, list[tuple[str, str]]] = {"f16": [], "q4_k_m": []}
    for batch in batches(folder):
        rows = tables.read(batch / "responses.parquet", tables.RESPONSES).to_pylist()
        answered[batch.parts[-3]] += [(row["benchmark"], row["item_id"]) for row in rows]
        assert {row["mode"] for row in rows} == {"generate"}  # the mode that decides claims, and no other
    for keys in answered.values():
        assert len(keys) == len(set(keys)) == 12
    assert set(answered["f16"]) == set(answered["q4_k_m"])


def test_items_were_asked_in_the_order_that_was_committed_before(
    audited: tuple[Path, dict[Path, list[dict[str, Any]]]],
) -> None:
    folder, _ = audited
    path = folder / "results/small/audit/order.json"
    record = json.loads(path.read_text())
    assert record["terms"]["risk"] == 0.05
    for batch in batches(folder):
        assert tables.read_record(batch / "items.parquet")["inputs"]["order"] == sha256_file(path)
        responses = tables.read_record(batch / "responses.parquet")
        assert responses["inputs"]["items"] == sha256_file(batch / "items.parquet")
    for benchmark in ("medqa", "medxpertqa"):
        asked = {
            item
            for batch in batches(folder)
            if batch.parts[-2] == benchmark
            for item in tables.read(batch / "items.parquet", tables.ITEMS)["item_id"].to_pylist()
        }
        leading = [items[0] for items in record["units"][benchmark][: len(asked)]]
        assert asked == set(leading)


def test_the_budget_ends_it_without_a_verdict_and_with_what_it_would_take(
    audited: tuple[Path, dict[Path, list[dict[str, Any]]]],
) -> None:
    folder, _ = audited
    document = json.loads((folder / "results/small/audit.json").read_text())
    assert document["ended"] == "max_items"
    for claim in document["claims"]:
        (part,) = claim["parts"]
        assert claim["verdict"] == "INCONCLUSIVE"
        assert part["low"] <= part["estimate"] <= part["high"]
        assert part["outlook"]["median"] > part["items"]


def test_a_second_call_asks_nothing_and_the_state_can_be_read(
    audited: tuple[Path, dict[Path, list[dict[str, Any]]]],
) -> None:
    folder, _ = audited
    result = run_snakemake(folder, "audit", "--configfile", "small.yaml")
    assert "Nothing to be done" in result.stdout + result.stderr
    medeval = Path(sys.executable).with_name("medeval")
    shown = subprocess.run(
        [str(medeval), "audit", "status", "small.yaml"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "a01 INCONCLUSIVE" in shown.stdout
    assert "verified" in shown.stdout
