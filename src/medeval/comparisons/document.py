"""The comparisons document: scores, averages and paired differences of systems on the same items.

All scores and differences are fractions (0 to 1) and differences are A minus B unless a class says otherwise.
"""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from medeval.grades.scoring import TagMean
from medeval.records.documents import Document
from medeval.records.system import System
from medeval.statistics.across import BenchmarkTTest, LeaveOneOut
from medeval.statistics.agreement import Flips
from medeval.statistics.churn import Churn
from medeval.statistics.equivalence import Equivalence, NonInferiority
from medeval.statistics.estimates import BootstrapEstimate, ClusteredEstimate, Estimate
from medeval.statistics.macro import ErrorAgreement, MacroEstimate
from medeval.statistics.paired import McNemar, PairedDifference
from medeval.statistics.ratios import RatioEstimate
from medeval.statistics.runs import RunVariance


@dataclass(frozen=True)
class Statuses:
    """How many responses ended how."""

    answered: int
    no_answer: int
    ambiguous: int
    truncated: int
    refused: int
    error: int


@dataclass(frozen=True)
class Stages:
    """How many answers were read at which stage of the reader."""

    strict: int
    lenient: int
    content: int
    logprob: int
    none: int


@dataclass(frozen=True)
class Policies:
    """The accuracy by what an unanswered item counts as: wrong, a random guess, or nothing; None where unknown."""

    wrong: float | None
    random: float | None
    excluded: float | None


@dataclass(frozen=True)
class Runs:
    """The runs of one system on one benchmark.

    Attributes:
        runs: Replies to each item; None when items differ in it.
        one_run_variance: What run noise alone gives the score of one run, a fraction squared.
        analysis: Analysis of variance over all items.
        missing: Why the other two are None.
    """

    runs: int | None
    one_run_variance: float | None
    analysis: RunVariance | None
    missing: str | None


@dataclass(frozen=True)
class StratumScore:
    """The accuracy in one stratum, or on one value of a tag, with what its size allows.

    Attributes:
        stratum: Its name as the report shows it.
        tag: The tag behind it.
        value: The value of the tag.
        items: Number of items.
        accuracy: Mean score.
        rule: What may be said of so many items.
        low: Lower end of the interval; None when it is not to be shown.
        high: Upper end of the interval; None when it is not to be shown.
        method: How the interval was made; None without one.
    """

    stratum: str
    tag: str
    value: str
    items: int
    accuracy: float
    rule: str
    low: float | None
    high: float | None
    method: str | None


@dataclass(frozen=True)
class Score(System):
    """The result of a system on one benchmark in one mode.

    Attributes:
        benchmark: The benchmark.
        mode: How it was asked.
        items: Number of items.
        responses: Number of replies, over all runs.
        aggregate: What the accuracy is a mean of.
        accuracy: With unanswered items as wrong.
        runs: The runs behind it.
        statuses: Responses by outcome.
        stages: Responses by stage of the reader.
        policies: The accuracy under each treatment of unanswered items.
        no_headline: Why it must not be printed as a headline; None when it may.
        chance: Accuracy of a guess; None when it is not known.
        several_correct: Responses to items with several correct options; None when it is not known.
        accuracy_first: Accuracy if only the correct option that is named first counts; None when it is not known.
        methods: How answers were read.
        mean_generated_tokens: Tokens of a reply; None where they are not known of every one.
        strata: The accuracy by stratum or tag.
    """

    benchmark: str
    mode: str
    items: int
    responses: int
    aggregate: str
    accuracy: Estimate | ClusteredEstimate | MacroEstimate
    runs: Runs
    statuses: Statuses
    stages: Stages
    policies: Policies
    no_headline: str | None
    chance: float | None
    several_correct: int | None
    accuracy_first: float | None
    methods: tuple[str, ...]
    mean_generated_tokens: float | None
    strata: tuple[StratumScore, ...]


@dataclass(frozen=True)
class Average(System):
    """A system's unweighted average over benchmarks in one mode, by the normal and the bootstrap error."""

    mode: str
    benchmarks: tuple[str, ...]
    normal: MacroEstimate
    bootstrap: BootstrapEstimate
    error_agreement: ErrorAgreement


@dataclass(frozen=True, slots=True)
class StrataDifference(MacroEstimate):
    """A difference of means of strata, with what the items say one by one.

    Attributes:
        mcnemar: Counts and both p-values; None unless scores are 0/1 and items independent.
        correlation: Of the two systems' item scores; None when either does not vary.
    """

    mcnemar: McNemar | None = None
    correlation: float | None = None


@dataclass(frozen=True)
class CountedChurn(Churn):
    """How often single replies of A and B differ; `missing` says why floor and excess are None."""

    missing: str | None


@dataclass(frozen=True, kw_only=True)
class UncountedChurn:
    """No churn, since items differ in their number of replies."""

    rate: None = None
    floor: None = None
    excess: None = None
    effective: None = None
    runs_base: None = None
    runs_test: None = None
    n: int
    missing: str


@dataclass(frozen=True)
class ComparedBenchmark:
    """Two systems on the items of one benchmark that both have a score for.

    Attributes:
        benchmark: The benchmark.
        items: Shared items.
        items_only_in_one: Items that only one has a score for.
        difference: A minus B.
        constant: Whether all items have the same difference.
        draws: Independent draws that the mean is worth at least.
        flips: Items right in one only; None where items were answered more than once.
        churn: The same of single replies.
        minimum_detectable_effect: Smallest difference found with 80 % power; None without spread.
        holm_p_value: p-value adjusted over the benchmarks.
    """

    benchmark: str
    items: int
    items_only_in_one: int
    difference: PairedDifference | StrataDifference
    constant: bool
    draws: int
    flips: Flips | None
    churn: CountedChurn | UncountedChurn
    minimum_detectable_effect: float | None
    holm_p_value: float


@dataclass(frozen=True)
class ComparedAverage:
    """The unweighted mean of the differences over benchmarks.

    Attributes:
        normal: With the normal error.
        bootstrap: With the bootstrap error.
        minimum_detectable_effect: Smallest difference found with 80 % power; None without spread.
        non_inferiority: Test that B loses less than the margin; None without spread.
        equivalence: Test that the two are equal within the margin; None without spread.
        micro: The mean with each item weighing the same.
        wins: Benchmarks on which A is ahead.
        leave_one_out: Its range without each benchmark in turn; None with one benchmark.
        over_benchmarks: Benchmarks as a sample; None with one benchmark.
    """

    normal: MacroEstimate
    bootstrap: BootstrapEstimate
    minimum_detectable_effect: float | None
    non_inferiority: NonInferiority | None
    equivalence: Equivalence | None
    micro: float
    wins: int
    leave_one_out: LeaveOneOut | None
    over_benchmarks: BenchmarkTTest | None


@dataclass(frozen=True)
class ComparedStratum:
    """A minus B in one stratum of a benchmark; `discovery` and the adjusted p-value are over all strata of a pair."""

    benchmark: str
    stratum: str
    items: int
    difference: float
    se: float | None
    p_value: float
    adjusted_p_value: float
    discovery: bool


@dataclass(frozen=True)
class Sides:
    """One number of A and of B."""

    a: float
    b: float


@dataclass(frozen=True)
class RightReplies:
    """The ratio of tokens among correct replies, over `n` items that both answer correctly; None, and why."""

    ratio: BootstrapEstimate | None
    n: int
    missing: str | None


@dataclass(frozen=True)
class Budget:
    """Both averages and their difference when only replies within `tokens` count."""

    tokens: int
    a: float
    b: float
    difference: MacroEstimate


@dataclass(frozen=True)
class Tokens(RatioEstimate):
    """Generated tokens, B over A, on the items that both replied to.

    Attributes:
        items_with_errors: Items left out, since a reply failed.
        mean: Mean tokens of a reply.
        truncated: Share of truncated replies.
        both_correct: The ratio of correct replies alone.
        budgets: Accuracies within budgets of tokens.
    """

    items_with_errors: int
    mean: Sides
    truncated: Sides
    both_correct: RightReplies
    budgets: tuple[Budget, ...]


@dataclass(frozen=True)
class ComparedPair:
    """Two systems in one mode.

    Attributes:
        a: The first, a model's reference where there is one.
        b: The second.
        mode: How both were asked.
        benchmarks: The differences by benchmark.
        average: Their mean.
        strata: The differences by stratum, exploratory.
        tokens: Ratio of generated tokens; None when it is not known.
        tokens_missing: Why it is None.
    """

    a: System
    b: System
    mode: str
    benchmarks: tuple[ComparedBenchmark, ...]
    average: ComparedAverage
    strata: tuple[ComparedStratum, ...]
    tokens: Tokens | None
    tokens_missing: str | None


@dataclass(frozen=True)
class NotCompared:
    """What was left out of a comparison and why; `benchmark` is None when the two share nothing in the mode."""

    a: System
    b: System
    mode: str
    benchmark: str | None
    reason: str


@dataclass(frozen=True)
class ConversationRuns:
    """Replies to each conversation, None when they differ in it, and what run noise gives the mean of one run."""

    runs: int | None
    one_run_variance: float | None


@dataclass(frozen=True)
class Bounds:
    """A score if every missing grade were met, not met, in its favour, or in its disfavour; None without any."""

    all_met: float | None
    none_met: float | None
    highest: float | None
    lowest: float | None


@dataclass(frozen=True)
class GradedSystem(System):
    """A system's score on a subset of HealthBench.

    Attributes:
        subset: The subset.
        items: Conversations with a score.
        missing: Conversations without, for a missing grade.
        missing_share: Share of the grades that are missing.
        judge: Who graded.
        runs: The runs behind it.
        overall: Mean of the unclipped scores; None without a conversation.
        clipped: The mean, clipped; None without a conversation.
        bounds: Its limits with missing grades filled in.
        themes: Scores by theme.
        axes: Scores by axis.
    """

    subset: str
    items: int
    missing: int
    missing_share: float
    judge: str
    runs: ConversationRuns
    overall: Estimate | ClusteredEstimate | None
    clipped: float | None
    bounds: Bounds
    themes: dict[str, TagMean]
    axes: dict[str, TagMean]


@dataclass(frozen=True)
class GradedPair:
    """Two systems on the conversations of a subset that both have a score for; the difference is None without any."""

    a: System
    b: System
    subset: str
    items: int
    items_only_in_one: int
    missing: int
    judge: str
    difference: PairedDifference | None
    minimum_detectable_effect: float | None


class Origin(BaseModel):
    """Where comparisons come from.

    Attributes:
        headline: The mode that decides claims.
        margin_points: Tolerated loss in points.
        seed: Seed of the bootstraps.
        references: MODEL/VARIANT of each model's reference.
        packages: Versions of the packages that wrote the tables.
        inputs: SHA-256 of every table, by path.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    headline: str
    margin_points: float
    seed: int
    references: tuple[str, ...]
    packages: dict[str, list[str]]
    inputs: dict[str, str]


class Comparisons(Document, Origin):
    """Every score of a run, and every comparison of two systems.

    Attributes:
        items_total: Items of each benchmark.
        conversations_total: Conversations of each subset.
        scores: One entry per system, benchmark and mode.
        averages: One entry per system and mode.
        comparisons: One entry per pair and mode.
        not_compared: What could not be compared.
        conversations: One entry per system and subset.
        conversation_comparisons: One entry per pair and subset.
    """

    SCHEMA: ClassVar[str] = "comparisons.v3"
    WRITER: ClassVar[str] = "medeval compare"

    items_total: dict[str, int]
    conversations_total: dict[str, int]
    scores: tuple[Score, ...]
    averages: tuple[Average, ...]
    comparisons: tuple[ComparedPair, ...]
    not_compared: tuple[NotCompared, ...]
    conversations: tuple[GradedSystem, ...]
    conversation_comparisons: tuple[GradedPair, ...]

    @property
    def origin(self) -> Origin:
        """Where the comparisons come from."""
        return Origin.model_validate({name: getattr(self, name) for name in Origin.model_fields})
