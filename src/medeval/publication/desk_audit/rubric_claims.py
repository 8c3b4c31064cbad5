"""Claims about rubric scores, which a judge gave: sampling error, themes, and whose judge it was."""

from medeval.publication.claims import Claim, Comparison
from medeval.publication.desk_audit.arithmetic import rubric_rounding, stated_matches
from medeval.publication.desk_audit.evidence import PrintedEvidence
from medeval.publication.desk_audit.findings import CheckOutcome, Conclusion, DeskFinding, PartAudit, Reservation
from medeval.publication.desk_audit.resolution import EQUALITY_MARGIN, Resolution, resolve, rubric_standard_error
from medeval.publication.parts import PublishedBenchmark, RubricFigures


def audit_rubric(evidence: PrintedEvidence, claim: Claim, part: Comparison) -> PartAudit:
    """Audit one comparison of two models, or weight files, on a rubric benchmark."""
    publication = evidence.publication
    benchmark = publication.benchmark(part.metric)
    a, b = (_figures(evidence, subject, part.metric) for subject in (part.a, part.b))
    n = benchmark.candidates[0].n if benchmark.candidates else None
    if a is None or b is None or n is None or benchmark.score_sd is None:
        sentence = f"no {benchmark.label} score of {part.a} and {part.b} with item counts and spread is printed"
        finding = DeskFinding("figures", CheckOutcome.NOT_TESTABLE, sentence, {})
        return PartAudit(Conclusion.NOT_TESTABLE, (), (finding,))
    holds = stated_matches(publication, part, a.overall, b.overall)
    wide = resolve(a.overall - b.overall, rubric_standard_error(max(benchmark.score_sd), n))
    findings = [_resolution(benchmark, wide, n)]
    findings += [] if not a.themes or set(a.themes) != set(b.themes) else [_themes(a, b)]
    judged = _judge(evidence, benchmark)
    findings += [] if judged is None else [judged]
    findings += _digits(evidence)
    flags = [] if holds else [Reservation.ARITHMETIC]
    mismatch = judged is not None or bool(publication.evaluation.undisclosed)
    flags += [Reservation.PROTOCOL_MISMATCH] if mismatch else []
    flags += [Reservation.UNDERPOWERED] if claim.type != "T5" and wide.mde > abs(wide.difference) else []
    return PartAudit(_conclude(claim, wide, holds, judged is None), tuple(flags), tuple(findings))


def _figures(evidence: PrintedEvidence, subject: str | None, benchmark: str) -> RubricFigures | None:
    model = evidence.publication.model(subject)
    return next((part for part in model.rubric if part.benchmark == benchmark), None) if model else None


def _resolution(benchmark: PublishedBenchmark, wide: Resolution, n: int) -> DeskFinding:
    verb = "resolvable" if wide.resolved else "NOT resolvable"
    sentence = (
        f"{verb}: {benchmark.label} {wide.difference:+.2f} over {n:,} examples, SE at most "
        f"{wide.standard_error:.2f}, z {wide.z:.1f} or more"
    )
    numbers = {
        "difference": wide.difference,
        "standard_error": wide.standard_error,
        "z": wide.z,
        "mde": wide.mde,
        "n": n,
    }
    return DeskFinding("resolution", CheckOutcome.HOLDS if wide.resolved else CheckOutcome.FAILS, sentence, numbers)


def _themes(a: RubricFigures, b: RubricFigures) -> DeskFinding:
    differences = {theme: a.themes[theme] - b.themes[theme] for theme in a.themes}
    wins = sum(value > 0 for value in differences.values())
    low, high = min(differences.values()), max(differences.values())
    sentence = f"ahead on {wins} of {len(differences)} themes ({low:+.2f} to {high:+.2f})"
    outcome = CheckOutcome.HOLDS if wins == len(differences) else CheckOutcome.CAUTION
    return DeskFinding(
        "robustness",
        outcome,
        sentence,
        {"wins": wins, **{f"difference.{k}": v for k, v in differences.items()}},
    )


def _judge(evidence: PrintedEvidence, benchmark: PublishedBenchmark) -> DeskFinding | None:
    judge, reference = evidence.publication.evaluation.judge, benchmark.reference_judge
    if judge is None or reference is None or judge == reference:
        return None
    sentence = f"the judge is {judge.rpartition('/')[2]}, not the benchmark's own {reference}"
    return DeskFinding("judge", CheckOutcome.CAUTION, sentence, {"judge": judge, "reference_judge": reference})


def _digits(evidence: PrintedEvidence) -> list[DeskFinding]:
    decimals, _ = rubric_rounding(evidence.publication)
    if decimals is None:
        return []
    runs, step = evidence.publication.evaluation.runs, 10.0**-decimals
    sentence = f"digits fit {runs} runs, each rounded to {step:g} point first"
    return [DeskFinding("digits", CheckOutcome.CAUTION, sentence, {"runs": runs, "run_decimals": decimals})]


def _conclude(claim: Claim, wide: Resolution, holds: bool, own_judge: bool) -> Conclusion:
    if not holds:
        return Conclusion.DOES_NOT_ADD_UP
    if claim.type == "T5":
        shown = wide.equal_within(claim.margin or EQUALITY_MARGIN)
        return Conclusion.EQUALITY_SHOWN if shown else Conclusion.EQUALITY_NOT_SHOWN
    if wide.difference <= 0:
        return Conclusion.CONTRADICTED
    if not wide.resolved:
        return Conclusion.NOT_RESOLVED
    return Conclusion.RESOLVED if own_judge else Conclusion.RESOLVED_FOR_JUDGE
