"""Views on one value per benchmark: benchmarks as a sample, leaving one out, weighting by items."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import finite_vector, open_fraction, positive, same_length
from medeval.statistics.estimates import DEFAULT_CONFIDENCE, Estimate
from medeval.statistics.quantiles import two_sided, upper_tail


@dataclass(frozen=True, slots=True)
class BenchmarkTTest(Estimate):
    """Mean over benchmarks that are themselves a sample; ``n`` is the number of benchmarks.

    Attributes:
        t: ``value / se``; None when ``se`` is None or 0.
        df: Degrees of freedom, benchmarks minus one.
        p_value: Two-sided p-value of a mean of 0; None when ``t`` is None.
    """

    t: float | None = None
    df: int = 0
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """Macro-average without each benchmark in turn.

    Attributes:
        value: Macro-average of all benchmarks.
        values: Macro-average without benchmark i, shape (B,).
        low: Smallest of ``values``.
        high: Largest of ``values``.
        low_index: Benchmark whose removal gives ``low``.
        high_index: Benchmark whose removal gives ``high``.
        sign_changes: Whether any of ``values`` is 0 or has another sign than ``value``.
        n: Number of benchmarks.
        method: Name of the procedure.
    """

    value: float
    values: tuple[float, ...]
    low: float
    high: float
    low_index: int
    high_index: int
    sign_changes: bool
    n: int
    method: str = "leave one benchmark out"


def benchmark_t_test(values: npt.ArrayLike, confidence: float = DEFAULT_CONFIDENCE) -> BenchmarkTTest:
    """One-sample t-test on one value per benchmark: the view that speaks to benchmarks not measured.

    Args:
        values: One value per benchmark, shape (B,).
        confidence: Coverage of the interval.

    Returns:
        The estimate; error, interval and test are None with one benchmark, interval and test also when all are equal.

    Raises:
        ValueError: ``values`` is empty, not 1-D, or not finite.
    """
    data = finite_vector(values, "values")
    open_fraction(confidence, "confidence")
    mean, df = float(data.mean()), data.size - 1
    method = f"t over {data.size} benchmarks"
    if df == 0:
        return BenchmarkTTest(mean, None, None, None, 1, method, confidence)
    se = float(data.std(ddof=1)) / math.sqrt(data.size)
    if se == 0.0:
        return BenchmarkTTest(mean, se, None, None, data.size, method, confidence, df=df)
    half = two_sided(confidence, df) * se
    t = mean / se
    return BenchmarkTTest(
        value=mean,
        se=se,
        low=mean - half,
        high=mean + half,
        n=data.size,
        method=method,
        confidence=confidence,
        t=t,
        df=df,
        p_value=2.0 * upper_tail(abs(t), df),
    )


def leave_one_out(values: npt.ArrayLike) -> LeaveOneOut:
    """Range of the macro-average when each benchmark is left out in turn.

    Args:
        values: One value per benchmark, shape (B,), B at least 2.

    Raises:
        ValueError: Fewer than two benchmarks, or values that are not finite.
    """
    data = finite_vector(values, "values")
    if data.size < 2:
        raise ValueError("values: expected at least two benchmarks to leave one out, got one")
    mean = float(data.mean())
    without = (data.sum() - data) / (data.size - 1)
    return LeaveOneOut(
        value=mean,
        values=tuple(without.tolist()),
        low=float(without.min()),
        high=float(without.max()),
        low_index=int(without.argmin()),
        high_index=int(without.argmax()),
        sign_changes=bool((np.sign(without) * np.sign(mean) <= 0.0).any()),
        n=data.size,
    )


def micro_average(values: npt.ArrayLike, n_items: npt.ArrayLike) -> float:
    """Mean over benchmarks weighted by their items.

    Args:
        values: One value per benchmark, shape (B,).
        n_items: Items of each benchmark, shape (B,).

    Raises:
        ValueError: Unequal shapes, no benchmarks, values that are not finite, or a size of 0 or less.
    """
    data, sizes = finite_vector(values, "values"), finite_vector(n_items, "n_items")
    same_length(data, sizes, "values and n_items")
    positive(float(sizes.min()), "n_items")
    return float(data @ sizes / sizes.sum())
