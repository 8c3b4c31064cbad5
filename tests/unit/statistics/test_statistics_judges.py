"""Judges against raters, corrected shares and scores, raters among themselves (D5 to D7 of the methods page)."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medeval.statistics.classes import class_scores
from medeval.statistics.judge_agreement import (
    agreement,
    bootstrap_totals,
    class_weight,
    group_totals,
    labels_of_others,
    macro_f1,
    mean_macro_f1,
    pair_cells,
    replicate_interval,
)
from medeval.statistics.judged_scores import (
    MetaSet,
    corrected_mean,
    corrected_rates,
    predictive_values,
    unbiased_values,
)
from medeval.statistics.prediction_powered import ppi_mean
from medeval.statistics.prevalence import rogan_gladen
from medeval.statistics.raters import category_counts, rater_agreement

NAN = math.nan


def cells_of(grades: list[bool | None], labels: list[list[bool]]) -> np.ndarray:
    """Cells of rows with one grade each."""
    met = [float(grade is True) for grade in grades]
    not_met = [float(grade is False) for grade in grades]
    yes = [sum(row) for row in labels]
    return pair_cells(met, not_met, yes, [len(row) - count for row, count in zip(labels, yes, strict=True)])


# D5: the unit test of the benchmark's own code.
PUBLISHED = cells_of([True, False, True], [[True, True, False], [True, False], [False]])


def test_pooled_agreement_of_the_benchmarks_own_unit_test() -> None:
    found = agreement(PUBLISHED)
    assert (found.precision_met, found.recall_met) == pytest.approx((2 / 4, 2 / 3))
    assert (found.precision_not_met, found.recall_not_met) == pytest.approx((1 / 2, 1 / 3))
    assert found.f1_met == pytest.approx(0.5714286, abs=5e-8)
    assert found.f1_not_met == pytest.approx(0.4)
    # sklearn.metrics.f1_score([1,1,0,1,0,0], [1,1,1,0,0,1], average="macro") -> 0.4857142857142857
    assert found.macro_f1 == pytest.approx(0.4857142857142857, rel=1e-12)
    # The authors' code counts TP + FP + FN pairs behind each F1: 2 + 2 + 1 and 1 + 1 + 2.
    assert (found.pairs, found.lost, found.weight) == (6, 0, 9)


rows_of_labels = st.lists(
    st.tuples(st.sampled_from([True, False, None]), st.lists(st.booleans(), min_size=1, max_size=4)),
    min_size=1,
    max_size=12,
)


@given(rows_of_labels)
def test_pooled_agreement_is_that_of_every_pair_by_itself(rows: list[tuple[bool | None, list[bool]]]) -> None:
    found = agreement(cells_of([row[0] for row in rows], [row[1] for row in rows]))
    gold = [int(label) for _, labels in rows for label in labels]
    guess = [-1 if grade is None else int(grade) for grade, labels in rows for _ in labels]
    expected = class_scores(gold, guess, 2)
    assert (found.f1_not_met or 0.0, found.f1_met or 0.0) == pytest.approx(tuple(expected.f1))
    assert found.pairs == expected.n
    if found.macro_f1 is not None:
        assert found.macro_f1 == pytest.approx(expected.macro_f1)


@given(rows_of_labels)
def test_swapping_met_and_not_met_everywhere_swaps_the_classes(rows: list[tuple[bool | None, list[bool]]]) -> None:
    def turned(value: bool | None) -> bool | None:
        return None if value is None else not value

    found = agreement(cells_of([row[0] for row in rows], [row[1] for row in rows]))
    swapped = agreement(cells_of([turned(row[0]) for row in rows], [[not label for label in row[1]] for row in rows]))
    assert (found.f1_met, found.f1_not_met) == (swapped.f1_not_met, swapped.f1_met)
    assert (found.precision_met, found.recall_met) == (swapped.precision_not_met, swapped.recall_not_met)
    assert found.macro_f1 == swapped.macro_f1


@given(rows_of_labels, st.integers(2, 4))
def test_repeating_every_row_changes_no_figure(rows: list[tuple[bool | None, list[bool]]], times: int) -> None:
    cells = cells_of([row[0] for row in rows], [row[1] for row in rows])
    once, often = agreement(cells), agreement(np.tile(cells, (times, 1)))
    for name in ("macro_f1", "precision_met", "recall_met", "f1_met", "f1_not_met"):
        assert getattr(often, name) == pytest.approx(getattr(once, name))


def test_an_unusable_grade_misses_a_label_and_claims_none() -> None:
    whole = cells_of([True, False, True], [[True], [False], [True]])
    lost = cells_of([True, False, None], [[True], [False], [True]])
    before, after = agreement(whole), agreement(lost)
    assert (before.macro_f1, after.precision_met) == (1.0, 1.0)
    assert after.recall_met == 0.5
    assert after.f1_met == pytest.approx(2 / 3)
    assert after.f1_not_met == 1.0  # a criterion that is met was lost; nothing was called not met


def test_a_class_that_neither_is_nor_is_claimed_has_no_f1() -> None:
    always_met = agreement(cells_of([True, True], [[True], [True]]))
    assert (always_met.f1_met, always_met.f1_not_met, always_met.macro_f1) == (1.0, None, None)
    # A judge that never says "not met" where physicians do has an F1 of 0, and is not left out of the mean.
    assert agreement(cells_of([True, True], [[True], [False]])).f1_not_met == 0.0


def test_a_theme_is_the_mean_of_its_criteria_by_the_pairs_behind_their_f1() -> None:
    easy = cells_of([True, False], [[True, True], [False]])
    cells = np.concatenate([PUBLISHED, easy])
    totals = group_totals(cells, np.array([0, 0, 0, 1, 1]), 2)
    assert class_weight(totals).tolist() == [9.0, 3.0]
    expected = (9 * 0.4857142857142857 + 3 * 1.0) / 12
    assert float(mean_macro_f1(totals)) == pytest.approx(expected)
    # A criterion without a value weighs nothing.
    nothing = group_totals(cells_of([True], [[True]]), np.array([0]), 1)
    assert float(mean_macro_f1(np.concatenate([totals, nothing]))) == pytest.approx(expected)
    assert np.isnan(mean_macro_f1(nothing))


def test_two_replies_to_a_row_count_as_one_drawn_at_random() -> None:
    both = pair_cells([0.5], [0.5], [3], [1])
    assert both.tolist() == [[1.5, 0.5, 1.5, 0.5, 0.0, 0.0]]
    with pytest.raises(ValueError, match="at most 1 together"):
        pair_cells([0.7], [0.7], [1], [1])


def test_labels_are_held_against_the_other_labels_of_their_row() -> None:
    met, not_met = labels_of_others(np.array([0, 0, 0, 1]), [1, 1, 0, 1])
    assert met.tolist() == [1, 1, 2, 0]
    assert not_met.tolist() == [1, 1, 0, 0]


def test_the_bootstrap_resamples_prompts_and_not_rows() -> None:
    # Two prompts of opposite quality: every resample is one of three mixtures of whole prompts.
    good = cells_of([True, False] * 5, [[True], [False]] * 5)
    bad = cells_of([False, True] * 5, [[True], [False]] * 5)
    cells, clusters = np.concatenate([good, bad]), np.repeat(["a", "b"], 10)
    drawn = bootstrap_totals(cells, clusters, np.zeros(20, dtype=np.int64), 1, resamples=500)
    assert set(np.round(macro_f1(drawn[:, 0]), 12)) == {0.0, 0.5, 1.0}
    few = replicate_interval(macro_f1(drawn[:, 0]), value=0.5, pairs=20, clusters=2)
    assert (few.value, few.low, few.high, few.method) == (0.5, None, None, "no interval: 2 clusters, fewer than 10")
    some = replicate_interval(macro_f1(drawn[:, 0]), value=0.5, pairs=20, clusters=12)
    assert (some.low, some.high) == (0.0, 1.0)
    assert "too short" in some.method


def test_rogan_gladen_of_the_printed_examples() -> None:
    # D6.
    found = rogan_gladen(0.65, 2000, 0.9, 120, 0.8, 80)
    assert found.value == pytest.approx(0.6428571429, abs=5e-11)
    assert found.se == pytest.approx(0.0372197287, abs=5e-11)
    other = rogan_gladen(0.70, 1000, 0.90, 100, 0.85, 100)
    assert other.value == pytest.approx(0.7333333, abs=5e-8)


@given(st.floats(0.0, 1.0), st.integers(1, 10_000))
def test_a_perfect_judge_needs_no_correction(share: float, n: int) -> None:
    found = rogan_gladen(share, n, 1.0, 50, 1.0, 50)
    assert found.value == pytest.approx(share, abs=1e-12)
    assert found.se == pytest.approx(math.sqrt(share * (1 - share) / n), abs=1e-12)


def test_a_judge_near_chance_identifies_nothing() -> None:
    found = rogan_gladen(0.5, 1000, 0.6, 100, 0.59, 100)
    assert (found.value, found.se, found.low, found.identified) == (None, None, None, False)
    assert rogan_gladen(0.5, 1000, 0.6, 100, 0.61, 100).identified


# D6: 120 positives of which the judge calls 108 met, 80 negatives of which it calls 16 met; 1,300 of 2,000 others met.
LABELS = np.repeat([1.0, 0.0], [120, 80])
GRADES = np.repeat([1.0, 0.0, 1.0, 0.0], [108, 12, 16, 64])
OTHERS = np.repeat([1.0, 0.0], [1300, 700])


def test_prediction_powered_mean_of_the_printed_example() -> None:
    # ppi_py.ppi_mean_ci(LABELS, GRADES, OTHERS, alpha=0.05, lam=1) -> 0.5741582217537939, 0.6858417782462061
    plain = ppi_mean(LABELS, GRADES, OTHERS, power=1.0)
    assert (plain.value, plain.low, plain.high) == pytest.approx((0.63, 0.5741582217537939, 0.6858417782462061))
    # ppi_py.ppi_mean_ci(..., lam=None) -> 0.569928578590394, 0.6701898622760485
    tuned = ppi_mean(LABELS, GRADES, OTHERS)
    assert tuned.power == pytest.approx(0.668641, abs=5e-7)
    assert tuned.value == pytest.approx(0.6200592204332213, rel=1e-12)
    assert (tuned.low, tuned.high) == pytest.approx((0.569928578590394, 0.6701898622760485), rel=1e-12)
    # ppi_py.classical_mean_ci(LABELS, alpha=0.05) -> 0.5321048559554297, 0.6678951440445703
    assert tuned.classical is not None
    assert (tuned.classical.low, tuned.classical.high) == pytest.approx((0.5321048559554297, 0.6678951440445703))


def test_prediction_powered_mean_of_scores() -> None:
    labels = [0.26, 0.1, 0.43, 0.63, 0.84, 0.53, 0.33, 0.26, 0.72, 0.99, 0.58, 0.13]
    grades = [0.11, 0.24, 0.36, 0.33, 0.66, 0.31, 0.2, 0.16, 0.5, 0.85, 0.46, 0.05]
    others = [
        0.55, 0.66, 0.04, 0.39, 0.2, 0.41, 0.13, 0.46, 0.44, 0.37,
        0.19, 0.35, 0.18, 0.11, 0.51, 0.17, 0.74, 0.63, -0.05, 0.52,
    ]  # fmt: skip
    # ppi_py.ppi_mean_pointestimate and ppi_mean_ci of these numbers
    found = ppi_mean(labels, grades, others)
    assert found.value == pytest.approx(0.4815484392534961, rel=1e-12)
    assert (found.low, found.high) == pytest.approx((0.3800277690661966, 0.5830691094407956), rel=1e-12)


def test_prediction_powered_mean_with_a_useless_judge_is_that_of_the_labels() -> None:
    useless = ppi_mean([1, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1])
    assert (useless.power, useless.value) == (0.0, 0.75)


def test_clusters_widen_a_prediction_powered_mean() -> None:
    labels, grades, others = LABELS[::20], GRADES[::20], OTHERS[::100]
    alone = ppi_mean(labels, grades, others)
    grouped = ppi_mean(
        np.tile(labels, 3),
        np.tile(grades, 3),
        np.tile(others, 3),
        power=alone.power,
        clusters=np.tile(np.arange(labels.size), 3),
        unlabelled_clusters=np.tile(np.arange(others.size), 3),
    )
    assert grouped.se == pytest.approx(alone.se)  # repeats of a cluster add nothing


def meta_set(counts: list[tuple[int, int, int, int]]) -> MetaSet:
    """One row per pair, each a prompt of its own: TP, FP, FN, TN of every stratum."""
    cells, strata = [], []
    for stratum, (tp, fp, fn, tn) in enumerate(counts):
        for cell, count in enumerate((tp, fp, fn, tn)):
            cells += [np.eye(6)[cell]] * count
            strata += [stratum] * count
    prompts = np.array([f"m{index}" for index in range(len(cells))])
    return MetaSet(np.array(cells), np.array(strata), prompts, len(counts))


def test_an_example_is_worth_its_points_times_the_chance_that_they_are_met() -> None:
    meta = meta_set([(90, 30, 10, 70), (50, 0, 0, 50)])
    met, denied = predictive_values(meta.totals())
    assert met.tolist() == [0.75, 1.0]
    assert denied.tolist() == [0.125, 0.0]
    # One example: 4 points judged met and 2 judged not met in stratum 0, -1 point judged met in stratum 1, of 6.
    found = corrected_mean([[4 / 6, -1 / 6]], [[2 / 6, 0.0]], ["p"], meta)
    assert found.raw.value == pytest.approx(0.5)
    assert found.corrected is not None
    assert found.corrected.value == pytest.approx((4 * 0.75 + 2 * 0.125 - 1) / 6)


def test_what_grades_are_worth_by_error_rates_gives_the_share_of_rogan_and_gladen() -> None:
    # D6: judged share .65, sensitivity .9, specificity .8.
    met, denied = np.array([[0.65]]), np.array([[0.35]])
    found = corrected_mean(met, denied, ["p"], meta_set([(108, 16, 12, 64)]), worth=unbiased_values)
    assert found.corrected is not None
    assert found.corrected.value == pytest.approx(0.6428571429, abs=5e-11)
    chance = corrected_mean(met, denied, ["p"], meta_set([(50, 50, 50, 50)]), worth=unbiased_values)
    assert chance.corrected is None


@pytest.mark.parametrize("worth", [predictive_values, unbiased_values])
def test_a_perfect_judge_leaves_a_score_as_it_is(worth: Any) -> None:
    rng = np.random.default_rng(4)
    met = rng.random((30, 1))
    found = corrected_mean(met, 1 - met, np.arange(30).astype(str), meta_set([(80, 0, 0, 60)]), worth=worth)
    assert found.corrected is not None
    assert found.shift is not None
    assert found.corrected.value == pytest.approx(float(met.mean()))
    assert (found.shift.value, found.shift.low, found.shift.high) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


def test_the_interval_of_a_corrected_score_allows_for_both_sets() -> None:
    # With one kind of example only, all uncertainty is that of the meta set, and the delta method gives it.
    meta = meta_set([(90, 30, 10, 70)])
    met, denied = np.full((50, 1), 0.6), np.full((50, 1), 0.4)
    prompts = np.arange(50).astype(str)
    found = corrected_mean(met, denied, prompts, meta, resamples=8000)
    assert found.raw.se == pytest.approx(0.0, abs=1e-12)
    assert found.corrected is not None
    delta = math.sqrt(0.6**2 * 0.75 * 0.25 / 120 + 0.4**2 * 0.125 * 0.875 / 80)
    assert found.corrected.se == pytest.approx(delta, rel=0.05)
    # Examples that differ add their own sampling.
    mixed = np.repeat([[1.0], [0.2]], 25, axis=0)
    wider = corrected_mean(mixed, 1 - mixed, prompts, meta, resamples=8000)
    assert wider.corrected is not None
    own = float((mixed * 0.75 + (1 - mixed) * 0.125).std() / math.sqrt(50))
    assert wider.corrected.se == pytest.approx(math.hypot(delta, own), rel=0.05)


def test_a_grade_that_the_meta_set_never_saw_leaves_no_corrected_score() -> None:
    meta = meta_set([(90, 30, 10, 70), (0, 0, 20, 20)])
    found = corrected_mean([[0.5, 0.1]], [[0.4, 0.0]], ["p"], meta)
    assert found.corrected is None
    assert found.undefined == (1,)
    assert corrected_mean([[0.5, 0.0]], [[0.4, 0.1]], ["p"], meta).corrected is not None


def test_corrected_rates_are_those_of_rogan_and_gladen_and_weigh_as_the_criteria() -> None:
    meta = meta_set([(108, 16, 12, 64), (90, 15, 10, 85)])
    met = np.repeat([1, 0, 1, 0], [1300, 700, 700, 300])
    strata = np.repeat([0, 1], [2000, 1000])
    parts, overall = corrected_rates(met, strata, np.arange(3000).astype(str), meta, resamples=2000)
    shares = [part.share for part in parts if part]
    assert [share.value for share in shares if share] == pytest.approx([0.6428571429, 0.7333333333])
    assert shares[0] is not None
    assert shares[0].se == pytest.approx(0.0372197287, abs=5e-11)
    assert parts[0] is not None
    assert parts[0].interval is not None
    assert parts[0].interval.se == pytest.approx(0.0372197287, rel=0.06)  # bootstrap and delta method agree
    assert overall is not None
    assert overall.value == pytest.approx((2 * 0.6428571429 + 0.7333333333) / 3)


def test_no_overall_rate_when_a_stratum_is_not_identified() -> None:
    meta = meta_set([(108, 16, 12, 64), (50, 50, 50, 50)])
    parts, overall = corrected_rates([1, 0, 1, 0], np.array([0, 0, 1, 1]), list("abcd"), meta, resamples=200)
    assert overall is None
    assert parts[1] is not None
    assert parts[1].share is not None
    assert not parts[1].share.identified
    assert parts[1].interval is None


# Three judges, twelve criteria, some not judged by all.
RATINGS = np.array(
    [
        [1, 1, 0, 0, 1, 1, 0, 1, NAN, 0, 1, NAN],
        [1, 0, 0, 0, 1, 1, 1, 1, 0, NAN, 1, NAN],
        [1, 1, 0, 1, 1, NAN, 0, 1, 0, 0, NAN, 1],
    ]
).T
# The example of Krippendorff's own page: four categories, three coders, fifteen units.
CODED = np.array(
    [
        [NAN] * 5 + [3, 4, 1, 2, 1, 1, 3, 3, NAN, 3],
        [1, NAN, 2, 1, 3, 3, 4, 3] + [NAN] * 7,
        [NAN, NAN, 2, 1, 3, 4, 4, NAN, 2, 1, 1, 3, 3, NAN, 4],
    ]
).T


def value(entry: Any) -> float:
    assert entry is not None
    return float(entry.value)


def test_rater_agreement_of_two_categories_with_missing_ratings() -> None:
    found = rater_agreement(category_counts(RATINGS, 2))
    # krippendorff.alpha(reliability_data=RATINGS.T, level_of_measurement="nominal") -> 0.5882352941176471
    assert value(found.alpha) == pytest.approx(0.5882352941176471, rel=1e-12)
    # irrCAC.raw.CAC(pandas.DataFrame(RATINGS)).gwet() -> 0.65348, pa 0.81818
    assert value(found.ac1) == pytest.approx(0.65348, abs=5e-6)
    assert value(found.percent) == pytest.approx(0.81818, abs=5e-6)
    assert (found.units, found.ratings) == (11, 29)


def test_rater_agreement_of_four_categories() -> None:
    found = rater_agreement(category_counts(CODED - 1, 4))
    # krippendorff.alpha(...) -> 0.691358024691358; irrCAC gwet -> 0.70916, pa 0.77778
    assert value(found.alpha) == pytest.approx(0.691358024691358, rel=1e-12)
    assert value(found.ac1) == pytest.approx(0.70916, abs=5e-6)
    assert value(found.percent) == pytest.approx(0.77778, abs=5e-6)


@settings(max_examples=25)
@given(st.permutations(range(3)), st.booleans())
def test_agreement_depends_on_neither_the_order_of_judges_nor_the_names_of_classes(
    order: list[int], swap: bool
) -> None:
    ratings = RATINGS[:, order]
    found = rater_agreement(category_counts(1 - ratings if swap else ratings, 2), resamples=50)
    assert value(found.alpha) == pytest.approx(0.5882352941176471)
    assert value(found.ac1) == pytest.approx(0.65348, abs=5e-6)


def test_judges_that_always_agree_and_judges_of_one_mind() -> None:
    same = rater_agreement([[3, 0], [0, 3], [2, 0]])
    assert (value(same.alpha), value(same.ac1), value(same.percent)) == (1.0, 1.0, 1.0)
    one_sided = rater_agreement([[3, 0], [3, 0]])
    assert one_sided.alpha is None  # without variation nothing can be expected of chance
    assert value(one_sided.ac1) == 1.0
    with pytest.raises(ValueError, match="at least two ratings"):
        rater_agreement([[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="whole numbers from 0 to 1"):
        category_counts([[0.5, 1]], 2)
