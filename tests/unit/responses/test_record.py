"""Records of evaluations, whose replies cost time or money: none is refused for its age."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.responses.run_records import identity_of, record_of

from medeval.records.documents import as_json
from medeval.records.journal import Journal
from medeval.responses.evaluate import _scored_columns
from medeval.responses.record import EvaluationRecord
from medeval.run.config import Protocol
from medeval.run.model import Reasoning

EARLIER = Path(__file__).with_name("earlier")  # as written before records named a schema


def earlier(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((EARLIER / f"{name}.lm_eval.json").read_text())
    return record


@pytest.mark.parametrize("name", ["whole", "merged"])
def test_a_record_without_a_schema_is_read_and_nothing_of_it_is_lost(name: str) -> None:
    before = earlier(name)
    assert "schema" not in before
    after = EvaluationRecord.read(EARLIER / f"{name}.lm_eval.json").as_json()
    assert after == {"schema": "evaluation.v2", "software": None, "sequences": None, "shards": None, **before}


def test_its_run_has_the_same_id_as_before_so_that_its_journal_is_continued(tmp_path: Path) -> None:
    run_id = "0c1e263e29239c4d"  # of the tables that were written with this record
    assert hashlib.sha256(json.dumps(earlier("whole")["identity"], sort_keys=True).encode()).hexdigest()[:16] == run_id
    (tmp_path / "j").write_text(f'{{"run_id": "{run_id}"}}\n{{"key": "letter/a/0", "value": {{"kind": "scored"}}}}\n')
    identity = EvaluationRecord.read(EARLIER / "whole.lm_eval.json").identity
    with Journal(tmp_path / "j", as_json(identity), identity.run_id) as journal:
        assert journal.get("letter/a/0") == {"kind": "scored"}


def test_what_a_journal_held_before_results_had_further_fields_becomes_rows() -> None:
    scored = {"logprobs": [-1.0, -2.0], "greedy": [True, False], "prompt_tokens": 9, "seconds": 0.1, "error": None}
    columns = _scored_columns({"kind": "scored", "prompt_sha256": "0", "result": scored})
    assert (columns["option_logprobs"], columns["prompt_ids_sha256"]) == ([-1.0, -2.0], None)


def test_a_run_keeps_its_id_for_good() -> None:
    """A new key in an identity, or another default, would discard the journal of every run under way."""
    think = Reasoning(open="<think>", close="</think>")
    assert identity_of().run_id == "1527734c259ac5d7"
    assert identity_of(protocol=Protocol(temperature=0.5, samples=2), reasoning=think).run_id == "d7d9ef9904255c29"


def test_what_differs_is_named() -> None:
    other = identity_of(seed=2, protocol=Protocol(max_tokens=8))
    assert identity_of().differences(other) == ["protocol", "seed"]
    assert other.differences(other) == []


def test_what_is_written_is_read(tmp_path: Path) -> None:
    record = record_of(identity_of(reasoning=Reasoning(open="<a>", close="</a>")), shard="1-of-2")
    record.write(tmp_path / "r.json")
    assert EvaluationRecord.read(tmp_path / "r.json") == record
