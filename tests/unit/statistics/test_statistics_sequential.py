"""Sequential tests of a finite population drawn without replacement: their guarantee, by counting every order."""

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medeval.statistics.sequential import evidence as evidence_module
from medeval.statistics.sequential.evidence import BET_WEIGHTS, BETS, PRIOR_UNITS, log_evidence
from medeval.statistics.sequential.interval import total_bounds
from medeval.statistics.sequential.looks import INSIDE, OPEN, OUTSIDE, endings

Stratum = Sequence[tuple[float, float]]  # (size, value) of each unit


def every_order(strata: Sequence[Stratum]) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Yield every order of a small population: its probability, the values and the sizes, round by stratum."""
    for orders in itertools.product(*(itertools.permutations(stratum) for stratum in strata)):
        probability = 1.0
        for stratum, order in zip(strata, orders, strict=True):
            left = sum(size for size, _ in stratum)
            for size, _ in order:
                probability *= size / left
                left -= size
        yield probability, side_by_side(orders, 1), side_by_side(orders, 0)


def side_by_side(orders: Sequence[Stratum], field: int) -> np.ndarray:
    table = np.zeros((max(map(len, orders)), len(orders)))
    for column, order in enumerate(orders):
        table[: len(order), column] = [unit[field] for unit in order]
    return table


def totals(strata: Sequence[Stratum]) -> np.ndarray:
    return np.array([sum(size for size, _ in stratum) for stratum in strata])


def total(strata: Sequence[Stratum]) -> float:
    return sum(size * value for stratum in strata for size, value in stratum)


def shuffled(strata: Sequence[Stratum], audits: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and sizes of some random orders, shape (audits, n, B) each."""
    rng = np.random.default_rng(seed)
    orders = []
    for _ in range(audits):
        waits = [rng.exponential(size=len(stratum)) / [size for size, _ in stratum] for stratum in strata]
        orders.append([[stratum[i] for i in wait.argsort()] for stratum, wait in zip(strata, waits, strict=True)])
    return np.array([side_by_side(o, 1) for o in orders]), np.array([side_by_side(o, 0) for o in orders])


units = st.tuples(st.floats(0.05, 1.0), st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]))
populations = st.lists(st.lists(units, min_size=1, max_size=3), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(populations, st.floats(0.0, 0.3))
def test_the_evidence_against_a_true_claim_is_at_most_one_on_average_over_all_orders(
    strata: list[Stratum], room: float
) -> None:
    # Strata of unequal length and value, units of unequal size: the case in which strata share one null hypothesis.
    rounds = max(map(len, strata))
    mean = np.zeros(rounds)
    for probability, values, sizes in every_order(strata):
        mean += probability * np.exp(log_evidence(values, sizes, totals(strata), total(strata) + room))
    assert (mean <= 1.0 + 1e-9).all()


@pytest.mark.parametrize("alpha", [0.5, 0.2, 0.1])
def test_the_share_of_orders_that_ever_reach_a_level_keeps_to_it(alpha: float) -> None:
    strata = [[(0.1, 1.0), (0.1, 1.0), (0.1, -1.0)], [(0.2, -1.0), (0.1, 0.0), (0.1, 1.0), (0.3, -0.5)]]
    reached = sum(
        probability
        for probability, values, sizes in every_order(strata)
        if log_evidence(values, sizes, totals(strata), total(strata)).max() >= math.log(1.0 / alpha)
    )
    assert reached <= alpha


def test_the_evidence_is_what_its_formula_says_in_exact_fractions() -> None:
    sizes = [[Fraction(1, 8), Fraction(1, 4), Fraction(1, 8)], [Fraction(1, 4), Fraction(1, 8), Fraction(1, 8)]]
    values = [[Fraction(1), Fraction(-1, 2), Fraction(0)], [Fraction(-1), Fraction(1), Fraction(1, 4)]]
    evidence = [Fraction(0)] * 3
    for bet, weight in zip(map(Fraction, BETS), map(Fraction, BET_WEIGHTS), strict=True):
        product = Fraction(1)
        for n in range(3):
            left = [sum(part[n:]) for part in sizes]
            drawn = sum(s * v for x, y in zip(sizes, values, strict=True) for s, v in zip(x[:n], y[:n], strict=True))
            slack = Fraction(1, 16) - drawn + sum(left)
            stakes = [r * (1 + sum(y[:n]) / (Fraction(PRIOR_UNITS) + n)) for r, y in zip(left, values, strict=True)]
            for r, y, stake in zip(left, values, stakes, strict=True):
                product *= 1 + bet / max(stakes) * (r * (1 + y[n]) * sum(stakes) / slack - stake)
            evidence[n] += weight * product
    arrays = (np.array(part, dtype=float).T for part in (values, sizes))
    found = log_evidence(*arrays, np.array([0.5, 0.5]), 1 / 16)
    assert np.exp(found) == pytest.approx([float(value) for value in evidence], rel=1e-12)


def test_bets_that_ignore_what_is_left_would_not_keep_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # The enumeration can fail: with sizes left that are too small, the average exceeds one.
    true_left = evidence_module._left
    monkeypatch.setattr(evidence_module, "_left", lambda sizes, whole: 0.8 * true_left(sizes, whole))
    strata = [[(0.2, 1.0), (0.2, -1.0), (0.2, 0.0)]]
    mean = sum(
        probability * np.exp(log_evidence(values, sizes, totals(strata), 0.0)).clip(max=1e6)
        for probability, values, sizes in every_order(strata)
    )
    assert mean.max() > 1.01


def test_an_order_by_outcome_deceives_so_the_order_has_to_be_random() -> None:
    values = np.repeat([1.0, -1.0], 50)[:, None]
    sizes = np.full((100, 1), 0.01)
    assert log_evidence(values, sizes, np.ones(1), 0.0).max() > math.log(1e6)


@settings(max_examples=50, deadline=None)
@given(populations, st.floats(-1.0, 1.0), st.floats(0.0, 1.0))
def test_evidence_falls_as_the_threshold_rises(strata: list[Stratum], threshold: float, more: float) -> None:
    values, sizes = (array[0] for array in shuffled(strata, 1, 5))
    lower = log_evidence(values, sizes, totals(strata), threshold)
    higher = log_evidence(values, sizes, totals(strata), threshold + more)
    assert (higher <= lower + 1e-6).all()


def test_a_total_that_can_no_longer_be_below_the_threshold_is_certain() -> None:
    values, sizes = np.array([[1.0], [1.0], [-1.0], [-1.0]]), np.full((4, 1), 0.25)
    # After two rounds the total is at least 0.5 - 0.5 = 0; only after three is it known to exceed -0.1.
    found = log_evidence(values, sizes, np.ones(1), -0.1)
    assert np.isinf(found).tolist() == [False, True, True, True]
    assert not np.isinf(log_evidence(values, sizes, np.ones(1), 0.0)).any()


def test_a_stratum_that_is_used_up_counts_exactly() -> None:
    # The short stratum is worth 0.5 whatever the long one says; a threshold below -0.5 + 0.5 is refuted at once.
    values = np.zeros((3, 2))
    values[0, 0] = 1.0
    sizes = np.array([[0.5, 0.5 / 3], [0.0, 0.5 / 3], [0.0, 0.5 / 3]])
    assert np.isinf(log_evidence(values, sizes, np.array([0.5, 0.5]), 0.1)[1])


def test_several_audits_at_once_are_each_as_alone() -> None:
    strata = [[(0.01, float(v)) for v in np.resize([1, 0, 0, -1, 1], 40)], [(0.02, -0.5)] * 15]
    values, sizes = shuffled(strata, 6, 1)
    together = log_evidence(values, sizes, totals(strata), -0.05)
    alone = [log_evidence(v, s, totals(strata), -0.05) for v, s in zip(values, sizes, strict=True)]
    assert together == pytest.approx(np.array(alone), rel=1e-12)


@pytest.mark.parametrize(
    ("values", "sizes", "whole", "words"),
    [
        (np.zeros((2, 2)), np.ones((2, 1)), np.ones(2), "sizes: expected shape"),
        (np.zeros(2), np.ones(2), np.ones(2), "values: expected shape"),
        (np.full((2, 1), 1.5), np.full((2, 1), 0.5), np.ones(1), "from -1 to 1"),
        (np.full((2, 1), np.nan), np.full((2, 1), 0.5), np.ones(1), "from -1 to 1"),
        (np.zeros((2, 1)), np.ones((2, 1)), np.ones(1), "at most the totals"),
        (np.zeros((2, 1)), np.array([[0.5], [0.0]]), np.ones(1), "draws from no stratum"),
        (np.zeros((3, 2)), np.array([[0.1, 0.1], [0.1, 0.0], [0.1, 0.1]]), np.ones(2), "drawn from again"),
    ],
)
def test_arrays_that_do_not_describe_an_audit_are_refused(
    values: np.ndarray, sizes: np.ndarray, whole: np.ndarray, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        log_evidence(values, sizes, whole, 0.0)


MIXED = [
    [(1 / 60, float(v)) for v in np.resize([1, 1, 0, 0, -1], 20)],
    [(1 / 180, float(v)) for v in np.resize([-1, 0, 0, 1, 0, 0], 60)],
    [(1 / 90, v) for v in np.linspace(-1, 0.8, 30)],
]


def test_bounds_hold_at_all_times_in_nearly_all_orders() -> None:
    values, sizes = shuffled(MIXED, 150, 2)
    truth, misses = total(MIXED), 0
    for drawn, weights in zip(values[:, :50], sizes[:, :50], strict=True):
        # The bounds are the tightest of all rounds so far, so that these hold only if all earlier ones did.
        bounds = total_bounds(drawn, drawn, weights, totals(MIXED), 0.1)
        misses += not bounds.low - 1e-8 <= truth <= bounds.high + 1e-8
    assert misses <= 0.1 * 150


def test_bounds_close_in_on_the_total_and_end_there() -> None:
    values, sizes = (array[0] for array in shuffled(MIXED, 1, 3))
    widths = []
    for n in (0, 10, 30, 60):
        bounds = total_bounds(values[:n], values[:n], sizes[:n], totals(MIXED), 0.05)
        widths.append(bounds.high - bounds.low)
    assert widths[0] == pytest.approx(2.0)
    assert widths == sorted(widths, reverse=True)
    assert bounds.low == pytest.approx(total(MIXED), abs=2e-9)
    assert bounds.high == pytest.approx(total(MIXED), abs=2e-9)
    assert bounds.least == pytest.approx(bounds.most)


def test_turning_all_values_round_turns_the_bounds_round() -> None:
    values, sizes = (array[0, :25] for array in shuffled(MIXED, 1, 4))
    one = total_bounds(values, values, sizes, totals(MIXED), 0.05)
    other = total_bounds(-values, -values, sizes, totals(MIXED), 0.05)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low))


def test_a_value_that_is_not_known_widens_the_bounds_on_both_sides() -> None:
    values, sizes = (array[0, :25] for array in shuffled(MIXED, 1, 4))
    known = total_bounds(values, values, sizes, totals(MIXED), 0.05)
    lowest, highest = values.copy(), values.copy()
    row = int(np.flatnonzero(values[:20, 0] == 0.0)[0])
    lowest[row, 0], highest[row, 0] = -1.0, 1.0
    unknown = total_bounds(lowest, highest, sizes, totals(MIXED), 0.05)
    assert unknown.low < known.low < known.high < unknown.high


def test_endings_agree_with_the_bounds() -> None:
    values, sizes = shuffled(MIXED, 20, 6)
    found = endings(values, values, sizes, totals(MIXED), (-0.1, None), 0.05)
    assert (found.outcomes == INSIDE).all()
    for drawn, weights, round_ in zip(values, sizes, found.rounds, strict=True):
        before, after = (
            total_bounds(drawn[:n], drawn[:n], weights[:n], totals(MIXED), 0.05) for n in (round_ - 1, round_)
        )
        assert before.low < -0.1 <= after.low + 1e-9


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        ((0.0, None), OUTSIDE),  # the total is 0: not above it
        ((-0.01, None), INSIDE),
        ((None, 0.0), OUTSIDE),
        ((-0.01, 0.01), INSIDE),
        ((0.01, 0.02), OUTSIDE),
        ((-0.02, 0.0), OUTSIDE),
    ],
)
def test_when_everything_is_drawn_the_answer_is_exact(limits: tuple[float | None, float | None], outcome: int) -> None:
    strata = [[(0.05, 1.0)] * 5 + [(0.05, -1.0)] * 5, [(0.5 / 30, 0.0)] * 30]
    values, sizes = shuffled(strata, 10, 7)
    found = endings(values, values, sizes, totals(strata), limits, 0.05)
    assert (found.outcomes == outcome).all()


def test_an_audit_without_enough_rounds_stays_open() -> None:
    values, sizes = shuffled(MIXED, 5, 8)
    found = endings(values[:, :4], values[:, :4], sizes[:, :4], totals(MIXED), (total(MIXED), None), 0.05)
    assert found.outcomes.tolist() == [OPEN] * 5
    assert found.rounds.tolist() == [4] * 5


def test_unknown_values_leave_an_exhausted_audit_open_only_where_they_decide() -> None:
    strata = [[(0.1, 1.0)] * 6 + [(0.1, -1.0)] * 4]
    values, sizes = shuffled(strata, 1, 9)
    lowest, highest = values.copy(), values.copy()
    unknown = int(np.flatnonzero(values[0, :, 0] == 1.0)[0])
    lowest[0, unknown, 0] = -1.0  # the total is 0.2, or 0 if the value that is not known is -1
    limits = {
        limit: endings(lowest, highest, sizes, np.ones(1), (limit, None), 0.01).outcomes[0]
        for limit in (-0.5, 0.1, 0.5)
    }
    assert limits[-0.5] == INSIDE
    assert limits[0.5] == OUTSIDE
    assert limits[0.1] == OPEN


def test_audits_of_more_rounds_than_a_stage_end_where_a_single_look_at_all_of_them_says() -> None:
    rng = np.random.default_rng(10)
    values = np.where(rng.random((4, 400, 1)) < 0.56, 1.0, -1.0)
    sizes = np.full((4, 400, 1), 1 / 400)
    found = endings(values, values, sizes, np.ones(1), (0.0, None), 0.05)
    for drawn, outcome, round_ in zip(values, found.outcomes, found.rounds, strict=True):
        above = log_evidence(drawn, sizes[0], np.ones(1), 0.0) >= math.log(40)
        below = log_evidence(-drawn, sizes[0], np.ones(1), 0.0) >= math.log(40)
        either = np.flatnonzero(above | below)
        assert round_ == (either[0] + 1 if either.size else 400)
        assert outcome == (INSIDE if drawn.sum() > 0 else OUTSIDE)


def test_endings_need_a_limit() -> None:
    values, sizes = shuffled(MIXED, 1, 1)
    with pytest.raises(ValueError, match="limits"):
        endings(values, values, sizes, totals(MIXED), (None, None), 0.05)
    with pytest.raises(ValueError, match="risk"):
        endings(values, values, sizes, totals(MIXED), (0.0, None), 0.0)
