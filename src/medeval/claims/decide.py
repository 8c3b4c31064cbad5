"""The decision rules, one per type of claim. Differences and margins are in points."""

from dataclasses import replace

from medeval.claims import exact
from medeval.claims.measured import Difference, TokenRatio
from medeval.claims.verdicts import Decision, Flag, Verdict
from medeval.statistics.equivalence import Equivalence, non_inferiority, tost
from medeval.statistics.power import minimum_detectable_effect

# Differences within this many points count as equal where a claim states no margin of its own.
EQUAL_WITHIN = 1.0
# How far our own difference may lie from the stated one before the verdict says so.
SIZE_TOLERANCE = 1.0
# How far two faithful runs of one protocol may drift apart, in points: on an average, on one benchmark.
AVERAGE_DRIFT, BENCHMARK_DRIFT = 1.0, 2.0
# Two protocols may differ this much in mean answer length without contradicting a ratio.
RATIO_TOLERANCE = 0.05


def decide_order(
    metric: str, a: str, b: str, found: Difference, stated: float | None, adjusted_p: float | None, alpha: float
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
    """
    # Test and interval are made differently for small or clustered samples; a resolved order needs both.
    excludes_zero = found.low is not None and found.high is not None and (found.low > 0 or found.high < 0)
    resolved = excludes_zero and adjusted_p is not None and adjusted_p < alpha
    if resolved and found.value > 0:
        verdict, reasons = Verdict.REPRODUCED, ["the difference is positive and resolved"]
        if stated is not None and abs(found.value - stated) > SIZE_TOLERANCE:
            reasons.append(f"its size differs from the stated {stated:+.2f} by more than {SIZE_TOLERANCE:g} point")
    elif resolved:
        verdict, reasons = Verdict.NOT_REPRODUCED, ["the difference is resolved and has the opposite sign"]
    elif found.se and tost(found.value, found.se, EQUAL_WITHIN, alpha=alpha).equivalent:
        verdict, reasons = Verdict.NOT_REPRODUCED, [f"the two are shown to be equal within {EQUAL_WITHIN:g} point"]
    else:
        verdict, reasons = Verdict.INCONCLUSIVE, ["the data cannot separate the two"]
    decision = _decision(metric, a, b, found, verdict, [*reasons, *found.fragile], alpha, adjusted_p, effect=stated)
    return replace(decision, flags=decision.flags | {Flag.FRAGILE}) if found.fragile else decision


def withhold(decision: Decision, reason: str) -> Decision:
    """Turn a decided part into an undecided one, since what it was measured with is not established."""
    flags = decision.flags | {Flag.JUDGE_NOT_CREDIBLE}
    return replace(decision, verdict=Verdict.INCONCLUSIVE, reasons=(reason, *decision.reasons), flags=flags)


def decide_bounded_loss(metric: str, a: str, b: str, found: Difference, margin: float, alpha: float) -> Decision:
    """Decide "A loses less than `margin` against B" by a one-sided test of non-inferiority.

    Where no spread is seen, since all items agree, an exact bound takes the place of the test.
    """
    if found.constant is not None:
        verdict, reason = exact.decide_loss(found, found.constant, margin, alpha)
        return _decision(metric, a, b, found, verdict, [reason], alpha, None, effect=margin)
    if not found.se:
        reason = "no spread was seen, so the bound cannot be tested"
        return _decision(metric, a, b, found, Verdict.INCONCLUSIVE, [reason], alpha, None, effect=margin)
    test = non_inferiority(-found.value, found.se, margin, alpha=alpha)
    bound = f"the loss is {test.value:.2f} points with a one-sided {100 * (1 - alpha):g} % bound of {test.high:.2f}"
    if test.within:
        verdict, reason = Verdict.REPRODUCED, f"{bound}, below the margin of {margin:g}"
    elif test.exceeded:
        verdict, reason = Verdict.NOT_REPRODUCED, f"the loss is {test.value:.2f} points, shown to exceed {margin:g}"
    else:
        verdict, reason = Verdict.INCONCLUSIVE, f"{bound}, not below the margin of {margin:g}"
    return _decision(metric, a, b, found, verdict, [reason], alpha, test.p_value, effect=margin)


def decide_equality(metric: str, a: str, b: str, found: Difference, margin: float, alpha: float) -> Decision:
    """Decide "A matches B" by two one-sided tests within `margin`, or by exact bounds where all items agree."""
    if found.constant is not None:
        verdict, reason = exact.decide_equality(found, found.constant, margin, alpha)
        return _decision(metric, a, b, found, verdict, [reason], alpha, None, effect=margin)
    if not found.se:
        reason = "no spread was seen, so equality cannot be tested"
        return _decision(metric, a, b, found, Verdict.INCONCLUSIVE, [reason], alpha, None, effect=margin)
    test = tost(found.value, found.se, margin, alpha=alpha)
    interval = f"the 90 % interval is {test.low:+.2f} to {test.high:+.2f}"
    verdict = _inside_margin(test)
    reason = {
        Verdict.REPRODUCED: f"{interval}, inside ±{margin:g}",
        Verdict.NOT_REPRODUCED: f"the 95 % interval lies outside ±{margin:g}",
        Verdict.INCONCLUSIVE: f"{interval}, not inside ±{margin:g}",
    }[verdict]
    return _decision(metric, a, b, found, verdict, [reason], alpha, test.p_value, effect=margin)


def decide_point_value(metric: str, a: str, found: Difference, stated: float, margin: float, alpha: float) -> Decision:
    """Decide "A scores `stated`" by two one-sided tests of our value minus the stated one.

    Args:
        metric: What is measured.
        a: The system the claim is about.
        found: Our value minus the stated one, with the error that a repetition on other items of the
            same kind would have; a repetition on the same items varies less, so this is cautious.
        stated: The stated value in points.
        margin: Drift between two protocols that is tolerated, in points.
        alpha: Level of each test.
    """
    if not found.se:
        reason = "no spread was seen, so the value cannot be tested"
        return _decision(metric, a, a, found, Verdict.INCONCLUSIVE, [reason], alpha, None, effect=margin)
    test = tost(found.value, found.se, margin, alpha=alpha)
    measured = f"ours is {stated + found.value:.2f} against the stated {stated:.2f}"
    verdict = _inside_margin(test)
    shown = {
        Verdict.REPRODUCED: f"the 90 % interval inside ±{margin:g}",
        Verdict.NOT_REPRODUCED: f"the 95 % interval outside ±{margin:g}",
        Verdict.INCONCLUSIVE: f"within or outside ±{margin:g} is not shown",
    }[verdict]
    reason = f"{measured}, {shown}"
    decision = _decision(metric, a, a, found, verdict, [reason], alpha, test.p_value, effect=margin)
    return replace(decision, flags=decision.flags | {Flag.EXCEEDS}) if test.above else decision


def _inside_margin(test: Equivalence) -> Verdict:
    """Return what two one-sided tests show: inside the margin, outside it, or neither."""
    if test.equivalent:
        return Verdict.REPRODUCED
    return Verdict.NOT_REPRODUCED if test.below or test.above else Verdict.INCONCLUSIVE


def decide_size(a: str, b: str, bytes_a: int, bytes_b: int, stated_reduction: float) -> Decision:
    """Decide a stated reduction in file size, in whole percent; nothing random is involved."""
    reduction = 100.0 * (1.0 - bytes_a / bytes_b)
    verdict = Verdict.REPRODUCED if round(reduction) == round(stated_reduction) else Verdict.NOT_REPRODUCED
    reason = f"{bytes_a:,} of {bytes_b:,} bytes is {reduction:.1f} % smaller, stated {stated_reduction:g} %"
    return Decision("size", a, b, verdict, (reason,), unit="percent", estimate=reduction, method="file sizes")


def decide_token_ratio(a: str, b: str, ratio: TokenRatio, stated: float, decimals: int) -> Decision:
    """Decide "A uses `stated` times fewer tokens than B" by the bootstrap interval of the ratio B over A.

    Args:
        a: The system the claim is about.
        b: What it is compared with.
        ratio: The measured ratio.
        stated: The stated multiple.
        decimals: Its printed decimals.
    """
    half = 0.5 * 10.0**-decimals
    low, high = (stated - half) * (1 - RATIO_TOLERANCE), (stated + half) * (1 + RATIO_TOLERANCE)
    measured = f"the ratio is {ratio.value:.2f}"
    if ratio.low is None or ratio.high is None:
        verdict, reason = Verdict.INCONCLUSIVE, f"{measured}, without an interval"
    elif ratio.truncated >= 0.01:
        share = f"{100 * ratio.truncated:.1f} %"
        verdict, reason = Verdict.INCONCLUSIVE, f"{share} of the replies were cut by the token limit"
    elif ratio.low <= high and ratio.high >= low:
        verdict, reason = Verdict.REPRODUCED, f"{measured}, its interval meets {low:.2f} to {high:.2f}"
    else:
        verdict, reason = Verdict.NOT_REPRODUCED, f"{measured}, its interval misses {low:.2f} to {high:.2f}"
    return Decision(
        "tokens",
        a,
        b,
        verdict,
        (reason, *ratio.partial),
        unit="ratio",
        estimate=ratio.value,
        low=ratio.low,
        high=ratio.high,
        se=ratio.se,
        method=ratio.method,
        items=ratio.items,
        items_total=ratio.items_total,
        flags=frozenset({Flag.PARTIAL_COVERAGE} if ratio.partial else ()),
    )


def _decision(
    metric: str,
    a: str,
    b: str,
    found: Difference,
    verdict: Verdict,
    reasons: list[str],
    alpha: float,
    p_value: float | None,
    *,
    effect: float | None,
) -> Decision:
    flags = set()
    if found.partial:
        flags.add(Flag.PARTIAL_COVERAGE)
    smallest = minimum_detectable_effect(found.se, alpha) if found.se else None
    if smallest is not None:
        reasons = [*reasons, f"the smallest difference found with 80 % power is {smallest:.2f} points"]
        if effect is not None and smallest > abs(effect):
            flags.add(Flag.UNDERPOWERED)
    return Decision(
        metric=metric,
        a=a,
        b=b,
        verdict=verdict,
        reasons=(*reasons, *found.notes, *found.partial),
        estimate=found.value,
        low=found.low,
        high=found.high,
        se=found.se,
        alpha=alpha,
        p_value=p_value,
        method=found.method,
        items=found.items,
        items_total=found.items_total,
        flags=frozenset(flags),
    )
