"""Two systems on the same items (section A4 of the methods page)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from medeval.statistics.bootstrap import resampled_totals
from medeval.statistics.paired import (
    correlation,
    mcnemar,
    paired_bootstrap,
    paired_difference,
    tango_interval,
)

# A worked example.
A = [1, 1, 1, 1, 0, 0, 1, 0, 1, 1]
B = [1, 0, 1, 0, 0, 1, 1, 0, 0, 1]


def binary_pair(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores of two systems with these four counts."""
    counts = [both, only_a, only_b, neither]
    return np.repeat([1.0, 1.0, 0.0, 0.0], counts), np.repeat([1.0, 0.0, 1.0, 0.0], counts)


@pytest.mark.parametrize(
    ("only_a", "only_b", "exact"),
    [
        (26, 14, 0.0806904677519924),
        (10, 2, 0.03857421875),
        (5, 0, 0.0625),
        (121, 59, 4.43444926e-06),
        (0, 0, 1.0),
        (45, 40, 0.6646454905),  # G2
        (20, 10, 0.0987371467),  # A5
        (25, 30, 0.5900533318),
        (8, 4, 0.3876953125),
    ],
)
def test_exact_mcnemar(only_a: int, only_b: int, exact: float) -> None:
    assert mcnemar(only_a, only_b).exact == pytest.approx(exact, rel=1e-8)
    assert mcnemar(only_b, only_a).exact == pytest.approx(exact, rel=1e-8)
    if only_a + only_b:
        other = statsmodels_mcnemar([[1, only_a], [only_b, 1]], exact=True)
        assert mcnemar(only_a, only_b).exact == pytest.approx(float(other.pvalue), rel=1e-12)


@pytest.mark.parametrize(
    ("only_a", "only_b", "mid_p"),
    [(26, 14, 0.0595838880180964), (10, 2, 0.0224609375), (7, 7, 1.0), (0, 0, 1.0)],
)
def test_mid_p_mcnemar(only_a: int, only_b: int, mid_p: float) -> None:
    assert mcnemar(only_a, only_b).mid_p == pytest.approx(mid_p, rel=1e-9)


def test_mid_p_counts_half_of_the_observed_outcome() -> None:
    # Independent definition: both tails strictly beyond the outcome, plus half the mass at it, on both sides.
    for only_a in range(8):
        for only_b in range(8):
            total, k = only_a + only_b, min(only_a, only_b)
            mass = [math.comb(total, j) / 2**total for j in range(total + 1)]
            assert mcnemar(only_a, only_b).mid_p == pytest.approx(2 * (sum(mass[:k]) + mass[k] / 2), rel=1e-12)


@pytest.mark.parametrize(
    ("only_a", "only_b", "n", "low", "high"),
    [(35, 40, 1000, -0.0224257779, 0.0122394511), (10, 2, 50, 0.0280579938, 0.3005048114)],
)
def test_tango_ends(only_a: int, only_b: int, n: int, low: float, high: float) -> None:
    estimate = tango_interval(only_a, only_b, n)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), rel=1e-8)


def restricted_score(only_a: int, only_b: int, n: int, difference: float) -> float:
    """Score statistic with the chance of "only B" found by numerical maximum likelihood, not by a formula."""

    def negative_log_likelihood(chance: float) -> float:
        rest = 1.0 - 2.0 * chance - difference
        return -float(
            stats.multinomial.logpmf([only_a, only_b, n - only_a - only_b], n, [chance + difference, chance, rest])
        )

    lowest = max(0.0, -difference)
    best = optimize.minimize_scalar(
        negative_log_likelihood,
        bounds=(lowest + 1e-12, (1.0 - difference) / 2.0 - 1e-12),
        method="bounded",
        options={"xatol": 1e-13},
    ).x
    variance = (2.0 * best + difference - difference**2) / n
    return ((only_a - only_b) / n - difference) / math.sqrt(variance)


@pytest.mark.parametrize(("only_a", "only_b", "n"), [(35, 40, 1000), (10, 2, 50), (3, 1, 12), (7, 9, 20)])
def test_score_statistic_at_both_tango_ends_is_the_normal_quantile(only_a: int, only_b: int, n: int) -> None:
    estimate = tango_interval(only_a, only_b, n)
    assert estimate.low is not None and estimate.high is not None
    assert restricted_score(only_a, only_b, n, estimate.low) == pytest.approx(1.959964, abs=1e-4)
    assert restricted_score(only_a, only_b, n, estimate.high) == pytest.approx(-1.959964, abs=1e-4)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_tango_interval_holds_the_estimate_and_turns_with_the_systems(x: int, y: int, rest: int) -> None:
    n = x + y + rest + 1
    estimate, turned = tango_interval(x, y, n), tango_interval(y, x, n)
    assert estimate.low is not None and estimate.high is not None
    assert -1.0 <= estimate.low <= estimate.value <= estimate.high <= 1.0
    assert (turned.low, turned.high) == pytest.approx((-estimate.high, -estimate.low), abs=1e-10)


def test_paired_difference_of_the_printed_example() -> None:
    # A4: D 0.2, SE 0.2, unpaired SE 0.226077666, rho 0.218217890.
    estimate = paired_difference(A, B)
    assert estimate.value == pytest.approx(0.2, rel=1e-12)
    assert estimate.se == pytest.approx(0.2, rel=1e-12)
    assert estimate.unpaired_se == pytest.approx(0.226077666, rel=1e-6)
    assert estimate.correlation == pytest.approx(0.218217890, rel=1e-6)
    assert estimate.mcnemar == mcnemar(3, 1)
    assert estimate.method == "Tango score"


def test_loss_of_the_non_inferiority_example() -> None:
    # A10: 1000 items, 40 lost and 35 gained; SE 0.866314 points. G2: 45 and 40; SE 0.922 points.
    assert paired_difference(*binary_pair(500, 40, 35, 425)).se == pytest.approx(0.00866314, rel=1e-6)
    assert paired_difference(*binary_pair(500, 45, 40, 415)).se == pytest.approx(0.00922, abs=5e-6)


def test_fifty_discordant_items_switch_from_tango_to_normal() -> None:
    few, many = (
        paired_difference(*binary_pair(60, 30, 19, 50)),
        paired_difference(*binary_pair(60, 30, 20, 50)),
    )
    assert (few.method, many.method) == ("Tango score", "normal, paired")
    assert many.se is not None
    assert many.high == pytest.approx(many.value + 1.959963984540054 * many.se, rel=1e-12)


def test_no_discordant_item_still_gets_an_interval_with_width() -> None:
    estimate = paired_difference([1, 0, 1, 1], [1, 0, 1, 1])
    assert estimate.low is not None and estimate.high is not None
    assert estimate.low < 0.0 < estimate.high
    assert estimate.p_value == 1.0


def test_runs_of_an_item_are_not_items() -> None:
    # Three copies of each item: clustering by item leaves the error, ignoring it shrinks it by sqrt(3).
    clusters = np.tile(np.arange(len(A)), 3)
    clustered, ignored = paired_difference(A * 3, B * 3, clusters), paired_difference(A * 3, B * 3)
    assert clustered.cr1 == pytest.approx(0.2, rel=1e-12)
    assert ignored.cr0 == pytest.approx(paired_difference(A, B).cr0 / math.sqrt(3), rel=1e-12)
    assert clustered.mcnemar is None
    assert "bootstrap" in clustered.test


def test_correlation_of_constant_scores_is_none() -> None:
    assert correlation([1, 1, 1], [0, 1, 0]) is None


def test_bootstrap_error_agrees_with_scipy_and_the_closed_form() -> None:
    d = np.random.default_rng(3).normal(0.1, 0.5, size=400)
    ours = paired_bootstrap(d, np.zeros(400))
    other = stats.bootstrap((d,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(4))
    exact = d.std() / math.sqrt(400)
    # The standard deviation of R normal replicates has relative error 1 / sqrt(2 R).
    mc = exact / math.sqrt(20_000)
    assert ours.se == pytest.approx(exact, abs=4 * mc)
    assert ours.se == pytest.approx(float(other.standard_error), abs=4 * math.sqrt(2) * mc)
    # An end of the interval is a 2.5 % quantile, with error sqrt(.025 * .975 / R) / density.
    end = exact * math.sqrt(0.025 * 0.975 / 10_000) / stats.norm.pdf(1.96)
    assert ours.low == pytest.approx(float(other.confidence_interval.low), abs=4 * math.sqrt(2) * end)
    assert ours.high == pytest.approx(float(other.confidence_interval.high), abs=4 * math.sqrt(2) * end)


def test_both_forms_of_the_bootstrap_draw_from_the_same_distribution() -> None:
    # A jitter of 1e-9 makes every row its own kind, which forces the index form.
    rng = np.random.default_rng(5)
    sums = rng.integers(-2, 3, size=600).astype(float)
    rows = np.column_stack([sums, np.ones(600)])
    jittered = np.column_stack([sums + rng.normal(0, 1e-9, 600), np.ones(600)])
    counted = resampled_totals(rows, 10_000, np.random.default_rng(1))[:, 0]
    indexed = resampled_totals(jittered, 10_000, np.random.default_rng(2))[:, 0]
    sd = sums.std() * math.sqrt(600)
    assert counted.mean() == pytest.approx(sums.sum(), abs=4 * sd / 100)
    assert indexed.mean() == pytest.approx(sums.sum(), abs=4 * sd / 100)
    assert counted.std() == pytest.approx(sd, abs=4 * sd / math.sqrt(20_000))
    assert indexed.std() == pytest.approx(sd, abs=4 * sd / math.sqrt(20_000))


def test_same_seed_same_numbers_other_seed_other_numbers() -> None:
    d = np.random.default_rng(6).normal(size=300)
    first = paired_bootstrap(d, np.zeros(300), seed=7)
    assert first == paired_bootstrap(d, np.zeros(300), seed=7)
    assert first.low != paired_bootstrap(d, np.zeros(300), seed=8).low
    assert first.seed == 7


def test_bootstrap_p_value_is_never_zero() -> None:
    assert paired_bootstrap(np.ones(50), np.zeros(50), resamples=99).p_value == pytest.approx(2 / 100)


def test_bootstrap_of_one_cluster_has_no_spread() -> None:
    estimate = paired_bootstrap([1, 0, 1], [0, 0, 0], [5, 5, 5])
    assert (estimate.se, estimate.low, estimate.high, estimate.p_value) == (None,) * 4


def test_scores_of_different_items_are_refused() -> None:
    with pytest.raises(ValueError, match="same length, got 2 and 3"):
        paired_difference([1, 0], [1, 0, 1])


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 1 / 3, 2 / 3, 1.0]), st.sampled_from([0.0, 1 / 3, 2 / 3, 1.0])),
        min_size=2,
    ),
    st.booleans(),
)
def test_swapping_the_systems_flips_signs(pairs: list[tuple[float, float]], clustered: bool) -> None:
    # Metamorphic property of H2.
    a, b = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    clusters = [i // 2 for i in range(len(pairs))] if clustered else None
    forth, back = (
        paired_difference(a, b, clusters, resamples=50),
        paired_difference(b, a, clusters, resamples=50),
    )
    assert back.value == pytest.approx(-forth.value, abs=1e-12)
    for name in ("se", "unpaired_se", "correlation", "design_effect"):
        before, after = getattr(forth, name), getattr(back, name)
        assert (before is None) == (after is None)
        if before is not None:
            assert after == pytest.approx(before, rel=1e-9, abs=1e-12)
