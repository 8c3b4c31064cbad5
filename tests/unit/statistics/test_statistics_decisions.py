"""Equivalence, non-inferiority and multiplicity (sections A7, A10 and A11 of the methods page)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from medeval.statistics.equivalence import non_inferiority, tost
from medeval.statistics.multiplicity import benjamini_hochberg, holm
from medeval.statistics.paired import paired_difference

# A10: 1000 items, 40 right in the base only, 35 right in the quantised copy only.
BASE = np.repeat([1.0, 1.0, 0.0, 0.0], [500, 40, 35, 425])
QUANTISED = np.repeat([1.0, 0.0, 1.0, 0.0], [500, 40, 35, 425])
# A11.
P_VALUES = [0.001, 0.010, 0.020, 0.030, 0.040, 0.200, 0.700]


def test_two_one_sided_tests_of_the_printed_example() -> None:
    loss = paired_difference(BASE, QUANTISED)
    assert loss.se is not None
    outcome = tost(loss.value, loss.se, 0.03, df=999)
    assert outcome.p_value == pytest.approx(0.00199417643, rel=1e-8)
    assert outcome.p_value == pytest.approx(float(ttost_paired(BASE, QUANTISED, -0.03, 0.03)[0]), rel=1e-9)
    assert outcome.equivalent is True


@pytest.mark.parametrize(("margin", "p_value"), [(0.01, 0.28198148), (0.02, 0.04183806)])
def test_non_inferiority_of_the_printed_example(margin: float, p_value: float) -> None:
    loss = paired_difference(BASE, QUANTISED)
    assert loss.se is not None
    outcome = non_inferiority(loss.value, loss.se, margin, df=999)
    assert outcome.p_value == pytest.approx(p_value, rel=1e-6)
    assert outcome.within is (p_value < 0.05)
    other = stats.ttest_1samp(BASE - QUANTISED, margin, alternative="less")
    assert outcome.p_value == pytest.approx(float(other.pvalue), rel=1e-9)


@pytest.mark.parametrize(
    ("shift", "reproduced", "contradicted"),
    [(0.0, 0.996, 0.0), (0.5, 0.731, 0.0), (1.0, 0.050, 0.025), (1.5, 0.0, 0.618), (2.0, 0.0, 0.995)],
)
def test_operating_characteristics_of_a_point_claim(shift: float, reproduced: float, contradicted: float) -> None:
    # A7: SE 0.221 and margin 1 point; the chances are found by integrating the decision over the observed difference.
    se, margin = 0.00221, 0.01
    steps = np.linspace(-6, 6, 4001)
    outcomes = [tost(shift / 100 + step * se, se, margin) for step in steps]
    weights = stats.norm.pdf(steps) / stats.norm.pdf(steps).sum()
    assert weights @ [bool(o.equivalent) for o in outcomes] == pytest.approx(reproduced, abs=0.002)
    assert weights @ [bool(o.above) for o in outcomes] == pytest.approx(contradicted, abs=0.002)
    assert not any(o.equivalent and (o.above or o.below) for o in outcomes)


def test_thresholds_of_a_point_claim() -> None:
    # A7: equal if |difference| < 0.64 points, contradicted if > 1.43 points.
    se, margin = 0.00221, 0.01
    assert tost(0.0063, se, margin).equivalent is True
    assert tost(0.0065, se, margin).equivalent is False
    assert tost(-0.0142, se, margin).below is False
    assert tost(-0.0144, se, margin).below is True
    assert tost(0.0144, se, margin).above is True


def test_a_published_near_tie_is_a_tie_within_one_and_a_half_points() -> None:
    # A9: difference 0.591, 90 % interval -0.16 to 1.34 at SE 0.456; works up to SE 0.55.
    outcome = tost(0.00591, 0.00456, 0.015)
    assert (outcome.low, outcome.high) == pytest.approx((-0.0016, 0.0134), abs=5e-5)
    assert outcome.equivalent is True
    assert tost(0.00591, 0.0055, 0.015).equivalent is True
    assert tost(0.00591, 0.0056, 0.015).equivalent is False


def test_loss_shown_to_exceed_the_bound() -> None:
    outcome = non_inferiority(0.03, 0.005, 0.01)
    assert (outcome.within, outcome.exceeded) == (False, True)
    assert (outcome.low, outcome.high) == pytest.approx((0.03 - 1.6448536 * 0.005, 0.03 + 1.6448536 * 0.005))


def test_no_spread_leaves_the_decision_open() -> None:
    equal, bounded = tost(0.0, 0.0, 0.01), non_inferiority(0.0, 0.0, 0.01)
    assert (equal.p_value, equal.equivalent, equal.below, equal.above) == (None,) * 4
    assert (bounded.p_value, bounded.within, bounded.exceeded) == (None,) * 3


@pytest.mark.parametrize(
    "arguments",
    [(math.nan, 1, 1), (0, math.nan, 1), (0, -1, 1), (0, 1, 0), (0, 1, math.inf), (math.inf, 1, 1)],
)
def test_unusable_numbers_are_refused(arguments: tuple[float, float, float]) -> None:
    for test in (tost, non_inferiority):
        with pytest.raises(ValueError, match="expected a finite number"):
            test(*arguments)


@given(st.floats(-0.1, 0.1), st.floats(1e-4, 0.1), st.floats(1e-3, 0.1))
def test_decision_p_value_and_interval_agree(value: float, se: float, margin: float) -> None:
    outcome, mirrored = tost(value, se, margin), tost(-value, se, margin)
    assert outcome.p_value is not None
    if abs(outcome.p_value - 0.05) > 1e-9:
        assert outcome.equivalent is (outcome.p_value < 0.05)
    assert (mirrored.equivalent, mirrored.p_value) == (outcome.equivalent, outcome.p_value)
    assert (mirrored.below, mirrored.above) == (outcome.above, outcome.below)


def test_holm_adjusted_values() -> None:
    adjusted = holm(P_VALUES)
    assert adjusted.p_values == pytest.approx((0.007, 0.06, 0.10, 0.12, 0.12, 0.40, 0.70), rel=1e-9)
    assert adjusted.rejected == (True, False, False, False, False, False, False)


def test_benjamini_hochberg_adjusted_values() -> None:
    adjusted = benjamini_hochberg(P_VALUES)
    expected = (0.007, 0.035, 0.0466667, 0.0525, 0.056, 0.2333333, 0.70)
    assert adjusted.p_values == pytest.approx(expected, rel=1e-6)
    assert adjusted.p_values == pytest.approx(tuple(stats.false_discovery_control(P_VALUES)), rel=1e-9)
    assert adjusted.rejected == (True, True, True, True, True, False, False)


def test_adjustment_keeps_the_order_of_the_input() -> None:
    assert holm(P_VALUES[::-1]).p_values == holm(P_VALUES).p_values[::-1]


@pytest.mark.parametrize("p_values", [[], [0.1, math.nan], [1.2], [-0.1]])
def test_values_that_are_no_p_values_are_refused(p_values: list[float]) -> None:
    with pytest.raises(ValueError, match="p_values"):
        holm(p_values)
