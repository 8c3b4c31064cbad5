"""The lattice of verdicts, and what every verdict carries."""

from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """Outcome of one claim."""

    REPRODUCED = "REPRODUCED"
    NOT_REPRODUCED = "NOT_REPRODUCED"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_TESTABLE = "NOT_TESTABLE"


class Flag(StrEnum):
    """What qualifies a verdict."""

    PROTOCOL_MISMATCH = "PROTOCOL_MISMATCH"
    FRAGILE = "FRAGILE"
    UNDERPOWERED = "UNDERPOWERED"
    PARTIAL_COVERAGE = "PARTIAL_COVERAGE"
    EXCEEDS = "EXCEEDS"
    JUDGE_NOT_CREDIBLE = "JUDGE_NOT_CREDIBLE"
    COMPARATOR_MISMATCH = "COMPARATOR_MISMATCH"


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
        low: Lower end of the interval.
        high: Upper end of the interval.
        p_value: Of the test that decides; adjusted over the publication's claims where an order is decided.
        items: Items behind the estimate.
        items_total: Items of the benchmark(s) that exist; None when that is not known.
        target: Target on which it was measured; None where none is involved.
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
