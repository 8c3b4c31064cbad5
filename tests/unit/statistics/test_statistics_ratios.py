"""Ratios of means (section A13 of the methods page)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medeval.statistics.ratios import ratio_of_means

# A13.
LONG = [3000, 2800, 2500, 3300, 3200]
SHORT = [900, 1000, 800, 950, 1100]


def test_ratio_of_the_printed_example() -> None:
    estimate = ratio_of_means(LONG, SHORT)
    assert estimate.delta.value == pytest.approx(3.115789474, rel=1e-9)
    assert estimate.delta.se == pytest.approx(0.130077157, rel=1e-8)
    assert estimate.median_of_ratios == pytest.approx(3.125, rel=1e-12)


def test_three_routes_agree_on_many_items() -> None:
    rng = np.random.default_rng(1)
    size = rng.lognormal(6, 0.5, size=2000)
    estimate = ratio_of_means(3 * size * rng.lognormal(0, 0.2, size=2000), size)
    ends = [(e.low, e.high) for e in (estimate.delta, estimate.log, estimate.bootstrap)]
    assert ends[1] == pytest.approx(ends[0], rel=1e-3)
    assert ends[2] == pytest.approx(ends[0], rel=3e-3)
    assert estimate.bootstrap.se == pytest.approx(estimate.delta.se, rel=0.05)


def test_log_interval_is_symmetric_as_a_factor() -> None:
    log = ratio_of_means(LONG, SHORT).log
    assert log.low is not None and log.high is not None
    assert math.sqrt(log.low * log.high) == pytest.approx(log.value, rel=1e-12)


def test_repeats_of_an_item_are_one_cluster() -> None:
    once = ratio_of_means(LONG, SHORT)
    repeated = ratio_of_means(LONG * 3, SHORT * 3, clusters=list(range(5)) * 3)
    assert repeated.delta.se == pytest.approx(once.delta.se, rel=1e-12)
    assert repeated.bootstrap.clusters == 5


def test_one_item_has_no_error() -> None:
    estimate = ratio_of_means([30], [10])
    assert (estimate.delta.value, estimate.delta.se, estimate.log.low, estimate.bootstrap.se) == (
        3.0,
        None,
        None,
        None,
    )


def test_item_without_denominator_has_no_ratio_of_its_own() -> None:
    denominator = [0, *([10] * 99)]
    assert ratio_of_means([20] * 100, denominator, resamples=100).median_of_ratios is None


@pytest.mark.parametrize(
    ("numerator", "denominator", "message"),
    [
        ([1, 2], [1], "same length"),
        ([1, -2], [1, 1], "no negative"),
        ([1, 2], [0, 0], "no ratio"),
        ([], [], "at least one"),
    ],
)
def test_unusable_amounts_are_refused(numerator: list[int], denominator: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ratio_of_means(numerator, denominator)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(1, 1e4), st.floats(1, 1e4)), min_size=2, max_size=20))
def test_turning_the_ratio_inverts_it_and_keeps_the_relative_error(pairs: list[tuple[float, float]]) -> None:
    top, bottom = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    forth, back = ratio_of_means(top, bottom, resamples=10), ratio_of_means(bottom, top, resamples=10)
    assert back.delta.value == pytest.approx(1 / forth.delta.value, rel=1e-9)
    assert back.log.se == pytest.approx(forth.log.se, rel=1e-6, abs=1e-9)
