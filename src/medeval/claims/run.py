"""The verdict stage: a publication's claims and the run's comparisons in, one verdict per claim out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medeval.claims import decide
from medeval.claims.evidence import Evidence, targets_of
from medeval.claims.measured import Difference, Missing
from medeval.claims.sentence import sentence
from medeval.claims.verdicts import Decision, Flag, combine, not_testable
from medeval.claims.weights import Weights, read_weights
from medeval.compare.document import COMPARISONS, VERDICTS, read_document
from medeval.config.publication import AVERAGE, SIZE, TOKENS, Publication, load_publication
from medeval.config.publication_claims import Claim, Comparison
from medeval.errors import MedevalError
from medeval.files import sha256_file, write_json
from medeval.statistics.multiplicity import holm

ALPHA = 0.05
_CONVERSATION_SUBSETS = {"healthbench": "main", "healthbench_hard": "hard", "healthbench_consensus": "consensus"}


def decide_claims(
    claims_path: Path,
    comparisons_path: Path,
    weights: Sequence[Path],
    subjects: dict[str, str],
    out: Path,
    *,
    credible_judge: bool,
    target: str | None = None,
) -> dict[str, Any]:
    """Decide every claim of a publication and write the verdicts.

    Args:
        claims_path: The publication file.
        comparisons_path: The comparisons document of a run.
        weights: Descriptions of the weights files, `.../MODEL/VARIANT.gguf.json`.
        subjects: Published name -> MODEL/VARIANT.
        out: JSON document to write.
        credible_judge: Whether the judge's agreement with physicians is established; no claim about
            graded conversations is decided without.
        target: The target to decide on; None for every target of the comparisons, with one part for each.

    Raises:
        MedevalError: A file is missing or malformed, or nothing was measured on the target.
    """
    publication = load_publication(claims_path)
    comparisons = read_document(comparisons_path, COMPARISONS)
    targets = _targets(comparisons, target, comparisons_path)
    evidence = [Evidence(comparisons, name) for name in targets]
    several = len(targets_of(comparisons)) > 1
    stage = _Stage(publication, evidence, read_weights(weights), subjects, credible_judge, several)
    adjusted = _adjusted_p_values(stage)
    document = {
        "schema": VERDICTS,
        "publication": publication.title,
        "alpha": ALPHA,
        "headline": comparisons["headline"],
        "targets": targets,
        "inputs": {"claims": sha256_file(claims_path), "comparisons": sha256_file(comparisons_path)},
        "verdicts": [_verdict(claim, stage, adjusted) for claim in publication.claims],
    }
    write_json(out, document)
    return document


@dataclass(frozen=True)
class _Stage:
    """What every decision of one call shares; `evidence` has one entry per target that is decided on."""

    publication: Publication
    evidence: list[Evidence]
    weights: Weights
    subjects: Mapping[str, str]
    credible_judge: bool
    name_targets: bool


def _targets(comparisons: Mapping[str, Any], target: str | None, path: Path) -> list[str]:
    found = targets_of(comparisons)
    if not found:
        raise MedevalError(f"{path}: nothing was measured", "Run the compare stage on score or grade tables.")
    if target is not None and target not in found:
        raise MedevalError(
            f"{path}: nothing was measured on target {target!r}; there are: {', '.join(found)}",
            "Name one of these with `--target`, or leave the option out.",
        )
    return found if target is None else [target]


def _verdict(claim: Claim, stage: _Stage, adjusted: Mapping[tuple[str, int, str], float]) -> dict[str, Any]:
    decisions = [
        _qualified(decision, part, stage)
        for index, part in enumerate(claim.comparisons)
        for decision in _decide_part(claim, index, part, stage, adjusted)
    ]
    verdict = combine(decisions)
    flags = set().union(*(decision.flags for decision in decisions))
    if stage.publication.evaluation.undisclosed:
        flags.add(Flag.PROTOCOL_MISMATCH)
    return {
        "claim_id": claim.id,
        "type": claim.type,
        "sentence": claim.sentence,
        "verdict": verdict,
        "flags": sorted(flags),
        "plain": sentence(claim, verdict, decisions, name_targets=stage.name_targets),
        "parts": [_as_json(decision) for decision in decisions],
    }


def _decide_part(
    claim: Claim, index: int, part: Comparison, stage: _Stage, adjusted: Mapping[tuple[str, int, str], float]
) -> list[Decision]:
    """Decide one part of a claim, on every target where that matters."""
    other = part.b or part.a  # a value alone is compared with what was stated for it
    a, b = stage.subjects.get(part.a), stage.subjects.get(other)
    if a is None or b is None:
        unknown = ", ".join(name for name, found in ((part.a, a), (other, b)) if found is None)
        return [not_testable(part.metric, part.a, other, f"this run evaluates no {unknown}")]
    if part.metric == SIZE:
        return [_decide_size(part, a, b, stage.weights)]
    if claim.type == "T4" and part.metric != TOKENS:
        reason = f"a ratio is decided for {SIZE} and {TOKENS} only, not for {part.metric}"
        return [not_testable(part.metric, a, b, reason)]
    return [
        replace(
            _decide_measured(
                claim, part, a, b, stage.publication, evidence, adjusted.get((claim.id, index, evidence.target))
            ),
            target=evidence.target,
        )
        for evidence in stage.evidence
    ]


def _decide_measured(
    claim: Claim,
    part: Comparison,
    a: str,
    b: str,
    publication: Publication,
    evidence: Evidence,
    adjusted_p: float | None,
) -> Decision:
    if part.metric == TOKENS:
        return _decide_tokens(part, a, b, evidence)
    if claim.type == "T1":
        return _decide_point_value(claim, part, a, publication, evidence)
    found = _difference(part, a, b, publication, evidence)
    if isinstance(found, Missing):
        return not_testable(part.metric, a, b, found.reason)
    match claim.type:
        case "T3":
            return decide.decide_bounded_loss(part.metric, a, b, found, claim.margin or decide.EQUAL_WITHIN, ALPHA)
        case "T5":
            return decide.decide_equality(part.metric, a, b, found, claim.margin or decide.EQUAL_WITHIN, ALPHA)
        case _:
            return decide.decide_order(part.metric, a, b, found, part.stated_difference, adjusted_p, ALPHA)


def _qualified(decision: Decision, part: Comparison, stage: _Stage) -> Decision:
    """Add what casts doubt on a decision from outside its own numbers: the judge, and what stands for a model."""
    if decision.estimate is None:
        return decision
    if part.metric in _CONVERSATION_SUBSETS and not stage.credible_judge:
        decision = decide.withhold(decision, "the judge's agreement with physicians is not established")
    if stand_ins := list(_quantized_models(part, stage)):
        flags = decision.flags | {Flag.COMPARATOR_MISMATCH}
        decision = replace(decision, reasons=(*decision.reasons, *stand_ins), flags=flags)
    return decision


def _quantized_models(part: Comparison, stage: _Stage) -> Iterator[str]:
    """Name each published model of a comparison, not a weights file, for which a quantized file stands in."""
    for name in dict.fromkeys(filter(None, (part.a, part.b))):
        types = stage.weights.quantized_types(stage.subjects[name])
        if types and stage.publication.model(name) is not None:
            file = stage.subjects[name]
            yield f"the model {name} is represented by a quantized file, {file} (tensors of {', '.join(types)})"


def _difference(part: Comparison, a: str, b: str, publication: Publication, evidence: Evidence) -> Difference | Missing:
    if part.metric == AVERAGE:
        return evidence.average(a, b, _averaged(publication))
    if part.metric in _CONVERSATION_SUBSETS:
        return evidence.conversations(a, b, _CONVERSATION_SUBSETS[part.metric])
    return evidence.benchmark(a, b, part.metric)


def _averaged(publication: Publication) -> list[str]:
    return publication.average.over if publication.average else []


def _decide_point_value(
    claim: Claim, part: Comparison, a: str, publication: Publication, evidence: Evidence
) -> Decision:
    average, stated = part.metric == AVERAGE, part.stated_a
    if stated is None:
        return not_testable(part.metric, a, a, "the claim states no value")
    if part.metric in _CONVERSATION_SUBSETS:
        found = evidence.conversations_against_stated(a, _CONVERSATION_SUBSETS[part.metric], stated)
    else:
        found = evidence.against_stated(a, part.metric, _averaged(publication) if average else None, stated)
    if isinstance(found, Missing):
        return not_testable(part.metric, a, a, found.reason)
    margin = claim.margin or (decide.AVERAGE_DRIFT if average else decide.BENCHMARK_DRIFT)
    return decide.decide_point_value(part.metric, a, found, stated, margin, ALPHA)


def _decide_size(part: Comparison, a: str, b: str, weights: Weights) -> Decision:
    if part.stated_reduction is None:
        return not_testable(SIZE, a, b, "the claim states no reduction")
    bytes_a, bytes_b = weights.bytes_of(a), weights.bytes_of(b)
    if bytes_a is None or bytes_b is None:
        unknown = ", ".join(name for name, size in ((a, bytes_a), (b, bytes_b)) if size is None)
        return not_testable(SIZE, a, b, f"no description of {unknown} was given, so its size is not known")
    return decide.decide_size(a, b, bytes_a, bytes_b, part.stated_reduction)


def _decide_tokens(part: Comparison, a: str, b: str, evidence: Evidence) -> Decision:
    if part.stated_ratio is None:
        return not_testable(TOKENS, a, b, "the claim states no ratio")
    ratio = evidence.tokens(a, b)
    if isinstance(ratio, Missing):
        return not_testable(TOKENS, a, b, ratio.reason)
    return decide.decide_token_ratio(a, b, ratio, part.stated_ratio, part.ratio_decimals)


def _adjusted_p_values(stage: _Stage) -> dict[tuple[str, int, str], float]:
    """Adjust the p-values of all claims of order together (Holm), by claim, part and target."""
    raw: dict[tuple[str, int, str], float] = {}
    for claim in stage.publication.claims:
        for index, part in enumerate(claim.comparisons):
            if claim.type != "T2" or part.b is None or part.metric in (SIZE, TOKENS):
                continue
            a, b = stage.subjects.get(part.a), stage.subjects.get(part.b)
            if a is None or b is None:
                continue
            for evidence in stage.evidence:
                found = _difference(part, a, b, stage.publication, evidence)
                if isinstance(found, Difference) and found.p_value is not None:
                    raw[claim.id, index, evidence.target] = found.p_value
    return dict(zip(raw, holm(list(raw.values()), ALPHA).p_values, strict=True)) if raw else {}


def _as_json(decision: Decision) -> dict[str, Any]:
    return {**vars(decision), "flags": sorted(decision.flags), "reasons": list(decision.reasons)}
