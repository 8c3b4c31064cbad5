"""The verdict stage: a publication's claims and the run's comparisons in, one verdict per claim out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from medeval.comparisons.document import Comparisons
from medeval.errors import MedevalError
from medeval.publication.claims import Claim
from medeval.publication.publication import load_publication
from medeval.records.files import sha256_file
from medeval.verdicts.decision import withheld
from medeval.verdicts.differences import ALPHA
from medeval.verdicts.document import ClaimVerdict, Verdicts
from medeval.verdicts.evidence import Evidence, systems_of, targets_of
from medeval.verdicts.family import Family, Key, family, headline_claims, ordered_parts
from medeval.verdicts.measured import Difference
from medeval.verdicts.parts import Stage, decide_part, difference
from medeval.verdicts.published import PublishedFigures
from medeval.verdicts.sentence import sentence
from medeval.verdicts.subjects import match_subjects
from medeval.verdicts.verdict import Decision, Flag, Verdict, combine
from medeval.verdicts.weights import read_weights

_Adjusted = Mapping[tuple[str, int, str], float]


def decide_claims(
    claims_path: Path,
    comparisons_path: Path,
    weights: Sequence[Path],
    subjects: Mapping[str, str],
    out: Path,
    *,
    credible_judge: bool,
    target: str | None = None,
    protocols: Sequence[Path] = (),
) -> Verdicts:
    """Decide every claim of a publication and write the verdicts.

    Args:
        claims_path: The publication file.
        comparisons_path: The comparisons document of a run.
        weights: Descriptions of the weights files, `.../MODEL/VARIANT.gguf.json`.
        subjects: Published name -> MODEL/VARIANT; names that agree need none.
        out: JSON document to write.
        credible_judge: Whether the judge's agreement with physicians is established; no claim about
            graded conversations is decided without.
        target: The target to decide on; None for every target of the comparisons, with one part for each.
        protocols: Comparisons documents of the same systems under other protocols; what they give may
            explain a difference from a publication whose own protocol is not known.

    Raises:
        MedevalError: A file is missing or malformed, or nothing was measured on the target.
    """
    publication = load_publication(claims_path)
    comparisons = Comparisons.read(comparisons_path)
    targets = _targets(comparisons, target, comparisons_path)
    others = {str(path): Comparisons.read(path) for path in protocols}
    stage = Stage(
        publication=publication,
        figures=PublishedFigures(publication),
        evidence=[Evidence(comparisons, name) for name in targets],
        others={name: [Evidence(other, t) for t in targets_of(other)] for name, other in others.items()},
        weights=read_weights(weights),
        subjects=match_subjects(publication, systems_of(comparisons), subjects),
        credible_judge=credible_judge,
        name_targets=len(targets_of(comparisons)) > 1,
    )
    families, verdicts = _decide(stage)
    inputs = {
        "claims": claims_path,
        "comparisons": comparisons_path,
        **{f"protocol {path}": path for path in protocols},
    }
    inputs |= {f"weights {path.parent.name}/{path.name}": path for path in weights}
    document = Verdicts(
        publication=publication.title,
        alpha=ALPHA,
        headline=comparisons.headline,
        targets=tuple(targets),
        credible_judge=credible_judge,
        inputs={name: sha256_file(path) for name, path in inputs.items()},
        measured=comparisons.origin,
        subjects=tuple(stage.subjects.values()),
        families=tuple(found.record(ALPHA) for found in families),
        verdicts=tuple(verdicts),
    )
    document.write(out)
    return document


def _targets(comparisons: Comparisons, target: str | None, path: Path) -> list[str]:
    found = targets_of(comparisons)
    if not found:
        raise MedevalError(f"{path}: nothing was measured", "Run the compare stage on score or grade tables.")
    if target is not None and target not in found:
        raise MedevalError(
            f"{path}: nothing was measured on target {target!r}; there are: {', '.join(found)}",
            "Name one of these with `--target`, or leave the option out.",
        )
    return found if target is None else [target]


def _decide(stage: Stage) -> tuple[list[Family], list[ClaimVerdict]]:
    """Decide the headline claims, then those that wait for one that reproduced; return families and verdicts."""
    first = headline_claims(stage.publication)
    families = _families("headline claims", first, stage)
    decided = {claim.id: _verdict(claim, stage, _adjusted(families)) for claim in first}
    waiting = [claim for claim in stage.publication.claims if claim.after is not None]
    opened = [claim for claim in waiting if decided[str(claim.after)].verdict == Verdict.REPRODUCED]
    second = _families("claims after a headline claim", opened, stage)
    for claim in waiting:
        decided[claim.id] = _verdict(claim, stage, _adjusted(second), tested=claim in opened)
    return [*families, *second], [decided[claim.id] for claim in stage.publication.claims]


def _families(name: str, claims: Sequence[Claim], stage: Stage) -> list[Family]:
    """Return the family of these claims on each target; a claim has to hold on all, so targets share no family."""
    found = []
    for evidence in stage.evidence:
        p_values: dict[Key, float | None] = {}
        for claim, index, part in ordered_parts(claims):
            a, b = stage.system(part.a), stage.system(part.b)
            measured = difference(part, a, b, stage.publication, evidence) if a and b else None
            p_values[claim.id, index] = measured.p_value if isinstance(measured, Difference) else None
        found += [family(name, evidence.target, p_values, ALPHA)] if p_values else []
    return found


def _adjusted(families: Sequence[Family]) -> _Adjusted:
    """Return adjusted p-values by claim, part and target, of what was tested."""
    return {
        (claim, part, found.target): value
        for found in families
        for (claim, part), value in found.adjusted.items()
        if found.p_values[claim, part] is not None
    }


def _verdict(claim: Claim, stage: Stage, adjusted: _Adjusted, *, tested: bool = True) -> ClaimVerdict:
    decisions = [
        decision if tested else _not_confirmed(decision, claim)
        for index, part in enumerate(claim.comparisons)
        for decision in decide_part(claim, index, part, stage, adjusted)
    ]
    verdict = combine(decisions)
    flags = set().union(*(decision.flags for decision in decisions)) | stage.figures.flags(claim.id)
    if stage.publication.evaluation.undisclosed:
        flags.add(Flag.PROTOCOL_MISMATCH)
    labels = {benchmark.id: benchmark.label for benchmark in stage.publication.benchmarks}
    return ClaimVerdict(
        claim_id=claim.id,
        type=claim.type,
        sentence=claim.sentence,
        verdict=verdict,
        flags=tuple(sorted(flags)),
        plain=sentence(claim, verdict, decisions, flags, labels, name_targets=stage.name_targets),
        after=claim.after,
        published_figures=tuple(stage.figures.findings(claim.id)),
        parts=tuple(decisions),
    )


def _not_confirmed(decision: Decision, claim: Claim) -> Decision:
    if decision.estimate is None:
        return replace(decision, flags=decision.flags | {Flag.HEADLINE_FIRST})
    reason = f"not tested: its headline claim {claim.after} did not reproduce"
    # What its rule would have said was not tested either.
    return withheld(replace(decision, reasons=decision.reasons[1:]), reason, Flag.HEADLINE_FIRST)
