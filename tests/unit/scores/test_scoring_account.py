"""The account beside the scores; every expected value is worked out by hand in the comments."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest
from scoring_rows import item, response, run, scored, write_items

from medeval.items.benchmarks.mmlu_health import SUBJECTS
from medeval.records import tables, writer
from medeval.scores.account import account_of, shown
from medeval.scores.accounting import accounting
from medeval.scores.breakdown import class_reports, position_reports
from medeval.scores.modes import modes_side_by_side
from medeval.scores.policies import average_effect, benchmark_score, difference_effect, why_no_headline
from medeval.scores.strata import strata_reports, stratum_estimate, tags_of


def accounts(items: list[dict[str, Any]], responses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return accounting(run(items, responses), tables.build(tables.ITEMS, items))


def answered(right: int, wrong: int, silent: int, **changes: Any) -> tuple[list[Any], list[Any]]:
    """Return items with four options and one reply each: so many right, wrong and without an answer."""
    texts = ["Answer: B"] * right + ["Answer: A"] * wrong + ["Hmm."] * silent
    items = [item(f"i{number}", **changes) for number in range(len(texts))]
    names = {"benchmark": changes["benchmark"]} if "benchmark" in changes else {}
    return items, [response(f"i{number}", text=text, **names) for number, text in enumerate(texts)]


# Policies.


def test_a_policy_that_moves_an_average_by_more_than_half_a_point_is_flagged() -> None:
    # 1000 responses, 700 right: as wrong 70 %. 4 silent: left out 700/996 = 70.281 % (+0.281); 10: 70.707 % (+0.707)
    calm, moved = (average_effect(accounts(*answered(700, 300 - n, n))) for n in (4, 10))
    assert calm.by_policy["excluded"] == pytest.approx(700 / 996)
    assert calm.moved_points == pytest.approx(100 * (700 / 996 - 0.7))
    assert not calm.flagged
    # as a guess (700 + 10/4) / 1000 = 70.25 %, so leaving out moves the most
    assert moved.by_policy["random"] == pytest.approx(0.7025)
    assert moved.moved_points == pytest.approx(100 * (700 / 990 - 0.7))
    assert moved.flagged


def test_a_policy_that_moves_a_difference_by_more_than_a_third_of_a_point_is_flagged() -> None:
    # A 700 right, 4 silent: 70 or 70.281 %; B 650 right, none silent: 65 % always: +5 or +5.281, not flagged at 0.3
    a, b = accounts(*answered(700, 296, 4)), accounts(*answered(650, 350, 0))
    effect = difference_effect(a, b)
    assert effect.by_policy["wrong"] == pytest.approx(0.05)
    assert not effect.flagged
    # 5 silent: 700/995 = 70.352 %, +0.352
    assert difference_effect(accounts(*answered(700, 295, 5)), b).flagged
    # both move alike: nothing is moved
    assert difference_effect(a, a).moved_points == 0


def test_differences_are_of_the_same_benchmarks() -> None:
    with pytest.raises(ValueError, match="the same benchmarks"):
        difference_effect(accounts(*answered(1, 0, 0)), accounts(*answered(1, 0, 0, benchmark="other")))


def test_a_headline_is_withheld_above_two_percent_truncated_not_at_it() -> None:
    items = [item(f"i{n}") for n in range(100)]
    cut = {"text": "So", "finish_reason": "length"}
    for truncated, withheld in ((2, False), (3, True)):
        replies = [response(f"i{n}", **(cut if n < truncated else {})) for n in range(100)]
        (account,) = accounts(items, replies)
        assert (why_no_headline(account) is not None) is withheld


def test_the_score_of_mmlu_is_the_mean_of_its_subjects() -> None:
    # 1 of 1 right in one subject, 1 of 3 in the other: mean of subjects (1 + 1/3) / 2 = 2/3, of responses 1/2
    first, second = sorted(SUBJECTS)[:2]
    items = [item(f"i{n}", benchmark="mmlu_health", stratum=first if n == 0 else second) for n in range(4)]
    texts = ["Answer: B", "Answer: B", "Answer: A", "Hmm."]
    replies = [response(f"i{n}", benchmark="mmlu_health", text=text) for n, text in enumerate(texts)]
    (account,) = accounts(items, replies)
    assert account["accuracy_wrong"] == 1 / 2
    assert benchmark_score(account, "wrong") == pytest.approx(2 / 3)
    # left out: (1 + 1/2) / 2
    assert benchmark_score(account, "excluded") == pytest.approx(3 / 4)


# Several correct options.


def test_scores_by_any_and_by_the_first_correct_option_stand_side_by_side() -> None:
    # B then D are correct in two items; replies B, D, A and, to an item with one correct option, B
    items = [item(i, answer=1, answers=[1, 3]) for i in "abc"] + [item("d")]
    texts = ["Answer: B", "Answer: D", "Answer: A", "Answer: B"]
    (account,) = accounts(items, [response(i, text=text) for i, text in zip("abcd", texts, strict=True)])
    assert account["several_correct"] == 3
    assert account["accuracy_wrong"] == 3 / 4
    assert account["accuracy_first"] == 2 / 4


def test_without_items_it_is_not_known_which_option_is_first() -> None:
    (account,) = accounting(run([item("a")], [response("a")]))
    assert (account["accuracy_first"], account["several_correct"], account["chance"]) == (None, None, None)


# Classes.


def answers(gold: list[int], texts: list[str]) -> tuple[pa.Table, pa.Table]:
    options = {"options": ["yes", "no", "maybe"]}
    items = [item(f"i{n}", **options, answer=answer, answers=[answer]) for n, answer in enumerate(gold)]
    replies = [response(f"i{n}", text=text) for n, text in enumerate(texts)]
    return run(items, replies), tables.build(tables.ITEMS, items)


def test_macro_f1_counts_classes_that_are_never_predicted() -> None:
    # always yes on 552 yes, 338 no, 110 maybe: F1 of yes = 2*552 / (1000 + 552), of the others 0; a third of that
    gold = [0] * 552 + [1] * 338 + [2] * 110
    (report,) = class_reports(*answers(gold, ["yes"] * 1000))
    assert report["accuracy"] == pytest.approx(0.552)
    assert report["macro_f1"] == pytest.approx(2 * 552 / 1552 / 3)
    assert round(report["macro_f1"], 4) == 0.2371
    assert [one["support"] for one in report["classes"]] == [552, 338, 110]


def test_an_unanswered_item_is_missed_and_predicts_no_class() -> None:
    # yes: found 1 of 2, predicted once: F1 = 2/(1+2); no: 1 of 1: 1; maybe: never there: 0
    (report,) = class_reports(*answers([0, 0, 1], ["yes", "Hmm.", "no"]))
    assert report["macro_f1"] == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_options_that_differ_from_item_to_item_are_no_classes() -> None:
    items = [item("a"), item("b", options=["x", "y"])]
    assert class_reports(run(items, [response("a"), response("b")]), tables.build(tables.ITEMS, items)) == []


# Positions.


def test_recall_by_position_and_its_spread() -> None:
    # 10 items with the correct option at each of A to D, found 9, 7, 6 and 8 times: population SD of the recalls
    items, replies = [], []
    for place, found in enumerate((9, 7, 6, 8)):
        for number in range(10):
            name = f"{place}-{number}"
            items.append(item(name, answer=place, answers=[place]))
            replies.append(response(name, text=f"Answer: {'ABCD'[place if number < found else (place + 1) % 4]}"))
    (report,) = position_reports(run(items, replies), tables.build(tables.ITEMS, items))
    assert [one["recall"] for one in report["positions"]] == [0.9, 0.7, 0.6, 0.8]
    assert report["recall_sd"] == pytest.approx(0.1118034, abs=1e-7)
    # chosen: A 9 + 2 missed D, B 7 + 1, C 6 + 3, D 8 + 4, of 40
    assert [one["chosen"] for one in report["positions"]] == [11 / 40, 8 / 40, 9 / 40, 12 / 40]


def test_items_with_several_correct_options_have_no_position() -> None:
    items = [item("a", answers=[1, 2])]
    assert position_reports(run(items, [response("a")]), tables.build(tables.ITEMS, items)) == []


# Strata.


@pytest.mark.parametrize(
    ("right", "n", "rule", "method"),
    [(5, 10, "exact, greyed", "exact"), (20, 29, "exact, greyed", "exact"), (20, 30, "interval", "wilson")],
)
def test_a_small_stratum_has_an_exact_interval_and_a_larger_one_wilsons(
    right: int, n: int, rule: str, method: str
) -> None:
    found = stratum_estimate([1.0] * right + [0.0] * (n - right), [str(i) for i in range(n)])
    expected = binomtest(right, n).proportion_ci(method=method)
    assert (found["items"], found["rule"], found["accuracy"]) == (n, rule, pytest.approx(right / n))
    assert (found["low"], found["high"]) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_of_a_stratum_of_less_than_ten_items_nothing_is_said() -> None:
    found = stratum_estimate([1.0] * 5 + [0.0] * 4, [str(i) for i in range(9)])
    assert (found["rule"], found["low"], found["high"]) == ("suppressed", None, None)


def test_items_that_share_clusters_do_not_count_as_independent() -> None:
    scores = [1.0, 1.0, 0.0, 0.0] * 10
    alone = stratum_estimate(scores, [str(i) for i in range(40)])
    pairs = stratum_estimate(scores, [str(i // 2) for i in range(40)])
    assert pairs["high"] - pairs["low"] > 1.2 * (alone["high"] - alone["low"])


def test_medxpertqa_is_shown_by_each_of_its_tags() -> None:
    assert tags_of("medxpertqa", "Basic Science/Other / NA/Reasoning") == {
        "medical task": "Basic Science",
        "body system": "Other / NA",
        "question type": "Reasoning",
    }
    strata = ["Diagnosis/Digestive/Reasoning", "Diagnosis/Skeletal/Understanding", "Treatment/Skeletal/Reasoning"]
    items = [item(f"i{n}", benchmark="medxpertqa", stratum=stratum) for n, stratum in enumerate(strata)]
    texts = ["Answer: B", "Answer: A", "Answer: B"]
    found = strata_reports(
        run(items, [response(f"i{n}", benchmark="medxpertqa", text=text) for n, text in enumerate(texts)])
    )
    assert {(one["tag"], one["value"]): (one["items"], one["accuracy"]) for one in found} == {
        ("body system", "Digestive"): (1, 1.0),
        ("body system", "Skeletal"): (2, 0.5),
        ("medical task", "Diagnosis"): (2, 0.5),
        ("medical task", "Treatment"): (1, 1.0),
        ("question type", "Reasoning"): (2, 1.0),
        ("question type", "Understanding"): (1, 0.0),
    }


def test_samples_of_an_item_are_one_item_of_its_stratum() -> None:
    items = [item("a", stratum="x"), item("b", stratum="y")]
    replies = [response("a", sample=n, text=text) for n, text in enumerate(["Answer: B", "Answer: A"])]
    found = strata_reports(run(items, [*replies, response("b")]))
    assert [(one["value"], one["items"], one["accuracy"]) for one in found] == [("x", 1, 0.5), ("y", 1, 1.0)]


def test_a_benchmark_with_one_stratum_has_no_table_of_strata() -> None:
    assert strata_reports(run([item("a"), item("b")], [response("a"), response("b")])) == []


# Generated answers beside log-probabilities.


def test_generated_and_most_probable_answers_stand_side_by_side() -> None:
    # pairs: a both B, b B and A, c silent and A (wrong): they answer differently in b and c
    items = [item(i) for i in "abcd"]
    best_b, best_a = [-3.0, -1.0, -4.0, -5.0], [-1.0, -3.0, -4.0, -5.0]
    replies = [response("a"), response("b"), response("c", text="Hmm."), response("d")]
    replies += [scored("a", "letter", best_b), scored("b", "letter", best_a), scored("c", "letter", best_a)]
    replies.append(scored("a", "letter", best_b, sample=1))  # the same again, which weighs nothing
    (entry,) = modes_side_by_side(run(items, replies))
    assert (entry["pairs"], entry["only_generated"], entry["only_scored"]) == (3, 1, 0)
    assert (entry["generated"], entry["scored"]) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    shares = [entry[name] for name in ("both_right", "only_generated_right", "only_scored_right", "both_wrong")]
    assert shares == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3])
    assert entry["different"] == pytest.approx(2 / 3)


# The document.


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    items = [item(i) for i in "abcd"] + [item("e", benchmark="unasked")]
    replies = [response(i) for i in "abc"] + [response(i, model="n", text="Hmm.") for i in "abcd"]
    scores = tmp_path / "s.parquet"
    tables.write(scores, run(items, replies), tables.SCORES, command="")
    return account_of(scores, [write_items(tmp_path / "i.parquet", items)])


def test_items_without_a_response_are_part_of_the_account(document: dict[str, Any]) -> None:
    partial, whole = document["scores"]
    assert (partial["n"], partial["n_expected"], partial["partial"]) == (3, 4, True)
    assert (whole["n"], whole["partial"]) == (4, False)
    assert [(run_["model"], run_["benchmark"], run_["item_ids"]) for run_ in document["missing"]] == [
        ("m", "toy", ["d"]),
        (None, "unasked", ["e"]),
    ]


def test_every_pair_of_systems_has_its_difference_by_policy(document: dict[str, Any]) -> None:
    (difference,) = document["differences"]
    assert (difference["a"]["model"], difference["b"]["model"]) == ("m", "n")
    assert difference["by_policy"] == {"wrong": 1.0, "random": 0.75, "excluded": None}
    assert difference["flagged"]


def test_the_terminal_shows_what_is_missing_and_what_is_flagged(document: dict[str, Any]) -> None:
    text = shown(document)
    assert "3 responses of 4: PARTIAL" in text
    assert "missing: unasked, no run: 1 items" in text
    assert "flag: m/f16/cpu - n/f16/cpu generate" in text


def test_scores_of_many_row_groups_have_one_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_GROUP_ROWS", 3)
    items = [item(f"i{n}", stratum=f"s{n % 5}") for n in range(20)]
    replies = [response(f"i{n}", text=f"Answer: {'AB'[n % 2]}") for n in range(20)]
    with writer.written_in_parts(tmp_path / "s.parquet", tables.SCORES, command="", inputs={}) as file:
        file.add(run(items, replies))
    found = account_of(tmp_path / "s.parquet", [write_items(tmp_path / "i.parquet", items)])
    (entry,) = found["scores"]
    assert (entry["n"], entry["accuracy_wrong"]) == (20, 0.5)
    assert len(found["strata"]) == 5


def test_shares_of_stages_and_statuses_add_up(document: dict[str, Any]) -> None:
    for entry in document["scores"]:
        assert sum(entry["stages"].values()) == pytest.approx(1)
        assert sum(entry["statuses"].values()) == pytest.approx(1)
        assert np.isfinite(entry["chance"])
