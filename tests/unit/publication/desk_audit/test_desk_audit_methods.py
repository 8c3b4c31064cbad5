"""The arithmetic of the desk audit against worked numbers and closed forms."""

from math import sqrt

import pytest
from scipy import stats

from medeval.publication.desk_audit.findings import Conclusion, worst
from medeval.publication.desk_audit.resolution import (
    MDE_FACTOR,
    UNPAIRED,
    Design,
    difference_variance,
    discordance_coefficient,
    macro_standard_error,
    optimistic_design,
    resolve,
    rubric_standard_error,
    two_sided_p,
)
from medeval.publication.desk_audit.robustness import PrintedRobustness, assess, holm

# Printed accuracies (huggingface.co/qvac/MedPsy-4B and -1.7B) in this order, and the oracles' counts.
ORDER = ["mmlu_health", "afrimedqa", "mmlu_pro_health", "medmcqa", "medqa", "medxpertqa", "pubmedqa"]
PRINTED = {
    "MedPsy-4B": [89.70, 71.50, 70.45, 72.15, 84.39, 30.61, 75.00],
    "MedGemma-27B": [90.48, 73.07, 72.94, 72.77, 83.29, 25.18, 71.93],
    "Qwen3-4B": [85.92, 64.12, 67.73, 61.78, 70.91, 16.69, 74.53],
    "MedGemma-1.5-4B": [67.69, 54.38, 47.31, 50.08, 64.39, 15.80, 58.73],
    "MedPsy-1.7B": [82.72, 64.84, 61.37, 63.56, 75.05, 21.28, 69.53],
}
SUBJECTS = [135, 265, 144, 173, 100, 272]
EFFECTIVE = 36 / sum(1 / n for n in SUBJECTS)
COUNTS = dict(zip(ORDER, [EFFECTIVE, 3910, 818, 4183, 1273, 2450, 500], strict=True))
ITEMS = dict(zip(ORDER, [1089, 3910, 818, 4183, 1273, 2450, 500], strict=True))


def _values(model: str) -> dict[str, float]:
    return dict(zip(ORDER, PRINTED[model], strict=True))


def _error(a: str, b: str, design: Design = UNPAIRED, counts: dict[str, float] = COUNTS) -> float:
    return macro_standard_error(_values(a), _values(b), counts, design)


def test_six_subjects_count_as_958_items() -> None:
    assert pytest.approx(957.9, abs=0.05) == EFFECTIVE


@pytest.mark.parametrize(
    ("a", "b", "errors"),
    [
        ("MedPsy-4B", "MedGemma-27B", (0.644, 0.539, 0.456, 0.456, 0.353)),
        ("MedPsy-1.7B", "MedGemma-1.5-4B", (0.724, 0.606, 0.513, 0.513, 0.398)),
        ("MedPsy-1.7B", "Qwen3-4B", (0.685, 0.573, 0.485, 0.485, 0.376)),
        ("MedPsy-4B", "Qwen3-4B", (0.658, 0.551, 0.467, 0.466, 0.362)),
    ],
)
def test_errors_of_differences_by_design(a: str, b: str, errors: tuple[float, ...]) -> None:
    """Oracle: a table computed apart, printed to three decimals."""
    designs = [
        Design(),
        Design(rho=0.3),
        Design(rho=0.5),
        Design(rho=0.3, within=0.3, runs=3),
        optimistic_design(3),
    ]
    for design, expected in zip(designs, errors, strict=True):
        assert _error(a, b, design) == pytest.approx(expected, abs=0.0011)


@pytest.mark.parametrize(
    ("benchmark", "n", "unpaired", "best"),
    [
        ("mmlu_health", 1089, 0.641, 0.351),
        ("mmlu_health", 1871, 0.630, 0.345),
        ("pubmedqa", 1000, 0.580, 0.318),
    ],
)
def test_other_item_counts_change_the_error_as_computed_apart(
    benchmark: str, n: int, unpaired: float, best: float
) -> None:
    counts = {**COUNTS, benchmark: float(n)}
    assert _error("MedPsy-4B", "MedGemma-27B", UNPAIRED, counts) == pytest.approx(unpaired, abs=0.001)
    assert _error("MedPsy-4B", "MedGemma-27B", optimistic_design(3), counts) == pytest.approx(best, abs=0.001)


def test_a_resolution_carries_power_and_items() -> None:
    """Oracle: (1.959964 + 0.841621) = 2.801585; SE 0.644 for a gap of 0.591 needs 9.3 times the items."""
    found = resolve(0.591, 0.644)
    assert pytest.approx(2.8015852, abs=1e-6) == MDE_FACTOR
    assert found.z == pytest.approx(0.9177, abs=1e-4)
    assert found.p == pytest.approx(0.36, abs=0.005)
    assert [found.low, found.high] == pytest.approx([-0.67, 1.85], abs=0.005)
    assert found.mde == pytest.approx(1.80, abs=0.005)
    assert found.items_factor == pytest.approx(9.3, abs=0.05)
    assert not found.resolved


def test_equality_needs_the_whole_90_percent_interval_inside() -> None:
    """Oracle: 0.591 with SE 0.456 has the 90 % interval -0.16 to 1.34: within 1.5, not within 1."""
    assert resolve(0.591, 0.456).equal_within(1.5)
    assert not resolve(0.591, 0.456).equal_within(1.0)


def test_variance_is_the_binomial_one_and_swapping_changes_nothing() -> None:
    assert difference_variance(75.0, 50.0, 500) == pytest.approx((75 * 25 + 50 * 50) / 500)
    design = optimistic_design(3)
    assert difference_variance(75.0, 50.0, 500, design) == difference_variance(50.0, 75.0, 500, design)


def test_discordance_and_rubric_errors() -> None:
    """Oracle: 1.1024 points for these seven counts; 0.35 over 5,000 examples gives 0.495 for one score."""
    assert discordance_coefficient(COUNTS) == pytest.approx(1.1024, abs=1e-4)
    assert rubric_standard_error(0.35, 5000) == pytest.approx(0.495 * sqrt(2), abs=0.001)


def test_normal_tails_do_not_vanish() -> None:
    assert two_sided_p(15.8) == pytest.approx(2 * stats.norm.sf(15.8), rel=1e-9)


def _robust(a: str, b: str) -> PrintedRobustness:
    left, right = _values(a), _values(b)
    errors = {n: macro_standard_error({n: left[n]}, {n: right[n]}, {n: COUNTS[n]}) for n in ORDER}
    return assess({name: left[name] - right[name] for name in ORDER}, ITEMS, errors)


def test_a_lead_that_hangs_on_one_benchmark_is_fragile() -> None:
    """Oracle: macro .591, micro .325, t(6) .557 with p .598, 3 wins of 7, leave-one-out -.215 to 1.105."""
    found = _robust("MedPsy-4B", "MedGemma-27B")
    assert found.macro == pytest.approx(0.591, abs=5e-4)
    assert found.micro == pytest.approx(0.325, abs=5e-4)
    assert [found.t, found.t_p] == pytest.approx([0.557, 0.598], abs=5e-4)
    assert found.wins == 3
    assert found.leave_one_out["medxpertqa"] == min(found.leave_one_out.values()) == pytest.approx(-0.215, abs=5e-4)
    assert max(found.leave_one_out.values()) == pytest.approx(1.105, abs=5e-4)
    assert "the sign turns without medxpertqa" in found.fragile
    assert found.holm["medxpertqa"] == pytest.approx(0.0002, abs=5e-5)
    assert min(p for name, p in found.holm.items() if name != "medxpertqa") >= 0.72


def test_a_broad_lead_is_robust() -> None:
    """Oracle: macro 11.424, micro 11.077, t(6) 9.45, 7 wins of 7, leave-one-out 10.82 to 12.42."""
    found = _robust("MedPsy-1.7B", "MedGemma-1.5-4B")
    assert [found.macro, found.micro] == pytest.approx([11.424, 11.077], abs=5e-4)
    assert found.t == pytest.approx(9.45, abs=0.005)
    assert found.wins == 7
    assert min(found.leave_one_out.values()) == pytest.approx(10.82, abs=0.005)
    assert max(found.leave_one_out.values()) == pytest.approx(12.42, abs=0.006)
    assert found.fragile == ()


def test_weights_can_turn_a_sign() -> None:
    """Oracle: macro -.476, micro +1.096, 4 wins of 7."""
    found = _robust("MedPsy-1.7B", "Qwen3-4B")
    assert [found.macro, found.micro] == pytest.approx([-0.476, 1.096], abs=5e-4)
    assert found.wins == 4
    assert "weighting by items turns the sign" in found.fragile


def test_holm_adjusts_as_worked_by_hand() -> None:
    """Oracle: .001 .010 .020 .030 .040 .200 .700 give .007 .06 .10 .12 .12 .40 .70."""
    raw = [0.001, 0.010, 0.020, 0.030, 0.040, 0.200, 0.700]
    adjusted = holm({str(rank): p for rank, p in enumerate(raw)})
    assert list(adjusted.values()) == pytest.approx([0.007, 0.06, 0.10, 0.12, 0.12, 0.40, 0.70])


def test_swapping_the_models_turns_every_sign() -> None:
    one, other = _robust("MedPsy-4B", "MedGemma-27B"), _robust("MedGemma-27B", "MedPsy-4B")
    assert (one.macro, one.micro, one.t) == pytest.approx((-other.macro, -other.micro, -other.t))
    assert one.holm == pytest.approx(other.holm)
    assert [len(one.fragile), len(other.fragile)] == [2, 2]


def test_the_least_favourable_part_decides_a_claim() -> None:
    assert worst([Conclusion.ARITHMETIC_HOLDS, Conclusion.NOT_CERTIFIED]) is Conclusion.NOT_CERTIFIED
    assert worst([Conclusion.RESOLVED, Conclusion.DOES_NOT_ADD_UP]) is Conclusion.DOES_NOT_ADD_UP
