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


def scored(folder: Path) -> list[dict[str, Any]]:
    """Score what was imported last."""
    out = folder / "scores.parquet"
    score_files([folder / "items.parquet"], folder / "responses.parquet", out, command="")
    return list(pq.read_table(out).to_pylist())


REVERSED = [item(n, options=item(n)["options"][::-1], answer=3 - item(n)["answer"]) for n in range(3)]
for row in REVERSED:
    row["answers"] = [row["answer"]]


@pytest.mark.parametrize("task", ["generate", "letters", "texts"])
def test_options_shown_in_another_order_are_mapped_to_those_of_the_item(tmp_path: Path, task: str) -> None:
    own, _ = imported(tmp_path, [log(task)], LM_EVAL)
    assert {row["shown_order"] for row in own} == {None}
    before = scored(tmp_path)
    rows, found = imported(tmp_path, [log(task)], LM_EVAL, REVERSED)
    assert {tuple(row["shown_order"]) for row in rows} == {(3, 2, 1, 0)}
    assert any("shown in another order" in note for note in found.notes)
    after = scored(tmp_path)
    for name in ("correct", "status", "extracted"):
        assert [row[name] for row in after] == [row[name] for row in before]
    assert [row["choice"] for row in after] == [None if (c := row["choice"]) is None else 3 - c for row in before]


def test_what_the_prompt_lists_goes_before_the_document(tmp_path: Path) -> None:
    def shuffled(record: dict[str, Any]) -> None:
        question, options = record["doc"]["question"], record["doc"]["options"]
        lines = [f"{label}) {option}" for label, option in zip("ABCD", options[1:] + options[:1], strict=True)]
        record["arguments"]["gen_args_0"]["arg_0"] = "\n".join([question, *lines, "Answer:"])

    rows, _ = imported(tmp_path, [changed(tmp_path, "generate", shuffled)], LM_EVAL)
    assert {tuple(row["shown_order"]) for row in rows} == {(1, 2, 3, 0)}


def with_options(options: Any, name: str = "options", line: int = 0) -> Any:
    """Return a change that gives one record's document other options, and a prompt without any."""

    def change(record: dict[str, Any]) -> None:
        for entry in record["arguments"].values():
            entry["arg_0"] = record["doc"]["question"]
        if record["doc_id"] == line:
            del record["doc"]["options"]
            record["doc"][name] = options

    return change


@pytest.mark.parametrize("match", [None, "source_row"])
@pytest.mark.parametrize(
    "options", [["Spleen", "Liver", "Kidney"], ["Spleen", "Liver", "Kidney", "Lung"], ["p", "q", "r", "s", "t"]]
)
def test_a_record_with_other_options_stops_itself_and_not_the_import(
    tmp_path: Path, match: str | None, options: list[str]
) -> None:
    path = changed(tmp_path, "generate", with_options(options))
    rows, found = imported(tmp_path, [path], Import("lm-eval", stated=Stated(match=match)))
    assert {row["item_id"] for row in rows} == {"i1", "i2"}
    assert any("line 1: its options are not those of item 'i0'" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "options", "order"),
    [
        ("choices", {"text": ["Liver", "Spleen", "Kidney", "Heart"], "label": ["B", "A", "C", "D"]}, None),
        ("options", {"D": "Spleen", "C": "Liver", "B": "Kidney", "A": "Heart"}, [3, 2, 1, 0]),
        ("options", [{"letter": "B", "content": "Spleen"}, {"letter": "A", "content": "Liver"}], "other"),
        ("options", "['spleen.', 'Heart', 'Kidney', 'Liver']", [0, 3, 2, 1]),
        ("answer_options", '{"option1": "Spleen", "option2": "n/a", "option3": "Liver", "option4": "Kidney",'
         ' "option5": "Heart"}', [0, -1, 1, 2, 3]),
        ("options", ["Spleen", "Liver", "Kidney", "Heart", None], None),
        ("choices", ["A", "B", "C", "D"], None),
    ],
)  # fmt: skip
def test_options_are_read_in_the_forms_that_copies_of_benchmarks_have(
    tmp_path: Path, name: str, options: Any, order: Any
) -> None:
    path = changed(tmp_path, "generate", with_options(options, name))
    rows, _ = imported(tmp_path, [path], Import("lm-eval", stated=Stated(match="source_row")))
    assert [row["shown_order"] for row in rows if row["item_id"] == "i0"][:1] == ([] if order == "other" else [order])


def test_a_label_that_stood_for_no_option_answers_nothing(tmp_path: Path) -> None:
    options = ["n/a", "", "Spleen", "Liver", "Kidney", "Heart"]
    path = changed(tmp_path, "generate", with_options(options))
    imported(tmp_path, [path], Import("lm-eval", stated=Stated(match="source_row")))
    found = scored(tmp_path)[:2]
    assert [(row["status"], row["choice"], row["correct"]) for row in found] == [("no_answer", None, False)] * 2


def test_when_every_record_is_unlike_nothing_is_imported_and_the_first_is_named(tmp_path: Path) -> None:
    others = [item(n, options=["p", "q", "r", "s"]) for n in range(3)]
    with pytest.raises(MedevalError, match=r"6 record\(s\) were left out, the first for .*line 1: .*'i0'"):
        imported(tmp_path, [log("generate")], LM_EVAL, others)
    assert not (tmp_path / "responses.parquet").exists()


def test_texts_that_are_the_same_twice_are_known_in_the_items_order_only(tmp_path: Path) -> None:
    twice = ["Spleen", "Liver", "Liver", "Heart"]
    items = [item(0, options=twice), item(1), item(2)]
    for options, kept in ((twice, True), (twice[::-1], False)):
        path = changed(tmp_path, "generate", with_options(options))
        rows, _ = imported(tmp_path, [path], Import("lm-eval", stated=Stated(match="source_row")), items)
        assert ("i0" in {row["item_id"] for row in rows}) is kept


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
        record["arguments"]["gen_args_0"]["arg_0"] = "Answer the question."

    path = changed(tmp_path, "generate", nameless)
    with pytest.raises(MedevalError, match="no question with its options"):
        imported(tmp_path, [path], LM_EVAL)
    by_id = Import("lm-eval", stated=Stated(match="source_id"), columns={"item_id": "pmid"})
    rows, found = imported(tmp_path, [path], by_id)
    assert any("does not show the options" in note for note in found.notes)
    assert [row["item_id"] for row in rows] == ["i0", "i0", "i1", "i1", "i2", "i2"]
    rows, _ = imported(tmp_path, [path], Import("lm-eval", stated=Stated(match="source_row")))
    assert [row["item_id"] for row in rows] == ["i0", "i0", "i1", "i1", "i2", "i2"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: record.pop("resps"), "line 1: has no resps"),
        (lambda record: record.update(resps=record["resps"][:3]), "line 1: 3 responses to 4 requests"),
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


WRONG = (7, "text", [7], ["text"], [[7]], {"0": ["text"]}, [{}], [[{}]], [[]], [[["text"]]], True, None)


@pytest.mark.parametrize("value", WRONG, ids=str)
@pytest.mark.parametrize(("task", "field"), [("generate", "resps"), ("letters", "resps"), ("letters", "arguments")])
def test_a_field_of_another_shape_is_an_error_that_names_it(tmp_path: Path, task: str, field: str, value: Any) -> None:
    if (task, field, value) == ("generate", "resps", ["text"]):
        return  # lmms-eval's form, below
    with pytest.raises(MedevalError, match=rf"line 1: ({field}|\d responses to \d requests)"):
        imported(tmp_path, [changed(tmp_path, task, lambda record: record.update({field: value}))], LM_EVAL)
    assert not (tmp_path / "responses.parquet").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("doc_id", []), ("doc_id", 1.5), ("filter", ["none"]), ("doc", []), ("doc.options", 7), ("doc.options", [[]])],
)
def test_the_other_fields_of_a_record_are_checked_too(tmp_path: Path, field: str, value: Any) -> None:
    def change(record: dict[str, Any]) -> None:
        first, _, second = field.partition(".")
        if second:
            record[first][second] = value
        else:
            record[first] = value

    with pytest.raises(MedevalError, match=f"line 1: {field}"):
        imported(tmp_path, [changed(tmp_path, "generate", change)], LM_EVAL)


def test_a_reply_that_is_no_list_of_repeats_is_one_reply(tmp_path: Path) -> None:
    path = changed(tmp_path, "generate", lambda record: record.update(resps=[record["resps"][0][1]]))
    rows, _ = imported(tmp_path, [path], LM_EVAL)
    assert [row["text"] for row in rows] == ["The answer is (A).", "Answer: C", None]


def test_the_prompt_of_a_server_of_chats_is_read_by_its_messages(tmp_path: Path) -> None:
    def chat(record: dict[str, Any]) -> None:
        asked = record["arguments"]["gen_args_0"]
        asked["arg_0"] = [json.dumps([{"role": "user", "content": asked["arg_0"]}])]
        record["doc"] = {}

    rows, _ = imported(tmp_path, [changed(tmp_path, "generate", chat)], LM_EVAL)
    assert [row["item_id"] for row in rows] == ["i0", "i0", "i1", "i1", "i2", "i2"]


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
