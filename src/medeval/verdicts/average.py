"""An average over exactly the benchmarks that a publication averages, whatever else was run."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medeval.statistics.quantiles import two_sided, upper_tail
from medeval.verdicts.measured import POINTS, Constant

CONFIDENCE = 0.95


def mean_of(estimates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Combine the estimates of some benchmarks to that of their unweighted mean.

    The variance is the sum of theirs over the square of their number, so clusters that span benchmarks count as
    independent here; the document has no covariances.

    Args:
        estimates: `value` and `se` of each, as fractions.
    """
    value = float(np.mean([estimate["value"] for estimate in estimates]))
    method = f"mean of {len(estimates)} benchmarks, normal, taken as independent of each other"
    errors = [estimate["se"] for estimate in estimates]
    if None in errors:
        none = dict.fromkeys(("se", "low", "high", "p_value"))
        return {"value": value, **none, "method": f"{method}; no interval: a benchmark has no error"}
    se = math.hypot(*errors) / len(errors)
    half = two_sided(CONFIDENCE) * se
    p_value = 2.0 * upper_tail(abs(value) / se) if se else None
    return {"value": value, "se": se, "low": value - half, "high": value + half, "p_value": p_value, "method": method}


def constant_of(entries: Sequence[Mapping[str, Any]], sign: int) -> Constant | None:
    """Return the differences when no benchmark shows any spread, else None; sign -1 turns them round."""
    if not all(entry["constant"] for entry in entries):
        return None
    values = [sign * POINTS * entry["difference"]["value"] for entry in entries]
    # Each of B benchmarks has a share 1/B of the mean, so the one with the fewest draws decides.
    return Constant(min(values), max(values), len(entries) * min(entry["draws"] for entry in entries))
