"""One part of a claim on one target: find what was measured, apply the rule of its type, add what qualifies it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from medeval.publication.claims import Claim, Comparison
from medeval.publication.publication import AVERAGE, SIZE, TOKENS, Publication
from medeval.verdicts import decide
from medeval.verdicts.basis import ValueBasis
from medeval.verdicts.decision import withheld
from medeval.verdicts.differences import ALPHA, average_difference, benchmark_difference, conversation_difference
from medeval.verdicts.evidence import CONVERSATION_SUBSETS, Evidence
from medeval.verdicts.measured import Difference, Missing
from medeval.verdicts.protocols import consider_protocols
from medeval.verdicts.published import PublishedFigures
from medeval.verdicts.ratios import decide_size, decide_token_ratio, measured_ratio
from medeval.verdicts.subjects import SubjectMatch
from medeval.verdicts.values import against_stated, conversations_against_stated
from medeval.verdicts.verdict import Decision, Flag, Verdict, not_testable
from medeval.verdicts.weights import Weights


@dataclass(frozen=True)
class Stage:
    """What every decision of one call shares.

    Attributes:
        publication: Figures and claims.
        figures: What the printed figures say by themselves.
        evidence: What was measured, one entry per target that is decided on.
        others: The same under other protocols, by the name of the protocol.
        weights: Descriptions of weights files.
        subjects: What stands for each published name.
        credible_judge: Whether the judge's agreement with physicians is established.
        name_targets: Whether a sentence names the target.
    """

    publication: Publication
    figures: PublishedFigures
    evidence: Sequence[Evidence]
    others: Mapping[str, Sequence[Evidence]]
    weights: Weights
    subjects: Mapping[str, SubjectMatch]
    credible_judge: bool
    name_targets: bool

    def system(self, name: str | None) -> str | None:
        """Return the MODEL/VARIANT that stands for a published name; None when nothing does."""
        return None if name is None else self.subjects[name].system


def decide_part(
    claim: Claim, index: int, part: Comparison, stage: Stage, adjusted: Mapping[tuple[str, int, str], float]
) -> list[Decision]:
    """Decide one part of a claim, on every target where that matters.

    Args:
        claim: The claim.
        index: Place of the part.
        part: The part.
        stage: What all decisions share.
        adjusted: Adjusted p-values by claim, part and target.
    """
    other = part.b or part.a  # a value alone is compared with what was stated for it
    a, b = stage.system(part.a), stage.system(other)
    if a is None or b is None:
        unknown = [stage.subjects[name].why for name in dict.fromkeys((part.a, other)) if not stage.system(name)]
        return [replace(not_testable(part.metric, part.a, other, "; ".join(unknown)), name_a=part.a, name_b=other)]
    if part.metric == SIZE:
        return [replace(_size(part, a, b, stage.weights), name_a=part.a, name_b=other)]
    decisions = []
    for evidence in stage.evidence:
        decision = _measured(claim, part, a, b, stage, evidence, adjusted.get((claim.id, index, evidence.target)))
        decision = replace(decision, target=evidence.target, name_a=part.a, name_b=other)
        decisions.append(_qualified(decision, claim, part, a, b, stage, evidence))
    return decisions


def difference(part: Comparison, a: str, b: str, publication: Publication, evidence: Evidence) -> Difference | Missing:
    """Return the measured difference A minus B that a part is about."""
    if part.metric == AVERAGE:
        return average_difference(evidence, a, b, _benchmarks(part, publication))
    if part.metric in CONVERSATION_SUBSETS:
        return conversation_difference(evidence, a, b, CONVERSATION_SUBSETS[part.metric])
    return benchmark_difference(evidence, a, b, part.metric)


def _benchmarks(part: Comparison, publication: Publication) -> list[str]:
    if part.metric != AVERAGE:
        return [part.metric]
    return publication.average.over if publication.average else []


def _measured(
    claim: Claim, part: Comparison, a: str, b: str, stage: Stage, evidence: Evidence, adjusted_p: float | None
) -> Decision:
    """Apply the rule of a claim's type to what was measured."""
    if part.metric == TOKENS:
        return _tokens(part, a, b, evidence)
    if claim.type == "T4":
        reason = f"a ratio is decided for {SIZE} and {TOKENS} only, not for {part.metric}"
        return not_testable(part.metric, a, b, reason)
    if claim.type == "T1":
        return _value(claim, part, a, stage.publication, evidence)
    found = difference(part, a, b, stage.publication, evidence)
    if isinstance(found, Missing):
        return not_testable(part.metric, a, b, found.reason)
    margin = claim.margin or decide.EQUAL_WITHIN
    match claim.type:
        case "T3":
            return decide.decide_bounded_loss(part.metric, a, b, found, margin, ALPHA)
        case "T5":
            return decide.decide_equality(part.metric, a, b, found, margin, ALPHA)
        case _:
            tolerance = decide.drift(len(_benchmarks(part, stage.publication)))
            return decide.decide_order(
                part.metric, a, b, found, part.stated_difference, adjusted_p, ALPHA, tolerance=tolerance
            )


def _value(claim: Claim, part: Comparison, a: str, publication: Publication, evidence: Evidence) -> Decision:
    benchmarks, stated = _benchmarks(part, publication), part.stated_a
    if stated is None:
        return not_testable(part.metric, a, a, "the claim states no value")
    if not benchmarks:
        return not_testable(part.metric, a, a, "the publication does not say what its average is taken over")
    if part.metric in CONVERSATION_SUBSETS:
        subset = CONVERSATION_SUBSETS[part.metric]
        found = conversations_against_stated(evidence, publication, a, part.metric, subset, stated)
    else:
        found = against_stated(evidence, publication, a, part.a, benchmarks, stated)
    if isinstance(found, Missing):
        return not_testable(part.metric, a, a, found.reason)
    margin = claim.margin or decide.drift(len(benchmarks))
    return decide.decide_point_value(part.metric, a, found, margin, ALPHA, at_least=part.at_least)


def _size(part: Comparison, a: str, b: str, weights: Weights) -> Decision:
    if part.stated_reduction is None:
        return not_testable(SIZE, a, b, "the claim states no reduction")
    bytes_a, bytes_b = weights.bytes_of(a), weights.bytes_of(b)
    if bytes_a is None or bytes_b is None:
        unknown = ", ".join(name for name, size in ((a, bytes_a), (b, bytes_b)) if size is None)
        return not_testable(SIZE, a, b, f"no description of {unknown} was given, so its size is not known")
    return decide_size(a, b, bytes_a, bytes_b, part.stated_reduction)


def _tokens(part: Comparison, a: str, b: str, evidence: Evidence) -> Decision:
    if part.stated_ratio is None:
        return not_testable(TOKENS, a, b, "the claim states no ratio")
    ratio = measured_ratio(evidence, a, b)
    if isinstance(ratio, Missing):
        return not_testable(TOKENS, a, b, ratio.reason)
    return decide_token_ratio(a, b, ratio, part.stated_ratio, part.ratio_decimals)


def _qualified(
    decision: Decision, claim: Claim, part: Comparison, a: str, b: str, stage: Stage, evidence: Evidence
) -> Decision:
    """Add what casts doubt on a decision from outside its own numbers: judge, comparator, protocol."""
    if decision.estimate is None:
        return decision
    if part.metric in CONVERSATION_SUBSETS:
        decision = _judged(decision, stage)
    if stand_ins := _quantized_models(part, stage):
        flags = decision.flags | {Flag.COMPARATOR_MISMATCH}
        decision = replace(decision, reasons=(*decision.reasons, *stand_ins), flags=flags)
    if claim.type in ("T2", "T5"):
        decision = _compared_fairly(decision, part, b, stage, evidence)
    return consider_protocols(
        decision,
        claim,
        part,
        {**decision.alternatives, **_other_protocols(claim, part, a, b, stage, evidence.target)},
        undisclosed=bool(stage.publication.evaluation.undisclosed) or Flag.PROTOCOL_MISMATCH in decision.flags,
    )


def _other_protocols(claim: Claim, part: Comparison, a: str, b: str, stage: Stage, target: str) -> Mapping[str, float]:
    """Return the same figure under other protocols, where it was measured on the same target."""
    found = {}
    for name, documents in stage.others.items():
        for evidence in documents:
            value = _measured(claim, part, a, b, stage, evidence, None).estimate
            if evidence.target == target and value is not None:
                found[name] = value
    return found


def _judged(decision: Decision, stage: Stage) -> Decision:
    """Leave a part about graded conversations open unless its judge is credible, and the publication's for a value."""
    if not stage.credible_judge:
        reason = "the judge's agreement with physicians is not established"
        decision = withheld(decision, reason, Flag.JUDGE_NOT_CREDIBLE)
    published, ours = stage.publication.evaluation.judge, decision.judge
    if published is None or ours is None or published.rpartition("/")[2].casefold() in ours.casefold():
        return decision
    reason = f"the judge is {ours}, the published scores are by {published}"
    if isinstance(decision.basis, ValueBasis) and decision.verdict is not Verdict.INCONCLUSIVE:
        return withheld(decision, reason, Flag.PROTOCOL_MISMATCH)
    flags = decision.flags | {Flag.PROTOCOL_MISMATCH}
    return replace(decision, reasons=(*decision.reasons, reason), flags=flags)


def _quantized_models(part: Comparison, stage: Stage) -> list[str]:
    """Name each published model of a comparison, not a weights file, for which a quantized file stands in."""
    found = []
    for name in dict.fromkeys(filter(None, (part.a, part.b))):
        file = stage.system(name)
        types = stage.weights.quantized_types(file) if file else []
        if types and stage.publication.model(name) is not None:
            found.append(f"the model {name} is represented by a quantized file, {file} (tensors of {', '.join(types)})")
    return found


def _compared_fairly(decision: Decision, part: Comparison, b: str, stage: Stage, evidence: Evidence) -> Decision:
    """Set the figure that the claim uses for B beside the one of B's makers and our own."""
    rows = stage.figures.comparator(part, b, evidence)
    if not rows:
        return decision
    decision = replace(decision, comparator=rows)
    low = [row for row in rows if row.mismatch]
    if not low:
        return decision
    shown = "; ".join(
        f"{row.benchmark} {row.makers:g} against {row.claim_uses:g}"
        + (f", ours {row.ours:.2f}" if row.ours is not None else "")
        for row in low
    )
    reason = f"the makers of {part.b} print more than the claim uses for it: {shown}"
    flags = decision.flags | {Flag.COMPARATOR_MISMATCH}
    return replace(decision, reasons=(*decision.reasons, reason), flags=flags)
