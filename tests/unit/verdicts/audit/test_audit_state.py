"""The state of an audit: which rounds count, what they decide, and what it would take."""

import math
from typing import Any

import numpy as np
import pytest
from audit_rows import plain_order, question, unit

from medeval.errors import MedevalError
from medeval.verdicts.audit.order import Order, draw_order
from medeval.verdicts.audit.state import Standing, standing
from medeval.verdicts.verdict import Verdict

SYSTEMS = {"A": "a/x", "B": "b/x"}


def answers(order: Order, rounds: int, a: Any, b: Any) -> dict[str, dict[str, dict[str, float]]]:
    """Answers to the first rounds; `a` and `b` map (benchmark, round, item) to a score."""
    return {
        name: {
            benchmark: {
                item: float(score(benchmark, row, item)) for row, u in enumerate(units[:rounds]) for item in u.items
            }
            for benchmark, units in order.units.items()
        }
        for name, score in (("a/x", a), ("b/x", b))
    }


def right(*_: Any) -> float:
    return 1.0


def wrong(*_: Any) -> float:
    return 0.0


def every_third(_: str, row: int, __: str) -> float:
    return float(row % 3 == 0)


TWO = plain_order({"medqa": 40, "pubmedqa": 15})
ASKED = question(["medqa", "pubmedqa"])


def judged(a: Any, b: Any, rounds: int = 40, order: Order = TWO, asked: Any = ASKED, risk: float = 0.05) -> Standing:
    return standing(asked, order, answers(order, rounds, a, b), SYSTEMS, risk)


def test_a_clear_lead_is_decided_long_before_the_end() -> None:
    found = judged(right, wrong)
    assert found.verdict is Verdict.REPRODUCED
    assert found.decided_after is not None
    assert found.decided_after <= 6
    assert found.decided_items == 2 * found.decided_after
    assert judged(right, wrong, rounds=found.decided_after - 1).verdict is Verdict.INCONCLUSIVE


def test_swapping_the_systems_turns_everything_round() -> None:
    one, other = judged(right, every_third, rounds=12), judged(every_third, right, rounds=12)
    assert one.verdict is Verdict.REPRODUCED
    assert other.verdict is Verdict.NOT_REPRODUCED
    assert (other.low, other.high, other.estimate) == pytest.approx((-one.high, -one.low, -(one.estimate or 0)))


def test_when_every_item_is_used_the_answer_is_exact() -> None:
    found = judged(every_third, wrong)
    exact = (14 / 40 + 5 / 15) / 2
    assert found.exact
    assert (found.estimate, found.low, found.high) == pytest.approx((exact, exact, exact), abs=1e-8)
    assert found.items == found.items_total == 55
    level = judged(every_third, every_third)
    assert level.exact
    assert level.verdict is Verdict.NOT_REPRODUCED  # exactly equal is not above
    assert level.decided_items == 55


def test_only_complete_leading_rounds_count() -> None:
    given = answers(TWO, 20, right, wrong)
    missing = TWO.units["medqa"][8].items[0]
    del given["b/x"]["medqa"][missing]
    found = standing(ASKED, TWO, given, SYSTEMS, 0.05)
    assert found.rounds == 8
    assert found.items == 16
    # Beyond them: 12 items of medqa (one of them answered by A alone) and the 7 of pubmedqa that are left.
    assert found.unused == 12 + 7


def test_a_benchmark_that_is_used_up_holds_no_round_back() -> None:
    assert judged(every_third, every_third, rounds=30).rounds == 30
    assert judged(every_third, every_third, rounds=30).items == 30 + 15


def test_nothing_answered_says_nothing() -> None:
    found = judged(right, wrong, rounds=0)
    assert (found.verdict, found.rounds, found.estimate, found.outlook) == (Verdict.INCONCLUSIVE, 0, None, None)
    assert (found.low, found.high) == pytest.approx((-1.0, 1.0))


def test_an_open_audit_says_what_it_would_take() -> None:
    order = plain_order({"medqa": 1000})
    found = judged(lambda _, row, __: row % 5 != 0, lambda _, row, __: row % 5 < 3, 30, order, question(["medqa"]))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.outlook is not None
    assert 30 < found.outlook.median <= found.outlook.ninth_decile <= 1000
    assert found.outlook.holds > 0.95


def test_equality_and_bounded_loss_are_decided_by_their_limits() -> None:
    order = plain_order({"medqa": 4000})

    def same(_: str, row: int, __: str) -> float:
        return float(row % 2)

    within = judged(same, same, 900, order, question(["medqa"], -0.02, 0.02))
    assert within.verdict is Verdict.REPRODUCED
    loss = judged(wrong, every_third, 60, order, question(["medqa"], -0.02, None))
    assert loss.verdict is Verdict.NOT_REPRODUCED


def test_a_score_is_held_against_what_was_published() -> None:
    order = plain_order({"medqa": 400, "pubmedqa": 300})
    asked = question(["medqa", "pubmedqa"], 0.4, 0.6, b=None, stated=0.5)
    given = answers(order, 400, lambda _, row, __: row % 2, wrong)
    found = standing(asked, order, {"a/x": given["a/x"]}, SYSTEMS, 0.05)
    assert found.verdict is Verdict.REPRODUCED
    assert found.decided_items is not None
    assert found.decided_items < 700
    assert found.estimate == pytest.approx(0.5)
    far = standing(question(["medqa"], 0.8, 0.9, b=None), order, {"a/x": given["a/x"]}, SYSTEMS, 0.05)
    assert far.verdict is Verdict.NOT_REPRODUCED


def rubric_order() -> Order:
    spans = np.resize([1.0, 1.5, 2.0, 4.0], 60)
    return draw_order({"healthbench": [unit(f"p{i:02}", 1 / 60, float(s)) for i, s in enumerate(spans)]}, "3")


def test_example_scores_below_zero_are_used_unclipped() -> None:
    order = rubric_order()
    spans = {u.items[0]: u.spans[0] for u in order.units["healthbench"]}
    asked = question(["healthbench"], 0.0, None, b=None)
    given = answers(order, 60, lambda _, __, item: 1.0 - spans[item], wrong)
    found = standing(asked, order, {"a/x": given["a/x"]}, SYSTEMS, 0.05)
    assert found.estimate == pytest.approx(1.0 - np.mean(list(spans.values())))
    assert found.estimate is not None
    assert found.estimate < -1.0
    assert found.verdict is Verdict.NOT_REPRODUCED


def test_a_missing_score_counts_as_badly_as_it_could() -> None:
    order, asked = rubric_order(), question(["healthbench"])
    spans = {u.items[0]: u.spans[0] for u in order.units["healthbench"]}
    lost = order.units["healthbench"][2].items[0]
    given = answers(order, 60, lambda _, __, item: math.nan if item == lost else 0.6, lambda *_: 0.5)
    found = standing(asked, order, given, SYSTEMS, 0.05)
    assert found.unknown == 1
    others = 59 * 0.1
    assert found.low == pytest.approx((others + (1.0 - spans[lost]) - 0.5) / 60, abs=1e-8)
    assert found.high == pytest.approx((others + 1.0 - 0.5) / 60, abs=1e-8)


def test_a_verdict_that_is_missing_costs_no_more_than_its_points() -> None:
    order, asked = rubric_order(), question(["healthbench"])
    lost = order.units["healthbench"][2].items[0]
    given: Any = answers(order, 60, lambda *_: 0.6, lambda *_: 0.5)
    given["a/x"]["healthbench"][lost] = (0.4, 0.6)
    found = standing(asked, order, given, SYSTEMS, 0.05)
    assert found.unknown == 1
    assert (found.low, found.high) == pytest.approx(((60 * 0.1 - 0.2) / 60, 0.1), abs=1e-8)


def test_a_score_that_its_rubric_does_not_allow_is_refused() -> None:
    order = rubric_order()
    given = answers(order, 60, lambda *_: -9.0, wrong)
    with pytest.raises(MedevalError, match=r"outside .* the range of its rubric"):
        standing(question(["healthbench"]), order, given, SYSTEMS, 0.05)


def test_an_order_without_the_claim_s_benchmark_is_refused() -> None:
    with pytest.raises(MedevalError, match="the order has no medmcqa"):
        standing(question(["medmcqa"]), TWO, {}, SYSTEMS, 0.05)


def test_the_resolution_is_that_of_all_items_as_a_sample() -> None:
    order = plain_order({"medqa": 500})
    found = judged(lambda _, row, __: row % 2, lambda _, row, __: row % 4 < 2, 100, order, question(["medqa"]))
    # The differences of 100 rounds are 0, 0, -1 and +1 in turn: a variance of 50 / 99.
    assert found.resolution == pytest.approx(2.8016 * math.sqrt(50 / 99 / 500), rel=1e-4)
