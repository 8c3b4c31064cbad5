"""The meta-evaluation: what is compared with whom, what counts as missing, and when a judge is credible."""

import copy
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from judging_rows import CATEGORIES, DEMO, meta_row, write_meta, write_meta_grades

from medeval.cli.judge import judge
from medeval.errors import MedevalError
from medeval.grades.judges.acceptance import accept
from medeval.grades.judges.meta_evaluation import meta_evaluation
from medeval.grades.judges.meta_grades import read_meta_grades
from medeval.grades.judges.rows import MetaRows, labels_of, read_rows, tertiles
from medeval.grades.judges.show import shown
from medeval.items.make import make_items


def audited(folder: Path, rows: MetaRows, *samples: list[bool | None], resamples: int = 200) -> dict[str, Any]:
    path = write_meta_grades(folder / "verdicts.parquet", rows.item_ids, *samples)
    document = meta_evaluation(rows, read_meta_grades(path, rows.item_ids), resamples=resamples)
    json.dumps(document, allow_nan=False)
    return document


@pytest.fixture
def demo() -> MetaRows:
    return read_rows(DEMO)


def majority(rows: MetaRows) -> list[bool | None]:
    return [sum(row["labels"]) * 2 > len(row["labels"]) for row in rows.rows]


def macro_f1_by_hand(pairs: list[tuple[bool, bool]]) -> float:
    """Mean of both classes' F1 over (grade, label), from precision and recall."""
    found = []
    for cls in (True, False):
        precision = np.mean([label == cls for grade, label in pairs if grade == cls])
        recall = np.mean([grade == cls for grade, label in pairs if label == cls])
        found.append(2 * precision * recall / (precision + recall))
    return float(np.mean(found))


def test_the_benchmarks_own_example_through_the_whole_audit(tmp_path: Path) -> None:
    rows = write_meta(tmp_path, [meta_row(0, [True, True, False]), meta_row(1, [True, False]), meta_row(2, [False])])
    overall = audited(tmp_path, rows, [True, False, True])["overall"]
    assert overall["macro_f1"]["value"] == pytest.approx(0.4857142857142857)
    assert (overall["precision_met"], overall["recall_met"]) == pytest.approx((2 / 4, 2 / 3))


def test_themes_and_physicians_of_the_demo_rows_by_hand(tmp_path: Path, demo: MetaRows) -> None:
    grades = majority(demo)
    grades[::7] = [not met for met in grades[::7]]
    document = audited(tmp_path, demo, grades)
    by_category: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for grade, row in zip(grades, demo.rows, strict=True):
        by_category[row["category"]] += [(bool(grade), label) for label in row["labels"]]
    pooled = [pair for pairs in by_category.values() for pair in pairs]
    assert document["overall"]["macro_f1"]["value"] == pytest.approx(macro_f1_by_hand(pooled))
    weights, values = [], []
    for category, pairs in by_category.items():
        if category.startswith("emergency_referrals"):
            weights.append(len(pairs) + sum(grade != label for grade, label in pairs))
            values.append(macro_f1_by_hand(pairs))
    [theme] = [entry for entry in document["themes"] if entry["theme"] == "emergency_referrals"]
    assert theme["macro_f1"]["value"] == pytest.approx(np.average(values, weights=weights))
    # Every label of physician 1 against every other label of its row.
    against = [
        (row["labels"][k], row["labels"][other])
        for row in demo.rows
        for k, name in enumerate(row["physicians"])
        if name == "demo_physician_1"
        for other in range(len(row["labels"]))
        if other != k
    ]
    [first] = [entry for entry in document["physicians"]["each"] if entry["physician"] == "demo_physician_1"]
    assert first["pairs"] == len(against)
    assert first["macro_f1"] == pytest.approx(macro_f1_by_hand(against))
    mine = [
        (bool(grade), label)
        for grade, row in zip(grades, demo.rows, strict=True)
        for name, label in zip(row["physicians"], row["labels"], strict=True)
        if name == "demo_physician_1"
    ]
    [entry] = [e for e in document["physicians"]["judge_against_each"] if e["physician"] == "demo_physician_1"]
    assert entry["macro_f1"] == pytest.approx(macro_f1_by_hand(mine))


def test_the_table_of_the_items_stage_gives_what_the_file_gives(tmp_path: Path, demo: MetaRows) -> None:
    make_items("healthbench_meta", [DEMO], tmp_path / "meta.parquet", expected=len(demo), command="test")
    table = read_rows(tmp_path / "meta.parquet")
    assert table.item_ids == demo.item_ids
    first, second = audited(tmp_path, demo, majority(demo)), audited(tmp_path, table, majority(demo))
    for document in (first, second):
        del document["rows"]
    assert first == second


def test_physicians_with_few_pairs_have_no_figure(tmp_path: Path) -> None:
    rows = [meta_row(k, [k % 2 == 0, k % 3 == 0], prompt=k // 2) for k in range(60)]
    found = audited(tmp_path, write_meta(tmp_path, rows), [k % 2 == 0 for k in range(60)])["physicians"]
    assert [entry["pairs"] for entry in found["each"]] == [60, 60]
    assert found["themes"]["hedging"]["n"] == 2
    few = audited(tmp_path, write_meta(tmp_path, rows[:49]), [k % 2 == 0 for k in range(49)])["physicians"]
    assert (few["each"], few["mean"], few["judge_against_each"]) == ([], None, [])


def test_partial_grades_are_unknown_and_never_credible(tmp_path: Path, demo: MetaRows) -> None:
    path = write_meta_grades(tmp_path / "part.parquet", demo.item_ids[:40], majority(demo)[:40])
    document = meta_evaluation(demo, read_meta_grades(path, demo.item_ids), resamples=200)
    assert document["verdict"] == "UNKNOWN"
    assert (document["judged_rows"], document["replies_missing"]) == (40, 42)
    assert any("42 of 82 replies are missing" in reason for reason in document["reasons"])
    assert any("not the published 29,511" in reason for reason in document["reasons"])


def test_an_unusable_reply_is_counted_and_lowers_recall_alone(tmp_path: Path, demo: MetaRows) -> None:
    whole = audited(tmp_path, demo, majority(demo))
    grades = majority(demo)
    grades[grades.index(True)] = None
    document = audited(tmp_path, demo, grades)
    assert document["unusable"]["count"] == 1
    assert document["unusable"]["value"] == pytest.approx(1 / 82)
    assert document["overall"]["recall_met"] < whole["overall"]["recall_met"]
    assert document["answered_only"]["pairs"] < document["overall"]["pairs"] == whole["overall"]["pairs"]


def test_error_rates_by_stratum_are_shares_of_pairs(tmp_path: Path) -> None:
    labels = [[True, True], [True, False], [False, False], [False, True], [True, True]]
    rows = write_meta(tmp_path, [meta_row(k, pair, category=CATEGORIES[k % 2]) for k, pair in enumerate(labels)])
    [entry] = audited(tmp_path, rows, [True, True, False, True, False])["strata"]["all"]
    # Met by label: 2, 1, 0, 1, 2 of which the judge says met in rows 0, 1, 3.
    assert entry["sensitivity"]["value"] == pytest.approx(4 / 6)
    assert entry["specificity"]["value"] == pytest.approx(2 / 4)
    assert entry["met_by_judge"] == pytest.approx(6 / 10)
    assert entry["met_by_physicians"] == pytest.approx(6 / 10)
    assert entry["overstated"]["value"] == pytest.approx(0.0)
    assert entry["pairs"] == 10


def test_lengths_fall_into_thirds() -> None:
    assert tertiles([1, 2, 3, 4, 5, 6]).tolist() == ["short", "short", "middle", "middle", "long", "long"]
    assert tertiles([7, 7, 7]).tolist() == ["short"] * 3


def test_two_samples_give_flips_and_the_figures_of_a_random_one(tmp_path: Path, demo: MetaRows) -> None:
    first = majority(demo)
    second = [not met if k < 8 else met for k, met in enumerate(first)]
    second[50] = None
    document = audited(tmp_path, demo, first, second)
    found = document["stability"]
    assert found["rows_compared"] == 81
    assert found["flip_rate"]["value"] == pytest.approx(8 / 81)
    one, other = (audited(tmp_path, demo, said)["overall"] for said in (first, second))
    assert found["macro_f1_by_sample"] == pytest.approx([one["macro_f1"]["value"], other["macro_f1"]["value"]])
    assert document["overall"]["recall_met"] == pytest.approx((one["recall_met"] + other["recall_met"]) / 2)
    assert audited(tmp_path, demo, first)["stability"] is None


def test_repeated_rows_change_no_estimate(tmp_path: Path) -> None:
    rows = [meta_row(k, [k % 2 == 0, k % 3 == 0], category=CATEGORIES[k % 2], prompt=k // 3) for k in range(30)]
    grades = [k % 5 != 0 for k in range(30)]
    once = audited(tmp_path, write_meta(tmp_path, rows), grades)
    twice = audited(tmp_path, write_meta(tmp_path, rows + rows), grades + grades)
    assert twice["overall"]["macro_f1"]["value"] == pytest.approx(once["overall"]["macro_f1"]["value"])
    for a, b in zip(once["themes"], twice["themes"], strict=True):
        assert b["macro_f1"]["value"] == pytest.approx(a["macro_f1"]["value"])
    # The copies belong to the same prompts, so nothing is surer than before.
    assert twice["overall"]["macro_f1"]["se"] == pytest.approx(once["overall"]["macro_f1"]["se"])


def document_of_a_good_judge() -> dict[str, Any]:
    return {
        "rows": {"whole": True, "rows": 29_511, "rows_published": 29_511, "judgements": 60_896,
                 "judgements_published": 60_896},
        "replies_missing": 0,
        "samples": 1,
        "overall": {"macro_f1": {"value": 0.69}},
        "themes": [{"theme": "hedging", "macro_f1": {"value": 0.60}}],
        "physicians": {"themes": {"hedging": {"mean": 0.64}}},
        "unusable": {"value": 0.004},
    }  # fmt: skip


def test_a_judge_that_fulfils_every_condition_is_credible() -> None:
    assert accept(document_of_a_good_judge())["verdict"] == "CREDIBLE"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("overall", "macro_f1", "value"), 0.6599, "macro-F1 is 0.6599"),
        (("themes", 0, "macro_f1", "value"), 0.5899, "hedging"),
        (("unusable", "value"), 0.005, "unusable replies is 0.005"),
    ],
)
def test_one_failed_condition_makes_it_not_credible(path: tuple[Any, ...], value: float, words: str) -> None:
    document = document_of_a_good_judge()
    entry: Any = document
    for key in path[:-1]:
        entry = entry[key]
    entry[path[-1]] = value
    found = accept(document)
    assert found["verdict"] == "NOT_CREDIBLE"
    assert words in " ".join(found["reasons"])


def test_whatever_is_not_known_keeps_the_judge_unknown() -> None:
    for change in (
        {"rows": document_of_a_good_judge()["rows"] | {"whole": False, "rows": 29_510}},
        {"replies_missing": 1},
        {"physicians": {"themes": {"hedging": {"mean": None}}}},
        {"themes": [{"theme": "hedging", "macro_f1": None}]},
    ):
        assert accept(document_of_a_good_judge() | copy.deepcopy(change))["verdict"] == "UNKNOWN"
    bad = document_of_a_good_judge() | {"replies_missing": 1, "overall": {"macro_f1": {"value": 0.2}}}
    assert accept(bad)["verdict"] == "UNKNOWN"
    assert "so far macro-F1 is 0.2" in " ".join(accept(bad)["reasons"])


def test_labels_keep_row_and_physician(demo: MetaRows) -> None:
    labels = labels_of(demo)
    assert len(labels.met) == sum(len(row["labels"]) for row in demo.rows)
    assert labels.physician[:3].tolist() == demo.rows[0]["physicians"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"item_id": "unknown", "met": True}], "is none of the meta-evaluation rows"),
        ([{"item_id": "ID", "met": True}, {"item_id": "ID", "met": False}], "two grades"),
        ([{"item_id": "ID", "met": "perhaps"}], "row 0: met is 'perhaps', expected true, false"),
        ([{"item_id": "ID", "met": True, "sample": -1}], "row 0: sample is -1, expected a whole number"),
        ([{"item_id": "ID", "met": None, "status": "graded"}], "status 'graded' with met None"),
        ([{"item_id": "ID", "verdict": True}], "no column met"),
        ([{"item_id": "ID", "met": True, "judge": "a"}, {"item_id": "ID", "sample": 1, "met": True, "judge": "b"}],
         "mixes a, b as judge"),
        ([{"item_id": "ID", "met": True, "judge": "a"}, {"item_id": "ID", "met": True, "judge": "b"}],
         "mixes a, b as judge\n.*one file per judge"),
        ([{"item_id": "ID", "met": None, "status": "error"}], "holds no grade"),
    ],
)  # fmt: skip
def test_grades_that_cannot_be_used_are_refused_by_row(
    tmp_path: Path, demo: MetaRows, rows: list[dict[str, Any]], words: str
) -> None:
    path = tmp_path / "verdicts.parquet"
    named = [{**row, "item_id": row["item_id"].replace("ID", demo.item_ids[0])} for row in rows]
    if len(named) > 1 and "sample" in named[1]:
        named[0]["sample"] = 0
    pq.write_table(pa.Table.from_pylist(named), path)
    with pytest.raises(MedevalError, match=words):
        read_meta_grades(path, demo.item_ids)


@pytest.mark.parametrize("words", [("True", "False", "none"), (1, 0, None), (1.0, 0.0, None), ("yes", "NO", "")])
def test_grades_are_read_in_every_type(tmp_path: Path, words: tuple[Any, ...]) -> None:
    path = tmp_path / "verdicts.parquet"
    pq.write_table(pa.table({"item_id": ["a", "b", "c"], "met": list(words)}), path)
    np.testing.assert_array_equal(read_meta_grades(path, ["a", "b", "c"]).said, [[1], [0], [np.nan]])


def test_numbers_of_samples_that_do_not_occur_are_no_missing_replies(tmp_path: Path, demo: MetaRows) -> None:
    usual = audited(tmp_path, demo, majority(demo))
    rows = [
        {"item_id": item_id, "sample": 3, "met": met}
        for item_id, met in zip(demo.item_ids, majority(demo), strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "third.parquet")
    found = meta_evaluation(demo, read_meta_grades(tmp_path / "third.parquet", demo.item_ids), resamples=200)
    assert (found["samples"], found["replies_missing"]) == (1, 0)
    assert found == usual


def test_the_command_reads_stored_grades_and_shows_credibility_first(tmp_path: Path, demo: MetaRows) -> None:
    path = write_meta_grades(tmp_path / "v.parquet", demo.item_ids, majority(demo))
    arguments = ["meta-eval", str(DEMO), "--verdicts", str(path), "--out", str(tmp_path / "audit.json")]
    result = CliRunner().invoke(judge, [*arguments, "--resamples", "200"], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output.startswith("UNKNOWN: not stated")
    document = json.loads((tmp_path / "audit.json").read_text())
    assert document["schema"] == "judge-meta-evaluation.v1"
    assert shown(document) == result.output.rstrip("\n")


def test_the_command_needs_a_judge_or_grades(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match="no judge and there are no grades"):
        CliRunner().invoke(judge, ["meta-eval", str(DEMO), "--out", str(tmp_path / "a.json")], catch_exceptions=False)
