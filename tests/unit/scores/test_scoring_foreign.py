"""Tables that other programs wrote: what is taken, what is filled in and told, and what is refused by its row."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scoring_rows import OPTIONS, item, response, write_items, write_rows

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.run.model import Reasoning
from medeval.scores.items import read_items
from medeval.scores.layout import Stated
from medeval.scores.stream import ScoredFile, score_files

QUESTION = {"benchmark": "toy", "item_id": "a", "options": OPTIONS, "answer": 1}


def reply(item_id: Any = "a", **changes: Any) -> dict[str, Any]:
    return {"benchmark": "toy", "item_id": item_id, "text": "Answer: B"} | changes


class Scoring:
    """Scores tables in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.items = [item("a"), item("b")]

    def __call__(self, rows: Any, *, items: Any = None, **stated: Any) -> tuple[list[dict[str, Any]], ScoredFile]:
        given = items if isinstance(items, Path) else write_items(self.folder / "items.parquet", items or self.items)
        out = self.folder / "scores.parquet"
        found = score_files(
            [given], write_rows(self.folder / "replies.parquet", rows), out, command="test", stated=Stated(**stated)
        )
        return pq.read_table(out).to_pylist(), found


@pytest.fixture
def scoring(tmp_path: Path) -> Scoring:
    return Scoring(tmp_path)


def test_three_columns_are_enough_and_the_rest_is_filled_in_and_told(scoring: Scoring) -> None:
    rows, found = scoring([reply(), reply("b", text="Answer: C")])
    assert [row["correct"] for row in rows] == [True, False]
    assert {(row["model"], row["variant"], row["target"], row["sample"], row["mode"]) for row in rows} == {
        ("unnamed", "-", "-", 0, "generate")
    }
    told = " ".join(found.notes)
    assert all(name in told for name in ("model", "variant", "target", "sample", "mode", "finish_reason"))


def test_columns_that_are_not_used_are_named(scoring: Scoring) -> None:
    _, found = scoring([reply(latency=0.5, grader="x")])
    assert "columns not used: latency, grader" in found.notes


def test_what_is_stated_stands_in_the_scores_and_never_against_a_column(scoring: Scoring) -> None:
    rows, _ = scoring([reply()], model="m", variant="v", target="t")
    assert (rows[0]["model"], rows[0]["variant"], rows[0]["target"]) == ("m", "v", "t")
    with pytest.raises(MedevalError, match=r"replies\.parquet: has the column model"):
        scoring([reply(model="other")], model="m")


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["7", "8"], pa.large_string()),
        pa.array(["7", "8"]).dictionary_encode(),
        pa.array([7, 8], pa.int64()),
        pa.array([7, 8], pa.uint8()),
    ],
    ids=["large_string", "dictionary", "int64", "uint8"],
)
def test_ids_may_be_whole_numbers_and_texts_of_every_storage(scoring: Scoring, column: pa.Array) -> None:
    texts = pa.array(["Answer: B", "Answer: C"]).cast(
        column.type if pa.types.is_large_string(column.type) else "string"
    )
    table = pa.table({"benchmark": pa.array(["toy", "toy"]).dictionary_encode(), "item_id": column, "text": texts})
    rows, _ = scoring(table, items=[item("7"), item("8")])
    assert [(row["item_id"], row["correct"]) for row in rows] == [("7", True), ("8", False)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"benchmark": "toy", "text": "B"}], "has no column item_id"),
        ([{"benchmark": "toy", "item_id": "a"}], "has no column text"),
        ([reply(), reply(None)], r"replies\.parquet: row 1 has no 'item_id'"),
        ([reply(), reply("ghost")], r"row 1 answers item 'ghost' of 'toy'"),
        ([reply(1.5)], r"replies\.parquet: column 'item_id' holds double, expected text or whole numbers"),
        ([reply(), reply("b", finish_reason="weird")], "row 1: finish_reason 'weird' is not known"),
        ([reply(mode="generate"), reply("b", mode="guess")], "row 1: mode guess"),
        ([reply(sample="0"), reply("b", sample="one")], "row 1: column 'sample' is not int32"),
        ([reply(sample=[0])], r"replies\.parquet: column 'sample' holds list<element: int64>, expected int32"),
        ([reply(sample=0), reply("b", sample=-3)], "row 1: sample is -3, expected 0 or more"),
        ([reply(generated_tokens=-1), reply("b", generated_tokens=-5)], "row 1: generated_tokens is -5, expected 0 or"),
        ([reply(), reply("b"), reply()], "rows 0 and 2 answer the same item"),
        ([{"benchmark": "toy", "item_id": "a", "option_logprobs": [-1.0]}], "does not say of what"),
        ([reply(mode="letter", option_logprobs=[-1.0, -2.0])], r"row 0 \(item 'a'\): expected 4 option log-prob"),
    ],
)
def test_a_refusal_names_the_file_the_row_and_leaves_nothing_behind(
    scoring: Scoring, rows: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(MedevalError, match=words) as refused:
        scoring(rows)
    assert "replies.parquet" in str(refused.value)
    assert refused.value.remedy
    assert sorted(path.name for path in scoring.folder.iterdir()) == ["items.parquet", "replies.parquet"]


def test_a_missing_id_that_is_another_column_of_the_items_says_so(scoring: Scoring) -> None:
    with pytest.raises(MedevalError) as refused:
        scoring([reply("s1")], items=[item("a", source_id="s1")])
    assert "--match source_id" in refused.value.remedy
    rows, _ = scoring([reply("s1")], items=[item("a", source_id="s1")], match="source_id")
    assert rows[0]["item_id"] == "a"


@pytest.mark.parametrize(
    ("finish", "status"),
    [
        ("stop", "answered"),
        ("eos", "answered"),
        ("STOP", "answered"),
        ("end_turn", "answered"),
        (None, "answered"),
        ("", "answered"),
        ("length", "truncated"),
        ("MAX_TOKENS", "truncated"),
        ("error", "error"),
        ("content_filter", "error"),
    ],
)
def test_other_names_for_how_a_reply_ended_are_known(scoring: Scoring, finish: str | None, status: str) -> None:
    rows, found = scoring([reply(text="It is (B), because", finish_reason=finish)])
    assert rows[0]["status"] == status
    assert any("finish_reason: none, the reply counts as complete (1 rows)" in n for n in found.notes) is not finish


def test_an_error_that_a_row_holds_makes_it_an_error_whatever_its_text(scoring: Scoring) -> None:
    rows, _ = scoring([reply(error="timeout"), reply("b", error="")])
    assert [row["status"] for row in rows] == ["error", "answered"]


def test_a_null_text_without_a_reason_is_an_error_and_is_counted_never_dropped(scoring: Scoring) -> None:
    rows, found = scoring([reply(text=None), reply("b")])
    assert [(row["status"], row["correct"]) for row in rows] == [("error", False), ("answered", True)]
    assert any("null" in note and "(1 rows)" in note for note in found.notes)


def test_unknown_numbers_of_tokens_are_marked_as_not_known(scoring: Scoring) -> None:
    rows, _ = scoring([reply(generated_tokens=5), reply("b", generated_tokens=None)])
    assert [row["generated_tokens"] for row in rows] == [5, -1]


def test_two_samples_and_two_modes_of_one_item_are_no_repetition(scoring: Scoring) -> None:
    letters = {"mode": "letter", "option_logprobs": [-3.0, -1.0, -2.0, -4.0], "text": None}
    rows, _ = scoring([reply(sample=0, mode="generate"), reply(sample=1, mode="generate"), reply(sample=0, **letters)])
    assert [row["correct"] for row in rows] == [True, True, True]


# Reasoning: what stands before its end is never read.


@pytest.mark.parametrize(
    ("text", "status", "extracted"),
    [
        ("<think>Answer: A</think>\nAnswer: B", "answered", "B"),
        ("Answer: A</think>\nAnswer: B", "answered", "B"),
        ("<think>\nAnswer: A", "truncated", None),
        ("<thinking>Answer: A</thinking>Answer: B", "answered", "B"),
        ("<unused94>thought\nAnswer: A<unused95>Answer: B", "answered", "B"),
        (
            "<|channel|>analysis<|message|>Answer: A<|end|><|start|>assistant<|channel|>final<|message|>Answer: B",
            "answered",
            "B",
        ),
        ("<|channel|>analysis<|message|>\nAnswer: A\n", "truncated", None),
        ("[THINK]Answer: A[/THINK]Answer: B", "answered", "B"),
        ("◁think▷Answer: A◁/think▷Answer: B", "answered", "B"),
        ("<think>Answer: A</think>", "no_answer", None),
    ],
)
def test_well_known_marks_of_reasoning_are_honoured(
    scoring: Scoring, text: str, status: str, extracted: str | None
) -> None:
    rows, found = scoring([reply(text=text), reply("b")])
    assert (rows[0]["status"], rows[0]["extracted"]) == (status, extracted)
    assert any("is reasoning and was not read (1 rows)" in note for note in found.notes)
    assert any("counts as truncated (1 rows)" in note for note in found.notes) is (status == "truncated")


def test_reasoning_that_the_prompt_began_is_told_because_cut_ones_cannot_be(scoring: Scoring) -> None:
    _, found = scoring([reply(text="So A.</think>Answer: B")])
    assert any("opened_by_template" in note and "(1 rows)" in note for note in found.notes)


def test_marks_that_are_stated_win_over_the_known_ones(scoring: Scoring) -> None:
    marks = Reasoning(open="<r>", close="</r>", opened_by_template=True)
    rows, found = scoring([reply(text="Answer: A</r>Answer: B"), reply("b", text="Answer: B")], reasoning=marks)
    assert [row["status"] for row in rows] == ["answered", "truncated"]
    assert not any("reasoning" in note for note in found.notes)


def test_texts_can_be_read_whole_when_that_is_said(scoring: Scoring) -> None:
    rows, _ = scoring([reply(text="<think>\nAnswer: A\n")], texts_as_they_are=True)
    assert rows[0]["extracted"] == "A"


def test_a_reply_with_reasoning_and_no_text_ended_inside_of_it(scoring: Scoring) -> None:
    rows, _ = scoring([reply(text=None, reasoning="It may be B"), reply("b", reasoning="Perhaps")])
    assert [row["status"] for row in rows] == ["truncated", "answered"]


def test_a_table_of_ours_says_all_that_itself(tmp_path: Path) -> None:
    items = write_items(tmp_path / "items.parquet", [item("a")])
    tables.write(tmp_path / "r.parquet", tables.build(tables.RESPONSES, []), tables.RESPONSES, command="")
    with pytest.raises(MedevalError, match="says itself"):
        score_files([items], tmp_path / "r.parquet", tmp_path / "s.parquet", command="", stated=Stated(model="m"))


# Items of others.


def foreign(folder: Path, rows: list[dict[str, Any]]) -> Path:
    return write_rows(folder / "theirs.parquet", rows)


def test_four_columns_make_an_item_and_the_rest_is_filled_in_and_told(tmp_path: Path) -> None:
    table, notes = read_items([foreign(tmp_path, [QUESTION, QUESTION | {"item_id": "b", "answer": 0}])])
    assert table.schema == tables.ITEMS.schema
    rows = table.to_pylist()
    assert [(row["answer"], row["answers"]) for row in rows] == [(1, [1]), (0, [0])]
    assert [(row["stratum"], row["cluster_id"], row["source_row"]) for row in rows] == [("", "a", 0), ("", "b", 1)]
    assert all(name in notes[0] for name in ("answers", "question", "stratum", "cluster_id"))


def test_answers_may_be_letters_which_is_told(tmp_path: Path) -> None:
    path = foreign(tmp_path, [QUESTION | {"answer": "B"}, QUESTION | {"item_id": "b", "answer": " d "}])
    table, notes = read_items([path])
    assert table["answer"].to_pylist() == [1, 3]
    assert "theirs.parquet: answer: read as letters, A for the first option" in notes[0]


def test_what_an_items_table_says_is_kept_and_gaps_are_filled(tmp_path: Path) -> None:
    said = {"stratum": "liver", "cluster_id": "c", "answers": [1, 2], "source_id": "s", "question": "Q?"}
    gaps = dict.fromkeys(said)
    table, notes = read_items([foreign(tmp_path, [QUESTION | said, QUESTION | {"item_id": "b"} | gaps])])
    first, second = table.to_pylist()
    assert {name: first[name] for name in said} == said
    assert (second["stratum"], second["cluster_id"], second["answers"], second["source_id"]) == ("", "b", [1], None)
    assert "stratum (none, in 1 rows)" in notes[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"answer": 4}, "row 1: answer 4 of 4 options"),
        ({"answer": -1}, "row 1: answer -1 of 4 options"),
        ({"answer": None}, "row 1 has no 'answer'"),
        ({"options": None}, "row 1 has no 'options'"),
        ({"options": ["one"], "answer": 0}, "row 1: 1 options, expected 2 to 10"),
        ({"options": ["one", None]}, "row 1: an option is null"),
        ({"answers": [0]}, r"row 1: answers \[0\] with answer 1"),
        ({"answers": [1, None]}, r"row 1: answers \[1, None\]"),
        ({"answers": [1, 9]}, r"row 1: answers \[1, 9\]"),
        ({"item_id": "a"}, "items 0 and 1 are both item 'a' of 'toy'"),
    ],
)
def test_an_item_that_cannot_be_is_refused_by_its_row(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    rows = [QUESTION, QUESTION | {"item_id": "b"} | changes]
    if "answers" in changes:
        rows[0] = rows[0] | {"answers": [1]}
    with pytest.raises(MedevalError, match=words) as refused:
        read_items([foreign(tmp_path, rows)])
    assert "theirs.parquet" in str(refused.value)


@pytest.mark.parametrize("answer", ["E", "2", "Liver", ""])
def test_an_answer_that_is_no_letter_of_an_option_is_refused(tmp_path: Path, answer: str) -> None:
    with pytest.raises(MedevalError, match="row 0: answer"):
        read_items([foreign(tmp_path, [QUESTION | {"answer": answer}])])


def test_an_answer_of_true_or_false_is_never_taken_for_the_first_two_options(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match="column 'answer' holds bool"):
        read_items([foreign(tmp_path, [QUESTION | {"answer": True}])])


def test_an_items_table_without_rows_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([QUESTION]).slice(0, 0)
    pq.write_table(table, tmp_path / "items.parquet")
    with pytest.raises(MedevalError, match="the table holds no items"):
        read_items([tmp_path / "items.parquet"])


def test_options_of_another_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match="column 'options' holds"):
        read_items([foreign(tmp_path, [QUESTION | {"options": {"A": "x", "B": "y"}}])])


def test_items_of_others_and_replies_of_others_give_scores(scoring: Scoring) -> None:
    items = foreign(scoring.folder, [QUESTION | {"item_id": 3, "answer": "C"}])
    rows, found = scoring([reply(3, text="Answer: C")], items=items)
    assert (rows[0]["correct"], rows[0]["item_id"], rows[0]["cluster_id"]) == (True, "3", "3")
    assert any("theirs.parquet" in note for note in found.notes)


def test_the_order_in_which_options_were_shown_is_taken_from_its_column(scoring: Scoring) -> None:
    rows, _ = scoring([reply(shown_order=[1, 0, 2, 3]), reply("b", shown_order=None)])
    assert [(row["choice"], row["correct"]) for row in rows] == [(0, False), (1, True)]


def test_responses_of_a_version_without_the_order_are_scored_as_before(scoring: Scoring, tmp_path: Path) -> None:
    own = tmp_path / "own.parquet"
    tables.write(own, tables.build(tables.RESPONSES, [response("a")]), tables.RESPONSES, command="test")
    table = pq.read_table(own).drop_columns(["shown_order"])
    record = json.loads(table.schema.metadata[b"medeval"]) | {"version": 2}
    pq.write_table(table.replace_schema_metadata({b"medeval": json.dumps(record).encode()}), own)
    items, out = write_items(tmp_path / "items.parquet", [item("a")]), tmp_path / "scores.parquet"
    score_files([items], own, out, command="test")
    assert pq.read_table(out).select(["choice", "shown_order"]).to_pylist() == [{"choice": 1, "shown_order": None}]
    assert tables.read(own, tables.RESPONSES)["shown_order"].null_count == 1
