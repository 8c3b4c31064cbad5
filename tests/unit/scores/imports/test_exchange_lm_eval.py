"""Logs that lm-eval 0.4.13 wrote (tests/unit/scores/imports/record_lm_eval.py), and variations of them."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from exchange_items import RECORDED, imported, item

from medeval.errors import MedevalError
from medeval.scores.imports.importing import Import
from medeval.scores.layout import Stated
from medeval.scores.stream import score_files

LM_EVAL = Import("lm-eval")


def log(task: str) -> Path:
    (path,) = (RECORDED / "lm_eval").glob(f"samples_toy_{task}_*.jsonl")
    return path


def changed(folder: Path, task: str, change: Any) -> Path:
    """Write a log again with every record changed."""
    records = [json.loads(line) for line in log(task).read_text().splitlines()]
    for record in records:
        change(record)
    path = folder / "samples_toy.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_the_recorded_logs_are_of_the_release_that_the_project_uses() -> None:
    (result,) = (RECORDED / "lm_eval").glob("results_*.json")
    assert json.loads(result.read_text())["lm_eval_version"] == "0.4.13"


def test_generated_replies_are_read_once_under_several_filters_and_repeats_are_samples(tmp_path: Path) -> None:
    rows, _ = imported(tmp_path, [log("generate")], LM_EVAL)
    assert [(row["item_id"], row["sample"], row["text"]) for row in rows] == [
        ("i0", 0, "Answer: B"),
        ("i0", 1, "The answer is (A)."),
        ("i1", 0, "Answer: A"),
        ("i1", 1, "Answer: C"),
        ("i2", 0, "I cannot decide."),
        ("i2", 1, None),
    ]
    assert [row["reasoning"] for row in rows] == ["The spleen? No.", None, None, None, None, "It may be C"]
    assert {row["mode"] for row in rows} == {"generate"}


def test_the_model_is_named_by_the_results_beside_the_log_and_a_stated_name_goes_first(tmp_path: Path) -> None:
    rows, found = imported(tmp_path, [log("generate")], LM_EVAL)
    assert {row["model"] for row in rows} == {"toy-model"}
    assert any("toy-model" in note for note in found.notes)
    rows, _ = imported(tmp_path, [log("generate")], Import("lm-eval", stated=Stated(model="mine", variant="q4")))
    assert {(row["model"], row["variant"]) for row in rows} == {("mine", "q4")}


def test_letters_and_texts_of_options_are_two_modes(tmp_path: Path) -> None:
    rows, _ = imported(tmp_path, [log("letters"), log("texts")], LM_EVAL)
    assert [(row["item_id"], row["mode"]) for row in rows] == [
        *((f"i{number}", "letter") for number in range(3)),
        *((f"i{number}", "cloze") for number in range(3)),
    ]
    assert {(row["finish_reason"], row["generated_tokens"]) for row in rows} == {("scored", 0)}


def test_mutual_information_of_the_log_is_left_aside(tmp_path: Path) -> None:
    record = json.loads(log("texts").read_text().splitlines()[0])
    assert len(record["resps"]) == 8
    rows, _ = imported(tmp_path, [log("texts")], LM_EVAL)
    assert rows[0]["option_logprobs"] == [float(repeats[0][0]) for repeats in record["resps"][:4]]


def test_accuracies_by_letter_are_those_that_lm_eval_counted(tmp_path: Path) -> None:
    imported(tmp_path, [log("letters")], LM_EVAL)
    out = tmp_path / "scores.parquet"
    found = score_files([tmp_path / "items.parquet"], tmp_path / "responses.parquet", out, command="")
    assert found.statuses == {"answered": 3}
    theirs = [json.loads(line)["acc"] for line in log("letters").read_text().splitlines()]
    assert pq.read_table(out)["correct"].to_pylist() == [value == 1.0 for value in theirs]


def test_logs_of_releases_before_0_4_3_are_read_too(tmp_path: Path) -> None:
    def older(record: dict[str, Any]) -> None:
        record["arguments"] = [[entry["arg_0"], entry["arg_1"]] for entry in record["arguments"].values()]

    rows, _ = imported(tmp_path, [changed(tmp_path, "letters", older)], LM_EVAL)
    assert [row["mode"] for row in rows] == ["letter"] * 3


def test_options_in_another_order_are_refused_because_letters_would_lie(tmp_path: Path) -> None:
    other = [item(n, options=item(n)["options"][::-1], answer=0, answers=[0]) for n in range(3)]
    with pytest.raises(MedevalError, match=r"line 1: the options of item 'i0' were shown in another order"):
        imported(tmp_path, [log("generate")], LM_EVAL, other)


def test_a_reply_to_no_item_is_refused_by_its_line_or_left_out_and_counted(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match="line 3: no item has its question and options"):
        imported(tmp_path, [log("letters")], LM_EVAL, [item(0), item(1)])
    rows, found = imported(tmp_path, [log("letters")], Import("lm-eval", skip_unknown=True), [item(0), item(1)])
    assert len(rows) == 2
    assert "left out: answers no item of the table (1 rows)" in found.notes


def test_an_item_with_another_answer_key_is_told(tmp_path: Path) -> None:
    items = [item(0, answer=3, answers=[3]), item(1), item(2)]
    _, found = imported(tmp_path, [log("letters")], LM_EVAL, items)
    assert any("calls another option correct" in note and "(1 rows)" in note for note in found.notes)


def test_runs_in_two_files_are_told_apart_by_their_first_sample(tmp_path: Path) -> None:
    again = changed(tmp_path, "letters", lambda record: None)
    stated = Stated(model="m")
    with pytest.raises(MedevalError, match="answers the same item as"):
        imported(tmp_path, [log("letters"), again], Import("lm-eval", stated=stated))
    assert not (tmp_path / "responses.parquet").exists()
    rows, _ = imported(tmp_path, [again], Import("lm-eval", stated=stated, first_sample=4))
    assert {row["sample"] for row in rows} == {4}


def test_copies_of_a_question_are_told_apart_by_subject_else_taken_in_turn(tmp_path: Path) -> None:
    def same(record: dict[str, Any]) -> None:
        record["doc"] |= {"question": "Q?", "options": ["w", "x", "y", "z"], "answer": 1}
        record["target"] = "1"

    copies = [item(n, question="Q?", options=["w", "x", "y", "z"], answer=1, answers=[1]) for n in range(3)]
    rows, _ = imported(tmp_path, [changed(tmp_path, "letters", same)], LM_EVAL, copies)
    assert [row["item_id"] for row in rows] == ["i0", "i1", "i2"]

    def subject(record: dict[str, Any]) -> None:
        same(record)
        record["doc"]["subject"] = f"s{2 - record['doc_id']}"

    named = [copy | {"stratum": f"s{n}"} for n, copy in enumerate(copies)]
    rows, _ = imported(tmp_path, [changed(tmp_path, "letters", subject)], LM_EVAL, named)
    assert [row["item_id"] for row in rows] == ["i2", "i1", "i0"]


def test_items_can_be_named_by_an_id_of_the_record(tmp_path: Path) -> None:
    def nameless(record: dict[str, Any]) -> None:
        record["doc"] = {"pmid": f"q{record['doc_id']}"}

    path = changed(tmp_path, "generate", nameless)
    with pytest.raises(MedevalError, match="no question with its options"):
        imported(tmp_path, [path], LM_EVAL)
    by_id = Import("lm-eval", stated=Stated(match="source_id"), columns={"item_id": "pmid"})
    rows, _ = imported(tmp_path, [path], by_id)
    assert [row["item_id"] for row in rows] == ["i0", "i0", "i1", "i1", "i2", "i2"]
    rows, _ = imported(tmp_path, [path], Import("lm-eval", stated=Stated(match="source_row")))
    assert [row["item_id"] for row in rows] == ["i0", "i0", "i1", "i1", "i2", "i2"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: record.pop("resps"), "line 1: has no resps"),
        (lambda record: record.update(resps=[[["x", "False"]]] * 4), "line 1: a log-probability"),
        (lambda record: record.update(resps=record["resps"][:3]), "line 1: 3 responses to 4 requests"),
        (lambda record: record.update(arguments=7), "line 1: a request is not of the form"),
        (
            lambda record: [entry.update(arg_1=" other") for entry in record["arguments"].values()],
            "neither the options' letters nor their texts",
        ),
    ],
)
def test_a_broken_record_is_named_by_its_line(tmp_path: Path, change: Any, words: str) -> None:
    with pytest.raises(MedevalError, match=words):
        imported(tmp_path, [changed(tmp_path, "letters", change)], LM_EVAL)
    assert not (tmp_path / "responses.parquet").exists()


def test_a_log_that_was_cut_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "samples_x.jsonl"
    path.write_bytes(log("letters").read_bytes()[:-50])
    with pytest.raises(MedevalError, match="line 3: not JSON"):
        imported(tmp_path, [path], LM_EVAL)


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for _ in range(2):
        imported(tmp_path, [log("generate"), log("texts")], LM_EVAL)
        contents.append((tmp_path / "responses.parquet").read_bytes())
    assert contents[0] == contents[1]
