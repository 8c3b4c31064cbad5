"""Scores of hand-made responses; every expected value is worked out by hand in the comments."""

from typing import Any

import pytest
from scoring_rows import OPTIONS, item, response, run, scored

from medeval.answers.reading import EXTRACTOR
from medeval.errors import MedevalError
from medeval.records import tables
from medeval.scores.score import accounting, best_option, missing_items, score


def only(items: list[dict[str, Any]], responses: list[dict[str, Any]]) -> dict[str, Any]:
    (row,) = run(items, responses).to_pylist()
    return row


def test_scores_follow_the_contract_and_keep_the_order_of_the_responses() -> None:
    table = run([item("a"), item("b"), item("c")], [response(i) for i in ("c", "a", "b")])
    assert table.schema == tables.SCORES.schema
    assert table["item_id"].to_pylist() == ["c", "a", "b"]
    assert table["cluster_id"].to_pylist() == ["c-c", "c-a", "c-b"]


def test_generated_reply_is_read_and_compared_with_the_gold_option() -> None:
    row = only([item("a")], [response("a", text="Answer: B")])
    assert (row["choice"], row["extracted"], row["status"], row["stage"]) == (1, "B", "answered", "strict")
    assert (row["correct"], row["method"], row["generated_tokens"]) == (True, EXTRACTOR, 3)
    assert only([item("a")], [response("a", text="Answer: C")])["correct"] is False


@pytest.mark.parametrize(
    ("changes", "status", "stage"),
    [
        ({"text": "Hmm."}, "no_answer", "none"),
        ({"text": "Answer: A/B"}, "ambiguous", "lenient"),
        ({"text": "It is B, I think", "finish_reason": "length"}, "truncated", "none"),
        ({"text": "", "reasoning": "It may be B"}, "no_answer", "none"),  # a closed thought, then nothing
        ({"text": None, "reasoning": "It may be B"}, "truncated", "none"),
        ({"text": "I cannot provide medical advice."}, "refused", "none"),
        ({"text": None, "finish_reason": "error", "error": "context full"}, "error", "none"),
        ({"text": "Answer: B", "finish_reason": "error"}, "error", "none"),
    ],
)
def test_what_is_not_answered_is_wrong_and_says_why(changes: dict[str, Any], status: str, stage: str) -> None:
    row = only([item("a")], [response("a", **changes)])
    assert (row["status"], row["stage"], row["correct"], row["choice"]) == (status, stage, False, None)


def test_letter_mode_takes_the_most_probable_label() -> None:
    row = only([item("a")], [scored("a", "letter", [-3.0, -0.5, -2.0, -4.0])])
    assert (row["choice"], row["extracted"], row["stage"], row["method"]) == (
        1,
        "B",
        "logprob",
        "letter-logprob@1",
    )
    assert row["correct"] is True


@pytest.mark.parametrize("mode", ["cloze", "choices_only"])
def test_cloze_divides_by_utf8_bytes(mode: str) -> None:
    # "été" has 3 characters but 5 bytes: -4/5 = -0.8 beats -3/3 = -1; per character -4/3 would lose.
    row = only([item("a", options=["été", "may"], answer=0, answers=[0])], [scored("a", mode, [-4.0, -3.0])])
    assert (row["choice"], row["correct"], row["method"]) == (0, True, "cloze-per-byte@1")


def test_modes_and_option_counts_may_be_mixed() -> None:
    items = [item("a"), item("b", options=["x", "yy"], answer=0, answers=[0])]
    responses = [
        scored("b", "letter", [-2.0, -1.0]),
        response("a"),
        scored("a", "cloze", [-6.0, -5.0, -3.0, -5.0]),  # per byte -1, -1, -0.5, -1
        scored("a", "letter", [-1.0, -2.0, -3.0, -4.0]),
        scored("b", "cloze", [-2.0, -2.0]),  # per byte -2, -1
    ]
    assert run(items, responses)["choice"].to_pylist() == [1, 1, 2, 0, 1]


@pytest.mark.parametrize("logprobs", [[-1.0, -1.0, -2.0, -3.0], [float("-inf")] * 4])
def test_a_tie_is_ambiguous_and_never_the_first_option(logprobs: list[float]) -> None:
    row = only([item("a", answer=0, answers=[0])], [scored("a", "letter", logprobs)])
    assert (row["choice"], row["status"], row["stage"], row["correct"]) == (
        None,
        "ambiguous",
        "logprob",
        False,
    )


@pytest.mark.parametrize("logprobs", [None, [], [-1.0, -2.0], [-1.0, float("nan"), -2.0, -3.0]])
def test_wrong_log_probabilities_stop_the_run_and_name_the_item(logprobs: list[float] | None) -> None:
    # lm-eval 4158: a missing value shifted every later score by one item
    with pytest.raises(MedevalError, match="item 'b'"):
        run(
            [item("a"), item("b")],
            [scored("a", "letter", [-1.0, -2.0, -3.0, -4.0]), scored("b", "letter", logprobs)],
        )


def test_failed_scoring_response_is_an_error_not_a_crash() -> None:
    row = only([item("a")], [scored("a", "letter", None) | {"finish_reason": "error"}])
    assert (row["status"], row["correct"]) == ("error", False)


def test_any_listed_correct_option_counts_and_the_method_says_so() -> None:
    several = item("a", answer=0, answers=[0, 1, 3])
    assert only([several], [response("a")])["correct"] is True
    assert only([several], [response("a", text="Answer: C")])["correct"] is False
    assert only([several], [response("a")])["method"] == f"{EXTRACTOR}+any-gold"
    assert only([several], [response("a", text="?")])["correct"] is False


def test_response_without_item_is_named() -> None:
    with pytest.raises(MedevalError, match="row 1 answers item 'ghost' of 'toy'"):
        run([item("a")], [response("a"), response("ghost")])


def test_same_item_id_in_two_benchmarks_is_two_items() -> None:
    items = [item("a"), item("a", benchmark="other", answer=2, answers=[2])]
    table = run(items, [response("a", benchmark="other"), response("a")])
    assert table["correct"].to_pylist() == [False, True]


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(MedevalError, match="mode guess"):
        run([item("a")], [response("a", mode="guess")])


def test_no_responses_give_no_scores() -> None:
    assert run([item("a")], []).schema == tables.SCORES.schema


def test_missing_items_are_listed_for_each_run() -> None:
    items = tables.build(tables.ITEMS, [item("a"), item("b"), item("z", benchmark="unasked")])
    responses = tables.build(
        tables.RESPONSES, [response("a"), response("b"), response("a", sample=1), response("b", model="n")]
    )
    missing = [
        (row["model"], row["benchmark"], row["sample"], row["item_id"])
        for row in missing_items(items, responses).to_pylist()
    ]
    assert missing == [("m", "toy", 1, "b"), ("n", "toy", 0, "a"), (None, "unasked", None, "z")]


def test_accounting_reports_shares_and_three_policies() -> None:
    # 5 responses: 2 right, 1 wrong, 1 silent (4 options: 1/4), 1 cut (2 of 5 options correct: 2/5)
    items = [item(i) for i in "abcd"]
    items.append(item("e", options=[*OPTIONS, "Lung"], answer=0, answers=[0, 1]))
    texts = ["Answer: B", "(B)", "Answer: A", "Hmm."]
    responses = [response(i, text=text) for i, text in zip("abcd", texts, strict=True)]
    responses.append(response("e", text="So", finish_reason="length"))
    table = tables.build(tables.ITEMS, items)
    scores = score(table, tables.build(tables.RESPONSES, responses))
    (account,) = accounting(scores, table)
    assert account["n"] == 5
    assert account["stages"] == {"strict": 0.4, "lenient": 0.2, "content": 0.0, "logprob": 0.0, "none": 0.4}
    assert account["statuses"]["answered"] == 0.6
    assert account["statuses"]["truncated"] == account["statuses"]["no_answer"] == 0.2
    assert account["accuracy_wrong"] == pytest.approx(2 / 5)
    assert account["accuracy_random"] == pytest.approx((2 + 1 / 4 + 2 / 5) / 5)
    assert account["accuracy_excluded"] == pytest.approx(2 / 3)
    assert accounting(scores)[0]["accuracy_random"] is None


def test_accounting_keeps_modes_apart_and_admits_when_nothing_is_answered() -> None:
    table = tables.build(tables.ITEMS, [item("a")])
    responses = [response("a", text="Hmm."), scored("a", "letter", [-1.0, -0.5, -2.0, -3.0])]
    accounts = accounting(score(table, tables.build(tables.RESPONSES, responses)), table)
    assert [(row["mode"], row["accuracy_excluded"]) for row in accounts] == [
        ("generate", None),
        ("letter", 1.0),
    ]


def test_best_option_agrees_with_the_table_scores() -> None:
    assert best_option([-2.0, -1.0], None) == 1
    assert best_option([-4.0, -3.0], ["été", "may"]) == 0
    assert best_option([-1.0, -1.0], None) is None
    with pytest.raises(MedevalError):
        best_option([-1.0], ["a", "b"])


@pytest.mark.parametrize("mode", ["generate", "letter", "cloze"])
def test_what_was_chosen_among_the_options_shown_is_an_option_of_the_item(mode: str) -> None:
    order = [3, 1, 0, 2]  # Heart, Liver, Spleen, Kidney
    row = response("a", text="Answer: C") if mode == "generate" else scored("a", mode, [-9.0, -9.0, -0.5, -9.0])
    (found,) = run([item("a")], [{**row, "shown_order": order}]).to_pylist()
    assert (found["choice"], found["extracted"], found["correct"]) == (0, "C", False)
    assert found["shown_order"] == order


def test_a_text_of_an_option_is_that_option_wherever_it_was_shown() -> None:
    (found,) = run([item("a")], [response("a", text="Answer: Liver", shown_order=[3, 2, 1, 0])]).to_pylist()
    assert (found["choice"], found["correct"]) == (1, True)


def test_a_place_without_an_option_answers_nothing() -> None:
    replies = [
        response("a", text="Answer: A", shown_order=[-1, 0, 1, 2, 3]),
        scored("a", "letter", [-0.5, -1.0, -2.0, -3.0, -4.0], shown_order=[-1, 0, 1, 2, 3]),
    ]
    found = run([item("a")], replies).to_pylist()
    assert [(row["status"], row["choice"], row["correct"]) for row in found] == [("no_answer", None, False)] * 2


@pytest.mark.parametrize("order", [[], [0, 1, 2], [0, 1, 2, 2], [0, 1, 2, 4], [-1] * 7 + [0, 1, 2, 3]])
def test_an_order_that_is_none_of_the_items_options_is_refused_by_its_row(order: list[int]) -> None:
    with pytest.raises(MedevalError, match=r"responses: row 0: shown_order .* is no order of the item's 4 options"):
        run([item("a")], [response("a", shown_order=order)])
