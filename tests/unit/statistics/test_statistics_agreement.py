"""Flips and divergences between backends (sections G1, G2 and G5 of the methods page)."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.proportion import proportion_confint

from medeval.statistics.agreement import answer_changes, excess_flips, flips, share_of_items
from medeval.statistics.divergence import (
    js_divergence,
    kl_divergence,
    letter_agreement,
    letter_probabilities,
    total_variation,
)
from medeval.statistics.intervals import wilson

# G5.
P = [0.7, 0.2, 0.05, 0.05]
Q = [0.6, 0.25, 0.1, 0.05]


def test_flips_of_the_printed_example() -> None:
    # G2: 1000 items, 45 lost, 40 gained.
    reference = np.repeat([1, 1, 0, 0], [500, 45, 40, 415])
    test = np.repeat([1, 0, 1, 0], [500, 45, 40, 415])
    report = flips(reference, test)
    assert (report.lost, report.gained, report.n) == (45, 40, 1000)
    assert report.rate.value == pytest.approx(0.085, rel=1e-12)
    assert (report.rate.low, report.rate.high) == pytest.approx(proportion_confint(85, 1000, method="wilson"))
    assert report.change.value == pytest.approx(-0.005, rel=1e-9)
    assert report.change.se == pytest.approx(0.00922, abs=5e-6)
    assert report.change.p_value == pytest.approx(0.6646454905, rel=1e-9)


def test_flips_need_single_runs() -> None:
    with pytest.raises(ValueError, match="only 0 and 1"):
        flips([1, 0.5], [1, 0])


def test_answer_changes_count_wrong_to_wrong_and_lost_answers() -> None:
    estimate = answer_changes(["A", "B", "C", None, None], ["A", "C", None, "D", None])
    assert (estimate.value, estimate.n) == (0.6, 5)
    with pytest.raises(ValueError, match="same items"):
        answer_changes(["A"], [])


def test_excess_flips_subtract_the_self_flip_floor() -> None:
    base = np.zeros(100)
    again, test = base.copy(), base.copy()
    again[:4] = 1.0
    test[2:12] = 1.0
    estimate = excess_flips(base, again, test)
    assert estimate.value == pytest.approx(0.10 - 0.04, rel=1e-9)
    assert estimate.mcnemar is not None
    assert (estimate.mcnemar.only_a, estimate.mcnemar.only_b) == (8, 2)


def test_share_of_independent_items_is_wilsons() -> None:
    assert share_of_items([1, 1, 0, 1]) == share_of_items([1, 1, 0, 1], [3, 1, 2, 0]) == wilson(3, 4)
    with pytest.raises(ValueError, match="only 0 and 1"):
        share_of_items([1, 0.5])


def test_share_of_clustered_items_counts_effective_items() -> None:
    # Design effect by statsmodels, Wilson's interval at n / design effect by statsmodels.
    clusters = np.repeat(np.arange(60), 5)
    holds = (np.random.default_rng(2).random(60) < 0.7)[clusters] ^ (np.random.default_rng(3).random(300) < 0.1)
    values = holds.astype(float)
    model = OLS(values, np.ones(300))
    robust = model.fit(cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False})
    se = float(robust.bse[0]) * math.sqrt(60 / 59)
    effective = 300 * (float(model.fit().bse[0]) / se) ** 2
    estimate = share_of_items(holds, clusters)
    assert estimate.se == pytest.approx(se, rel=1e-9)
    expected = proportion_confint(values.mean() * effective, effective, method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx(expected, rel=1e-9)
    assert 60 < effective < 150
    assert f"{effective:.1f} effective items in 60 clusters" in estimate.method


def test_copies_in_a_cluster_add_nothing_to_a_share() -> None:
    once = np.array([1, 1, 1, 0] * 20)
    twice = share_of_items(np.repeat(once, 2), np.repeat(np.arange(80), 2))
    assert (twice.low, twice.high) == pytest.approx((wilson(60, 80).low, wilson(60, 80).high), rel=0.01)


def test_clusters_that_all_agree_count_once_each() -> None:
    estimate, fewer = share_of_items([1] * 90, np.repeat(np.arange(45), 2)), wilson(45, 45)
    assert (estimate.low, estimate.high) == pytest.approx((fewer.low, fewer.high), rel=1e-12)
    few = share_of_items([1, 0] * 10, np.repeat(np.arange(10), 2))
    assert "10.0 effective items" in few.method
    assert share_of_items([1, 0], [7, 7]).low is None


def test_clusters_widen_every_share() -> None:
    clusters = np.repeat(np.arange(40), 4)
    base, test = np.ones(160), np.repeat([1.0, 0.0], [120, 40])
    assert flips(base, test, clusters).rate == share_of_items(base != test, clusters)
    chosen = answer_changes(["A"] * 160, ["A"] * 120 + ["B"] * 40, clusters)
    assert chosen == share_of_items(base != test, clusters)
    top1 = letter_agreement([P] * 160, [P] * 120 + [P[::-1]] * 40, clusters).top1
    assert top1 == share_of_items(base == test, clusters)
    assert top1.high is not None and top1.high > (wilson(120, 160).high or 1.0)


def test_divergences_of_the_printed_example() -> None:
    assert kl_divergence([P], [Q])[0] == pytest.approx(0.0286194066, rel=1e-8)
    assert js_divergence([P], [Q])[0] == pytest.approx(0.0075642148, rel=1e-8)
    assert total_variation([P], [Q])[0] == pytest.approx(0.10, rel=1e-12)


def test_divergences_agree_with_scipy() -> None:
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(np.ones(5), size=30), rng.dirichlet(np.ones(5), size=30)
    assert kl_divergence(p, q) == pytest.approx(entropy(p, q, axis=1), rel=1e-9)
    assert js_divergence(p, q) == pytest.approx(jensenshannon(p, q, axis=1) ** 2, rel=1e-9)


def test_identical_inputs_agree_exactly() -> None:
    # G5: exactly 0, agreement 1.
    report = letter_agreement([P, Q], [P, Q])
    assert (report.kl.value, report.js.value, report.tv.value, report.max_log_ratio) == (0.0, 0.0, 0.0, 0.0)
    assert report.top1.value == 1.0


def test_agreement_counts_clear_items_apart() -> None:
    fence, clear = [0.51, 0.49], [0.9, 0.1]
    report = letter_agreement([fence, clear, clear], [[0.49, 0.51], clear, clear])
    assert report.top1.value == pytest.approx(2 / 3)
    assert report.clear_top1 is not None
    assert (report.clear_top1.value, report.clear_top1.n) == (1.0, 2)
    assert report.max_log_ratio == pytest.approx(math.log(0.51 / 0.49), rel=1e-9)
    assert letter_agreement([fence], [fence]).clear_top1 is None


def test_impossible_option_makes_the_divergence_infinite_and_not_small() -> None:
    report = letter_agreement([[0.5, 0.5], P[:1] + [0.3]], [[1.0, 0.0], P[:1] + [0.3]])
    assert (report.kl.value, report.kl.low, report.max_log_ratio) == (math.inf, None, math.inf)
    assert report.js.value < math.log(2)


def test_options_that_an_item_lacks_change_nothing() -> None:
    padded = letter_agreement([[*P, 0.0]], [[*Q, 0.0]])
    assert padded == letter_agreement([P], [Q])


def test_letter_log_probabilities_become_a_distribution() -> None:
    logs = np.log([P, Q]) - 2.0
    assert letter_probabilities(logs) == pytest.approx(np.array([P, Q]), rel=1e-12)
    assert letter_probabilities([[0.0, -math.inf]]).tolist() == [[1.0, 0.0]]
    with pytest.raises(ValueError, match="one finite number"):
        letter_probabilities([[-math.inf, -math.inf]])


@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        ([P], [P, Q], "same shape"),
        ([P], [[0.7, 0.2, 0.05, 0.04]], "q: row 0 is not a distribution"),
        ([[1.2, -0.2]], [[0.5, 0.5]], "p: row 0 is not a distribution"),
        ([[0.5, math.nan]], [[0.5, 0.5]], "finite"),
        (P, Q, "2-D"),
        ([[0.5, 0.5], [1.0]], [[0.5, 0.5], [1.0]], "rows of equal length"),
    ],
)
def test_rows_that_are_no_distributions_are_refused(p: object, q: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kl_divergence(p, q)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=2, max_size=8))
def test_divergences_keep_their_bounds_and_symmetries(pairs: list[tuple[float, float]]) -> None:
    p, q = (np.array([side]) / sum(side) for side in zip(*pairs, strict=True))
    tv = total_variation(p, q)[0]
    assert kl_divergence(p, q)[0] >= 2 * tv**2 - 1e-12  # Pinsker
    assert -1e-15 <= js_divergence(p, q)[0] <= math.log(2)
    assert js_divergence(p, q)[0] == pytest.approx(js_divergence(q, p)[0], abs=1e-12)
    assert total_variation(q, p)[0] == pytest.approx(tv, abs=1e-15)


def test_importing_the_package_alone_is_light() -> None:
    heavy = "{'numpy', 'scipy', 'statsmodels', 'pandas'}"
    code = f"import sys, medeval.statistics; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
