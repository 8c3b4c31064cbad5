"""Does a difference of averages hang on one benchmark, on the weights, or on the choice of benchmarks?"""

from collections.abc import Sequence

import numpy as np

from medeval.comparisons.document import ComparedBenchmark
from medeval.statistics.across import benchmark_t_test, leave_one_out, micro_average
from medeval.statistics.multiplicity import holm
from medeval.verdicts.basis import DifferenceRow, Robustness, WithoutOne
from medeval.verdicts.measured import POINTS


def benchmark_rows(entries: Sequence[ComparedBenchmark], sign: int, alpha: float) -> tuple[DifferenceRow, ...]:
    """Return every benchmark's difference in points, with p-values adjusted over them (Holm).

    Args:
        entries: Benchmarks of a comparison, as the document has them, at least one.
        sign: 1 to keep their order, -1 to turn them round.
        alpha: Level of the family.
    """
    # Without any spread there is no test, which is no evidence of a difference.
    raw = [1.0 if entry.difference.p_value is None else entry.difference.p_value for entry in entries]
    adjusted = holm(raw, alpha).p_values
    return tuple(
        DifferenceRow(
            benchmark=entry.benchmark,
            items=entry.items,
            difference=sign * POINTS * entry.difference.value,
            se=None if entry.difference.se is None else POINTS * entry.difference.se,
            p_value=p_value,
            holm_p_value=holm_p_value,
        )
        for entry, p_value, holm_p_value in zip(entries, raw, adjusted, strict=True)
    )


def robustness(rows: Sequence[DifferenceRow]) -> Robustness:
    """Look at a difference of averages from several sides.

    Args:
        rows: One per benchmark, at least one; with one there are no views over several.
    """
    names, values = [row.benchmark for row in rows], [row.difference for row in rows]
    several = len(rows) > 1
    left = leave_one_out(values) if several else None
    return Robustness(
        ahead=sum(value > 0 for value in values),
        behind=sum(value < 0 for value in values),
        level=sum(value == 0 for value in values),
        micro=micro_average(values, [row.items for row in rows]),
        leave_one_out=WithoutOne(left.low, names[left.low_index], left.high, names[left.high_index]) if left else None,
        over_benchmarks=benchmark_t_test(values) if several else None,
        fragile=fragility(rows),
    )


def fragility(rows: Sequence[DifferenceRow]) -> tuple[str, ...]:
    """Say what would turn the order: one benchmark left out, another weighting, or too few benchmarks ahead.

    Args:
        rows: One per benchmark, at least one.
    """
    values = [row.difference for row in rows]
    sign, reasons = np.sign(np.mean(values)), []
    if len(values) > 1:
        left = leave_one_out(values).values
        turning = [row.benchmark for row, value in zip(rows, left, strict=True) if sign * value <= 0]
        if turning:
            reasons.append(f"leaving out {' or '.join(turning)} changes the sign")
    if sign * micro_average(values, [row.items for row in rows]) < 0:
        reasons.append("weighting by items changes the sign")
    agree = sum(sign * value > 0 for value in values)
    if sign and 3 * agree < 2 * len(values):
        reasons.append(f"only {agree} of {len(values)} benchmarks agree in sign")
    return tuple(reasons)
