"""What a measurement hands to a decision: a difference, a ratio of tokens, or the reason why there is neither."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from medeval.comparisons.document import RightReplies, Sides, StrataDifference
from medeval.statistics.estimates import BootstrapEstimate
from medeval.statistics.macro import MacroEstimate
from medeval.statistics.paired import PairedDifference
from medeval.verdicts.basis import BudgetRow, ChurnShares, DifferenceRow, Repetition, Robustness
from medeval.verdicts.verdict import CutShares, Estimand

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
class Difference:
    """A measured difference A minus B in points, with what qualifies it.

    Attributes:
        value: The difference.
        se: Its standard error for the estimand that is named; None when it cannot be computed.
        low: Lower end of the interval.
        high: Upper end of the interval.
        p_value: Of no difference.
        items: Items behind it.
        method: How error and interval were made.
        partial: What is missing against the whole of what the claim is about.
        items_total: Items that exist; None when they are not known.
        constant: Set when no spread is seen, so that the error says nothing.
        notes: What else a reader must know.
        estimand: What `se` is about.
        fixed_se: Error from the noise between runs alone; None when it is not known.
        absent: Benchmarks of an average that were not measured; with any, the average itself was not.
        truncated: Truncated replies of each side.
        alternatives: The difference under other treatments of replies without an answer, by name.
        benchmarks: The benchmarks that it is made of.
        robustness: The difference from several sides.
        churn: Items that change between right and wrong.
        judge: Who graded the conversations; None where none were.
    """

    value: float
    se: float | None
    low: float | None
    high: float | None
    p_value: float | None
    items: int
    method: str
    partial: tuple[str, ...] = ()
    items_total: int | None = None
    constant: Constant | None = None
    notes: tuple[str, ...] = ()
    estimand: Estimand = Estimand.SAMPLED
    fixed_se: float | None = None
    absent: tuple[str, ...] = ()
    truncated: CutShares = field(default_factory=CutShares)
    alternatives: Mapping[str, float] = field(default_factory=dict)
    benchmarks: tuple[DifferenceRow, ...] = ()
    robustness: Robustness | None = None
    churn: ChurnShares | None = None
    judge: str | None = None


@dataclass(frozen=True, kw_only=True)
class ValueDifference(Difference):
    """Our value minus a stated one in points, with the error of a repetition: what it is made of in `repetition`."""

    repetition: Repetition


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
        truncated: Truncated replies of each side.
        mean_tokens: Mean tokens of a reply.
        median_of_ratios: Median of the items' own ratios; None when it is not defined.
        both_correct: The ratio among correct replies.
        budgets: Accuracies within budgets of tokens.
        partial: What is left out.
        items_total: Items that exist; None when they are not known.
    """

    value: float
    low: float | None
    high: float | None
    se: float | None
    method: str
    items: int
    truncated: CutShares
    mean_tokens: Sides
    median_of_ratios: float | None
    both_correct: RightReplies
    budgets: tuple[BudgetRow, ...]
    partial: tuple[str, ...] = ()
    items_total: int | None = None


def in_points(estimate: Tested, sign: int, items: int) -> Difference:
    """Return an estimate of the document (fractions) as a difference in points; sign -1 turns it round.

    Args:
        estimate: The estimate.
        sign: 1 or -1.
        items: Items behind it.
    """
    ends = [None if end is None else sign * POINTS * end for end in (estimate.low, estimate.high)]
    low, high = ends if sign > 0 else ends[::-1]
    return Difference(
        value=sign * POINTS * estimate.value,
        se=None if estimate.se is None else POINTS * estimate.se,
        low=low,
        high=high,
        p_value=estimate.p_value,
        items=items,
        method=estimate.method,
    )
