"""One statement per verdict that can be quoted without being wrong."""

import re
from collections.abc import Mapping

from medeval.publication.claims import Claim
from medeval.publication.publication import AVERAGE
from medeval.verdicts.basis import EqualityBasis, OrderBasis, Repetition, SizeBasis, TokensBasis, ValueBasis
from medeval.verdicts.verdict import Decision, Estimand, Flag, Verdict

_OPENINGS = {
    Verdict.REPRODUCED: "Reproduced",
    Verdict.NOT_REPRODUCED: "Not reproduced",
    Verdict.INCONCLUSIVE: "Undecided",
    Verdict.NOT_TESTABLE: "Not testable in this run",
}
# What a quotation must not leave out, in the order in which it is said.
_CAUTIONS: Mapping[Flag, str] = {
    Flag.PARTIAL_COVERAGE: "Not everything that the claim covers was measured.",
    Flag.PROTOCOL_MISMATCH: "How the publisher asked and read answers is not known in full, and may explain a part.",
    Flag.COMPARATOR_MISMATCH: "The compared model has other figures where its makers measured it, or another file "
    "stood for it.",
    Flag.ARITHMETIC: "The published figures do not agree with each other.",
    Flag.FRAGILE: "The order depends on which benchmarks are counted, or how.",
    Flag.TRUNCATED: "Many replies were cut off by the token limit.",
    Flag.EXTRACTION_SENSITIVE: "The figure depends on how unreadable replies are counted.",
    Flag.JUDGE_NOT_CREDIBLE: "The automatic judge has not been shown to agree with physicians.",
}


def sentence(
    claim: Claim,
    verdict: Verdict,
    decisions: list[Decision],
    flags: set[Flag] | frozenset[Flag] = frozenset(),
    labels: Mapping[str, str] | None = None,
    *,
    name_targets: bool = False,
) -> str:
    """Say the verdict on a claim with the figures behind it and what must be said with them.

    Args:
        claim: The claim.
        verdict: The verdict on the whole.
        decisions: Its parts.
        flags: Flags of the whole.
        labels: Names of benchmarks for people; one without keeps its id.
        name_targets: Whether to say on which target each part was measured.
    """
    details = [f"{_detail(decision, labels or {}, name_targets)}." for decision in decisions]
    measured = any(decision.estimate is not None for decision in decisions)
    # What keeps a part undecided is said with the part.
    said = any("physicians" in detail for detail in details)
    raised = [flag for flag in _CAUTIONS if flag in flags and not (said and flag is Flag.JUDGE_NOT_CREDIBLE)]
    cautions = [_CAUTIONS[flag] for flag in raised] if measured else []
    return " ".join([f"{_OPENINGS[verdict]}: “{claim.sentence}”", *details, *cautions])


def _detail(decision: Decision, labels: Mapping[str, str], name_target: bool) -> str:
    on = f" on {decision.target}" if name_target and decision.target else ""
    if decision.estimate is None:
        return f"{decision.metric}{on}: {decision.reasons[0]}" if on else decision.reasons[0]
    text = f"{_figure(decision, labels)}{on}{_basis(decision)}: {_meaning(decision)}"
    # A hyphen before a number reads as a dash at the end of a line; a minus sign does not.
    return re.sub(r"(?<=[ (])-(?=\d)", "\N{MINUS SIGN}", text)


def _figure(decision: Decision, labels: Mapping[str, str]) -> str:
    a, b = decision.name_a or decision.a, decision.name_b or decision.b
    value = decision.estimate or 0.0
    match decision.basis:
        case SizeBasis():
            return f"The file {a} is {value:.1f} % smaller than {b}"
        case TokensBasis():
            return f"{b} generated {value:.2f} times as many tokens as {a}{_interval(decision, '.2f')}"
        case ValueBasis(repetition=Repetition(stated=stated, benchmarks=rows)):
            ours, where = stated + value, _where(decision, labels, len(rows))
            return f"Measured again, {a} scored {ours:.2f} {where}, {_apart(value)} than the published {stated:.2f}"
        case basis:
            where = _where(decision, labels, len(basis.benchmarks) if basis else 0)
            return f"Measured again, {a} scored {_apart(value)} than {b} {where}{_interval(decision, '+.2f')}"


def _where(decision: Decision, labels: Mapping[str, str], benchmarks: int) -> str:
    if decision.metric == AVERAGE:
        return f"on the average of {benchmarks} benchmarks"
    return f"on {labels.get(decision.metric, decision.metric)}"


def _apart(value: float) -> str:
    return f"{abs(value):.2f} points {'more' if value >= 0 else 'less'}"


def _interval(decision: Decision, form: str) -> str:
    if decision.low is None or decision.high is None:
        return ""
    return f" (95 % interval {decision.low:{form}} to {decision.high:{form}})"


def _basis(decision: Decision) -> str:
    """Say on how many items, and whether they count as a sample."""
    if decision.items is None:
        return ""
    of = decision.items_total
    items = f"{decision.items:,} of {of:,}" if of is not None and of != decision.items else f"{decision.items:,}"
    if decision.estimand is Estimand.FIXED:
        return f", on the same {items} items, where only runs vary"
    return f", on {items} items, which count as a sample of their kind"


def _meaning(decision: Decision) -> str:
    """Say what the figures mean; whatever kept a part from being decided comes before that."""
    basis, reason, smallest = decision.basis, decision.reasons[0], decision.minimum_detectable_effect
    if isinstance(basis, SizeBasis):
        return f"{basis.bytes_a:,} of {basis.bytes_b:,} bytes, and the claim says {basis.stated_reduction:g} %"
    if decision.withheld:
        return decision.withheld
    match basis, decision.verdict:
        case OrderBasis(), Verdict.REPRODUCED:
            return "a lead that chance does not explain"
        case OrderBasis(), Verdict.INCONCLUSIVE:
            unseen = f"gaps below {smallest:.2f} points would mostly go unseen" if smallest else "no spread was seen"
            return f"too little to tell the two apart, as {unseen}"
        case ValueBasis(margin=margin), verdict:
            return _VALUE_MEANINGS[verdict].format(margin=margin)
        case EqualityBasis(margin=margin), verdict:
            return f"{_EQUALITY_MEANINGS[verdict].format(margin=margin)}; {reason}"
        case _:
            return reason


_VALUE_MEANINGS: Mapping[Verdict, str] = {
    Verdict.REPRODUCED: "inside the ±{margin:g} points fixed in advance",
    Verdict.NOT_REPRODUCED: "outside the ±{margin:g} points fixed in advance, by more than chance explains",
    Verdict.INCONCLUSIVE: "whether that is inside the ±{margin:g} points fixed in advance cannot be told",
}
_EQUALITY_MEANINGS: Mapping[Verdict, str] = {
    Verdict.REPRODUCED: "equal within {margin:g} points",
    Verdict.NOT_REPRODUCED: "not equal within {margin:g} points",
    Verdict.INCONCLUSIVE: "whether they are equal within {margin:g} points cannot be told",
}
