"""What each rule was applied to, beside what every decision carries: one class per rule, told apart by `rule`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from medeval.comparisons.document import RightReplies, Sides
from medeval.statistics.across import BenchmarkTTest

Interval = tuple[float, float]


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
class WithoutOne:
    """The range of a difference of averages, in points, when one benchmark is left out.

    Attributes:
        low: Lower end.
        low_without: The benchmark without which it is reached.
        high: Upper end.
        high_without: The benchmark without which it is reached.
    """

    low: float
    low_without: str
    high: float
    high_without: str


@dataclass(frozen=True)
class Robustness:
    """A difference of averages from several sides, in points; None where one benchmark gives no such view.

    Attributes:
        ahead: Benchmarks on which A is ahead.
        behind: Those on which it is behind.
        level: Those on which neither is.
        micro: The difference with items weighted alike.
        leave_one_out: Its range when one benchmark is left out.
        over_benchmarks: The t-test that takes the benchmarks as a sample.
        fragile: What would turn its sign.
    """

    ahead: int
    behind: int
    level: int
    micro: float
    leave_one_out: WithoutOne | None
    over_benchmarks: BenchmarkTTest | None
    fragile: tuple[str, ...]


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
class Repetition:
    """A stated value measured again, in points.

    Attributes:
        stated: The stated value; where benchmarks of an average are absent, the mean of what is printed for the others.
        ours: Our value.
        half_unit: Half of the last printed digit.
        published_runs: Runs behind the stated value; 1 when the publication does not say.
        our_runs: Our runs, the fewest over the benchmarks; None when items differ in it.
        own_se: Standard error of our value; None when it cannot be computed.
        sampled_se: Error of a repetition on other items of their kind; None without any spread.
        same_items: Whether we measured the items that the stated value is about.
        benchmarks: The benchmarks behind it.
    """

    stated: float
    ours: float
    half_unit: float
    published_runs: int
    our_runs: int | None
    own_se: float | None
    sampled_se: float | None
    same_items: bool
    benchmarks: tuple[ValueRow, ...]


@dataclass(frozen=True)
class BudgetRow:
    """Accuracies in points when replies longer than `tokens` count as wrong, and A minus B with its error."""

    tokens: int
    a: float
    b: float
    difference: float
    se: float | None


@dataclass(frozen=True, kw_only=True)
class DifferenceBasis:
    """What the rules about a difference A minus B share.

    Attributes:
        benchmarks: The benchmarks of the difference; none for graded conversations.
        robustness: The difference from several sides; None for graded conversations.
        churn: Items that change between right and wrong; None for graded conversations.
    """

    benchmarks: tuple[DifferenceRow, ...]
    robustness: Robustness | None
    churn: ChurnShares | None


@dataclass(frozen=True, kw_only=True)
class OrderBasis(DifferenceBasis):
    """A is above B; in points.

    Attributes:
        stated_difference: The stated difference; None when none is stated.
        tolerance: How far ours may lie from it before the verdict says so.
        p_value_alone: Of no difference, before adjustment; None without a test.
        equal_within: Margin within which the two would be shown to be equal.
        interval_90: The 90 % interval; None when no spread was seen.
        resolution_ratio: Items at hand over those that would show the stated difference with 80 % power; None without
            a stated difference or without spread.
    """

    rule: Literal["order"] = "order"
    stated_difference: float | None
    tolerance: float
    p_value_alone: float | None
    equal_within: float
    interval_90: Interval | None
    resolution_ratio: float | None


@dataclass(frozen=True, kw_only=True)
class LossBasis(DifferenceBasis):
    """A loses less than a margin against B; in points.

    Attributes:
        margin: The margin.
        loss: B minus A.
        lower: One-sided lower bound of the loss; None when no spread was seen and no bound is exact.
        upper: One-sided upper bound.
        exact: Whether the bounds are exact, since all items agree.
    """

    rule: Literal["loss"] = "loss"
    margin: float
    loss: float
    lower: float | None
    upper: float | None
    exact: bool


@dataclass(frozen=True, kw_only=True)
class EqualityBasis(DifferenceBasis):
    """A equals B within a margin; in points.

    Attributes:
        margin: The margin.
        interval_90: The 90 % interval; None when no spread was seen and no bound is exact.
        interval_95: The 95 % interval.
    """

    rule: Literal["equality"] = "equality"
    margin: float
    interval_90: Interval | None
    interval_95: Interval | None


@dataclass(frozen=True, kw_only=True)
class ValueBasis:
    """A scores a stated value within a margin; in points. The intervals are None when no spread was seen.

    Attributes:
        repetition: The stated value measured again.
        margin: Drift between two protocols that is tolerated.
        at_least: Whether the claim is "at least" the stated value.
        interval_90: The 90 % interval of ours minus the stated value.
        interval_95: The 95 % interval.
        prediction_interval: Where 95 % of such repetitions lie about our value.
        stated_inside_prediction: Whether it holds the stated value.
        runs_needed: Fewest runs over which our value would reproduce the stated one; None where none suffice, or where
            items are what lacks.
        items_needed: Fewest items over which it would; None where none suffice, or where runs are what lacks.
    """

    rule: Literal["value"] = "value"
    repetition: Repetition
    margin: float
    at_least: bool
    interval_90: Interval | None = None
    interval_95: Interval | None = None
    prediction_interval: Interval | None = None
    stated_inside_prediction: bool | None = None
    runs_needed: int | None = None
    items_needed: int | None = None


@dataclass(frozen=True, kw_only=True)
class TokensBasis:
    """A uses so many times fewer tokens than B.

    Attributes:
        stated_ratio: The stated multiple.
        meets: The multiples that the interval of the ratio must meet.
        largest_truncated: The larger share of truncated replies of the two sides.
        mean_tokens: Mean tokens of a reply.
        median_of_ratios: Median of the items' own ratios; None when it is not defined.
        both_correct: The ratio among correct replies alone.
        budgets: Accuracies within budgets of tokens.
    """

    rule: Literal["tokens"] = "tokens"
    stated_ratio: float
    meets: Interval
    largest_truncated: float
    mean_tokens: Sides
    median_of_ratios: float | None
    both_correct: RightReplies
    budgets: tuple[BudgetRow, ...]


@dataclass(frozen=True, kw_only=True)
class SizeBasis:
    """The file A is so much smaller than B.

    Attributes:
        bytes_a: Size of A.
        bytes_b: Size of B.
        stated_reduction: The stated reduction, in percent.
    """

    rule: Literal["size"] = "size"
    bytes_a: int
    bytes_b: int
    stated_reduction: float


PointsBasis = OrderBasis | LossBasis | EqualityBasis | ValueBasis
Basis = Annotated[PointsBasis | TokensBasis | SizeBasis, Field(discriminator="rule")]
