"""Single-model means: standard errors and intervals (sections A2 and A3 of the methods page)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS

from medeval.statistics.clustered import cluster_mean, design_effect
from medeval.statistics.intervals import (
    clopper_pearson,
    jeffreys,
    mean_interval,
    proportion_interval,
    t_interval,
    wilson,
)

# Computed with statsmodels.
CLUSTERED_SCORES = [1, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0]
CLUSTERS = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


@pytest.mark.parametrize(
    ("accuracy", "n", "stderr"),
    [
        (0.33088235294117646, 272, 0.028582709753898),
        (0.64, 500, 0.0214877510897206),
        (0.39, 100, 0.0490207130000197),
        (0.34104046242774566, 173, 0.0361466542418082),
        (0.4148148148148148, 135, 0.0425619376790141),
    ],
)
def test_error_agrees_with_published_harness_results(accuracy: float, n: int, stderr: float) -> None:
    # A2: acc_stderr in result files of a public leaderboard, written by lm-evaluation-harness.
    right = round(accuracy * n)
    scores = np.repeat([1.0, 0.0], [right, n - right])
    assert wilson(right, n).value == pytest.approx(accuracy, rel=1e-15)
    assert wilson(right, n).se == pytest.approx(stderr, rel=1e-12)
    assert t_interval(scores).se == pytest.approx(stderr, rel=1e-12)
    assert cluster_mean(scores).se == pytest.approx(stderr, rel=1e-12)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (955, 1273, 0.725687039738748, 0.773200269722789),
        (375, 500, 0.7102363265170449, 0.785951503252179),
        (0, 20, 0.0, 0.161125158052819),
    ],
)
def test_wilson_ends(right: int, n: int, low: float, high: float) -> None:
    # A2; scipy is the second, independent implementation.
    estimate = wilson(right, n)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), rel=1e-9)
    other = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx((other.low, other.high), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(45, 50, 0.781864633565798, 0.966724906410977), (272, 272, 0.986529493538261, 1.0)],
)
def test_clopper_pearson_ends(right: int, n: int, low: float, high: float) -> None:
    # A2; scipy is the second, independent implementation.
    estimate = clopper_pearson(right, n)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), rel=1e-9)
    other = stats.binomtest(right, n).proportion_ci(method="exact")
    assert (estimate.low, estimate.high) == pytest.approx((other.low, other.high), rel=1e-9)


def test_jeffreys_ends_are_quantiles_of_the_beta_posterior() -> None:
    estimate = jeffreys(45, 50)
    expected = stats.beta(45.5, 5.5).ppf([0.025, 0.975])
    assert (estimate.low, estimate.high) == pytest.approx(tuple(expected), rel=1e-9)


def test_exact_interval_below_300_items_and_wilson_from_there_on() -> None:
    assert proportion_interval(200, 299) == clopper_pearson(200, 299)
    assert proportion_interval(200, 300) == wilson(200, 300)


def test_t_interval_agrees_with_scipy() -> None:
    scores = np.random.default_rng(1).normal(0.4, 0.3, size=50)
    other = stats.ttest_1samp(scores, 0.0).confidence_interval(0.9)
    estimate = t_interval(scores, confidence=0.9)
    assert (estimate.low, estimate.high) == pytest.approx((other.low, other.high), rel=1e-9)


def test_mean_interval_picks_the_method_from_the_data() -> None:
    assert mean_interval([1, 0, 1, 1]).method == clopper_pearson(3, 4).method
    assert mean_interval([1 / 3, 0, 1, 1]).method.startswith("t with 3")
    assert "cluster bootstrap" in mean_interval(CLUSTERED_SCORES, CLUSTERS).method


def test_cluster_errors_agree_with_printed_values_and_statsmodels() -> None:
    # A3: mean 0.5, CR0 0.186338998, CR1 0.215165741, naive 0.150755672.
    estimate = cluster_mean(CLUSTERED_SCORES, CLUSTERS)
    assert estimate.value == 0.5
    assert estimate.cr0 == pytest.approx(0.186338998, rel=1e-6)
    assert estimate.cr1 == pytest.approx(0.215165741, rel=1e-6)
    assert estimate.naive == pytest.approx(0.150755672, rel=1e-6)
    for corrected, expected in ((False, estimate.cr0), (True, estimate.cr1)):
        fit = OLS(np.array(CLUSTERED_SCORES, float), np.ones(12)).fit(
            cov_type="cluster", cov_kwds={"groups": np.array(CLUSTERS), "use_correction": corrected}
        )
        assert expected == pytest.approx(float(fit.bse[0]), rel=1e-9)


def test_design_effect_and_effective_n_follow_from_the_errors() -> None:
    estimate = cluster_mean(CLUSTERED_SCORES, CLUSTERS)
    assert estimate.design_effect == pytest.approx((0.215165741 / 0.150755672) ** 2, rel=1e-6)
    assert estimate.effective_n == pytest.approx(12 / (0.215165741 / 0.150755672) ** 2, rel=1e-6)


def test_design_effect_of_equal_clusters() -> None:
    # A3: m = 10, ICC 0.3 -> 3.7; 1000 items are worth 270.27.
    assert design_effect(10, 0.3) == pytest.approx(3.7, rel=1e-12)
    assert 1000 / design_effect(10, 0.3) == pytest.approx(270.27, abs=0.005)


def test_few_clusters_say_so_and_never_get_less_than_the_t_interval() -> None:
    estimate = cluster_mean(CLUSTERED_SCORES, CLUSTERS)
    half = stats.t(3).ppf(0.975) * 0.215165741
    assert estimate.low == pytest.approx(0.5 - half, rel=1e-6)
    assert "4 clusters, fewer than 30" in estimate.method
    assert estimate.seed == 20260101


def test_independent_items_do_not_count_as_few_clusters() -> None:
    estimate = cluster_mean([0.1, 0.5, 0.9])
    assert "bootstrap" not in estimate.method
    assert estimate.seed is None


def test_what_cannot_be_computed_is_none_and_never_zero() -> None:
    single = cluster_mean([1, 0, 1], ["a", "a", "a"])
    assert (single.se, single.cr0, single.cr1, single.low, single.high) == (None,) * 5
    constant = t_interval([1.0, 1.0, 1.0])
    assert (constant.se, constant.low, constant.high) == (0.0, None, None)
    assert (t_interval([0.5]).se, wilson(1, 1).se) == (None, None)


@pytest.mark.parametrize(
    ("scores", "clusters", "message"),
    [
        ([], None, "at least one value"),
        ([[1, 0]], None, "1-D"),
        ([1, math.nan], None, "nan at position 1"),
        (["right"], None, "expected numbers"),
        ([1, 0], ["a"], "one label for each of 2 items"),
        ([1, 0], ["a", None], "missing label at position 1"),
        ([1, 0], [1.0, math.nan], "missing label at position 1"),
    ],
)
def test_unusable_input_is_refused_by_name(scores: list[object], clusters: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cluster_mean(scores, clusters)  # type: ignore[arg-type]


@pytest.mark.parametrize(("right", "n"), [(-1, 5), (6, 5), (0, 0), (1.5, 5)])
def test_impossible_counts_are_refused(right: int, n: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        wilson(right, n)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40), st.integers(0, 2**32 - 1))
def test_duplicated_items_halve_the_variance_or_leave_it_by_cluster(scores: list[float], seed: int) -> None:
    # Metamorphic properties of H2, for CR0.
    clusters = np.random.default_rng(seed).integers(0, 5, size=len(scores))
    clusters[:2] = (0, 1)
    once = cluster_mean(scores, clusters).cr0
    apart = cluster_mean(scores * 2, [*clusters, *(clusters + 100)]).cr0
    together = cluster_mean(scores * 2, [*clusters, *clusters]).cr0
    assert once is not None and apart is not None and together is not None
    assert apart**2 == pytest.approx(once**2 / 2, rel=1e-9, abs=1e-18)
    assert together == pytest.approx(once, rel=1e-9, abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40), st.randoms())
def test_order_of_items_does_not_matter(scores: list[float], shuffler: object) -> None:
    order = list(range(len(scores)))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    clusters = [i // 3 for i in range(len(scores))]
    before = cluster_mean(scores, clusters)
    after = cluster_mean([scores[i] for i in order], [clusters[i] for i in order])
    assert after.value == pytest.approx(before.value, rel=1e-9, abs=1e-12)
    if before.cr1 is None:
        assert after.cr1 is None
    else:
        assert after.cr1 == pytest.approx(before.cr1, rel=1e-9, abs=1e-12)
