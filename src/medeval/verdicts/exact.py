"""Decisions about a loss or an equality where all items agree, so that no error can be estimated."""

from medeval.verdicts.measured import Constant, Difference
from medeval.verdicts.verdict import Verdict

Outcome = tuple[Verdict, str]


def bounds(found: Difference, constant: Constant, alpha: float) -> tuple[float, float]:
    """Return one-sided bounds of a difference of means, in points, from items that all agree.

    None of n independent items differs from the rest, so by Clopper and Pearson's bound at most a share
    u = 1 - alpha^(1/n) of all such items does, and each may differ by as much as scores from 0 to 100 can. Over
    benchmarks (or strata) of weights w and sizes n the weighted sum of their u is at most the u of min(n / w) items, by
    the concavity of u in the logarithm of the joint likelihood.

    Args:
        found: The measured difference.
        constant: The differences that it is made of.
        alpha: Level of each bound.
    """
    unseen = 1.0 - alpha ** (1.0 / constant.draws)
    low = found.value - unseen * (100.0 + constant.highest)
    high = found.value + unseen * (100.0 - constant.lowest)
    return max(-100.0, low), min(100.0, high)


def decide_loss(found: Difference, constant: Constant, margin: float, alpha: float) -> Outcome:
    """Decide "A loses less than `margin`" by the exact bounds."""
    low, high = bounds(found, constant, alpha)
    seen = f"{_seen(found, constant)}; the loss is {-found.value:.2f} points with an exact one-sided {_level(alpha)}"
    if -low < margin:
        return Verdict.REPRODUCED, f"{seen} upper bound of {-low:.2f}, below the margin of {margin:g}"
    if -high > margin:
        return Verdict.NOT_REPRODUCED, f"{seen} lower bound of {-high:.2f}, above the margin of {margin:g}"
    return Verdict.INCONCLUSIVE, f"{seen} upper bound of {-low:.2f}, not below the margin of {margin:g}"


def decide_equality(found: Difference, constant: Constant, margin: float, alpha: float) -> Outcome:
    """Decide "A equals B within `margin`" by the exact bounds."""
    low, high = bounds(found, constant, alpha)
    narrow = f"the exact {100 * (1 - 2 * alpha):g} % interval is {low:+.2f} to {high:+.2f}"
    wide_low, wide_high = bounds(found, constant, alpha / 2.0)
    wide = f"the exact {_level(alpha)} interval is {wide_low:+.2f} to {wide_high:+.2f}"
    seen = _seen(found, constant)
    if low > -margin and high < margin:
        return Verdict.REPRODUCED, f"{seen}; {narrow}, inside ±{margin:g}"
    if wide_low > margin or wide_high < -margin:
        return Verdict.NOT_REPRODUCED, f"{seen}; {wide}, outside ±{margin:g}"
    return Verdict.INCONCLUSIVE, f"{seen}; {narrow}, not inside ±{margin:g}"


def _level(alpha: float) -> str:
    return f"{100 * (1 - alpha):g} %"


def _seen(found: Difference, constant: Constant) -> str:
    if constant.lowest == constant.highest == 0.0:
        return f"no item tells the two apart on {found.items:,} items"
    if constant.lowest == constant.highest:
        return f"all {found.items:,} items have the same difference"
    return f"all items of a benchmark have the same difference ({found.items:,} items)"
