"""Which item counts printed digits allow: published figures, and brute force as a second opinion."""

import itertools
import random
from fractions import Fraction

import pytest

from medeval.errors import MedevalError
from medeval.statistics.granularity import (
    check_grid,
    coincidence,
    feasible_totals,
    is_feasible,
    nested_witness,
    rounded_run_decimals,
    to_units,
)

# Accuracies of seven models as the MedPsy model cards print them (huggingface.co/qvac).
PUBMEDQA = [75.00, 71.93, 74.53, 58.73, 69.53, 72.33, 69.20]
MEDQA = [84.39, 83.29, 70.91, 64.39, 75.05, 47.18, 39.85]
MMLU_PRO = [70.45, 72.94, 67.73, 47.31, 61.37, 45.07, 37.81]
MMLU = [89.70, 90.48, 85.92, 67.69, 82.72, 72.49, 63.48]
AFRIMEDQA = [71.50, 73.07, 64.12, 54.38, 64.84, 51.87, 45.07]
SUBJECTS = [135, 265, 144, 173, 100, 272]


@pytest.mark.parametrize(
    ("values", "n", "runs", "rounded", "feasible"),
    [
        (PUBMEDQA, 500, 1, False, 2),
        (PUBMEDQA, 500, 3, False, 7),
        (PUBMEDQA, 500, 5, False, 2),
        (MEDQA, 1273, 1, False, 0),
        (MEDQA, 1273, 3, False, 6),
        (MEDQA, 1273, 3, True, 7),
        (MEDQA, 1273, 5, False, 2),
        (MEDQA, 1272, 3, True, 3),
        (MMLU_PRO, 818, 3, True, 7),
        (MMLU_PRO, 818, 1, False, 3),
        (MMLU_PRO, 553, 3, True, 3),
        (MMLU, 1089, 3, True, 4),
        (MMLU, 1784, 3, True, 4),
        (MMLU, 1871, 3, True, 7),
        (AFRIMEDQA, 1000, 3, True, 4),
        (AFRIMEDQA, 174, 3, True, 0),
        (AFRIMEDQA, 25, 3, True, 0),
        (AFRIMEDQA, 3000, 3, True, 7),
        (AFRIMEDQA, 3910, 3, True, 7),
    ],
)
def test_counts_of_feasible_figures_are_those_worked_out_apart(
    values: list[float], n: int, runs: int, rounded: bool, feasible: int
) -> None:
    """Oracle: counts computed independently for these figures, before this module was written."""
    assert check_grid(values, 2, n, runs, rounded).feasible == feasible


def test_the_value_that_a_pooled_mean_misses_is_the_one_named() -> None:
    misses = [value for value in MEDQA if not is_feasible(value, 2, 1273, 3)]
    assert misses == [47.18]


def test_witnesses_are_the_totals_that_print_as_the_value() -> None:
    """Oracle: 2866/3819 = 75.0458 %, 1079/1500 = 71.9333 %; of 1273, 955 give 75.02 and 956 give 75.10."""
    assert list(feasible_totals(75.05, 2, 1273, 3)) == [2866]
    assert list(feasible_totals(71.93, 2, 500, 3)) == [1079]
    assert list(feasible_totals(75.05, 2, 1273, 1)) == []


def test_chance_is_the_share_of_feasible_neighbours() -> None:
    """Oracle: 500 items x 3 runs print 3 of every 20 hundredths; MedQA's chance is about 0.03."""
    check = check_grid(PUBMEDQA, 2, 500, 3)
    assert check.share == pytest.approx(3 / 20)
    assert check.chance == pytest.approx((3 / 20) ** 7)
    assert check_grid(MEDQA, 2, 1273, 3, True).chance == pytest.approx(0.03, abs=0.005)


def test_fine_grids_have_no_power() -> None:
    check = check_grid(MEDQA, 2, 4183, 3, True)
    assert check.fits
    assert check.chance == 1.0


def test_seven_figures_on_the_coarser_grid_are_one_in_128_by_accident() -> None:
    """Every second point of the 1/3000 grid is on the 1/1500 grid, so seven in a row are (1/2)^7."""
    assert coincidence(PUBMEDQA, 2, 500, 1000, 3) == pytest.approx(1 / 128)


def test_coincidence_needs_a_fitting_neighbourhood() -> None:
    with pytest.raises(MedevalError, match="n = 3"):
        coincidence([50.0], 2, 2, 3)


def test_a_mean_of_subjects_can_print_every_figure() -> None:
    for value in MMLU:
        witness = nested_witness(value, 2, SUBJECTS, 3)
        assert witness is not None
        mean = sum(Fraction(right, 3 * size) for right, size in zip(witness, SUBJECTS, strict=True)) / 6
        assert abs(100 * mean - Fraction(str(value))) <= Fraction(5, 1000)
        assert all(0 <= right <= 3 * size for right, size in zip(witness, SUBJECTS, strict=True))


def test_no_witness_is_claimed_where_none_exists() -> None:
    """Two strata of two items print only multiples of 25."""
    assert nested_witness(33.33, 2, [2, 2]) is None
    assert nested_witness(75.0, 2, [2, 2]) is not None


def test_thirds_betray_runs_that_were_rounded_to_whole_points() -> None:
    assert rounded_run_decimals([74.00, 70.33, 63.67], 2, 3) == 0
    assert rounded_run_decimals([74.00, 70.33, 63.60], 2, 3) == 1
    assert rounded_run_decimals([74.00, 70.33, 63.61], 2, 3) is None


@pytest.mark.parametrize("n", [7, 23, 61])
@pytest.mark.parametrize("rounded", [False, True])
def test_every_mean_that_can_be_made_is_feasible(n: int, rounded: bool) -> None:
    """Simulated publications of three close runs; the round-trip must never reject the true count."""
    generator = random.Random(n)  # noqa: S311 (a simulation)
    for _ in range(200):
        first = generator.randrange(n + 1)
        runs = [min(n, max(0, first + generator.choice([0, 0, 1 if n > 50 else 0]))) for _ in range(3)]
        shares = [Fraction(100 * right, n) for right in runs]
        parts = [Fraction(round(100 * share), 100) for share in shares] if rounded else shares
        printed = round(100 * sum(parts) / 3) / 100
        assert is_feasible(printed, 2, n, 3, rounded)


@pytest.mark.parametrize("n", [9, 37])
def test_pooled_feasibility_agrees_with_enumeration(n: int) -> None:
    printable = {to_units(round(100 * right / (2 * n), 1), 1) for right in range(2 * n + 1)}
    feasible = {unit for unit in range(1001) if is_feasible(unit / 10, 1, n, 2)}
    assert printable <= feasible
    # A tie may print either way, so a few more values can be feasible, each half a unit off a mean.
    for unit in feasible - printable:
        assert any(abs(Fraction(1000 * right, 2 * n) - unit) == Fraction(1, 2) for right in range(2 * n + 1))


def test_rounded_runs_agree_with_enumeration() -> None:
    """All triples of runs within two points of each other, over 150 items, at one decimal."""
    n = 150
    shares = [round(1000 * right / n) for right in range(70, 81)]
    sums = [sum(triple) for triple in itertools.product(shares, repeat=3)]
    for unit in range(490, 511):
        near = [s for s in sums if abs(2 * s - 6 * unit) <= 3]
        assert is_feasible(unit / 10, 1, n, 3, True) == bool(near)


@pytest.mark.parametrize("value", [75.051, -1.0, 100.5])
def test_a_value_that_cannot_have_been_printed_is_refused(value: float) -> None:
    with pytest.raises(MedevalError, match="not a percentage with 2 decimals"):
        to_units(value, 2)
