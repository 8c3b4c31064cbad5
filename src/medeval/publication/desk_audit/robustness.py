"""Does a difference of averages hang on one benchmark, on the weights, or on the choice of benchmarks."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, copysign, inf, sqrt
from statistics import fmean, stdev

from scipy.special import stdtr, stdtrit

from medeval.publication.desk_audit.resolution import two_sided_p as normal_p


@dataclass(frozen=True)
class PrintedRobustness:
    """A difference of averages seen from several sides; all differences in points.

    Attributes:
        micro: Difference weighted by item counts.
        wins: Benchmarks on which the sign is positive.
        leave_one_out: Difference of averages without each benchmark.
        t, t_p, t_low, t_high: The benchmarks as a sample of benchmarks: t statistic, p, 95 % interval.
        holm: Holm-adjusted unpaired p by benchmark.
        fragile: Why the sign cannot be relied on; empty when it can.
    """

    differences: Mapping[str, float]
    macro: float
    micro: float
    wins: int
    leave_one_out: Mapping[str, float]
    t: float
    t_p: float
    t_low: float
    t_high: float
    holm: Mapping[str, float]
    fragile: tuple[str, ...]


def assess(
    differences: Mapping[str, float], items: Mapping[str, int], standard_errors: Mapping[str, float]
) -> PrintedRobustness:
    """Assess two or more per-benchmark differences, with item totals and unpaired standard errors."""
    values = list(differences.values())
    macro, count = fmean(values), len(values)
    micro = sum(items[name] * value for name, value in differences.items()) / sum(items[name] for name in differences)
    loo = {name: (macro * count - value) / (count - 1) for name, value in differences.items()}
    error = stdev(values) / sqrt(count)
    t = macro / error if error else copysign(inf, macro)
    reach = float(stdtrit(count - 1, 0.975)) * error
    p_values = {name: normal_p(value / standard_errors[name]) for name, value in differences.items()}
    return PrintedRobustness(
        differences,
        macro,
        micro,
        sum(value > 0 for value in values),
        loo,
        t,
        float(2 * stdtr(count - 1, -abs(t))) if error else 0.0,
        macro - reach,
        macro + reach,
        holm(p_values),
        _fragile(differences, macro, micro, loo),
    )


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return Holm's step-down adjusted p-values."""
    adjusted, highest = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}


def _fragile(differences: Mapping[str, float], macro: float, micro: float, loo: Mapping[str, float]) -> tuple[str, ...]:
    turning = [name for name, value in loo.items() if value * macro <= 0]
    agreeing = sum(value * macro > 0 for value in differences.values())
    reasons = [f"the sign turns without {name}" for name in turning]
    if micro * macro <= 0:
        reasons.append("weighting by items turns the sign")
    if agreeing < ceil(2 * len(differences) / 3):
        reasons.append(f"only {agreeing} of {len(differences)} benchmarks agree in sign")
    return tuple(reasons)
