"""Run noise of a benchmark's score, runs that a repetition needs, and flips beyond a model's own."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medeval.statistics.churn import churn
from medeval.statistics.runs import decompose_runs, one_run_variance, replication_se, required_runs

# A worked example: MSW 0.1666667, error over fixed items of the mean of three runs 0.1178511.
RUNS = [[1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0]]


def test_run_noise_of_the_printed_example() -> None:
    assert one_run_variance(RUNS) == pytest.approx(0.1666667 / 4, rel=1e-6)
    assert math.sqrt(one_run_variance(RUNS) / 3) == pytest.approx(0.1178511, rel=1e-6)


def test_run_noise_of_a_mean_of_subjects_is_that_of_its_subjects() -> None:
    subjects = ["a", "a", "a", "b"]
    parts = [decompose_runs(RUNS[:3]).within / 3, np.var(RUNS[3], ddof=1)]
    assert one_run_variance(RUNS, subjects) == pytest.approx(sum(parts) / 4)


def test_the_noise_between_runs_is_seen_in_the_runs_themselves() -> None:
    # The variance of 4,000 simulated run means, within four Monte-Carlo errors (a variance's is sqrt(2 / runs)).
    rng = np.random.default_rng(5)
    chance = rng.beta(0.6, 0.4, size=300)
    runs = (rng.random((300, 4000)) < chance[:, None]).astype(float)
    assert one_run_variance(runs) == pytest.approx(runs.mean(axis=0).var(ddof=1), rel=4 * math.sqrt(2 / 4000))


@pytest.mark.parametrize(("one_run", "room", "published"), [(0.15, 0.5, 3), (0.05, 0.2, 5), (0.01, 0.9, 1)])
def test_the_runs_needed_are_the_fewest_that_suffice(one_run: float, room: float, published: int) -> None:
    needed = required_runs(one_run, room, 1.645, published, 0.005)
    enough = [1.645 * replication_se([one_run], [1.0], runs, published, 0.005) < room for runs in range(1, 400)]
    assert (needed or None) == (enough.index(True) + 1 if any(enough) else None)


def test_no_number_of_runs_makes_up_for_the_noise_of_the_published_ones() -> None:
    assert required_runs(1.0, 0.5, 1.645, published_runs=3) == 0


def test_flips_are_averaged_over_every_pair_of_runs() -> None:
    base, test = np.array(RUNS), np.array([[1, 0], [1, 1], [0, 1], [0, 1]])
    pairs = [np.mean(base[:, i] != test[:, j]) for i in range(3) for j in range(2)]
    own = [np.mean(base[:, i] != base[:, j]) for i, j in itertools.combinations(range(3), 2)]
    found = churn(base, test)
    assert found.floor is not None
    assert found.excess is not None
    assert found.rate.value == pytest.approx(np.mean(pairs))
    assert found.floor.value == pytest.approx(np.mean(own))
    assert found.excess.value == pytest.approx(np.mean(pairs) - np.mean(own))


def test_the_error_of_a_paired_loss_is_made_of_the_effective_discordance() -> None:
    # Var = (phi - L^2) / n with phi the discordance of the run-averaged scores.
    rng = np.random.default_rng(2)
    base, test = ((rng.random((500, 3)) < 0.7).astype(float) for _ in range(2))
    difference = base.mean(axis=1) - test.mean(axis=1)
    found = churn(base, test)
    assert (found.effective - difference.mean() ** 2) / 499 == pytest.approx(difference.var(ddof=1) / 500)


def test_one_run_leaves_the_floor_unknown() -> None:
    found = churn([[1], [0]], [[0], [0]])
    assert (found.floor, found.excess, found.rate.value) == (None, None, 0.5)


@given(st.lists(st.tuples(*[st.booleans()] * 4), min_size=2, max_size=20))
def test_a_system_against_itself_has_no_excess_and_order_of_runs_is_nothing(rows: list[tuple[bool, ...]]) -> None:
    runs = np.array(rows, dtype=float)
    turned = churn(runs[:, ::-1], runs)
    assert churn(runs, runs).rate.value == pytest.approx(turned.rate.value)
    # All pairs of runs of one table include those of a run with itself, which never differ.
    assert turned.excess is not None
    assert turned.excess.value <= 1e-12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: one_run_variance([[1], [0]]), "at least 2 runs"),
        (lambda: churn([[2.0, 0.0]], [[1.0]]), "scores from 0 to 1"),
        (lambda: churn([[1.0, 0.0]], [[1.0], [0.0]]), "base and test"),
        (lambda: required_runs(1.0, 0.0, 1.645), "room"),
    ],
)
def test_unusable_input_is_refused_by_name(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
