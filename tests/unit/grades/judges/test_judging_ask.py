"""Asking a judge: each row once per sample, resumable, and nothing about points."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from judging_rows import DEMO, ScriptedJudge, said

from medeval.cli.judge import judge as command
from medeval.errors import MedevalError
from medeval.grades.judge_reply import Grade
from medeval.grades.judges.ask import ask, question, questions_left
from medeval.grades.judges.meta_grades import META_GRADES, read_meta_grades
from medeval.grades.judges.rows import MetaRows, read_rows
from medeval.records import tables


@pytest.fixture
def rows() -> MetaRows:
    return read_rows(DEMO)


def asked_of(rows: MetaRows, answer: Any, out: Path, samples: int = 1) -> ScriptedJudge:
    judge = ScriptedJudge(answer)
    ask(rows, judge, out, samples=samples, command="test")
    return judge


def test_every_row_is_asked_once_with_its_own_words(tmp_path: Path, rows: MetaRows) -> None:
    judge = asked_of(rows, lambda text: said("ambulance" in text), tmp_path / "v.parquet")
    assert len(judge.asked) == len(set(judge.asked)) == len(rows)
    for row in rows.rows:
        [text] = [text for text in judge.asked if row["completion"] in text and row["criterion"] in text]
        assert "[" not in text.split("The criterion:")[1].split("Decide")[0]  # no points, which the rows do not tell
    grades = read_meta_grades(tmp_path / "v.parquet", rows.item_ids)
    expected = ["ambulance" in question(row).text for row in rows.rows]
    assert grades.said[:, 0].tolist() == [float(met) for met in expected]


def test_a_question_shares_its_beginning_up_to_the_criterion(rows: MetaRows) -> None:
    asked = question(rows.rows[0])
    assert asked.text.startswith(asked.shared)
    assert asked.text[len(asked.shared) :].startswith(rows.rows[0]["criterion"])
    assert rows.rows[0]["completion"] in asked.shared


def test_an_interrupted_call_asks_only_what_is_left(tmp_path: Path, rows: MetaRows) -> None:
    seen = []

    def dies(text: str) -> Grade:
        seen.append(text)
        if len(seen) > 30:
            raise KeyboardInterrupt
        return said(True)

    with pytest.raises(KeyboardInterrupt):
        asked_of(rows, dies, tmp_path / "v.parquet")
    assert not (tmp_path / "v.parquet").exists()
    assert len(questions_left(rows, ScriptedJudge(dies), tmp_path / "v.parquet", 1)) == len(rows) - 30
    again = asked_of(rows, lambda _: said(False), tmp_path / "v.parquet")
    assert len(again.asked) == len(rows) - 30
    assert sorted(again.asked + seen[:30]) == sorted(question(row).text for row in rows.rows)


def test_a_further_sample_asks_for_nothing_twice(tmp_path: Path, rows: MetaRows) -> None:
    asked_of(rows, lambda _: said(True), tmp_path / "v.parquet")
    second = asked_of(rows, lambda _: said(False), tmp_path / "v.parquet", samples=2)
    assert len(second.asked) == len(rows)
    grades = read_meta_grades(tmp_path / "v.parquet", rows.item_ids)
    assert grades.samples == 2
    assert grades.said.mean(axis=0).tolist() == [1.0, 0.0]


def test_another_judge_does_not_take_over_grades(tmp_path: Path, rows: MetaRows) -> None:
    asked_of(rows, lambda _: said(True), tmp_path / "v.parquet")
    other = ScriptedJudge(lambda _: said(False))
    other.name = "another"
    assert len(questions_left(rows, other, tmp_path / "v.parquet", 1)) == len(rows)
    assert questions_left(rows, ScriptedJudge(None), tmp_path / "v.parquet", 1) == []


def test_an_unusable_reply_is_stored_as_missing(tmp_path: Path, rows: MetaRows) -> None:
    first = question(rows.rows[0]).text
    asked_of(rows, lambda text: said(None if text == first else True), tmp_path / "v.parquet")
    table = tables.read(tmp_path / "v.parquet", META_GRADES).to_pylist()
    assert [row["item_id"] for row in table if row["met"] is None] == [rows.item_ids[0]]


def test_too_many_failures_stop_the_stage_and_are_asked_again(tmp_path: Path, rows: MetaRows) -> None:
    def fails(text: str) -> Grade:
        return said(True) if "stroke" in text else Grade(None, "connection refused", "error")

    with pytest.raises(MedevalError, match="could not be obtained from scripted; the first: connection refused"):
        asked_of(rows, fails, tmp_path / "v.parquet")
    left = asked_of(rows, lambda _: said(True), tmp_path / "v.parquet")
    assert 0 < len(left.asked) < len(rows)


def test_a_judge_that_decides_whole_conversations_is_not_audited_criterion_by_criterion(
    tmp_path: Path, rows: MetaRows
) -> None:
    judge = ScriptedJudge(lambda _: said(True))
    judge.mode = "conversation"
    with pytest.raises(MedevalError, match="decides all criteria of a conversation at once"):
        ask(rows, judge, tmp_path / "v.parquet", command="test")


def test_a_random_part_of_the_rows_is_the_same_each_time(rows: MetaRows) -> None:
    part = rows.sampled(20, seed=1)
    assert len(part) == 20
    assert part.item_ids == rows.sampled(20, seed=1).item_ids != rows.sampled(20, seed=2).item_ids
    assert rows.sampled(500, seed=1) is rows
    assert not part.whole


@pytest.fixture
def command_judge(monkeypatch: pytest.MonkeyPatch) -> ScriptedJudge:
    """The judge that the command makes, whatever settings it is given."""
    judge = ScriptedJudge(lambda text: said("doctor" in text))
    monkeypatch.setattr("medeval.grades.judge_settings.make_judge", lambda *_: judge)
    return judge


SETTINGS = json.dumps({"type": "local", "model": "m", "variant": "v"})


def run(tmp_path: Path, *options: str) -> Result:
    arguments = ["meta-eval", str(DEMO), "--judge", SETTINGS, "--out", str(tmp_path / "audit.json")]
    return CliRunner().invoke(command, [*arguments, "--resamples", "100", *options], catch_exceptions=False)


def test_an_estimate_asks_nothing(tmp_path: Path, command_judge: ScriptedJudge, rows: MetaRows) -> None:
    result = run(tmp_path, "--estimate", "--samples", "3")
    assert f"To ask: {3 * len(rows)} calls" in result.output
    assert command_judge.asked == []
    assert not (tmp_path / "audit.json").exists()


def test_the_command_asks_a_part_then_the_rest(tmp_path: Path, command_judge: ScriptedJudge, rows: MetaRows) -> None:
    run(tmp_path, "--limit", "30")
    assert len(command_judge.asked) == 30
    assert json.loads((tmp_path / "audit.json").read_text())["replies_missing"] == len(rows) - 30
    run(tmp_path)
    assert len(command_judge.asked) == len(set(command_judge.asked)) == len(rows)
    document = json.loads((tmp_path / "audit.json").read_text())
    assert (document["judge"], document["judged_rows"], document["replies_missing"]) == ("scripted", len(rows), 0)


def test_a_judge_that_is_not_credible_ends_the_command_with_3(
    tmp_path: Path, command_judge: ScriptedJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MetaRows, "whole", True)
    monkeypatch.setattr("medeval.grades.judges.physicians.LEAST_PAIRS", 5)
    result = run(tmp_path)
    assert json.loads((tmp_path / "audit.json").read_text())["verdict"] == "NOT_CREDIBLE"
    assert result.exit_code == 3
