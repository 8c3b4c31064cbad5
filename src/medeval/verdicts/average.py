"""An average over exactly the benchmarks that a publication averages, whatever else was run."""

import math
from collections.abc import Sequence

import numpy as np

from medeval.comparisons.document import ComparedBenchmark
from medeval.statistics.estimates import Estimate
from medeval.statistics.macro import MacroEstimate
from medeval.statistics.quantiles import two_sided, upper_tail
from medeval.verdicts.measured import POINTS, Constant

CONFIDENCE = 0.95


def mean_of(estimates: Sequence[Estimate]) -> MacroEstimate:
    """Combine the estimates of some benchmarks to that of their unweighted mean.

    The variance is the sum of theirs over the square of their number, so clusters that span benchmarks count as
    independent here; the document has no covariances.

    Args:
        estimates: One per benchmark, at least one, as fractions.
    """
    value, n = float(np.mean([estimate.value for estimate in estimates])), sum(estimate.n for estimate in estimates)
    method = f"mean of {len(estimates)} benchmarks, normal, taken as independent of each other"
    errors = [estimate.se for estimate in estimates if estimate.se is not None]
    if len(errors) < len(estimates):
        return MacroEstimate(value, None, None, None, n, f"{method}; no interval: a benchmark has no error", CONFIDENCE)
    se = math.hypot(*errors) / len(errors)
    half = two_sided(CONFIDENCE) * se
    z = value / se if se else None
    p_value = None if z is None else 2.0 * upper_tail(abs(z))
    return MacroEstimate(value, se, value - half, value + half, n, method, CONFIDENCE, z=z, p_value=p_value)


def constant_of(entries: Sequence[ComparedBenchmark], sign: int) -> Constant | None:
    """Return the differences when no benchmark shows any spread, else None; sign -1 turns them round."""
    if not all(entry.constant for entry in entries):
        return None
    values = [sign * POINTS * entry.difference.value for entry in entries]
    # Each of B benchmarks has a share 1/B of the mean, so the one with the fewest draws decides.
    return Constant(min(values), max(values), len(entries) * min(entry.draws for entry in entries))
