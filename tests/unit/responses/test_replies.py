"""Replies are found again by what can change them, and by nothing else."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.responses.test_evaluate import make

from medeval.records import tables
from medeval.records.files import sha256_text
from medeval.responses.engines.types import Completion, Engine, GenerationRequest, Sampling, Scored, ScoreRequest
from medeval.responses.evaluate import EvaluationRun, evaluate
from medeval.responses.replies import reply_key
from medeval.run.config import Protocol

ROOT = Path(__file__).parents[3]


class Plain:
    """A chat template that sets the messages one below the other."""

    text, sha256 = "plain", "ab" * 32

    def render(self, messages: Sequence[Mapping[str, str]], *, complete_last: bool = False) -> str:
        return "\n".join(message["content"] for message in messages) + ("" if complete_last else "\nA:")


class Counting:
    """An engine whose replies say their seed, and that counts what it is asked."""

    def __init__(self, width: int = 1) -> None:
        self.width = width
        self.asked: list[GenerationRequest | ScoreRequest] = []

    def identity(self) -> dict[str, Any]:
        return {"build": "b1", "device": "d", "sequences": self.width, "schedule": "audit"}

    def prompt_ids_sha256(self, prompt: str) -> str:
        return sha256_text("ids of " + prompt)

    def prepare(self, requests: Sequence[GenerationRequest]) -> None:
        pass

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[tuple[int, Completion]]:
        for index, request in enumerate(requests):
            self.asked.append(request)
            ids = tuple(range(min(5, request.max_tokens)))
            reason = "stop" if len(ids) == 5 else "length"
            text = f"seed {request.sampling.seed}, B"
            logprobs = tuple(-0.5 for _ in ids) if request.token_logprobs else None
            yield index, Completion(text, reason, 9, len(ids), 0.1, 0.2, None, ids, logprobs, "ef" * 32)

    def score(self, requests: Sequence[ScoreRequest]) -> Iterator[tuple[int, Scored]]:
        for index, request in enumerate(requests):
            self.asked.append(request)
            count = len(request.continuations)
            yield index, Scored(tuple(-1.0 - n for n in range(count)), (True,) + (False,) * (count - 1), 9, 0.1)

    def score_text(self, text: str) -> float:
        return 0.0

    def close(self) -> None:
        pass


@dataclass
class Stub:
    """What is asked, already open."""

    engine: Counting = field(default_factory=Counting)
    weights: str | None = "cd" * 32
    target: str = "cpu"
    reasoning: None = None
    template_options: dict[str, Any] = field(default_factory=dict)

    def open(self) -> tuple[Engine, Plain]:
        return self.engine, Plain()

    def sha256(self) -> str | None:
        return self.weights

    def inputs(self) -> dict[str, Path]:
        return {}


SAMPLED = Protocol(modes=["generate", "letter"], headline="generate", temperature=0.5, samples=2, max_tokens=8)


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("items"))


def asked(items: Path, out: Path, protocol: Protocol = SAMPLED, **changes: Any) -> int:
    """Evaluate, and return how much was asked; the rows are there whatever was."""
    names = {name: changes.pop(name) for name in ("seed", "model", "replies") if name in changes}
    subject = Stub(**changes)
    replies = names.pop("replies", ())
    run = EvaluationRun(**{"model": "m", "seed": 1} | names, variant="v", subject=subject, protocol=protocol)  # type: ignore[arg-type]
    evaluate(items, out, run, command="test", replies=replies)
    rows = tables.read(out, tables.RESPONSES)
    per_item = sum(protocol.samples if mode == "generate" else 1 for mode in protocol.modes)
    assert len(rows) == per_item * 24
    return len(subject.engine.asked)


def protocol(**changes: Any) -> Protocol:
    return Protocol(**SAMPLED.model_dump() | changes)


def test_a_finished_evaluation_is_made_again_without_asking(items: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.parquet"
    assert asked(items, out) == 3 * 24
    before = out.read_bytes()
    out.unlink()
    assert asked(items, out) == 0
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"modes": ["generate"]}, 0),
        ({"modes": ["generate", "letter", "cloze"]}, 24),
        ({"samples": 1}, 0),
        ({"samples": 3}, 24),
        ({"max_tokens": 6}, 0),  # every reply ended before that by itself
        ({"max_tokens": 99}, 0),
        ({"max_tokens": 3}, 48),
        ({"conversation_max_tokens": 5}, 0),
        ({"headline": "letter"}, 0),
        ({"temperature": 0.7}, 48),
        ({"top_p": 0.9}, 48),
        ({"system": "Be brief."}, 72),
        ({"token_logprobs": True}, 48),
    ],
)
def test_another_protocol_asks_for_what_it_changes_alone(
    items: Path, tmp_path: Path, changes: dict[str, Any], more: int
) -> None:
    out = tmp_path / "r.parquet"
    asked(items, out)
    assert asked(items, out, protocol(**changes)) == more
    assert asked(items, out, protocol(**changes)) == 0
    assert asked(items, out) == 0


def test_a_seed_asks_again_for_what_is_sampled_alone(items: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.parquet"
    asked(items, out)
    assert asked(items, out, seed=2) == 48
    greedy = protocol(temperature=0.0, samples=1)
    assert asked(items, out, greedy) == 24
    assert asked(items, out, greedy, seed=3) == 0


def test_other_weights_ask_for_everything_and_empty_nothing(items: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.parquet"
    asked(items, out)
    before = (tmp_path / "r.parquet.journal").read_bytes()
    assert asked(items, out, weights="ee" * 32) == 72
    assert (tmp_path / "r.parquet.journal").read_bytes().startswith(before)
    assert asked(items, out) == 0


def test_another_width_asks_again_for_what_is_generated_alone(items: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.parquet"
    asked(items, out)
    assert asked(items, out, engine=Counting(width=4)) == 48


def test_more_items_ask_for_the_new_ones_alone(items: Path, tmp_path: Path) -> None:
    few, out = tmp_path / "few.parquet", tmp_path / "r.parquet"
    tables.write(few, tables.read(items, tables.ITEMS).slice(4, 7), tables.ITEMS, command="test")
    subject = Stub()
    run = EvaluationRun(model="m", variant="v", subject=subject, protocol=SAMPLED, seed=1)  # type: ignore[arg-type]
    evaluate(few, out, run, command="test")
    assert len(subject.engine.asked) == 3 * 7
    assert asked(items, out) == 3 * (24 - 7)


def test_replies_of_another_run_are_found_by_their_key(items: Path, tmp_path: Path) -> None:
    first = tmp_path / "results/one/responses/m/v/cpu/medqa.parquet"
    second = tmp_path / "results/two/responses/renamed/v/cpu/medqa.parquet"
    asked(items, first)
    assert asked(items, second, model="renamed", replies=[tmp_path / "results"]) == 0
    assert set(tables.read(second, tables.RESPONSES)["model"].to_pylist()) == {"renamed"}
    first.with_name("medqa.parquet.journal").unlink()
    assert asked(items, second, model="renamed") == 0  # what was found is kept in its own journal as well
    assert asked(items, tmp_path / "other.parquet", weights="ee" * 32, replies=[tmp_path / "results"]) == 72


def test_a_damaged_reply_alone_is_asked_again(items: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.parquet"
    asked(items, out)
    before = tables.read(out, tables.RESPONSES)
    journal = tmp_path / "r.parquet.journal"
    lines = journal.read_text().splitlines(keepends=True)
    lines[9] = lines[9].replace("seed ", "seen ", 1)
    journal.write_text("".join(lines))
    assert asked(items, out) == 1
    assert tables.read(out, tables.RESPONSES).equals(before)


def test_token_ids_of_every_reply_are_stored(items: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.parquet"
    asked(items, out)
    rows = tables.read(out, tables.RESPONSES).to_pylist()
    assert all(row["token_ids"] == [0, 1, 2, 3, 4] for row in rows if row["mode"] == "generate")
    assert all(row["token_logprobs"] is None for row in rows)


def test_a_journal_of_the_first_format_answers_for_its_run(items: Path, tmp_path: Path) -> None:
    out, old = tmp_path / "r.parquet", tmp_path / "old.parquet"
    asked(items, old)
    run_id = tables.read(old, tables.RESPONSES)["run_id"][0].as_py()
    lines = [{"run_id": run_id}]
    for text in (tmp_path / "old.parquet.journal").read_text().splitlines():
        entry = json.loads(text)
        if entry["kind"] == "result":
            del entry["value"]["limit"]
            lines.append({"key": entry["key"], "value": entry["value"]})
    # Results were named by mode, item and sample then.
    rows = tables.read(old, tables.RESPONSES).to_pylist()
    names = {}
    for row in rows:
        names.setdefault(
            (row["mode"], row["prompt_sha256"], row["text"]), f"{row['mode']}/{row['item_id']}/{row['sample']}"
        )
    for line in lines[1:]:
        value = line["value"]
        mode = "letter" if value["kind"] == "scored" else "generate"
        line["key"] = names[mode, value["prompt_sha256"], value["result"].get("text")]
    (tmp_path / "r.parquet.journal").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert asked(items, out) == 0
    assert asked(items, out, protocol(samples=3)) == 24
    assert tables.read(out, tables.RESPONSES).num_rows == 4 * 24


REQUEST = GenerationRequest("p", 8, Sampling(0.5, seed=3))


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, prompt="q"),
        replace(REQUEST, prefix="p"),
        replace(REQUEST, stop=("x",)),
        replace(REQUEST, grammar="root ::= [A]"),
        replace(REQUEST, sampling=Sampling(0.5, seed=4)),
        replace(REQUEST, sampling=Sampling(0.5, min_p=0.1, seed=3)),
        replace(REQUEST, sampling=Sampling(0.0, seed=3)),
    ],
)
def test_what_can_change_a_reply_changes_its_key(other: GenerationRequest) -> None:
    assert reply_key(Counting(), "w", REQUEST) != reply_key(Counting(), "w", other)


def test_what_cannot_change_a_reply_does_not_change_its_key() -> None:
    greedy = replace(REQUEST, sampling=Sampling(0.0, seed=3))
    assert reply_key(Counting(), "w", greedy) == reply_key(Counting(), "w", replace(greedy, sampling=Sampling(seed=4)))
    assert reply_key(Counting(), "w", REQUEST) == reply_key(Counting(), "w", replace(REQUEST, max_tokens=9))
    logged = replace(REQUEST, token_logprobs=True)
    assert reply_key(Counting(), "w", REQUEST) == reply_key(Counting(), "w", logged)
