"""Grading: what is asked, what is kept, and what is missing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from medeval import tables
from medeval.config.judge import JudgeMode
from medeval.errors import MedevalError
from medeval.healthbench.grade import grade
from medeval.healthbench.judge import GgufJudge, Question, Verdict, Verdicts
from medeval.items import make_items

ROOT = Path(__file__).parents[3]


class ScriptedJudge:
    """Answers by a function of the question's number, and remembers what it was asked."""

    name = "scripted"

    def __init__(self, answer: Any, mode: JudgeMode = "criterion") -> None:
        self.answer, self.mode = answer, mode
        self.asked: list[Question] = []

    def decide_all(self, questions: Sequence[Question]) -> Iterator[tuple[int, Verdicts]]:
        for index, question in enumerate(questions):
            self.asked.append(question)
            yield index, (self.answer(len(self.asked)),) * (question.criteria or 1)


@pytest.fixture
def conversations(tmp_path: Path) -> Path:
    source = tmp_path / "oss_eval.two.jsonl"
    source.write_text(
        "\n".join((ROOT / "config/demo/healthbench/oss_eval.demo.jsonl").read_text().splitlines()[:2]) + "\n"
    )
    make_items("healthbench", [source], tmp_path / "conversations.parquet", expected=2, command="test")
    return tmp_path / "conversations.parquet"


@pytest.fixture
def responses(tmp_path: Path, conversations: Path) -> Path:
    rows = [
        {
            "run_id": "r", "model": "m", "variant": "v", "target": "cpu", "benchmark": "healthbench",
            "item_id": row["item_id"], "sample": 0, "mode": "generate", "prompt_sha256": "0", "finish_reason": "stop",
            "prompt_tokens": 1, "generated_tokens": 1,
            "text": "See a doctor today.",
        }
        for row in tables.read(conversations, tables.CONVERSATIONS).to_pylist()
    ]  # fmt: skip
    path = tmp_path / "responses.parquet"
    tables.write(path, tables.build(tables.RESPONSES, rows), tables.RESPONSES, command="test", inputs={})
    return path


def met(_: int) -> Verdict:
    return Verdict(True, "yes", "graded")


def criteria(conversations: Path) -> int:
    return sum(len(row["rubrics"]) for row in tables.read(conversations, tables.CONVERSATIONS).to_pylist())


def test_every_criterion_is_asked_once_with_the_criterion_after_what_is_shared(
    tmp_path: Path, conversations: Path, responses: Path
) -> None:
    judge = ScriptedJudge(met)
    counts = grade(conversations, responses, tmp_path / "grades.parquet", judge, command="test")
    assert counts == {"graded": criteria(conversations)}
    assert len(judge.asked) == criteria(conversations)
    assert len({question.shared for question in judge.asked}) == 2  # one per conversation
    assert all(question.text.startswith(question.shared) for question in judge.asked)


def test_an_interrupted_grading_asks_only_what_is_left(tmp_path: Path, conversations: Path, responses: Path) -> None:
    def dies(number: int) -> Verdict:
        if number == 4:
            raise KeyboardInterrupt
        return met(number)

    with pytest.raises(KeyboardInterrupt):
        grade(conversations, responses, tmp_path / "grades.parquet", ScriptedJudge(dies), command="test")
    assert not (tmp_path / "grades.parquet").exists()
    judge = ScriptedJudge(met)
    grade(conversations, responses, tmp_path / "grades.parquet", judge, command="test")
    assert len(judge.asked) == criteria(conversations) - 3


def test_a_judge_that_cannot_be_reached_stops_the_stage_and_is_asked_again(
    tmp_path: Path, conversations: Path, responses: Path
) -> None:
    def fails(number: int) -> Verdict:
        return Verdict(None, "connection refused", "error") if number > 2 else met(number)

    with pytest.raises(
        MedevalError, match=r"7 of 9 verdicts are missing.*the other 2 are kept in .*the first: connection"
    ):
        grade(conversations, responses, tmp_path / "grades.parquet", ScriptedJudge(fails), command="test")
    assert not (tmp_path / "grades.parquet").exists()
    judge = ScriptedJudge(met)
    counts = grade(conversations, responses, tmp_path / "grades.parquet", judge, command="test")
    assert counts == {"graded": criteria(conversations)}
    assert len(judge.asked) == criteria(conversations) - 2


def test_an_unusable_reply_is_missing_and_not_asked_again(tmp_path: Path, conversations: Path, responses: Path) -> None:
    judge = ScriptedJudge(lambda number: Verdict(None, "?", "unusable") if number == 1 else met(number))
    counts = grade(conversations, responses, tmp_path / "grades.parquet", judge, command="test")
    assert counts["unusable"] == 1
    grades = tables.read(tmp_path / "grades.parquet", tables.GRADES).to_pylist()
    assert [row["met"] for row in grades].count(None) == 1


def test_a_local_judge_gives_the_same_verdicts_whatever_was_asked_before(smollm2_files: dict[str, Path]) -> None:
    judge = GgufJudge(smollm2_files["q4_k_m"], threads=1, max_tokens=64, sequences=4)
    shared = "A reply to check: See a doctor today.\n\nThe criterion:\n\n"
    questions = [Question(f"{shared}[5] {text}", shared) for text in ("Advises care.", "Names a drug.", "Is short.")]
    together = dict(judge.decide(questions))
    assert [together[i] for i in range(3)] == [next(iter(judge.decide([question])))[1] for question in questions]


def test_a_prompt_that_does_not_fit_the_judge_is_unusable(smollm2_files: dict[str, Path]) -> None:
    judge = GgufJudge(smollm2_files["q4_k_m"], threads=1, max_tokens=64, sequences=4)
    [(_, verdict)] = judge.decide([Question("word " * 9000, "")])
    assert (verdict.met, verdict.status) == (None, "unusable")


def test_the_token_limit_is_part_of_the_judges_name(smollm2_files: dict[str, Path]) -> None:
    names = {GgufJudge(smollm2_files["q4_k_m"], threads=1, max_tokens=limit, sequences=4).name for limit in (32, 96)}
    assert len(names) == 2
