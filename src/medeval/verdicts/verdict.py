"""The lattice of verdicts, and what every verdict carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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
        p_value: Of the test that decides; adjusted over the publication's claims where an order is decided.
        items: Items behind the estimate.
        items_total: Items of the benchmark(s) that exist; None when that is not known.
        target: Target on which it was measured; None where none is involved.
        rule: The rule that decided: value, order, loss, equality, tokens or size.
        estimand: What the error is about; None where nothing random is involved or nothing was measured.
        name_a: The publication's name for A.
        name_b: The publication's name for B.
        numbers: What the rule was applied to, as JSON: margins, errors of both estimands, benchmarks, and so on.
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
    rule: str = ""
    estimand: Estimand | None = None
    name_a: str = ""
    name_b: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)


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
