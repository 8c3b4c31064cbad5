"""Two systems on the same items: differences per benchmark and on average, flips and non-inferiority."""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pandas as pd

from medeval.comparisons.document import ComparedAverage, ComparedBenchmark, ComparedPair, StrataDifference
from medeval.comparisons.item_scores import ItemScores
from medeval.comparisons.run_noise import churn_entry
from medeval.comparisons.strata import strata_entries
from medeval.comparisons.tokens import token_ratio
from medeval.statistics.across import benchmark_t_test, leave_one_out, micro_average
from medeval.statistics.agreement import flips
from medeval.statistics.equivalence import non_inferiority, tost
from medeval.statistics.macro import Component, macro_average, macro_bootstrap
from medeval.statistics.multiplicity import holm
from medeval.statistics.paired import PairedDifference, paired_difference
from medeval.statistics.power import minimum_detectable_effect

POINTS = 100.0
# Differences of means over a few samples that lie closer than this are the same but for rounding.
SAME = 1e-12


def compare_pair(a: Sequence[ItemScores], b: Sequence[ItemScores], *, margin_points: float, seed: int) -> ComparedPair:
    """Compare system A with system B, benchmark by benchmark and on average; differences are A minus B.

    Only items that both have answered requests for are compared, and their number is reported.

    Args:
        a: A's scores in one mode, one entry per benchmark, at least one.
        b: B's, of the same benchmarks in the same order; at least one item of each is A's, too.
        margin_points: Loss in points that is tolerated, for non-inferiority of B against A.
        seed: Seed of the bootstraps.
    """
    differences = [_difference(one, two) for one, two in zip(a, b, strict=True)]
    entries = [_benchmark_entry(one, two, d, seed) for one, two, d in zip(a, b, differences, strict=True)]
    adjusted = holm([entry.holm_p_value for entry in entries])
    tokens, tokens_missing = token_ratio(a, b, seed)
    return ComparedPair(
        a=a[0].system,
        b=b[0].system,
        mode=a[0].mode,
        benchmarks=tuple(
            replace(entry, holm_p_value=float(p_value))
            for entry, p_value in zip(entries, adjusted.p_values, strict=True)
        ),
        average=_average_entry(a, differences, margin_points, seed),
        strata=strata_entries(a, b, differences, seed),
        tokens=tokens,
        tokens_missing=tokens_missing,
    )


def _difference(a: ItemScores, b: ItemScores) -> pd.Series:
    shared = a.frame.index.intersection(b.frame.index, sort=False)
    difference: pd.Series = a.frame.loc[shared, "score"] - b.frame.loc[shared, "score"]
    return difference


def _benchmark_entry(a: ItemScores, b: ItemScores, difference: pd.Series, seed: int) -> ComparedBenchmark:
    """Compare on one benchmark; the p-value is not adjusted yet."""
    shared = difference.index
    scores_a = a.frame.loc[shared, "score"].to_numpy(dtype=float)
    scores_b = b.frame.loc[shared, "score"].to_numpy(dtype=float)
    clusters = a.frame.loc[shared, "cluster_id"].to_numpy()
    binary = set(np.unique([scores_a, scores_b])) <= {0.0, 1.0}
    estimate = _estimate(a, difference, paired_difference(scores_a, scores_b, clusters, seed=seed))
    p_value = 1.0 if estimate.p_value is None else estimate.p_value
    return ComparedBenchmark(
        benchmark=a.benchmark,
        items=len(shared),
        items_only_in_one=len(a.frame) + len(b.frame) - 2 * len(shared),
        difference=replace(estimate, p_value=p_value),
        # What a bound needs when no spread is seen: whether all differences are equal, and the draws behind them.
        constant=bool(np.ptp(difference.to_numpy(dtype=float)) < SAME),
        draws=a.draws(shared),
        flips=flips(scores_a, scores_b, clusters) if binary else None,
        churn=churn_entry(a, b, shared, seed),
        minimum_detectable_effect=minimum_detectable_effect(estimate.se) if estimate.se else None,
        holm_p_value=p_value,
    )


def _estimate(a: ItemScores, difference: pd.Series, plain: PairedDifference) -> PairedDifference | StrataDifference:
    """Return the difference of the benchmark's score, which may be a mean of strata."""
    if not a.mean_of_strata:
        return plain
    macro = macro_average([a.component(difference)])
    values = {field.name: getattr(macro, field.name) for field in fields(macro)}
    return StrataDifference(**values, mcnemar=plain.mcnemar, correlation=plain.correlation)


def _average_entry(
    a: Sequence[ItemScores], differences: Sequence[pd.Series], margin_points: float, seed: int
) -> ComparedAverage:
    components = [part.component(difference) for part, difference in zip(a, differences, strict=True)]
    normal = macro_average(components, shared_clusters=True)
    per_benchmark = [_component_mean(component) for component in components]
    margin, several = margin_points / POINTS, len(components) > 1
    return ComparedAverage(
        normal=normal,
        bootstrap=macro_bootstrap(components, shared_clusters=True, seed=seed),
        minimum_detectable_effect=minimum_detectable_effect(normal.se) if normal.se else None,
        non_inferiority=non_inferiority(normal.value, normal.se, margin) if normal.se else None,
        equivalence=tost(normal.value, normal.se, margin) if normal.se else None,
        micro=micro_average(per_benchmark, [len(difference) for difference in differences]),
        wins=sum(value > 0 for value in per_benchmark),
        leave_one_out=leave_one_out(per_benchmark) if several else None,
        over_benchmarks=benchmark_t_test(per_benchmark) if several else None,
    )


def _component_mean(component: Component) -> float:
    return float(macro_average([component]).value)
