"""From measured differences to verdicts."""

from dataclasses import replace

import pytest
from scipy import stats

from medeval.comparisons.document import RightReplies, Sides
from medeval.verdicts.basis import DifferenceRow, Repetition, Robustness
from medeval.verdicts.decide import (
    decide_bounded_loss,
    decide_equality,
    decide_order,
    decide_point_value,
)
from medeval.verdicts.decision import withheld
from medeval.verdicts.measured import Constant, Difference, TokenRatio, ValueDifference
from medeval.verdicts.ratios import decide_size, decide_token_ratio
from medeval.verdicts.robustness import fragility
from medeval.verdicts.verdict import CutShares, Decision, Flag, Verdict, combine

# The published difference of the averages and its unpaired error, in points.
UNRESOLVED = Difference(0.591, 0.644, 0.591 - 1.262, 0.591 + 1.262, 0.359, 13451, "normal")
RESOLVED = Difference(11.424, 0.724, 10.0, 12.84, 1e-12, 13451, "normal")


def order(found: Difference, stated: float | None = None) -> Decision:
    return decide_order("average", "a", "b", found, stated, found.p_value, 0.05)


def test_a_lead_that_the_data_cannot_separate_is_inconclusive_and_underpowered() -> None:
    decision = order(UNRESOLVED, 0.59)
    assert decision.verdict == Verdict.INCONCLUSIVE
    assert Flag.UNDERPOWERED in decision.flags
    assert "1.80 points" in decision.reasons[-1]  # 2.8016 times the error


def test_a_resolved_lead_of_the_stated_size_is_reproduced() -> None:
    assert order(RESOLVED, 11.42).verdict == Verdict.REPRODUCED


def test_a_resolved_lead_of_another_size_is_reproduced_and_says_so() -> None:
    decision = order(RESOLVED, 5.0)
    assert decision.verdict == Verdict.REPRODUCED
    assert any("differs from the stated +5.00" in reason for reason in decision.reasons)


def test_a_resolved_lag_contradicts_a_claimed_lead() -> None:
    lag = replace(RESOLVED, value=-11.4, low=-12.8, high=-10.0)
    assert order(lag, 11.42).verdict == Verdict.NOT_REPRODUCED


def test_two_systems_shown_equal_contradict_a_claimed_lead() -> None:
    assert order(Difference(0.1, 0.2, -0.3, 0.5, 0.6, 10000, "normal"), 0.59).verdict == Verdict.NOT_REPRODUCED


def test_a_small_p_value_does_not_decide_while_the_interval_holds_zero() -> None:
    assert order(Difference(8.7, 4.4, -0.6, 18.0, 0.03, 15, "t")).verdict == Verdict.INCONCLUSIVE


def test_a_p_value_that_adjustment_lifts_above_the_level_does_not_decide() -> None:
    found = Difference(2.0, 0.9, 0.2, 3.8, 0.03, 1000, "normal")
    assert decide_order("average", "a", "b", found, None, 0.09, 0.05).verdict == Verdict.INCONCLUSIVE


def test_a_fragile_lead_is_flagged() -> None:
    fragile = Robustness(4, 3, 0, 11.0, None, None, ("leaving one benchmark out changes the sign",))
    decision = order(replace(RESOLVED, robustness=fragile))
    assert Flag.FRAGILE in decision.flags


def test_partial_coverage_is_flagged_with_what_is_missing() -> None:
    decision = order(replace(RESOLVED, partial=("benchmarks not run: pubmedqa",)))
    assert Flag.PARTIAL_COVERAGE in decision.flags
    assert "benchmarks not run: pubmedqa" in decision.reasons


@pytest.mark.parametrize(
    ("loss", "se", "verdict"),
    [
        # With an error of 0.156 a loss up to 0.74 is certified below 1, with 0.349 up to 0.43.
        (0.73, 0.156, Verdict.REPRODUCED),
        (0.75, 0.156, Verdict.INCONCLUSIVE),
        (0.42, 0.349, Verdict.REPRODUCED),
        (0.44, 0.349, Verdict.INCONCLUSIVE),
        (0.81, 0.27, Verdict.INCONCLUSIVE),
        (2.0, 0.27, Verdict.NOT_REPRODUCED),
    ],
)
def test_a_bounded_loss_needs_its_one_sided_bound_below_the_margin(loss: float, se: float, verdict: Verdict) -> None:
    found = Difference(-loss, se, -loss - 2 * se, -loss + 2 * se, 0.5, 13451, "normal")
    assert decide_bounded_loss("average", "q", "f", found, 1.0, 0.05).verdict == verdict


def test_equality_needs_the_ninety_percent_interval_inside_the_margin() -> None:
    # 0.59 with an error of 0.456 is tied within 1.5 points (90 % interval -0.16 to 1.34), not within 1.
    found = Difference(0.591, 0.456, -0.3, 1.48, 0.2, 13451, "normal")
    assert decide_equality("average", "a", "b", found, 1.5, 0.05).verdict == Verdict.REPRODUCED
    assert decide_equality("average", "a", "b", found, 1.0, 0.05).verdict == Verdict.INCONCLUSIVE
    far = replace(found, value=9.0)
    assert decide_equality("average", "a", "b", far, 1.0, 0.05).verdict == Verdict.NOT_REPRODUCED


def value(difference: float) -> Decision:
    """Decide on a stated average that another run misses by this much, with an error of 0.221 and a margin of 1."""
    again = Repetition(62.62, 62.62 + difference, 0.005, 3, 3, None, None, same_items=True, benchmarks=())
    method = "error of a repetition"
    found = ValueDifference(difference, 0.221, None, None, None, 13451, method, repetition=again)
    return decide_point_value("average", "a", found, 1.0, 0.05)


@pytest.mark.parametrize(
    ("difference", "verdict"),
    # With an error of 0.221 and a margin of 1, below 0.64 reproduces and above 1.43 does not.
    [
        (0.63, Verdict.REPRODUCED),
        (0.65, Verdict.INCONCLUSIVE),
        (-1.42, Verdict.INCONCLUSIVE),
        (-1.44, Verdict.NOT_REPRODUCED),
    ],
)
def test_a_point_value_reproduces_inside_the_margin(difference: float, verdict: Verdict) -> None:
    assert value(difference).verdict == verdict


def test_a_value_above_the_stated_one_exceeds_it() -> None:
    assert Flag.EXCEEDS in value(3.0).flags


def test_a_size_claim_is_exact() -> None:
    # Published: 2.72 of 8.83 GB, 69 % smaller.
    assert decide_size("q", "f", 2_720_000_000, 8_830_000_000, 69).verdict == Verdict.REPRODUCED
    assert decide_size("q", "f", 105_454_144, 270_885_952, 69).verdict == Verdict.NOT_REPRODUCED


def ratio(value: float, low: float, high: float, truncated: float = 0.0, partial: tuple[str, ...] = ()) -> TokenRatio:
    cut, right = CutShares(0.0, truncated), RightReplies(None, 0, "no item was answered correctly by both")
    return TokenRatio(value, low, high, 0.1, "bootstrap", 500, cut, Sides(100.0, 300.0), None, right, (), partial)


def test_a_token_ratio_must_meet_the_stated_one() -> None:
    assert decide_token_ratio("a", "b", ratio(3.2, 3.0, 3.4), 3.2, 1).verdict == Verdict.REPRODUCED
    assert decide_token_ratio("a", "b", ratio(2.0, 1.9, 2.1), 3.2, 1).verdict == Verdict.NOT_REPRODUCED


def test_truncated_replies_leave_a_token_ratio_open() -> None:
    assert decide_token_ratio("a", "b", ratio(3.2, 3.0, 3.4, 0.02), 3.2, 1).verdict == Verdict.INCONCLUSIVE


def test_replies_left_out_of_a_token_ratio_are_flagged() -> None:
    decision = decide_token_ratio("a", "b", ratio(3.2, 3.0, 3.4, partial=("2 items left out",)), 3.2, 1)
    assert Flag.PARTIAL_COVERAGE in decision.flags
    assert "2 items left out" in decision.reasons


def agreeing(value: float, draws: int) -> Difference:
    """A minus B of items that all have the same difference, so without any spread."""
    return Difference(value, 0.0, None, None, 1.0, draws, "Tango score", constant=Constant(value, value, draws))


@pytest.mark.parametrize(
    ("value", "draws", "verdict"),
    # Clopper-Pearson: no event in n items leaves a share of 1 - 0.05^(1/n), which falls below 1 % at n = 299 (the
    # "rule of three": 3 / 0.01 = 300).
    [
        (0.0, 299, Verdict.REPRODUCED),
        (0.0, 298, Verdict.INCONCLUSIVE),
        (-100.0, 40, Verdict.NOT_REPRODUCED),
        # With one item lost, no share of lost items can be excluded.
        (-100.0, 1, Verdict.INCONCLUSIVE),
        (100.0, 40, Verdict.REPRODUCED),
    ],
)
def test_a_loss_without_spread_is_decided_by_an_exact_bound(value: float, draws: int, verdict: Verdict) -> None:
    assert decide_bounded_loss("medqa", "a", "b", agreeing(value, draws), 1.0, 0.05).verdict == verdict


def test_the_exact_bound_is_that_of_clopper_and_pearson() -> None:
    [bound] = decide_bounded_loss("medqa", "a", "b", agreeing(0.0, 60), 10.0, 0.05).reasons
    exact = 100 * stats.binomtest(0, 60, alternative="less").proportion_ci(0.95, "exact").high
    assert f"upper bound of {exact:.2f}" in bound


def test_equality_without_spread_is_decided_by_exact_bounds() -> None:
    verdicts = [
        decide_equality("medqa", "a", "b", agreeing(*case), 1.0, 0.05).verdict for case in ((0.0, 300), (0.0, 40))
    ]
    assert verdicts == [Verdict.REPRODUCED, Verdict.INCONCLUSIVE]
    assert decide_equality("medqa", "a", "b", agreeing(-100.0, 40), 1.0, 0.05).verdict == Verdict.NOT_REPRODUCED


def entries(*values: float) -> list[DifferenceRow]:
    return [DifferenceRow(f"b{i}", 100, value, None, 1.0, 1.0) for i, value in enumerate(values)]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_benchmarks_on_a_level_do_not_agree_with_either_sign(sign: float) -> None:
    # Two of four benchmarks are level and one of the others is ahead of the average's sign: 2 of 4 agree.
    found = fragility(entries(0.0, 0.0, sign * 0.3, sign * 0.2))
    assert "only 2 of 4 benchmarks agree in sign" in found


def test_an_average_on_which_two_thirds_agree_is_not_fragile() -> None:
    assert fragility(entries(0.3, 0.2, -0.01)) == ()


def test_no_judged_claim_is_decided_by_a_judge_that_is_not_credible() -> None:
    decision = withheld(order(RESOLVED), "the judge's agreement is not established", Flag.JUDGE_NOT_CREDIBLE)
    assert decision.verdict == Verdict.INCONCLUSIVE
    assert Flag.JUDGE_NOT_CREDIBLE in decision.flags


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (["REPRODUCED", "REPRODUCED"], "REPRODUCED"),
        (["REPRODUCED", "INCONCLUSIVE"], "INCONCLUSIVE"),
        (["REPRODUCED", "NOT_TESTABLE"], "INCONCLUSIVE"),
        (["INCONCLUSIVE", "NOT_REPRODUCED"], "NOT_REPRODUCED"),
        (["NOT_TESTABLE", "NOT_TESTABLE"], "NOT_TESTABLE"),
    ],
)
def test_a_claim_is_as_good_as_its_worst_part(parts: list[str], whole: str) -> None:
    assert combine([Decision("m", "a", "b", Verdict(part), ()) for part in parts]) == Verdict(whole)
