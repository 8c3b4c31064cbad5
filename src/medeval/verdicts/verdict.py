"""The lattice of verdicts, and what every verdict carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from medeval.verdicts.basis import Basis


class Verdict(StrEnum):
    """Outcome of one claim."""

    REPRODUCED = "REPRODUCED"
    NOT_REPRODUCED = "NOT_REPRODUCED"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_TESTABLE = "NOT_TESTABLE"


class Flag(StrEnum):
    """What qualifies a verdict."""

    ARITHMETIC = "ARITHMETIC"
    PROTOCOL_MISMATCH = "PROTOCOL_MISMATCH"
    COMPARATOR_MISMATCH = "COMPARATOR_MISMATCH"
    PARTIAL_COVERAGE = "PARTIAL_COVERAGE"
    TRUNCATED = "TRUNCATED"
    EXTRACTION_SENSITIVE = "EXTRACTION_SENSITIVE"
    FRAGILE = "FRAGILE"
    UNDERPOWERED = "UNDERPOWERED"
    EXCEEDS = "EXCEEDS"
    JUDGE_NOT_CREDIBLE = "JUDGE_NOT_CREDIBLE"
    HEADLINE_FIRST = "HEADLINE_FIRST"


class Estimand(StrEnum):
    """What an error is about.

    FIXED: the mean over exactly these items; it varies between runs only. SAMPLED: the mean over all items of their
    kind, of which these are a sample.
    """

    FIXED = "fixed items"
    SAMPLED = "sampled items"


@dataclass(frozen=True)
class CutShares:
    """Share of the replies of A and of B that the token limit cut; None where no such side was measured."""

    a: float | None = None
    b: float | None = None

    @property
    def largest(self) -> float:
        """The larger share; 0 when neither is known."""
        return max(self.a or 0.0, self.b or 0.0)


@dataclass(frozen=True)
class ComparatorRow:
    """What the makers of B print for it on one benchmark beside what the claim uses, in points.

    Attributes:
        benchmark: The benchmark.
        makers: What B's makers print.
        claim_uses: What the claim uses.
        ours: What we measured; None when we did not.
        gap_se: Standard error of the gap between the two figures; None when it is not known.
        definition: How alike the two define the benchmark: same, similar or different.
        mismatch: Whether the claim uses less than the makers print by the same definition, beyond chance.
    """

    benchmark: str
    makers: float
    claim_uses: float
    ours: float | None
    gap_se: float | None
    definition: str
    mismatch: bool


@dataclass(frozen=True)
class ProtocolRange:
    """What our protocol and others give for one figure, in the decision's own unit.

    Attributes:
        low: The smallest.
        high: The largest.
        protocols: What each of the others gives, by name.
        covers_published: Whether the range holds what the publication says.
    """

    low: float
    high: float
    protocols: Mapping[str, float]
    covers_published: bool


@dataclass(frozen=True)
class Decision:
    """The verdict on one part of a claim, with the numbers to derive it again.

    Scores are in points (0 to 100), sizes in percent, token counts as a ratio; `unit` says which.

    Attributes:
        metric: average, tokens, size or a benchmark.
        a: What the claim is about, as MODEL/VARIANT.
        b: What it is compared with.
        verdict: The outcome.
        reasons: Why, in plain words.
        estimate: A minus B (or the ratio, or the reduction); None when nothing was measured.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
        se: Standard error that decides, of the estimand that is named.
        alpha: Level of the tests.
        p_value: Of the test that decides; adjusted over the publication's claims where an order is decided.
        method: How error and interval were made.
        items: Items behind the estimate.
        items_total: Items of the benchmark(s) that exist; None when that is not known.
        target: Target on which it was measured; None where none is involved.
        flags: What qualifies the verdict.
        estimand: What the error is about; None where nothing random is involved or nothing was measured.
        name_a: The publication's name for A.
        name_b: The publication's name for B.
        basis: The rule that decided, and what it was applied to; None where none was applied.
        minimum_detectable_effect: The smallest difference found with 80 % power; None when no spread was seen.
        fixed_se: Error on exactly these items, from the noise between runs alone; None when it is not known.
        truncated: Truncated replies of each side.
        alternatives: The estimate under other treatments of replies without an answer, by name.
        benchmarks_absent: Benchmarks of an average that were not measured.
        judge: Who graded the conversations; None where none were.
        comparator: What the makers of B print for it beside what the claim uses.
        protocol_range: What other protocols give; None when nothing was measured.
        withheld: Why a part is left open whatever its rule says; None when it is not.
    """

    metric: str
    a: str
    b: str
    verdict: Verdict
    reasons: tuple[str, ...]
    unit: str = "points"
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    se: float | None = None
    alpha: float = 0.05
    p_value: float | None = None
    method: str = ""
    items: int | None = None
    items_total: int | None = None
    target: str | None = None
    flags: frozenset[Flag] = field(default_factory=frozenset)
    estimand: Estimand | None = None
    name_a: str = ""
    name_b: str = ""
    basis: Basis | None = None
    minimum_detectable_effect: float | None = None
    fixed_se: float | None = None
    truncated: CutShares = field(default_factory=CutShares)
    alternatives: Mapping[str, float] = field(default_factory=dict)
    benchmarks_absent: tuple[str, ...] = ()
    judge: str | None = None
    comparator: tuple[ComparatorRow, ...] = ()
    protocol_range: ProtocolRange | None = None
    withheld: str | None = None


def not_testable(metric: str, a: str, b: str, reason: str) -> Decision:
    """Return the decision for a part about which nothing was measured."""
    return Decision(metric, a, b, Verdict.NOT_TESTABLE, (reason,))


def combine(decisions: list[Decision]) -> Verdict:
    """Combine the parts of a claim: it reproduces only when every part does.

    One contradicted part contradicts the claim; otherwise one open part leaves it open.
    """
    found = {decision.verdict for decision in decisions}
    for verdict in (Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE):
        if verdict in found:
            return verdict
    if found == {Verdict.NOT_TESTABLE}:
        return Verdict.NOT_TESTABLE
    return Verdict.REPRODUCED if found == {Verdict.REPRODUCED} else Verdict.INCONCLUSIVE
