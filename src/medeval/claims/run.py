"""The verdict stage: a publication's claims and the run's comparisons in, one verdict per claim out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medeval.claims import decide
from medeval.claims.evidence import Difference, Evidence
from medeval.claims.sentence import sentence
from medeval.claims.verdicts import Decision, Flag, combine, not_testable
from medeval.config.publication import AVERAGE, SIZE, TOKENS, Publication, load_publication
from medeval.config.publication_claims import Claim, Comparison
from medeval.files import read_json, sha256_file, write_json
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

    Raises:
        MedevalError: A file is missing or malformed.
    """
    publication = load_publication(claims_path)
    comparisons = read_json(comparisons_path)
    sizes = {f"{path.parent.name}/{path.name.removesuffix('.gguf.json')}": read_json(path) for path in weights}
    evidence = Evidence(comparisons, sizes, subjects)
    adjusted = _adjusted_p_values(publication, evidence)
    stage = _Stage(publication, evidence, comparisons, adjusted, credible_judge)
    verdicts = [_verdict(claim, stage) for claim in publication.claims]
    document = {
        "schema": "verdicts.v1",
        "publication": publication.title,
        "alpha": ALPHA,
        "headline": comparisons["headline"],
        "inputs": {"claims": sha256_file(claims_path), "comparisons": sha256_file(comparisons_path)},
        "verdicts": verdicts,
    }
    write_json(out, document)
    return document


@dataclass(frozen=True)
class _Stage:
    """What every decision of one call shares."""

    publication: Publication
    evidence: Evidence
    comparisons: dict[str, Any]
    adjusted: dict[tuple[str, int], float]
    credible_judge: bool


def _verdict(claim: Claim, stage: _Stage) -> dict[str, Any]:
    decisions = [
        _decide(claim, part, stage, stage.adjusted.get((claim.id, index)))
        for index, part in enumerate(claim.comparisons)
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
        "plain": sentence(claim, verdict, decisions),
        "parts": [_as_json(decision) for decision in decisions],
    }


def _decide(claim: Claim, part: Comparison, stage: _Stage, adjusted_p: float | None) -> Decision:
    decision = _decide_measured(claim, part, stage, adjusted_p)
    if part.metric in _CONVERSATION_SUBSETS and decision.estimate is not None and not stage.credible_judge:
        return decide.withhold(decision, "the judge's agreement with physicians is not established")
    return decision


def _decide_measured(claim: Claim, part: Comparison, stage: _Stage, adjusted_p: float | None) -> Decision:
    publication, evidence = stage.publication, stage.evidence
    other = part.b or part.a  # a value alone is compared with what was stated for it
    a, b = evidence.subject(part.a), evidence.subject(other)
    if a is None or b is None:
        unknown = ", ".join(name for name, found in ((part.a, a), (other, b)) if found is None)
        return not_testable(part.metric, part.a, other, f"this run evaluates no {unknown}")
    if part.metric == SIZE:
        return _decide_size(part, a, b, evidence)
    if part.metric == TOKENS:
        return _decide_tokens(part, a, b, evidence, stage.comparisons)
    if claim.type == "T1":
        return _decide_point_value(claim, part, a, publication, evidence)
    found = _difference(part, a, b, publication, evidence)
    if found is None:
        return not_testable(part.metric, a, b, f"{part.metric} of {a} and {b} was not measured in this run")
    match claim.type:
        case "T3":
            return decide.decide_bounded_loss(part.metric, a, b, found, claim.margin or decide.EQUAL_WITHIN, ALPHA)
        case "T5":
            return decide.decide_equality(part.metric, a, b, found, claim.margin or decide.EQUAL_WITHIN, ALPHA)
        case _:
            return decide.decide_order(part.metric, a, b, found, part.stated_difference, adjusted_p, ALPHA)


def _difference(part: Comparison, a: str, b: str, publication: Publication, evidence: Evidence) -> Difference | None:
    if part.metric == AVERAGE:
        return evidence.average(a, b, publication.average.over if publication.average else [])
    if part.metric in _CONVERSATION_SUBSETS:
        return evidence.conversations(a, b, _CONVERSATION_SUBSETS[part.metric])
    return evidence.benchmark(a, b, part.metric)


def _decide_point_value(
    claim: Claim, part: Comparison, a: str, publication: Publication, evidence: Evidence
) -> Decision:
    average = part.metric == AVERAGE
    over = publication.average.over if average and publication.average else None
    if part.stated_a is None:
        return not_testable(part.metric, a, a, "the claim states no value")
    found = evidence.against_stated(a, part.metric, over, part.stated_a)
    if found is None:
        return not_testable(part.metric, a, a, f"{part.metric} of {a} was not measured in this run")
    margin = claim.margin or (decide.AVERAGE_DRIFT if average else decide.BENCHMARK_DRIFT)
    return decide.decide_point_value(part.metric, a, found, part.stated_a, margin, ALPHA)


def _decide_size(part: Comparison, a: str, b: str, evidence: Evidence) -> Decision:
    bytes_a, bytes_b = evidence.bytes_of(a), evidence.bytes_of(b)
    if bytes_a is None or bytes_b is None or part.stated_reduction is None:
        return not_testable(SIZE, a, b, "a file size or the stated reduction is missing")
    return decide.decide_size(a, b, bytes_a, bytes_b, part.stated_reduction)


def _decide_tokens(part: Comparison, a: str, b: str, evidence: Evidence, comparisons: dict[str, Any]) -> Decision:
    ratio = evidence.tokens(a, b)
    if ratio is None or part.stated_ratio is None:
        return not_testable(TOKENS, a, b, "no generated replies of both were compared")
    shares = [
        entry["statuses"].get("truncated", 0) / entry["responses"]
        for entry in comparisons["scores"]
        if entry["mode"] == "generate" and f"{entry['model']}/{entry['variant']}" in (a, b)
    ]
    return decide.decide_token_ratio(a, b, ratio, part.stated_ratio, part.ratio_decimals, max(shares))


def _adjusted_p_values(publication: Publication, evidence: Evidence) -> dict[tuple[str, int], float]:
    """Adjust the p-values of all claims of order together (Holm), by claim and part."""
    raw: dict[tuple[str, int], float] = {}
    for claim in publication.claims:
        for index, part in enumerate(claim.comparisons):
            if claim.type != "T2" or part.b is None or part.metric in (SIZE, TOKENS):
                continue
            a, b = evidence.subject(part.a), evidence.subject(part.b)
            if a is None or b is None:
                continue
            found = _difference(part, a, b, publication, evidence)
            if found is not None and found.p_value is not None:
                raw[claim.id, index] = found.p_value
    return dict(zip(raw, holm(list(raw.values()), ALPHA).p_values, strict=True)) if raw else {}


def _as_json(decision: Decision) -> dict[str, Any]:
    return {**vars(decision), "flags": sorted(decision.flags), "reasons": list(decision.reasons)}
