"""Replies in CSV files, with columns of any name."""

from pathlib import Path
from typing import Any

import pytest
from exchange_items import imported

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.scores.breakdown import position_reports
from medeval.scores.imports.importing import Import
from medeval.scores.layout import Stated
from medeval.scores.stream import score_files


def csv(folder: Path, content: str, name: str = "replies.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    return path


def test_columns_are_taken_by_name_or_mapped(tmp_path: Path) -> None:
    path = csv(tmp_path, 'qid,output,run\nq0,"Answer: B\nor, perhaps, ""C""",0\nq1,,1\n')
    settings = Import(
        "csv",
        stated=Stated(model="m", match="source_id"),
        columns={"item_id": "qid", "text": "output", "sample": "run"},
    )
    rows, _ = imported(tmp_path, [path], settings)
    assert [(row["item_id"], row["sample"], row["text"], row["model"]) for row in rows] == [
        ("i0", 0, 'Answer: B\nor, perhaps, "C"', "m"),
        ("i1", 1, "", "m"),
    ]


def test_tabs_and_a_byte_order_mark_are_known(tmp_path: Path) -> None:
    path = csv(tmp_path, "\ufeffitem_id\ttext\tfinish_reason\ni0\tAnswer: B, yes\tlength\n", "replies.tsv")
    rows, _ = imported(tmp_path, [path], Import("csv"))
    assert (rows[0]["text"], rows[0]["finish_reason"]) == ("Answer: B, yes", "length")


def test_log_probabilities_are_json_lists(tmp_path: Path) -> None:
    path = csv(tmp_path, 'item_id,mode,option_logprobs\ni0,letter,"[-1.5, -0.5, -2, -3]"\n')
    rows, _ = imported(tmp_path, [path], Import("csv"))
    assert (rows[0]["mode"], rows[0]["option_logprobs"]) == ("letter", [-1.5, -0.5, -2.0, -3.0])


def test_reasoning_is_parted_as_in_every_table(tmp_path: Path) -> None:
    path = csv(tmp_path, "item_id,text\ni0,<think>A</think>Answer: B\ni1,<think>A\n")
    rows, found = imported(tmp_path, [path], Import("csv"))
    assert [(row["text"], row["reasoning"]) for row in rows] == [("Answer: B", "A"), (None, "A")]
    assert any("counts as truncated (1 rows)" in note for note in found.notes)


@pytest.mark.parametrize(
    "columns",
    [
        'item_id,text,shown_order\ni0,B,"[1, 0, 3, 2]"\n',
        'item_id,text,shown_options\ni0,B,"[""Liver"", ""Spleen"", ""Heart"", ""Kidney""]"\n',
        "item_id,text,A,B,C,D\ni0,B,Liver,Spleen,Heart,Kidney\n",
        "item_id,text,opa,opb,opc,opd\ni0,B,liver,spleen,heart,kidney\n",
    ],
)
def test_the_order_shown_is_a_column_or_found_by_the_options_shown(tmp_path: Path, columns: str) -> None:
    rows, _ = imported(tmp_path, [csv(tmp_path, columns)], Import("csv"))
    assert rows[0]["shown_order"] == [1, 0, 3, 2]


def test_permuted_runs_are_imported_as_samples(tmp_path: Path) -> None:
    content = 'item_id,sample,text,shown_order\ni0,0,B,\ni0,1,A,"[1, 2, 3, 0]"\ni0,2,D,"[2, 3, 0, 1]"\n'
    rows, found = imported(tmp_path, [csv(tmp_path, content)], Import("csv"))
    assert [row["shown_order"] for row in rows] == [None, [1, 2, 3, 0], [2, 3, 0, 1]]
    assert any("shown_order (2 rows)" in note for note in found.notes)
    out = tmp_path / "scores.parquet"
    score_files([tmp_path / "items.parquet"], tmp_path / "responses.parquet", out, command="")
    scores = tables.read(out, tables.SCORES)
    assert scores["choice"].to_pylist() == [1, 1, 1]
    (report,) = position_reports(scores, tables.read(tmp_path / "items.parquet", tables.ITEMS))
    assert [(place["label"], place["n"], place["chosen"]) for place in report["positions"]] == [
        ("A", 1, pytest.approx(1 / 3)),
        ("B", 1, pytest.approx(1 / 3)),
        ("C", 0, 0.0),
        ("D", 1, pytest.approx(1 / 3)),
    ]


def test_numbers_under_a_letter_are_scores_and_no_options(tmp_path: Path) -> None:
    rows, _ = imported(tmp_path, [csv(tmp_path, "item_id,text,A,B,C,D\ni0,B,-1,-0.5,-3,nan\n")], Import("csv"))
    assert rows[0]["shown_order"] is None


@pytest.mark.parametrize("order", ["[0, 1, 2]", "[0, 1, 2, 4]", "[0, 1, 1, 2]", "[0, 1, 2, 3, -2]"])
def test_an_order_that_is_none_of_the_item_stops_its_row(tmp_path: Path, order: str) -> None:
    content = f'item_id,text,shown_order\ni0,B,"{order}"\ni1,B,\n'
    rows, found = imported(tmp_path, [csv(tmp_path, content)], Import("csv"))
    assert [row["item_id"] for row in rows] == ["i1"]
    assert any("row 0: shown_order" in note and "item 'i0'" in note for note in found.notes)


@pytest.mark.parametrize(
    ("content", "settings", "words"),
    [
        ("id,text\ni0,B\n", {}, "no column is item_id; found id, text"),
        ("item_id,reply\ni0,B\n", {}, "no column is text"),
        ("item_id,text\ni0,B\n", {"columns": {"text": "output"}}, "has no column output"),
        ("item_id,text\ni0,B\n", {"columns": {"answer": "text"}}, "--column answer"),
        ("item_id,text,text\ni0,B,C\n", {}, "used twice: text"),
        ("item_id,text\ni0,B,C\n", {}, "row 0 has 3 fields, expected 2"),
        ('item_id,text\ni0,B\ni1,"B\n', {}, "broken at line"),
        ("item_id,text\ni0,B\nghost,B\n", {}, "row 1: no item has the item_id 'ghost'"),
        ("item_id,text,sample\ni0,B,one\n", {}, "row 0: column 'sample' is not int32"),
        ("item_id,text,model\ni0,B,x\n", {"stated": Stated(model="y")}, "row 0: model is 'x', and 'y' is stated"),
        ("item_id,mode,option_logprobs\ni0,letter,-1\n", {}, "row 0: option_logprobs is no list"),
        ("item_id,text,shown_order\ni0,B,BADC\n", {}, "row 0: shown_order is no JSON list"),
        ("item_id,text,shown_order\ni0,B,[0.5]\n", {}, "row 0: shown_order is no list of whole numbers"),
        ("item_id,text,options\ni0,B,many\n", {}, "row 0: options is text, expected a list of texts"),
        ("item_id,text\ni0,B\ni0,C\n", {}, "row 1: answers the same item as .*row 0"),
        ("", {}, "no column is item_id"),
    ],
)
def test_a_refusal_names_the_file_and_the_row_and_writes_nothing(
    tmp_path: Path, content: str, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(MedevalError, match=words) as refused:
        imported(tmp_path, [csv(tmp_path, content)], Import("csv", **settings))
    assert refused.value.remedy
    assert not (tmp_path / "responses.parquet").exists()


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    path = tmp_path / "replies.csv"
    path.write_bytes(b"item_id,text\ni0,Ant\xf4nia\n")
    with pytest.raises(MedevalError, match=r"row 0: column 'text' holds the byte 0xf4"):
        imported(tmp_path, [path], Import("csv"))


def test_very_long_fields_are_read(tmp_path: Path) -> None:
    rows, _ = imported(tmp_path, [csv(tmp_path, f"item_id,text\ni0,{'x' * 300_000}\n")], Import("csv"))
    assert len(rows[0]["text"]) == 300_000
