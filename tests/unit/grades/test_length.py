"""Length and score: figures worked by hand and by independent libraries."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from medeval.grades.length import correlation, length_adjusted, win_rate


def answers(**examples: list[tuple[float, float]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {
        name: (np.array([s for s, _ in pairs]), np.array([length for _, length in pairs]))
        for name, pairs in examples.items()
    }


def test_the_correlation_is_pearsons() -> None:
    rng = np.random.default_rng(5)
    lengths = rng.integers(200, 4000, 80)
    scores = 0.1 * lengths / 1000 + rng.normal(0, 0.3, 80)
    found = correlation(scores, lengths, np.arange(80))
    assert found is not None
    expected = stats.pearsonr(scores, lengths)
    assert found.value == pytest.approx(expected.statistic, rel=1e-12)
    interval = expected.confidence_interval()  # Fisher's; the bootstrap agrees roughly
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.08)


def test_answers_to_one_prompt_widen_the_interval_of_the_correlation() -> None:
    rng = np.random.default_rng(6)
    lengths, scores = rng.uniform(1, 2, 30), rng.uniform(0, 1, 30)
    once = correlation(scores, lengths, np.arange(30))
    copied = correlation(np.tile(scores, 4), np.tile(lengths, 4), np.tile(np.arange(30), 4))
    assert once is not None and copied is not None
    assert copied.value == pytest.approx(once.value)
    assert copied.se == pytest.approx(once.se, rel=0.1)


@pytest.mark.parametrize("lengths", [[5, 5, 5, 5], [1, 2]])
def test_no_correlation_where_none_is_defined(lengths: list[int]) -> None:
    scores = np.linspace(0, 1, len(lengths))
    assert correlation(scores, lengths, np.arange(len(lengths))) is None


def test_the_win_rate_counts_pairs_of_like_length_and_averages_over_examples() -> None:
    # one: lengths 100 and 110 differ by 10/105 = 9.5 %: kept, A wins. 100 and 111: 11/105.5 = 10.4 %: apart.
    # two: 4 pairs of equal length: one tie, A wins 2, B wins 1. three: tie. four: only A answered.
    a = answers(one=[(0.9, 100)], two=[(0.5, 80), (0.7, 80)], three=[(0.5, 90)], four=[(1.0, 90)])
    b = answers(one=[(0.1, 110), (0.2, 111)], two=[(0.5, 80), (0.6, 80)], three=[(0.5, 90)])
    found = win_rate(a, b)
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx((1 + 2 / 3) / 2)
    assert (found.examples, found.pairs, found.tied, found.apart, found.kept, found.kept_examples) == (3, 7, 2, 1, 4, 2)
    assert win_rate(a, b, limit=None).apart == 0


def test_exactly_ten_percent_is_alike_and_the_sides_may_change_places() -> None:
    # |95 - 105| / 100 = 0.10
    a, b = answers(x=[(1.0, 95)], y=[(0.0, 50)]), answers(x=[(0.0, 105)], y=[(1.0, 50)])
    assert win_rate(a, b).kept == 2
    assert win_rate(answers(x=[(1.0, 0)]), answers(x=[(0.0, 0)])).kept == 1
    wins, losses = win_rate(a, b), win_rate(b, a)
    assert wins.estimate is not None and losses.estimate is not None
    assert wins.estimate.value + losses.estimate.value == pytest.approx(1.0)


def test_the_interval_of_a_rate_stays_within_its_range() -> None:
    # each of 6 examples won or lost: 4 of 6, Clopper-Pearson from an independent library
    a = answers(**{f"e{i}": [(1.0 if i < 4 else 0.0, 10)] for i in range(6)})
    found = win_rate(a, answers(**{f"e{i}": [(0.5, 10)] for i in range(6)})).estimate
    expected = stats.binomtest(4, 6).proportion_ci(method="exact")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)
    repeated = answers(x=[(1.0, 10), (0.0, 10)], y=[(1.0, 10)], z=[(0.0, 10)])
    found = win_rate(repeated, answers(x=[(0.5, 10)], y=[(0.5, 10)], z=[(0.5, 10)])).estimate
    assert found is not None and found.low is not None and found.high is not None
    assert 0.0 <= found.low < 0.5 < found.high <= 1.0


def test_no_pair_of_like_length_gives_no_rate() -> None:
    found = win_rate(answers(x=[(1.0, 10)]), answers(x=[(0.0, 1000)]))
    assert (found.estimate, found.apart) == (None, 1)


def test_the_length_adjusted_difference_is_the_intercept_of_an_independent_regression() -> None:
    rng = np.random.default_rng(7)
    names = [f"e{i}" for i in range(60)]
    lengths = rng.integers(300, 3000, (2, 60))
    scores = 0.2 * np.log(lengths) + np.array([[0.05], [0.0]]) + rng.normal(0, 0.05, (2, 60))
    a = answers(**{name: [(scores[0, i], lengths[0, i])] for i, name in enumerate(names)})
    b = answers(**{name: [(scores[1, i], lengths[1, i])] for i, name in enumerate(names)})
    found = length_adjusted(a, b)
    data = pd.DataFrame({"d": scores[0] - scores[1], "x": np.log(lengths[0] / lengths[1])})
    expected = smf.ols("d ~ x", data).fit(cov_type="HC1")
    assert found.estimate is not None and found.slope is not None
    assert found.estimate.value == pytest.approx(expected.params["Intercept"], rel=1e-9)
    assert found.estimate.se == pytest.approx(expected.bse["Intercept"], rel=1e-9)
    assert found.slope == pytest.approx(expected.params["x"], rel=1e-9)
    assert abs(found.estimate.value - 0.05) < 0.03


def test_repeats_of_an_example_are_one_pair_and_empty_answers_are_left_out() -> None:
    a = answers(w=[(0.0, 100), (1.0, 400)], x=[(1.0, 100)], y=[(0.5, 300)], z=[(0.5, 0)])
    b = answers(w=[(0.0, 200)], x=[(0.0, 300)], y=[(0.0, 100)], z=[(0.5, 10)])
    found = length_adjusted(a, b)
    assert (found.examples, found.left_out) == (3, 1)


def test_equal_lengths_leave_the_slope_and_the_adjustment_undefined() -> None:
    same = {f"e{i}": [(float(i % 2), 100.0)] for i in range(6)}
    assert length_adjusted(answers(**same), answers(**same)).estimate is None
