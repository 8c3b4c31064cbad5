"""The quirks of each multiple-choice benchmark's published files, on invented rows."""

import json
from pathlib import Path
from typing import Any

import pytest
from benchmark_rows import (
    afrimedqa,
    afrimedqa_flat,
    comma_separated,
    jsonl,
    medmcqa,
    medxpertqa,
    mmlu,
    parquet,
    pubmedqa,
)

from medeval.errors import MedevalError
from medeval.items.benchmarks.medmcqa import EXPECTED_ITEMS as MEDMCQA_ITEMS
from medeval.items.benchmarks.pubmedqa import official_test_ids
from medeval.items.benchmarks.registry import load_benchmark
from medeval.records import tables


def answers(loaded: Any) -> list[int]:
    return [item["answer"] for item in loaded.items]


# MedMCQA: the hub counts cop from 0, the authors from 1.


def test_medmcqa_reads_both_encodings_of_the_same_answers(tmp_path: Path) -> None:
    hub = [medmcqa(id=str(cop), cop=cop) for cop in range(4)]
    authors = [medmcqa(id=str(cop), cop=cop + 1) for cop in range(4)]
    for file in (
        parquet(tmp_path / "hub.parquet", hub),
        jsonl(tmp_path / "demo.hub.jsonl", hub),
        jsonl(tmp_path / "dev.json", authors),
        jsonl(tmp_path / "dev.jsonl", authors),
    ):
        assert answers(load_benchmark("medmcqa", [file], "rev")) == [0, 1, 2, 3], file.name


def test_medmcqa_takes_a_stated_encoding_over_the_name(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "rows.jsonl", [medmcqa(cop=1)])
    assert answers(load_benchmark("medmcqa", [file], "rev", encoding="hub")) == [1]
    assert answers(load_benchmark("medmcqa", [file], "rev")) == [0]
    with pytest.raises(MedevalError, match="no encoding 'zero'"):
        load_benchmark("medmcqa", [file], "rev", encoding="zero")


@pytest.mark.parametrize(("name", "cop"), [("dev.json", 0), ("demo.hub.jsonl", 4)])
def test_medmcqa_refuses_a_cop_of_the_other_encoding(tmp_path: Path, name: str, cop: int) -> None:
    with pytest.raises(MedevalError, match=rf"row 1 has cop {cop}, but the file is read in the"):
        load_benchmark("medmcqa", [jsonl(tmp_path / name, [medmcqa(cop=2), medmcqa(cop=cop)])], "rev")


def test_medmcqa_refuses_the_unlabelled_split_and_files_of_unclear_encoding(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match="row 0 has cop -1: the test split"):
        load_benchmark("medmcqa", [parquet(tmp_path / "test.parquet", [medmcqa(cop=-1)])], "rev")
    with pytest.raises(MedevalError, match="does not say whether cop counts from 0"):
        load_benchmark("medmcqa", [comma_separated(tmp_path / "dev.csv", [medmcqa()])], "rev")
    for cop in (7, None, True):
        with pytest.raises(MedevalError, match="unusable"):
            load_benchmark("medmcqa", [jsonl(tmp_path / "dev.json", [medmcqa(cop=cop)])], "rev")


def test_medmcqa_never_passes_the_explanation_on(tmp_path: Path) -> None:
    rows = [medmcqa(exp="EXPLAINED", choice_type="multi")]
    loaded = load_benchmark("medmcqa", [jsonl(tmp_path / "a.hub.jsonl", rows)], "rev")
    assert "EXPLAINED" not in json.dumps(loaded.items)
    assert loaded.items[0]["stratum"] == "Anatomy"
    assert "multi" in loaded.report.remarks[0].detail


def test_medmcqa_checks_the_gold_letters_of_the_whole_split(tmp_path: Path) -> None:
    # The distribution A 1348, B 1085, C 925, D 825 is the one published with the validation split.
    golds = [0] * 1348 + [1] * 1085 + [2] * 925 + [3] * 825
    assert len(golds) == MEDMCQA_ITEMS
    rows = [medmcqa(id=str(n), question=f"Question {n}?", cop=cop) for n, cop in enumerate(golds)]
    loaded = load_benchmark("medmcqa", [parquet(tmp_path / "a.parquet", rows)], "rev")
    assert loaded.report.gold == {"A": 1348, "B": 1085, "C": 925, "D": 825}
    rows[0]["cop"] = 1
    with pytest.raises(MedevalError, match="gold letters of the whole split"):
        load_benchmark("medmcqa", [parquet(tmp_path / "b.parquet", rows)], "rev")


# PubMedQA: the official 500 are known by their ids alone.


def test_pubmedqa_ships_the_official_ids() -> None:
    ids = official_test_ids()
    assert len(ids) == 500
    assert all(identifier.isdigit() for identifier in ids)


def official_rows(other: int = 3) -> list[dict[str, Any]]:
    return [pubmedqa(int(identifier)) for identifier in official_test_ids()] + [pubmedqa(n) for n in range(other)]


def test_pubmedqa_uses_the_official_split_of_a_whole_source(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", official_rows())
    test, everything = (load_benchmark("pubmedqa", [file], "rev", split=split) for split in ("test", "all"))
    assert {item["source_id"] for item in test.items} == official_test_ids()
    assert test.report.outside == {"not in the official test split": 3}
    assert (test.report.expected_items, everything.report.expected_items) == (500, 1000)
    assert everything.report.items == 503


def test_pubmedqa_refuses_part_of_the_official_split(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", official_rows()[100:])
    with pytest.raises(MedevalError, match="holds 400 of the 500"):
        load_benchmark("pubmedqa", [file], "rev")
    assert load_benchmark("pubmedqa", [file], "rev", split="all").report.items == 403


def test_pubmedqa_uses_all_rows_of_an_unrelated_source_and_says_so(tmp_path: Path) -> None:
    rows = [pubmedqa(1, "yes"), pubmedqa(2, "no"), pubmedqa(3, "maybe")]
    loaded = load_benchmark("pubmedqa", [jsonl(tmp_path / "a.jsonl", rows)], "rev")
    assert loaded.report.notes == ("no row has an id of the official test split: all rows are used",)
    assert loaded.report.gold == {"maybe": 1, "no": 1, "yes": 1}
    assert [item["options"] for item in loaded.items] == [["yes", "no", "maybe"]] * 3
    assert answers(loaded) == [0, 1, 2]


def test_pubmedqa_gives_the_abstract_without_its_conclusion_from_either_source(tmp_path: Path) -> None:
    authors = {"QUESTION": "Does treatment 1 work?", "CONTEXTS": ["Aim of the trial.", "Results of it."]}
    document = {"1": authors | {"LONG_ANSWER": "CONCLUSION TEXT", "final_decision": "yes"}}
    (tmp_path / "ori_pqal.json").write_text(json.dumps(document))
    parquet(tmp_path / "a.parquet", [pubmedqa(1)])
    items = [load_benchmark("pubmedqa", [tmp_path / name], "rev").items[0] for name in ("ori_pqal.json", "a.parquet")]
    assert items[0] == items[1]
    assert items[0]["context"] == "Aim of the trial.\nResults of it."
    assert items[0]["source_id"] == "1"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"final_decision": "perhaps"}, "final_decision is none of yes, no, maybe"),
        ({"context": {"contexts": []}}, "is empty"),
        ({"context": "text"}, "context is no object"),
        ({"pubid": None}, "pubid is empty"),
    ],
)
def test_pubmedqa_names_unusable_rows(tmp_path: Path, changes: Any, reason: str) -> None:
    with pytest.raises(MedevalError, match=reason):
        load_benchmark("pubmedqa", [jsonl(tmp_path / "a.jsonl", [pubmedqa(5) | changes])], "rev")


# MMLU: subjects are strata; the same question stands in two of them.


def test_mmlu_takes_the_six_subjects_whatever_the_order_of_files(tmp_path: Path) -> None:
    files = [
        parquet(tmp_path / f"{subject}.parquet", [mmlu(subject)])
        for subject in ("anatomy", "college_medicine", "virology")
    ]
    forward, backward = (load_benchmark("mmlu_health", order, "rev") for order in (files, files[::-1]))
    keyed = [{item["item_id"]: item["stratum"] for item in loaded.items} for loaded in (forward, backward)]
    assert keyed[0] == keyed[1]
    assert forward.report.outside == {"subject virology": 1}
    assert "no row of clinical_knowledge, college_biology" in forward.report.notes[0]
    assert len(forward.report.repeats) == 1


@pytest.mark.parametrize("answer", [4, -1, "D", None, True])
def test_mmlu_refuses_an_answer_outside_its_choices(tmp_path: Path, answer: Any) -> None:
    with pytest.raises(MedevalError, match="unusable"):
        load_benchmark("mmlu_health", [jsonl(tmp_path / "a.jsonl", [mmlu(answer=answer)])], "rev")


# MedXpertQA: the question text repeats its options.


def test_medxpertqa_cuts_the_options_out_of_the_question(tmp_path: Path) -> None:
    loaded = load_benchmark("medxpertqa", [jsonl(tmp_path / "a.jsonl", [medxpertqa()])], "rev")
    assert loaded.items[0]["question"] == "Which nerve extends the wrist?"
    assert loaded.items[0]["stratum"] == "Basic Science/Other / NA/Reasoning"
    assert loaded.report.remarks == ()


def test_medxpertqa_remarks_on_embedded_options_that_differ_and_keeps_other_texts(tmp_path: Path) -> None:
    differing = medxpertqa(options={"A": "Radial", "B": "Ulnar", "C": "Axillary"})
    plain = medxpertqa(id="Text-9001", question="Answer Choices: which of them is a nerve?")
    loaded = load_benchmark("medxpertqa", [jsonl(tmp_path / "a.jsonl", [differing, plain])], "rev")
    assert loaded.items[0]["options"][2] == "Axillary"
    assert [(note.row, "differ" in note.detail) for note in loaded.report.remarks] == [(0, True)]
    assert loaded.items[1]["question"] == plain["question"]


def test_medxpertqa_reads_the_evaluation_files_form_too(tmp_path: Path) -> None:
    options = [{"letter": name, "content": text} for name, text in medxpertqa()["options"].items()]
    rows = [medxpertqa(), medxpertqa(options=options, label=["A"])]
    first, second = load_benchmark("medxpertqa", [jsonl(tmp_path / "a.jsonl", rows)], "rev").items
    assert (first["options"], first["answer"]) == (second["options"], second["answer"])
    with pytest.raises(MedevalError, match="something else than letter and content"):
        load_benchmark("medxpertqa", [jsonl(tmp_path / "b.jsonl", [medxpertqa(options=["x"])])], "rev")
    with pytest.raises(MedevalError, match="label is"):
        load_benchmark("medxpertqa", [jsonl(tmp_path / "c.jsonl", [medxpertqa(label=["A", "B"])])], "rev")


# AfriMed-QA: two layouts, several correct options, places left free.


def test_afrimedqa_gives_the_same_item_from_both_layouts(tmp_path: Path) -> None:
    canonical = load_benchmark("afrimedqa", [comma_separated(tmp_path / "a.csv", [afrimedqa()])], "rev")
    flattened = load_benchmark("afrimedqa", [comma_separated(tmp_path / "b.csv", [afrimedqa_flat()])], "rev")
    shared = ("item_id", "question", "options", "answer", "source_id")
    assert [canonical.items[0][key] for key in shared] == [flattened.items[0][key] for key in shared]
    assert (canonical.items[0]["stratum"], flattened.items[0]["stratum"]) == ("Infections", "")
    assert canonical.report.line_ends == 1


def test_afrimedqa_keeps_every_correct_option_and_the_first_named_as_the_answer(tmp_path: Path) -> None:
    rows = [afrimedqa(correct_answer="option3, option1")]
    loaded = load_benchmark("afrimedqa", [comma_separated(tmp_path / "a.csv", rows)], "rev")
    assert (loaded.items[0]["answer"], loaded.items[0]["answers"]) == (2, [0, 2])
    assert "several correct options" in loaded.report.remarks[0].detail
    tables.build(tables.ITEMS, loaded.items)


def test_afrimedqa_scores_any_listed_option_or_by_request_the_first_named_alone(tmp_path: Path) -> None:
    file = comma_separated(tmp_path / "a.csv", [afrimedqa(correct_answer="option3, option1")])
    either = {gold: load_benchmark("afrimedqa", [file], "rev", gold=gold) for gold in ("any", "first")}
    assert [loaded.items[0]["answers"] for loaded in either.values()] == [[0, 2], [2]]
    assert {loaded.items[0]["answer"] for loaded in either.values()} == {2}
    details = [loaded.report.remarks[0].detail for loaded in either.values()]
    assert ["any of them" in details[0], "only the first" in details[1]] == [True, True]
    with pytest.raises(MedevalError, match="no gold rule 'all'"):
        load_benchmark("afrimedqa", [file], "rev", gold="all")


def test_afrimedqa_orders_options_by_number_and_takes_experts_only(tmp_path: Path) -> None:
    shuffled = json.dumps({"option2": "two", "option1": "one"})
    rows = [afrimedqa(answer_options=shuffled), afrimedqa(tier="crowd"), afrimedqa(question_type="saq")]
    loaded = load_benchmark("afrimedqa", [comma_separated(tmp_path / "a.csv", rows)], "rev")
    assert loaded.items[0]["options"] == ["one", "two"]
    assert loaded.report.outside == {"tier crowd": 1, "question_type saq": 1}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (afrimedqa(correct_answer="option4"), "the answer is option D, which is empty"),
        (afrimedqa(correct_answer="option9"), "the answer is option 8"),
        (afrimedqa(correct_answer=""), "correct_answer is empty"),
        (afrimedqa(correct_answer="B"), "not of the form option1,option3"),
        (afrimedqa(answer_options="{}"), "holds no options"),
        (afrimedqa(answer_options="{'option1': 'x'}"), "answer_options is not JSON"),
        (afrimedqa(answer_options='{"option1": "x", "option3": "y"}'), "expected option1, option2"),
        (afrimedqa(answer_options='{"option1": 3}'), "something else than texts"),
        (afrimedqa_flat(answer="E"), "the answer is option E, which is empty"),
        (afrimedqa_flat(answer=""), "answer is"),
        (afrimedqa_flat(options_len="4"), "3 options, but options_len says otherwise"),
        (afrimedqa_flat(A="", B="", C="", options_len="0"), "there are no options"),
    ],
)
def test_afrimedqa_names_unusable_rows(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    with pytest.raises(MedevalError, match=reason):
        load_benchmark("afrimedqa", [comma_separated(tmp_path / "a.csv", [row])], "rev")


def whole_afrimedqa(tmp_path: Path, unusable: int) -> Path:
    rows = [afrimedqa_flat(sample_id=str(n), question=f"Question {n}?") for n in range(3910)]
    for row in rows[:unusable]:
        row["answer"] = "E"
    return comma_separated(tmp_path / f"whole{unusable}.csv", rows)


def test_afrimedqa_allows_the_three_known_rows_of_the_whole_file_and_no_fourth(tmp_path: Path) -> None:
    report = load_benchmark("afrimedqa", [whole_afrimedqa(tmp_path, 3)], "rev").report
    assert (report.rows_read, report.items, len(report.unusable)) == (3910, 3907, 3)
    assert report.unusable[2].source_id == "2"
    with pytest.raises(MedevalError, match=r"4 unusable row\(s\) where 3 are known of"):
        load_benchmark("afrimedqa", [whole_afrimedqa(tmp_path, 4)], "rev")
