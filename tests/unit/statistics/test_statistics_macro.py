"""Macro-averages over benchmarks (sections A5 and A8 of the methods page)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from medeval.statistics.across import benchmark_t_test, leave_one_out, micro_average
from medeval.statistics.clustered import cluster_mean
from medeval.statistics.estimates import BootstrapEstimate, Estimate
from medeval.statistics.macro import Component, MacroEstimate, error_agreement, macro_average, macro_bootstrap

# A8: differences, in points, of two pairs of published models over seven benchmarks, and the benchmarks' items.
CLOSE = [3.07, -0.78, -1.57, -2.49, -0.62, 1.10, 5.43]
MATCHED = [
    69.53 - 74.53,
    82.72 - 85.92,
    64.84 - 64.12,
    61.37 - 67.73,
    63.56 - 61.78,
    75.05 - 70.91,
    21.28 - 16.69,
]
CLEAR = [
    69.53 - 58.73,
    82.72 - 67.69,
    64.84 - 54.38,
    61.37 - 47.31,
    63.56 - 50.08,
    75.05 - 64.39,
    21.28 - 15.80,
]
ITEMS = [500, 1089, 3910, 818, 4183, 1273, 2450]


def differences(both: int, only_a: int, only_b: int, neither: int) -> np.ndarray:
    """Paired differences with these four counts."""
    return np.repeat([0.0, 1.0, -1.0, 0.0], [both, only_a, only_b, neither])


# A5: three benchmarks as (both, only A, only B, neither).
TOY = [
    Component(differences(60, 20, 10, 10)),
    Component(differences(120, 25, 30, 25)),
    Component(differences(30, 8, 4, 8)),
]


def test_macro_average_of_the_printed_example() -> None:
    estimate = macro_average(TOY)
    parts = [part.value for part in estimate.components]
    errors = [part.se for part in estimate.components]
    assert parts == pytest.approx([0.10, -0.025, 0.08], rel=1e-9)
    assert errors == pytest.approx([0.0541229427, 0.0371317767, 0.0690459770], rel=1e-8)
    assert estimate.value == pytest.approx(0.0516666667, rel=1e-8)
    assert estimate.se == pytest.approx(0.0317549799, rel=1e-8)
    assert estimate.z == pytest.approx(1.6270413931, rel=1e-8)
    assert estimate.p_value == pytest.approx(0.1037283068, rel=1e-8)
    # The printed lower end is off in its eighth decimal: it is not as far from the value as the upper end is.
    assert estimate.high == pytest.approx(0.1139052840, rel=1e-8)
    assert estimate.low == pytest.approx(-0.0105719767, abs=5e-8)
    assert estimate.low == pytest.approx(2 * estimate.value - 0.1139052840, rel=1e-7)
    assert estimate.n == 350


def test_macro_bootstrap_of_the_printed_example() -> None:
    estimate = macro_bootstrap(TOY)
    # A5 prints SE 0.0314 +- 0.0004 and ends -0.010, 0.113. In closed form the bootstrap variance is that of CR0.
    exact = math.sqrt(sum(part.scores.var() / part.scores.size for part in TOY)) / 3  # type: ignore[union-attr]
    assert exact == pytest.approx(0.0314, abs=0.0004)
    assert estimate.se == pytest.approx(exact, abs=4 * exact / math.sqrt(20_000))
    end = 4 * exact * math.sqrt(0.025 * 0.975 / 10_000) / stats.norm.pdf(1.96)
    assert estimate.low == pytest.approx(-0.010, abs=end + 0.0005)
    assert estimate.high == pytest.approx(0.113, abs=end + 0.0005)
    assert estimate.p_value == pytest.approx(0.1037, abs=0.02)
    assert estimate.seed == 20260101


def test_mean_of_subjects_has_the_variance_of_its_subjects() -> None:
    # A5, nested macro: Var = (1/S^2) sum Var_s / n_s, whatever the sizes.
    rng = np.random.default_rng(2)
    subjects = [rng.integers(0, 2, size=n).astype(float) for n in (135, 265, 144)]
    names = np.repeat(["a", "b", "c"], [135, 265, 144])
    nested = macro_average([Component(np.concatenate(subjects), subjects=names)])
    assert nested.value == pytest.approx(np.mean([s.mean() for s in subjects]), rel=1e-12)
    assert nested.se == pytest.approx(math.sqrt(sum(s.var(ddof=1) / s.size for s in subjects)) / 3, rel=1e-12)
    apart = macro_average([Component(s) for s in subjects])
    assert nested.se == pytest.approx(apart.se, rel=1e-12)
    pooled = macro_average([Component(np.concatenate(subjects))])
    assert pooled.value != pytest.approx(nested.value, rel=1e-6)


def test_bootstrap_resamples_within_subjects() -> None:
    # Subject "b" never varies; resampling within subjects leaves only the spread of "a", halved.
    scores = np.concatenate([np.tile([0.0, 1.0], 200), np.ones(100)])
    nested = macro_bootstrap([Component(scores, subjects=np.repeat(["a", "b"], [400, 100]))])
    exact = 0.5 * 0.5 / math.sqrt(400)
    assert nested.value == pytest.approx(0.75, rel=1e-12)
    assert nested.se == pytest.approx(exact, abs=4 * exact / math.sqrt(20_000))


def test_clusters_inside_a_benchmark_agree_with_the_single_mean() -> None:
    rng = np.random.default_rng(3)
    scores, clusters = rng.normal(size=200), rng.integers(0, 60, size=200)
    assert macro_average([Component(scores, clusters)]).se == pytest.approx(
        cluster_mean(scores, clusters).se, rel=1e-12
    )


def test_equal_labels_in_two_benchmarks_are_one_cluster_only_when_shared() -> None:
    scores = np.random.default_rng(4).normal(size=400)
    twice = [Component(scores, np.arange(400)), Component(scores, np.arange(400))]
    once = macro_average([Component(scores)]).se
    assert once is not None
    assert macro_average(twice).se == pytest.approx(once / math.sqrt(2), rel=1e-9)
    assert macro_average(twice, shared_clusters=True).se == pytest.approx(once, rel=1e-9)
    drawn = macro_bootstrap(twice, shared_clusters=True).se
    assert drawn == pytest.approx(once, abs=once * (1 / 400 + 4 / math.sqrt(20_000)))


def test_clusters_that_cross_subjects_keep_their_dependence() -> None:
    rng = np.random.default_rng(5)
    vignette = rng.normal(size=300)
    part = Component(
        np.concatenate([vignette, vignette + rng.normal(scale=0.1, size=300)]),
        clusters=np.tile(np.arange(300), 2),
        subjects=np.repeat(["a", "b"], 300),
    )
    normal, drawn = macro_average([part]), macro_bootstrap([part])
    assert normal.se == pytest.approx(1 / math.sqrt(300), rel=0.1)
    assert drawn.se == pytest.approx(normal.se, rel=0.05)


def small_beside_large() -> list[Component]:
    """400 items, and 4 of which one repeats an item of the 400: drawn together, most resamples lack the small ones."""
    large = np.random.default_rng(6).integers(0, 2, size=400).astype(float)
    return [Component(large, np.arange(400)), Component([1.0, 0.0, 1.0, 0.0], [-1, -2, -3, 7])]


def test_a_cluster_across_benchmarks_cannot_leave_a_small_one_without_items() -> None:
    large, small = small_beside_large()
    estimate = macro_bootstrap([large, small], shared_clusters=True)
    # In closed form: each benchmark's own clusters vary as in a plain bootstrap, the single shared one does not.
    own = np.delete(np.asarray(large.scores), 7)
    variance = own.size * own.var() / 400**2 + 3 * np.var([1.0, 0.0, 1.0]) / 4**2
    exact = math.sqrt(variance) / 2
    assert estimate.value == pytest.approx((np.mean(large.scores) + 0.5) / 2)
    assert estimate.se == pytest.approx(exact, abs=4 * exact / math.sqrt(20_000))


def test_a_benchmark_of_spanning_clusters_alone_keeps_its_items() -> None:
    # All 5 items of the small benchmark repeat one of the large one: they are drawn as a block of their own.
    large = np.random.default_rng(7).integers(0, 2, size=300).astype(float)
    small = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    parts = [Component(large, np.arange(300)), Component(small, np.arange(5))]
    estimate = macro_bootstrap(parts, shared_clusters=True)
    shared = large[:5] / 300 + small / 5
    exact = math.sqrt(295 * large[5:].var() / 300**2 + 5 * shared.var()) / 2
    assert estimate.se == pytest.approx(exact, abs=4 * exact / math.sqrt(20_000))


def test_clusters_that_can_never_be_exchanged_leave_the_bootstrap_without_an_interval() -> None:
    # Every benchmark consists of two clusters, and each pair of benchmarks shares one.
    labels = [["x", "y"], ["y", "z"], ["z", "x"]]
    estimate = macro_bootstrap([Component([1.0, 0.0], label) for label in labels], shared_clusters=True)
    assert estimate.value == pytest.approx(0.5)
    assert (estimate.se, estimate.low, estimate.p_value) == (None,) * 3
    assert "needs two clusters" in estimate.method


def test_benchmark_with_one_cluster_leaves_the_error_unknown() -> None:
    parts = [Component([1.0, 0.0, 1.0]), Component([1.0, 0.0], ["x", "x"])]
    normal, drawn = macro_average(parts), macro_bootstrap(parts)
    assert normal.value == drawn.value == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert (normal.se, normal.low, normal.z, normal.p_value) == (None,) * 4
    assert (drawn.se, drawn.low, drawn.p_value) == (None,) * 3


def test_constant_benchmark_leaves_the_others_as_they_were() -> None:
    # Metamorphic property of H2.
    before, after = macro_average(TOY), macro_average([*TOY, Component(np.ones(50))])
    assert after.components[:3] == before.components


@pytest.mark.parametrize(
    ("size", "ratio", "trusted"), [(300, 1.04, "normal"), (300, 1.06, "bootstrap"), (299, 1.0, "bootstrap")]
)
def test_normal_error_is_trusted_only_with_large_benchmarks_and_agreement(
    size: int, ratio: float, trusted: str
) -> None:
    part = Estimate(0.1, 0.01, 0.0, 0.2, size, "")
    normal = MacroEstimate(0.1, 0.01, 0.0, 0.2, size, "", components=(part,))
    agreement = error_agreement(normal, BootstrapEstimate(0.1, 0.01 * ratio, 0.0, 0.2, size, ""))
    assert agreement.trusted == trusted
    assert agreement.ratio == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("values", "macro", "micro", "wins"),
    [(CLOSE, 0.591, 0.325, 3), (MATCHED, -0.476, 1.096, 4), (CLEAR, 11.424, 11.077, 7)],
)
def test_macro_and_micro_of_published_differences(values: list[float], macro: float, micro: float, wins: int) -> None:
    # A8, from published accuracies.
    assert benchmark_t_test(values).value == pytest.approx(macro, abs=0.0006)
    assert micro_average(values, ITEMS) == pytest.approx(micro, abs=0.0006)
    assert sum(value > 0 for value in values) == wins


def test_benchmarks_as_a_sample() -> None:
    # A8: t(6) = 0.557, p = 0.598 and t(6) = 9.45.
    close = benchmark_t_test(CLOSE)
    assert (close.t, close.df, close.p_value) == pytest.approx((0.557, 6, 0.598), abs=0.0006)
    assert benchmark_t_test(CLEAR).t == pytest.approx(9.45, abs=0.005)
    other = stats.ttest_1samp(CLOSE, 0.0)
    assert (close.t, close.p_value) == pytest.approx((other.statistic, other.pvalue), rel=1e-9)
    interval = other.confidence_interval()
    assert (close.low, close.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_leave_one_benchmark_out() -> None:
    # A8: -0.215 (without the last) to +1.105, so the sign hangs on one benchmark; 10.82 to 12.42 is robust.
    close, clear = leave_one_out(CLOSE), leave_one_out(CLEAR)
    assert (close.low, close.high) == pytest.approx((-0.215, 1.105), abs=0.0015)
    assert (close.low_index, close.high_index, close.sign_changes) == (6, 3, True)
    assert (clear.low, clear.high, clear.sign_changes) == (
        pytest.approx(10.82, abs=0.005),
        pytest.approx(12.42, abs=0.005),
        False,
    )


def test_one_benchmark_is_no_sample_of_benchmarks() -> None:
    single, equal = benchmark_t_test([0.3]), benchmark_t_test([0.3, 0.3])
    assert (single.se, single.low, single.t, single.p_value) == (None,) * 4
    assert (equal.se, equal.low, equal.t, equal.p_value) == (0.0, None, None, None)
    with pytest.raises(ValueError, match="at least two"):
        leave_one_out([0.3])


def test_unusable_components_are_named() -> None:
    with pytest.raises(ValueError, match="at least one benchmark"):
        macro_average([])
    with pytest.raises(ValueError, match=r"components\[1\].scores"):
        macro_average([Component([1.0, 0.0]), Component([math.nan])])
    with pytest.raises(ValueError, match=r"components\[0\].subjects"):
        macro_average([Component([1.0, 0.0], subjects=["a"])])
    with pytest.raises(ValueError, match="0 or less|above 0"):
        micro_average([0.1, 0.2], [10, 0])


@settings(max_examples=40)
@given(st.lists(st.lists(st.sampled_from([-1.0, 0.0, 1 / 3, 1.0]), min_size=2, max_size=30), min_size=1, max_size=5))
def test_swapping_the_systems_flips_the_macro_average(parts: list[list[float]]) -> None:
    # Metamorphic property of H2.
    forth = macro_average([Component(part) for part in parts])
    back = macro_average([Component([-value for value in part]) for part in parts])
    assert back.value == pytest.approx(-forth.value, abs=1e-12)
    assert back.se == pytest.approx(forth.se, abs=1e-12)
    assert back.low is not None and forth.high is not None
    assert back.low == pytest.approx(-forth.high, abs=1e-12)
