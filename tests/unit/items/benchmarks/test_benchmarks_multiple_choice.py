"""What every multiple-choice loader does alike, shown on MedQA and MMLU-Pro rows."""

from pathlib import Path
from typing import Any

import pytest
from benchmark_rows import comma_separated, jsonl, medqa, mmlu_pro

from medeval.errors import MedevalError
from medeval.items.benchmarks.registry import load_benchmark, summary
from medeval.records import tables

LETTERS = "ABCD"


def load_medqa(tmp_path: Path, *rows: dict[str, Any]) -> Any:
    return load_benchmark("medqa", [jsonl(tmp_path / "test.jsonl", rows)], "rev")


def test_a_row_becomes_an_item_of_the_contract(tmp_path: Path) -> None:
    loaded = load_medqa(tmp_path, medqa())
    (item,) = tables.build(tables.ITEMS, loaded.items).to_pylist()
    assert item == {
        "benchmark": "medqa",
        "item_id": tables.canonical_id("Which organ pumps blood?", ["Liver", "Spleen", "Heart", "Lung"]),
        "question": "Which organ pumps blood?",
        "options": ["Liver", "Spleen", "Heart", "Lung"],
        "answer": 2,
        "answers": [2],
        "stratum": "step1",
        "cluster_id": item["item_id"],
        "source_row": 0,
        "source_revision": "rev",
        "context": None,
        "source_id": None,
    }
    assert (loaded.report.rows_read, loaded.report.items, loaded.report.gold) == (1, 1, {"C": 1})


def test_repeats_keep_their_cluster_get_a_suffix_and_show_conflicting_answers(tmp_path: Path) -> None:
    other = medqa(answer="Lung", answer_idx="D", question="Which organ  pumps\nblood?")
    loaded = load_medqa(tmp_path, medqa(), medqa(), other)
    plain = loaded.items[0]["item_id"]
    assert [item["item_id"] for item in loaded.items] == [plain, f"{plain}-2", f"{plain}-3"]
    assert {item["cluster_id"] for item in loaded.items} == {plain}
    assert [note.detail for note in loaded.report.repeats] == ["with the same answer", "with another answer"]
    tables.build(tables.ITEMS, loaded.items)


def test_options_that_differ_in_case_only_are_not_repeats_but_equal_ones_are(tmp_path: Path) -> None:
    genes = {"A": "BB", "B": "Bb", "C": "bb", "D": "bB"}
    same = {"A": "Iron", "B": "Iron ", "C": "Zinc", "D": "Lead"}
    report = load_medqa(
        tmp_path,
        medqa(options=genes, answer="bb"),
        medqa(options=same, answer="Zinc"),
        medqa(options=same, answer="Iron ", answer_idx="B"),
    ).report
    assert [(note.row, note.detail) for note in report.repeated_options] == [
        (1, "options read the same"),
        (2, "options read the same, the correct one among them"),
    ]


def test_outer_blanks_and_carriage_returns_go_and_are_counted(tmp_path: Path) -> None:
    loaded = load_medqa(tmp_path, medqa(), medqa(question=" Line one\r\nline two\n"))
    assert loaded.items[1]["question"] == "Line one\nline two"
    assert (loaded.report.trimmed, loaded.report.line_ends) == (1, 1)


def test_look_alike_letters_are_reported_but_kept(tmp_path: Path) -> None:
    loaded = load_medqa(tmp_path, medqa(question="Which \u043ergan pumps?"))
    assert "\u043e" in loaded.items[0]["question"]
    assert [note.detail for note in loaded.report.look_alikes] == ["1 word(s) with U+043E"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"answer": "Lung"}, "answer is not the text of the option"),
        ({"answer_idx": "E"}, r"the answer is option 4 \(0-based\) of 4"),
        ({"answer_idx": 2}, "answer_idx is 2, expected one capital letter"),
        ({"question": "  "}, "question is empty"),
        ({"question": None}, "question is empty"),
        ({"question": 7}, "question is int, expected text"),
        ({"options": {"A": "x", "B": " ", "C": "Heart", "D": "y"}}, "option B is empty"),
        ({"options": {"A": "x", "C": "Heart"}}, "keys A, C, expected A, B"),
        ({"options": {"A": "x", "B": "y", "C": "Heart"}}, "3 options, expected 4"),
        ({"options": {"A": "x", "B": "y", "C": "Heart", "D": "z", "E": "w"}}, "5 options, expected 4"),
        ({"options": ["A. x", "B. Heart"]}, "options is list, expected an object"),
        ({"meta_info": "stfep2&3"}, "meta_info is none of step1, step2&3"),
    ],
)
def test_an_unusable_row_stops_the_load_and_is_named(tmp_path: Path, changes: Any, reason: str) -> None:
    with pytest.raises(
        MedevalError, match=rf"1 unusable row\(s\) where 0 are known of: .*test\.jsonl row 1; .*{reason}"
    ):
        load_medqa(tmp_path, medqa(), medqa(**changes))


def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match=r"no item in the source \(no rows\)"):
        load_medqa(tmp_path)


def test_a_benchmark_from_csv_without_its_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match="lacks the column.* answer_idx.*; found question"):
        load_benchmark("medqa", [comma_separated(tmp_path / "a.csv", [{"question": "x"}])], "rev")


def test_mmlu_pro_padding_goes_and_the_answer_moves_with_its_option(tmp_path: Path) -> None:
    padded = mmlu_pro(options=["N/A", "Iron", "Biotin", "N/A"], answer="C", answer_index=2)
    loaded = load_benchmark("mmlu_pro_health", [jsonl(tmp_path / "a.jsonl", [padded, mmlu_pro()])], "rev")
    assert (loaded.items[0]["options"], loaded.items[0]["answer"]) == (["Iron", "Biotin"], 1)
    assert [note.detail for note in loaded.report.empty_options] == [
        "option A removed; the later options move up a letter",
        "option D removed",
    ]
    assert loaded.items[0]["source_id"] == "70"


def test_mmlu_pro_counts_other_categories_and_refuses_disagreeing_answers(tmp_path: Path) -> None:
    rows = [mmlu_pro(), mmlu_pro(category="law"), mmlu_pro(category="law")]
    report = load_benchmark("mmlu_pro_health", [jsonl(tmp_path / "a.jsonl", rows)], "rev").report
    assert (report.rows_read, report.items, report.outside) == (3, 1, {"category law": 2})
    with pytest.raises(MedevalError, match="name different options"):
        load_benchmark("mmlu_pro_health", [jsonl(tmp_path / "b.jsonl", [mmlu_pro(answer="C")])], "rev")
    with pytest.raises(MedevalError, match="the answer is option A, which is empty"):
        bad = mmlu_pro(options=["N/A", "x", "y"], answer="A", answer_index=0)
        load_benchmark("mmlu_pro_health", [jsonl(tmp_path / "c.jsonl", [bad])], "rev")
    with pytest.raises(MedevalError, match=r"no item in the source \(1 rows: category law\)"):
        load_benchmark("mmlu_pro_health", [jsonl(tmp_path / "d.jsonl", rows[1:2])], "rev")


def test_more_than_ten_options_are_unusable(tmp_path: Path) -> None:
    for count in (1, 11, 40):
        row = mmlu_pro(options=[f"o{n}" for n in range(count)], answer="A", answer_index=0)
        with pytest.raises(MedevalError, match=rf"{count} option"):
            load_benchmark("mmlu_pro_health", [jsonl(tmp_path / "a.jsonl", [row])], "rev")


def test_the_summary_names_rows_and_never_quotes_them(tmp_path: Path) -> None:
    text = summary(load_medqa(tmp_path, medqa(), medqa()).report)
    assert "medqa: 2 items of 2 rows (the whole benchmark has 1273 items)" in text
    assert "repeated question: 1: with the same answer:" in text
    assert "gold: C 2" in text
    assert "Heart" not in text
    assert "organ" not in text
