"""Power, resolution and runs (sections A6, A7, A9, A10 and A14 of the methods page)."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import NormalIndPower

from medeval.statistics.power import (
    difference_variance,
    effective_flip_rate,
    largest_certifiable_loss,
    minimum_detectable_effect,
    non_inferiority_power,
    planned_loss_variance,
    planned_macro_se,
    planned_variance,
    required_items,
    resolution,
    subjects_effective_n,
)
from medeval.statistics.runs import decompose_runs, fixed_item_se, relative_variance, replication_se

SUBJECTS = [135, 265, 144, 173, 100, 272]
# Section 0.4: published accuracies on seven benchmarks, in points, and the benchmarks' (effective) items.
ITEMS = [957.9, 3910, 818, 4183, 1273, 2450, 500]
LARGE = [89.70, 71.50, 70.45, 72.15, 84.39, 30.61, 75.00]
LARGE_RIVAL = [90.48, 73.07, 72.94, 72.77, 83.29, 25.18, 71.93]
LARGE_BACKBONE = [85.92, 64.12, 67.73, 61.78, 70.91, 16.69, 74.53]
SMALL_RIVAL = [67.69, 54.38, 47.31, 50.08, 64.39, 15.80, 58.73]
SMALL = [82.72, 64.84, 61.37, 63.56, 75.05, 21.28, 69.53]


def macro_points(a: list[float], b: list[float], items: list[float], rho: float, f: float, k: int) -> float:
    """Planned error of a macro-average difference, in points."""
    rows = zip(a, b, items, strict=True)
    return 100 * planned_macro_se([planned_variance(p / 100, q / 100, n, rho, f, k) for p, q, n in rows])


DESIGNS = [(0.0, 0.0, 1), (0.3, 0.0, 1), (0.5, 0.0, 1), (0.3, 0.3, 3), (0.5, 0.3, 3)]


@pytest.mark.parametrize(
    ("a", "b", "expected", "mde"),
    [
        (LARGE, LARGE_RIVAL, (0.644, 0.539, 0.456, 0.456, 0.353), (0.99, 1.80)),
        (SMALL, SMALL_RIVAL, (0.724, 0.606, 0.513, 0.513, 0.398), (1.12, 2.03)),
        (SMALL, LARGE_BACKBONE, (0.685, 0.573, 0.485, 0.485, 0.376), (1.05, 1.92)),
        (LARGE, LARGE_BACKBONE, (0.658, 0.551, 0.467, 0.466, 0.362), (1.01, 1.84)),
    ],
)
def test_planned_errors_of_published_claims(
    a: list[float], b: list[float], expected: tuple[float, ...], mde: tuple[float, float]
) -> None:
    # A9, first table.
    errors = [macro_points(a, b, ITEMS, *design) for design in DESIGNS]
    assert errors == pytest.approx(expected, abs=0.0006)
    detectable = minimum_detectable_effect(errors[-1]), minimum_detectable_effect(errors[0])
    assert detectable == pytest.approx(mde, abs=0.006)


@pytest.mark.parametrize(
    ("place", "n", "expected"),
    [
        (0, 1089, (0.641, 0.536, 0.453, 0.453, 0.351)),
        (0, 1871, (0.630, 0.527, 0.446, 0.445, 0.345)),
        (6, 1000, (0.580, 0.485, 0.410, 0.410, 0.318)),
    ],
)
def test_planned_errors_with_other_item_counts(place: int, n: int, expected: tuple[float, ...]) -> None:
    # A9, sensitivity row.
    items = [*ITEMS[:place], n, *ITEMS[place + 1 :]]
    assert [macro_points(LARGE, LARGE_RIVAL, items, *design) for design in DESIGNS] == pytest.approx(
        expected, abs=0.0006
    )


def test_close_published_averages_need_more_items() -> None:
    # A9: resolving 0.591 at 80 % power needs SE 0.211, that is 2.8 to 9.3 times the items.
    needed = 0.591 / minimum_detectable_effect(1.0)
    assert needed == pytest.approx(0.211, abs=0.0005)
    assert (0.353 / needed) ** 2 == pytest.approx(2.8, abs=0.05)
    assert (0.644 / needed) ** 2 == pytest.approx(9.3, abs=0.05)


def test_small_benchmarks_dominate_the_planned_variance() -> None:
    # A9: 500 items carry 38 % and 818 items 24 % of the unpaired macro variance.
    rows = zip(LARGE, LARGE_RIVAL, ITEMS, strict=True)
    variances = np.array([planned_variance(p / 100, q / 100, n, 0.0) for p, q, n in rows])
    assert (variances / variances.sum())[[6, 2]] == pytest.approx([0.38, 0.24], abs=0.005)


def test_effective_items_of_a_mean_of_subjects() -> None:
    # Section 0.4: 957.9 and not the pooled 1089.
    assert subjects_effective_n(SUBJECTS) == pytest.approx(957.9, abs=0.05)


def test_items_needed_by_the_published_power_example() -> None:
    # A14: variance 1/9, effect .03 -> 968.9975 -> 969 (Miller, arXiv 2411.00640).
    needed = required_items(0.03, difference_variance(1 / 9))
    assert needed.exact == pytest.approx(968.9975, rel=1e-6)
    assert needed.items == 969
    assert required_items(-0.03, 1 / 9) == needed


@pytest.mark.parametrize(("runs", "effect"), [(10, 0.0756696), (1, 0.1327333)])
def test_smallest_detectable_effect_with_runs(runs: int, effect: float) -> None:
    # A14: n = 198, item variance 1/9, run variance 1/6 on both sides.
    variance = difference_variance(1 / 9, 1 / 6, 1 / 6, runs, runs)
    assert minimum_detectable_effect(math.sqrt(variance / 198)) == pytest.approx(effect, rel=1e-6)


def test_detectable_effect_factor_agrees_with_statsmodels() -> None:
    # A14: 2.8016; statsmodels neglects nothing but the far tail.
    assert minimum_detectable_effect(1.0) == pytest.approx(2.8016, abs=5e-5)
    other = NormalIndPower(ddof=0).solve_power(nobs1=100, alpha=0.05, power=0.8, ratio=0)
    assert minimum_detectable_effect(1 / math.sqrt(100)) == pytest.approx(float(other), rel=1e-4)


def test_resolution_below_one_is_underpowered() -> None:
    assert resolution(1938, 969).ratio == 2.0
    assert resolution(969, 969).underpowered is False
    assert resolution(968, 969).underpowered is True


@pytest.mark.parametrize(
    ("rate", "se", "largest", "power"),
    [
        (0.02, 0.156, 0.74, (1.00, 1.00, 0.94)),
        (0.04, 0.220, 0.64, (1.00, 0.96, 0.73)),
        (0.06, 0.270, 0.56, (0.98, 0.87, 0.58)),
        (0.10, 0.349, 0.43, (0.89, 0.69, 0.42)),
        (0.15, 0.427, 0.30, (0.76, 0.54, 0.32)),
        (0.20, 0.493, 0.19, (0.65, 0.45, 0.26)),
    ],
)
def test_power_to_certify_a_loss_below_one_point(
    rate: float, se: float, largest: float, power: tuple[float, ...]
) -> None:
    # A10, table over the effective flip rate.
    error = planned_macro_se([planned_loss_variance(rate, 0.0, n) for n in ITEMS])
    assert 100 * error == pytest.approx(1.1024 * math.sqrt(rate), rel=1e-4)
    assert 100 * error == pytest.approx(se, abs=0.0006)
    assert 100 * largest_certifiable_loss(error, 0.01) == pytest.approx(largest, abs=0.006)
    chances = [non_inferiority_power(loss, error, 0.01) for loss in (0.0, 0.0025, 0.005)]
    assert chances == pytest.approx(power, abs=0.006)


@pytest.mark.parametrize(("runs", "rate", "se"), [(1, 0.14, 0.41), (3, 0.06, 0.27), (5, 0.044, 0.23)])
def test_runs_shrink_the_effective_flip_rate(runs: int, rate: float, se: float) -> None:
    # A10: run variance 0.06, excess 0.02.
    effective = effective_flip_rate(0.06, runs, 0.02)
    assert effective == pytest.approx(rate, rel=1e-9)
    error = planned_macro_se([planned_loss_variance(effective, 0.0, n) for n in ITEMS])
    assert 100 * error == pytest.approx(se, abs=0.006)


@pytest.mark.parametrize(("loss", "se", "rate"), [(0.0081, 0.116, 0.011), (0.0073, 0.164, 0.022)])
def test_error_needed_to_certify_reported_losses(loss: float, se: float, rate: float) -> None:
    # A10: losses of 0.81 and 0.73 points need SE 0.116 and 0.164, flip rates 0.011 and 0.022.
    assert largest_certifiable_loss(se / 100, 0.01) == pytest.approx(loss, abs=2e-5)
    assert (se / 1.1024) ** 2 == pytest.approx(rate, abs=0.0005)


@pytest.mark.parametrize(
    ("n", "se"), [(500, 1.41), (818, 1.11), (957.9, 1.02), (1273, 0.89), (4183, 0.49), (2450, 0.64)]
)
def test_error_of_one_benchmark_loss(n: float, se: float) -> None:
    # A10: flip rate 0.10.
    assert 100 * math.sqrt(planned_loss_variance(0.10, 0.0, n)) == pytest.approx(se, abs=0.006)


def test_larger_loss_than_flip_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="at most the flip rate"):
        planned_loss_variance(0.02, 0.03, 100)


def test_variance_of_runs_in_the_printed_example() -> None:
    # A6.
    parts = decompose_runs([[1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0]])
    assert parts.between == pytest.approx(0.5555556, rel=1e-6)
    assert parts.within == pytest.approx(0.1666667, rel=1e-6)
    assert parts.item_variance == pytest.approx(0.1296296, rel=1e-6)
    assert parts.intraclass_correlation == pytest.approx(0.4375, rel=1e-9)
    assert parts.within_share == pytest.approx(0.5625, rel=1e-9)
    assert parts.sampling_se == pytest.approx(0.2151657, rel=1e-6)
    assert parts.fixed_se == pytest.approx(0.1178511, rel=1e-6)
    assert (parts.value, parts.n, parts.runs) == (pytest.approx(0.5), 4, 3)


def test_mean_squares_agree_with_the_f_statistic_of_scipy() -> None:
    scores = np.random.default_rng(1).normal(size=(20, 4)) + np.arange(20)[:, None]
    parts = decompose_runs(scores)
    assert parts.between / parts.within == pytest.approx(float(stats.f_oneway(*scores).statistic), rel=1e-9)


@pytest.mark.parametrize(("runs", "share"), [(1, 1.0), (2, 2 / 3), (4, 1 / 2), (6, 4 / 9), (math.inf, 1 / 3)])
def test_gain_from_runs_when_difficulty_is_uniform(runs: float, share: float) -> None:
    assert relative_variance(2.0, runs) == pytest.approx(share, rel=1e-12)


def test_run_noise_of_a_published_repeat_study() -> None:
    # A6: SD 0.0022 over 16 repeats of 5000 examples means 0.16 within an example.
    assert fixed_item_se(0.16**2, 5000) == pytest.approx(0.0022, rel=0.05)
    assert 0.0022 * math.sqrt(5000) == pytest.approx(0.16, abs=0.005)


def test_effect_of_whole_runs_is_noticed() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(500, 4))
    assert decompose_runs(noise).systematic is False
    assert decompose_runs(noise + np.array([0.0, 0.0, 0.0, 0.5])).systematic is True


def test_scores_that_never_vary_leave_shares_unknown() -> None:
    parts = decompose_runs(np.ones((3, 2)))
    assert (parts.intraclass_correlation, parts.within_share, parts.run_ratio, parts.systematic) == (None,) * 4


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([[1, 0]], "2 items and 2 runs"),
        ([[1], [0]], "2 items and 2 runs"),
        ([[1, math.nan], [0, 1]], r"nan at \[0, 1\]"),
    ],
)
def test_unusable_run_tables_are_refused(scores: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decompose_runs(scores)


def test_error_of_repeating_a_published_macro_average() -> None:
    # A7: within share 0.3, three runs on both sides -> 0.221 points.
    within = [0.3 * p / 100 * (1 - p / 100) for p in SMALL]
    assert 100 * replication_se(within, ITEMS, 3, 3) == pytest.approx(0.221, abs=0.0005)
    assert replication_se(within, ITEMS, 3, 3, half_unit=0.00005) > replication_se(within, ITEMS, 3, 3)


@pytest.mark.parametrize(
    ("place", "band", "other_items"),
    [
        (6, 1.80, 5.71),
        (0, 1.07, 3.39),
        (1, 0.67, 2.12),
        (2, 1.49, 4.72),
        (3, 0.65, 2.06),
        (4, 1.06, 3.36),
        (5, 0.72, 2.29),
    ],
)
def test_bands_of_single_benchmarks(place: int, band: float, other_items: float) -> None:
    # A7: 95 % bands of run noise on the same items, and of independent samples of items.
    p = SMALL[place] / 100
    same = 196 * replication_se([0.3 * p * (1 - p)], [ITEMS[place]], 3, 3)
    assert same == pytest.approx(band, abs=0.006)
    fresh = 196 * math.sqrt(planned_variance(p, p, ITEMS[place], 0.0))
    assert fresh == pytest.approx(other_items, abs=0.006)


def test_band_of_the_macro_average_over_other_items() -> None:
    # A7: 1.37 points, one run on each side.
    assert 1.96 * macro_points(SMALL, SMALL, ITEMS, 0.0, 0.0, 1) == pytest.approx(1.37, abs=0.006)


def test_planned_variance_agrees_with_simulated_runs() -> None:
    # Items with a common difficulty, two systems, three runs each; rho and f measured on the same simulation.
    rng = np.random.default_rng(3)
    n, k = 200_000, 3
    chance = rng.beta(1.0, 1.0, size=n)
    a, b = (rng.random((n, k)) < chance[:, None] for _ in range(2))
    parts = decompose_runs(a)
    rho = float(np.corrcoef(a[:, 0], b[:, 0])[0, 1])
    assert parts.within_share is not None
    planned = planned_variance(a.mean(), b.mean(), 1, min(rho, 1 - parts.within_share), parts.within_share, k)
    # Four Monte-Carlo errors of a variance, and of the measured rho and f.
    assert planned == pytest.approx(float((a.mean(axis=1) - b.mean(axis=1)).var()), rel=0.03)


def test_correlation_beyond_what_run_noise_allows_is_refused() -> None:
    with pytest.raises(ValueError, match="1 - within_share"):
        planned_variance(0.7, 0.7, 100, correlation=0.8, within_share=0.3, runs=3)
