"""Grading: what is asked, what is kept, and what is missing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.errors import MedevalError
from medeval.grades.estimate import estimate
from medeval.grades.grade import calls_of, grade
from medeval.grades.judge import GgufJudge, Grade, Grades, JudgeQuestion
from medeval.grades.questions import prompt_sha256
from medeval.items.make import make_items
from medeval.records import tables
from medeval.run.judge import ApiJudge, JudgeMode

ROOT = Path(__file__).parents[3]


class ScriptedJudge:
    """Answers by a function of the question's number, and remembers what it was asked."""

    name = "scripted"

    def __init__(self, answer: Any, mode: JudgeMode = "criterion") -> None:
        self.answer, self.mode = answer, mode
        self.asked: list[JudgeQuestion] = []

    def decide_all(self, questions: Sequence[JudgeQuestion]) -> Iterator[tuple[int, Grades]]:
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


def met(_: int) -> Grade:
    return Grade(True, "yes", "graded")


def criteria(conversations: Path) -> int:
    return sum(len(row["rubrics"]) for row in tables.read(conversations, tables.CONVERSATIONS).to_pylist())


@pytest.mark.parametrize("name", ["conversations.parquet", "responses.parquet"])
def test_grades_that_would_replace_what_is_graded_are_refused_before_anything_is_asked(
    tmp_path: Path, conversations: Path, responses: Path, name: str
) -> None:
    judge = ScriptedJudge(met)
    with pytest.raises(MedevalError, match="would replace a file that is read"):
        grade(conversations, responses, tmp_path / name, judge, command="test")
    assert judge.asked == []


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
    def dies(number: int) -> Grade:
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
    def fails(number: int) -> Grade:
        return Grade(None, "connection refused", "error") if number > 2 else met(number)

    with pytest.raises(
        MedevalError, match=r"7 of 9 grades are missing.*the other 2 are kept in .*the first: connection"
    ):
        grade(conversations, responses, tmp_path / "grades.parquet", ScriptedJudge(fails), command="test")
    assert not (tmp_path / "grades.parquet").exists()
    judge = ScriptedJudge(met)
    counts = grade(conversations, responses, tmp_path / "grades.parquet", judge, command="test")
    assert counts == {"graded": criteria(conversations)}
    assert len(judge.asked) == criteria(conversations) - 2


def test_an_unusable_reply_is_missing_and_not_asked_again(tmp_path: Path, conversations: Path, responses: Path) -> None:
    judge = ScriptedJudge(lambda number: Grade(None, "?", "unusable") if number == 1 else met(number))
    counts = grade(conversations, responses, tmp_path / "grades.parquet", judge, command="test")
    assert counts["unusable"] == 1
    grades = tables.read(tmp_path / "grades.parquet", tables.GRADES).to_pylist()
    assert [row["met"] for row in grades].count(None) == 1


def test_a_local_judge_gives_the_same_grades_whatever_was_asked_before(smollm2_files: dict[str, Path]) -> None:
    judge = GgufJudge(smollm2_files["q4_k_m"], threads=1, max_tokens=64, sequences=4)
    shared = "A reply to check: See a doctor today.\n\nThe criterion:\n\n"
    questions = [
        JudgeQuestion(f"{shared}[5] {text}", shared) for text in ("Advises care.", "Names a drug.", "Is short.")
    ]
    together = dict(judge.decide(questions))
    assert [together[i] for i in range(3)] == [next(iter(judge.decide([question])))[1] for question in questions]


def test_a_prompt_that_does_not_fit_the_judge_is_unusable(smollm2_files: dict[str, Path]) -> None:
    judge = GgufJudge(smollm2_files["q4_k_m"], threads=1, max_tokens=64, sequences=4)
    [(_, grade)] = judge.decide([JudgeQuestion("word " * 9000, "")])
    assert (grade.met, grade.status) == (None, "unusable")


def test_the_token_limit_is_part_of_the_judges_name(smollm2_files: dict[str, Path]) -> None:
    names = {GgufJudge(smollm2_files["q4_k_m"], threads=1, max_tokens=limit, sequences=4).name for limit in (32, 96)}
    assert len(names) == 2


def test_one_call_per_conversation_asks_about_all_criteria_and_keeps_their_order(
    tmp_path: Path, conversations: Path, responses: Path
) -> None:
    judge = ScriptedJudge(met, mode="conversation")
    assert grade(conversations, responses, tmp_path / "grades.parquet", judge, command="test") == {
        "graded": criteria(conversations)
    }
    rows = tables.read(conversations, tables.CONVERSATIONS).to_pylist()
    assert [question.criteria for question in judge.asked] == [len(row["rubrics"]) for row in rows]
    for row, question in zip(rows, judge.asked, strict=True):
        for number, rubric in enumerate(row["rubrics"], start=1):
            assert f"{number}. [{rubric['points']:g}] {rubric['criterion']}" in question.text
    grades = tables.read(tmp_path / "grades.parquet", tables.GRADES).to_pylist()
    assert len({row["judge_prompt_sha256"] for row in grades}) == 1


def test_the_two_ways_of_asking_have_prompts_of_their_own() -> None:
    assert prompt_sha256("criterion") != prompt_sha256("conversation")


def test_a_response_without_text_is_not_judged_and_its_grades_are_missing(
    tmp_path: Path, conversations: Path, responses: Path
) -> None:
    table = tables.read(responses, tables.RESPONSES).to_pylist()
    table[0]["text"] = None  # its reasoning was never closed
    tables.write(responses, tables.build(tables.RESPONSES, table), tables.RESPONSES, command="test", inputs={})
    judge = ScriptedJudge(met)
    counts = grade(conversations, responses, tmp_path / "grades.parquet", judge, command="test")
    grades = tables.read(tmp_path / "grades.parquet", tables.GRADES).to_pylist()
    missing = [row for row in grades if row["met"] is None]
    assert {row["item_id"] for row in missing} == {table[0]["item_id"]}
    assert counts == {"error": len(missing), "graded": len(judge.asked)}
    assert {row["explanation"] for row in missing} == {"there is no reply to judge"}


def test_the_estimate_counts_calls_tokens_and_money_and_asks_nothing(conversations: Path, responses: Path) -> None:
    priced = {"usd_per_million_prompt_tokens": 2.0, "usd_per_million_completion_tokens": 8.0, "max_tokens": 1000}
    settings = ApiJudge(type="api", url="http://127.0.0.1:1/v1", model="judge", **priced)
    questions = [call.question for call in calls_of(conversations, responses, "criterion") if call.question]
    found = estimate(questions, settings)
    characters = sum(len(question.text) for question in questions)
    assert (found.calls, found.grades) == (9, 9)
    assert found.prompt_tokens == round(characters / 4)
    # each conversation's shared beginning once, and the rest of every prompt
    shared = {question.shared for question in questions}
    once = sum(map(len, shared)) + characters - sum(len(question.shared) for question in questions)
    assert found.read_tokens == round(once / 4)
    assert found.most_completion_tokens == 9000
    assert found.most_usd == pytest.approx((characters / 4 * 2 + 9000 * 8) / 1e6)
    assert estimate(questions, settings.model_copy(update={"usd_per_million_prompt_tokens": None})).usd is None


def test_the_command_prints_the_estimate_without_a_server_or_an_output(conversations: Path, responses: Path) -> None:
    judge = '{"type": "api", "url": "http://127.0.0.1:1/v1", "model": "judge", "mode": "conversation"}'
    inputs = ["--conversations", str(conversations), "--responses", str(responses)]
    result = CliRunner().invoke(main, ["grade", *inputs, "--judge", judge, "--estimate"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("to ask: 2 calls for 9 grades; ")
    assert "price not known" in result.output
    refused = CliRunner().invoke(main, ["grade", *inputs, "--judge", judge])
    assert refused.exit_code == 2 and "Add --out grades.parquet, or --estimate" in refused.output


def test_a_local_judge_decides_a_conversation_in_a_list(smollm2_files: dict[str, Path]) -> None:
    judge = GgufJudge(smollm2_files["q4_k_m"], threads=1, max_tokens=160, sequences=1, mode="conversation")
    [(_, grades)] = judge.decide_all([JudgeQuestion("Reply: See a doctor.\n\n1. [5] Advises care.", "", criteria=1)])
    assert [grade.status for grade in grades] == ["graded"]
