"""What a measurement hands to a decision: a difference, a ratio of tokens, or the reason why there is neither."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from medeval.comparisons.document import RightReplies, StrataDifference
from medeval.statistics.estimates import BootstrapEstimate
from medeval.statistics.macro import MacroEstimate
from medeval.statistics.paired import PairedDifference
from medeval.verdicts.verdict import Estimand

POINTS = 100.0
# Estimates of a difference that come with a test of no difference.
Tested = PairedDifference | StrataDifference | MacroEstimate | BootstrapEstimate


@dataclass(frozen=True)
class Missing:
    """Nothing was measured that bears on a part of a claim, and why."""

    reason: str


@dataclass(frozen=True)
class Constant:
    """Differences of items in which no spread is seen: within each benchmark all are the same.

    Attributes:
        lowest: Smallest of the benchmarks' differences, in points.
        highest: Largest of them, in points.
        draws: Independent items that the mean is worth at least, see :func:`medeval.verdicts.exact.bounds`.
    """

    lowest: float
    highest: float
    draws: int


@dataclass(frozen=True)
class Published:
    """How a stated value was made, as far as it matters to a repetition.

    Attributes:
        value: The stated value, in points.
        runs: Runs that were averaged; 1 when the publication does not say.
        half_unit: Half of the last printed digit, in points.
    """

    value: float
    runs: int
    half_unit: float


@dataclass(frozen=True)
class DifferenceRow:
    """One benchmark of a difference A minus B, in points; the adjusted p-value is over the rows (Holm)."""

    benchmark: str
    items: int
    difference: float
    se: float | None
    p_value: float
    holm_p_value: float


@dataclass(frozen=True)
class ValueRow:
    """One benchmark of a value that was stated.

    Attributes:
        benchmark: The benchmark.
        ours: Our value, in points.
        stated: The stated value, in points; None when none is printed.
        se: Our standard error, in points.
        items: Items behind it.
        runs: Replies to each item; None when items differ in it.
        one_run_variance: What run noise alone gives one run, in points squared; None when it is not known.
    """

    benchmark: str
    ours: float
    stated: float | None
    se: float | None
    items: int
    runs: int | None
    one_run_variance: float | None


@dataclass(frozen=True)
class ChurnShares:
    """Items that change between right and wrong, in percent, on average over benchmarks.

    Attributes:
        rate: Between A and B; None when it is not known of every benchmark.
        floor: Between two runs of one system; None when it is not known.
        excess: What the other system adds; None when it is not known.
        floor_of: Which system the floor is of, a or b.
        missing: Why something is None.
    """

    rate: float | None
    floor: float | None
    excess: float | None
    floor_of: str
    missing: str | None


@dataclass(frozen=True)
class Difference:
    """A measured difference A minus B, or of our value minus a stated one, in points, with what qualifies it.

    Attributes:
        value: The difference.
        se: Its standard error for the estimand that is named; None when it cannot be computed.
        low: Lower end of the interval.
        high: Upper end of the interval.
        p_value: Of no difference.
        items: Items behind it.
        method: How error and interval were made.
        fragile: What would turn its sign.
        partial: What is missing against the whole of what the claim is about.
        items_total: Items that exist; None when they are not known.
        constant: Set when no spread is seen, so that the error says nothing.
        notes: What else a reader must know.
        estimand: What `se` is about.
        fixed_se: Error from the noise between runs alone; None when it is not known.
        absent: Benchmarks of an average that were not measured; with any, the average itself was not.
        truncated: Share of truncated replies of each side, by `a` and `b`.
        alternatives: The difference under other treatments of replies without an answer, by name.
        benchmarks: The benchmarks of a difference A minus B.
        churn: Items that change between right and wrong.
        published: The stated value of a difference from one, and how it was made.
        values: The benchmarks of a difference from a stated value.
        numbers: What it is made of, for the verdict.
    """

    value: float
    se: float | None
    low: float | None
    high: float | None
    p_value: float | None
    items: int
    method: str
    fragile: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    items_total: int | None = None
    constant: Constant | None = None
    notes: tuple[str, ...] = ()
    estimand: Estimand = Estimand.SAMPLED
    fixed_se: float | None = None
    absent: tuple[str, ...] = ()
    truncated: Mapping[str, float] = field(default_factory=dict)
    alternatives: Mapping[str, float] = field(default_factory=dict)
    benchmarks: tuple[DifferenceRow, ...] = ()
    churn: ChurnShares | None = None
    published: Published | None = None
    values: tuple[ValueRow, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TokenRatio:
    """Generated tokens of B over A on the same items.

    Attributes:
        value: The ratio of means.
        low: Lower end of its interval.
        high: Upper end of its interval.
        se: Its standard error.
        method: How the interval was made.
        items: Items behind it.
        truncated: Largest share of truncated replies on either side.
        partial: What is left out.
        items_total: Items that exist; None when they are not known.
        right: The ratio among correct replies; None when it was not asked for.
        numbers: What else is known of the two sides, for the verdict.
    """

    value: float
    low: float | None
    high: float | None
    se: float | None
    method: str
    items: int
    truncated: float = 0.0
    partial: tuple[str, ...] = ()
    items_total: int | None = None
    right: RightReplies | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)


def in_points(estimate: Tested, sign: int, **more: Any) -> Difference:
    """Return an estimate of the document (fractions) as a difference in points; sign -1 turns it round.

    Args:
        estimate: The estimate.
        sign: 1 or -1.
        more: Further fields of the difference; `items` is needed.
    """
    ends = [None if end is None else sign * POINTS * end for end in (estimate.low, estimate.high)]
    low, high = ends if sign > 0 else ends[::-1]
    return Difference(
        value=sign * POINTS * estimate.value,
        se=None if estimate.se is None else POINTS * estimate.se,
        low=low,
        high=high,
        p_value=estimate.p_value,
        method=estimate.method,
        **more,
    )
