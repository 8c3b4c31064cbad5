"""The decision rules about values, orders, losses and equality. Differences and margins are in points."""

import math
from dataclasses import replace

from medeval.statistics.equivalence import Equivalence, non_inferiority, tost
from medeval.statistics.power import minimum_detectable_effect
from medeval.statistics.quantiles import quantile
from medeval.statistics.runs import required_runs
from medeval.verdicts import exact
from medeval.verdicts.basis import EqualityBasis, LossBasis, OrderBasis, ValueBasis
from medeval.verdicts.decision import decision_of
from medeval.verdicts.measured import Difference, ValueDifference
from medeval.verdicts.verdict import Decision, Estimand, Flag, Verdict

# Differences within this many points count as equal where a claim states no margin of its own.
EQUAL_WITHIN = 1.0
# How far two faithful runs of one protocol may drift apart, in points: on an average of at least so many benchmarks,
# on one benchmark or an average of fewer.
AVERAGE_DRIFT, BENCHMARK_DRIFT, AVERAGE_OF = 1.0, 2.0, 5


def drift(benchmarks: int) -> float:
    """Return how far two faithful runs of one protocol may drift apart, on a score over some benchmarks."""
    return AVERAGE_DRIFT if benchmarks >= AVERAGE_OF else BENCHMARK_DRIFT


def decide_order(
    metric: str,
    a: str,
    b: str,
    found: Difference,
    stated: float | None,
    adjusted_p: float | None,
    alpha: float,
    *,
    tolerance: float = AVERAGE_DRIFT,
) -> Decision:
    """Decide "A is above B": the sign must be resolved after adjustment over the claims of the publication.

    Args:
        metric: What is compared.
        a: The system the claim is about.
        b: What it is compared with.
        found: The measured difference A minus B.
        stated: The stated difference, when there is one.
        adjusted_p: p-value of no difference, adjusted for all such claims; None when it cannot be tested.
        alpha: Level of the family.
        tolerance: How far our difference may lie from the stated one before the verdict says so.
    """
    # Test and interval are made differently for small or clustered samples; a resolved order needs both.
    excludes_zero = found.low is not None and found.high is not None and (found.low > 0 or found.high < 0)
    resolved = excludes_zero and adjusted_p is not None and adjusted_p < alpha
    tied = tost(found.value, found.se, EQUAL_WITHIN, alpha=alpha) if found.se else None
    if resolved and found.value > 0:
        verdict, reasons = Verdict.REPRODUCED, ["the difference is positive and resolved"]
        if stated is not None and abs(found.value - stated) > tolerance:
            reasons.append(f"its size differs from the stated {stated:+.2f} by more than {tolerance:g} point")
    elif resolved:
        verdict, reasons = Verdict.NOT_REPRODUCED, ["the difference is resolved and has the opposite sign"]
    elif tied is not None and tied.equivalent:
        verdict, reasons = Verdict.NOT_REPRODUCED, [f"the two are shown to be equal within {EQUAL_WITHIN:g} point"]
    else:
        verdict, reasons = Verdict.INCONCLUSIVE, ["the data cannot separate the two"]
    smallest = minimum_detectable_effect(found.se, alpha) if found.se else None
    basis = OrderBasis(
        benchmarks=found.benchmarks,
        robustness=found.robustness,
        churn=found.churn,
        stated_difference=stated,
        tolerance=tolerance,
        p_value_alone=found.p_value,
        equal_within=EQUAL_WITHIN,
        interval_90=None if tied is None else (tied.low, tied.high),
        resolution_ratio=None if not smallest or stated is None else (stated / smallest) ** 2,
    )
    fragile = found.robustness.fragile if found.robustness else ()
    reasons += fragile
    flags = {Flag.FRAGILE} if fragile else set()
    return decision_of(basis, metric, a, b, found, verdict, reasons, alpha, adjusted_p, flags, effect=stated)


def decide_bounded_loss(metric: str, a: str, b: str, found: Difference, margin: float, alpha: float) -> Decision:
    """Decide "A loses less than `margin` against B" by a one-sided test of non-inferiority.

    Where no spread is seen, since all items agree, an exact bound takes the place of the test.
    """
    lower = upper = p_value = None
    if found.constant is not None:
        low, high = exact.bounds(found, found.constant, alpha)
        lower, upper = -high, -low
        verdict, reason = exact.decide_loss(found, found.constant, margin, alpha)
    elif not found.se:
        verdict, reason = Verdict.INCONCLUSIVE, "no spread was seen, so the bound cannot be tested"
    else:
        test = non_inferiority(-found.value, found.se, margin, alpha=alpha)
        lower, upper, p_value = test.low, test.high, test.p_value
        bound = f"the loss is {test.value:.2f} points with a one-sided {100 * (1 - alpha):g} % bound of {test.high:.2f}"
        if test.within:
            verdict, reason = Verdict.REPRODUCED, f"{bound}, below the margin of {margin:g}"
        elif test.exceeded:
            verdict, reason = Verdict.NOT_REPRODUCED, f"the loss is {test.value:.2f} points, shown to exceed {margin:g}"
        else:
            verdict, reason = Verdict.INCONCLUSIVE, f"{bound}, not below the margin of {margin:g}"
    reasons = [reason, *_worst_benchmark(found, alpha), *_churn(found)]
    basis = LossBasis(
        benchmarks=found.benchmarks,
        robustness=found.robustness,
        churn=found.churn,
        margin=margin,
        loss=-found.value,
        lower=lower,
        upper=upper,
        exact=found.constant is not None,
    )
    return decision_of(basis, metric, a, b, found, verdict, reasons, alpha, p_value, effect=margin)


def decide_equality(metric: str, a: str, b: str, found: Difference, margin: float, alpha: float) -> Decision:
    """Decide "A matches B" by two one-sided tests within `margin`, or by exact bounds where all items agree."""
    narrow = wide = p_value = None
    if found.constant is not None:
        narrow, wide = (exact.bounds(found, found.constant, level) for level in (alpha, alpha / 2.0))
        verdict, reason = exact.decide_equality(found, found.constant, margin, alpha)
    elif not found.se:
        verdict, reason = Verdict.INCONCLUSIVE, "no spread was seen, so equality cannot be tested"
    else:
        test = tost(found.value, found.se, margin, alpha=alpha)
        narrow, wide = (test.low, test.high), (test.wide_low, test.wide_high)
        p_value, verdict = test.p_value, _inside_margin(test)
        interval = f"the 90 % interval is {test.low:+.2f} to {test.high:+.2f}"
        reason = {
            Verdict.REPRODUCED: f"{interval}, inside ±{margin:g}",
            Verdict.NOT_REPRODUCED: f"the 95 % interval lies outside ±{margin:g}",
            Verdict.INCONCLUSIVE: f"{interval}, not inside ±{margin:g}",
        }[verdict]
    rows = found.benchmarks
    apart = [row.benchmark for row in rows if row.holm_p_value < alpha] if len(rows) > 1 else []
    reasons = [reason, *([f"on average only: they differ on {', '.join(apart)}"] if apart else [])]
    basis = EqualityBasis(
        benchmarks=found.benchmarks,
        robustness=found.robustness,
        churn=found.churn,
        margin=margin,
        interval_90=narrow,
        interval_95=wide,
    )
    return decision_of(basis, metric, a, b, found, verdict, reasons, alpha, p_value, effect=margin)


def decide_point_value(
    metric: str, a: str, found: ValueDifference, margin: float, alpha: float, *, at_least: bool = False
) -> Decision:
    """Decide "A scores the stated value" by two one-sided tests of our value minus the stated one.

    Args:
        metric: What is measured.
        a: The system the claim is about.
        found: Our value minus the stated one, with the error of a repetition, see
            :func:`medeval.verdicts.values.repetition`.
        margin: Drift between two protocols that is tolerated, in points.
        alpha: Level of each test.
        at_least: Whether the claim is "at least" that value, which a higher value does not contradict.
    """
    basis = ValueBasis(repetition=found.repetition, margin=margin, at_least=at_least)
    if not found.se:
        reason = "no spread was seen, so the value cannot be tested"
        return decision_of(basis, metric, a, a, found, Verdict.INCONCLUSIVE, [reason], alpha, None, effect=margin)
    test = tost(found.value, found.se, margin, alpha=alpha)
    half = (test.wide_high - test.wide_low) / 2.0
    stated = found.repetition.stated
    ours = stated + found.value
    runs, items = _needed(found, margin, alpha)
    basis = replace(
        basis,
        interval_90=(test.low, test.high),
        interval_95=(test.wide_low, test.wide_high),
        prediction_interval=(ours - half, ours + half),
        stated_inside_prediction=abs(found.value) <= half,
        runs_needed=runs,
        items_needed=items,
    )
    verdict = _inside_margin(test)
    if at_least and test.above:
        verdict = Verdict.REPRODUCED
    shown = {
        Verdict.REPRODUCED: f"the 90 % interval inside ±{margin:g}",
        Verdict.NOT_REPRODUCED: f"the 95 % interval outside ±{margin:g}",
        Verdict.INCONCLUSIVE: f"within or outside ±{margin:g} is not shown",
    }[verdict]
    if at_least and test.above:
        shown = "shown to be above it, as claimed"
    reasons = [f"ours is {ours:.2f} against the stated {stated:.2f}, {shown}"]
    if verdict is Verdict.INCONCLUSIVE and (runs or items):
        needed = f"{runs:,} runs" if runs else f"{items:,} items"
        reasons.append(f"the same value over {needed} would reproduce the stated one")
    flags = {Flag.EXCEEDS} if test.above else set()
    return decision_of(basis, metric, a, a, found, verdict, reasons, alpha, test.p_value, flags, effect=margin)


def _needed(found: ValueDifference, margin: float, alpha: float) -> tuple[int | None, int | None]:
    """Return the fewest runs, and items, with which the same difference would be shown to lie inside the margin.

    Both are None where no number suffices or the other kind of error decides.
    """
    room = margin - abs(found.value)
    multiplier = quantile(1.0 - alpha)
    if room <= 0.0 or not found.se:
        return None, None
    again = found.repetition
    noise = [row.one_run_variance for row in again.benchmarks if row.one_run_variance is not None]
    if found.estimand is Estimand.FIXED and noise and len(noise) == len(again.benchmarks):
        one_run = sum(noise) / len(noise) ** 2
        return required_runs(one_run, room, multiplier, again.published_runs, again.half_unit) or None, None
    return None, math.floor(found.items * (multiplier * found.se / room) ** 2) + 1


def _inside_margin(test: Equivalence) -> Verdict:
    """Return what two one-sided tests show: inside the margin, outside it, or neither."""
    if test.equivalent:
        return Verdict.REPRODUCED
    return Verdict.NOT_REPRODUCED if test.below or test.above else Verdict.INCONCLUSIVE


def _worst_benchmark(found: Difference, alpha: float) -> list[str]:
    if len(found.benchmarks) < 2:
        return []
    worst = min(found.benchmarks, key=lambda row: row.difference)
    shown = "shown" if worst.holm_p_value < alpha else "not shown"
    name, loss, p_value = worst.benchmark, -worst.difference, worst.holm_p_value
    return [f"the worst benchmark is {name} with a loss of {loss:.2f} points, {shown} by itself (Holm p {p_value:.2g})"]


def _churn(found: Difference) -> list[str]:
    churn = found.churn
    if churn is None or churn.rate is None:
        return []
    text = f"{churn.rate:.1f} % of the items change between right and wrong"
    if churn.floor is None or churn.excess is None:
        return [f"{text}; how many do so between two runs of one file is not known, as there is one run"]
    return [f"{text}, {churn.floor:.1f} % do so between two runs of one file: {churn.excess:+.1f} % are the other's"]
