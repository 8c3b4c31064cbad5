"""Findings that concern a whole publication rather than one claim."""

from collections.abc import Callable, Iterable

from medeval.publication.claims import Anchor
from medeval.publication.desk_audit.arithmetic import (
    check_heads,
    check_themes,
    loss_scales,
    recompute_averages,
    rubric_rounding,
    sizes_disagree,
)
from medeval.publication.desk_audit.comparator import gaps, namesakes
from medeval.publication.desk_audit.digits import CandidateFit, Digits
from medeval.publication.desk_audit.evidence import PrintedEvidence
from medeval.publication.desk_audit.findings import CheckOutcome, DeskFinding
from medeval.publication.parts import PublishedBenchmark


def shared_findings(evidence: PrintedEvidence) -> tuple[DeskFinding, ...]:
    """Return every finding about the publication as a whole, the digits first."""
    checks: list[Callable[[PrintedEvidence], Iterable[DeskFinding]]] = [
        _averages,
        _digits,
        _rubric_digits,
        _themes,
        _parity,
        _namesakes,
        _majority,
        _anchors,
        _files,
        _undisclosed,
    ]
    return tuple(finding for check in checks for finding in check(evidence))


def _averages(evidence: PrintedEvidence) -> Iterable[DeskFinding]:
    checks = recompute_averages(evidence.publication)
    if checks:
        good = sum(check.holds for check in checks)
        sentence = f"{good} of {len(checks)} stated averages are the plain mean of their benchmarks"
        outcome = CheckOutcome.HOLDS if good == len(checks) else CheckOutcome.FAILS
        yield DeskFinding("averages", outcome, sentence, {check.model: check.recomputed for check in checks})


def _digits(evidence: PrintedEvidence) -> Iterable[DeskFinding]:
    for digits in evidence.digits:
        numbers: dict[str, float | int | str | None] = {
            "items": digits.items,
            "effective_n": digits.effective_n,
        }
        for fit in digits.fits:
            numbers |= {f"feasible.{fit.n}": fit.check.feasible, f"chance.{fit.n}": fit.check.chance}
        numbers |= {f"feasible_at_runs.{runs}": count for runs, count in digits.other_runs.items()}
        if digits.accident is not None:
            numbers |= {"rival": digits.accident[0], "accident": digits.accident[1]}
        yield DeskFinding("digits", _digits_outcome(digits), f"{digits.label}: {_digits_sentence(digits)}", numbers)


def _digits_outcome(digits: Digits) -> CheckOutcome:
    chosen = next((fit for fit in digits.fits if fit.n == digits.items and fit.check.fits), None)
    if chosen is not None:
        return CheckOutcome.NOT_TESTABLE if chosen.outcome == "untestable" else CheckOutcome.HOLDS
    return CheckOutcome.CAUTION if digits.nested or not digits.fits else CheckOutcome.FAILS


def _digits_sentence(digits: Digits) -> str:
    rejected = [fit for fit in digits.fits if not fit.check.fits]
    misfits = "; ".join(f"{fit.n:,} ({fit.reason}) fits {fit.check.feasible} of {digits.values}" for fit in rejected)
    chosen = next((fit for fit in digits.fits if fit.n == digits.items and fit.check.fits), None)
    if digits.nested and digits.effective_n is not None and chosen is None:
        mean = f"a mean of subjects fits all (counts as {digits.effective_n:,.0f} items)"
        return f"{misfits}, so not pooled; {mean}" if misfits else mean
    if chosen is None:
        return f"no count fits: {misfits}" if misfits else "no item count to test"
    parts = [_fit_sentence(digits, chosen)]
    if digits.accident is not None:
        rival, chance = digits.accident
        parts.append(f"made with {rival:,}, all would look so in 1 of {1 / chance:,.0f} cases")
    return "; ".join([*parts, *([misfits] if misfits else [])])


def _fit_sentence(digits: Digits, chosen: CandidateFit) -> str:
    if chosen.outcome == "untestable":
        others = [f"{fit.n:,}" for fit in digits.fits if fit.n != chosen.n and fit.check.fits]
        alternatives = f" (nor {', '.join(others)})" if others else ""
        return f"{chosen.n:,} items{alternatives} cannot be tested, the digits are too coarse"
    runs = f"{chosen.check.runs} runs" if chosen.check.runs > 1 else "1 run"
    rounded = ", each rounded first" if chosen.check.rounded_runs else ""
    single = digits.other_runs.get(1)
    contrast = f"; 1 run fits {single}" if single is not None and single < digits.values else ""
    return (
        f"{chosen.n:,} items x {runs}{rounded} fits {chosen.check.feasible} of {digits.values} "
        f"(luck {chosen.check.chance:.1g}){contrast}"
    )


def _rubric_digits(evidence: PrintedEvidence) -> Iterable[DeskFinding]:
    decimals, count = rubric_rounding(evidence.publication)
    if decimals is not None:
        runs, step = evidence.publication.evaluation.runs, 10.0**-decimals
        sentence = (
            f"all {count} rubric figures are means of {runs} runs each rounded to {step:g} point first, "
            f"so each may be off by {step / 2:g} point and the spread is hidden"
        )
        yield DeskFinding("rubric digits", CheckOutcome.CAUTION, sentence, {"figures": count, "run_decimals": decimals})


def _themes(evidence: PrintedEvidence) -> Iterable[DeskFinding]:
    for benchmark in evidence.publication.benchmarks:
        checks = check_themes(evidence.publication, benchmark)
        if checks:
            weighted = sum(check.weighted_fits for check in checks)
            plain = sum(check.unweighted_fits for check in checks)
            far = max(abs(check.weighted - check.stated) for check in checks)
            sentence = (
                f"{benchmark.label}: themes weighted by their examples give {weighted} of {len(checks)} "
                f"overalls (within {far:.2f}), the plain mean only {plain}: all examples were used"
            )
            holds = weighted == len(checks)
            numbers: dict[str, float | int | str | None] = {"tolerance": checks[0].tolerance, "farthest": far}
            numbers |= {f"weighted.{check.model}": check.weighted for check in checks}
            numbers |= {f"unweighted.{check.model}": check.unweighted for check in checks}
            if not holds:
                sentence = sentence.removesuffix(": all examples were used")
            yield DeskFinding("themes", CheckOutcome.HOLDS if holds else CheckOutcome.FAILS, sentence, numbers)


def _parity(evidence: PrintedEvidence) -> Iterable[DeskFinding]:
    for model in evidence.publication.models:
        found = gaps(evidence.publication, model.id, evidence.counts)
        low = [gap for gap in found if gap.mismatch]
        if low:
            named = ", ".join(f"{evidence.label(gap.benchmark)} {-gap.points:.2f}" for gap in low)
            sentence = f"{model.label} scores below its makers' own figures: {named}"
            numbers: dict[str, float | int | str | None] = {f"gap.{gap.benchmark}": gap.points for gap in low}
            numbers |= {f"standard_error.{gap.benchmark}": gap.standard_error for gap in low}
            yield DeskFinding("comparator", CheckOutcome.CAUTION, sentence, numbers)


def _namesakes(evidence: PrintedEvidence) -> Iterable[DeskFinding]:
    for model, benchmark, sibling, used, own in namesakes(evidence.publication):
        sentence = (
            f"{evidence.label(model)}'s {evidence.label(benchmark)} {used:.2f} is what "
            f"{evidence.label(sibling)} has ({own:.1f}): chance, or another checkpoint"
        )
        yield DeskFinding("checkpoint", CheckOutcome.CAUTION, sentence, {"used": used, "sibling": own})


def _majority(evidence: PrintedEvidence) -> Iterable[DeskFinding]:
    for benchmark in evidence.publication.benchmarks:
        share, n = benchmark.majority_share, evidence.counts.get(benchmark.id)
        for model in evidence.publication.models if share is not None and n is not None else []:
            value = model.choice.values.get(benchmark.id) if model.choice else None
            if value is not None and share is not None and n is not None:
                reach = 2 * (value * (100 - value) / n) ** 0.5
                if value < share + reach:
                    yield _constant_answer(model.label, benchmark, value, share)


def _constant_answer(label: str, benchmark: PublishedBenchmark, value: float, share: float) -> DeskFinding:
    sentence = (
        f"{label}'s {benchmark.label} {value:.2f} cannot be told from always giving the commonest answer "
        f"({share:.1f}): look at its extraction"
    )
    return DeskFinding("constant answer", CheckOutcome.CAUTION, sentence, {"value": value, "majority_share": share})


def _anchors(evidence: PrintedEvidence) -> Iterable[DeskFinding]:
    publication = evidence.publication
    for benchmark in (b for b in publication.benchmarks if b.kind == "rubric"):
        anchors = [anchor for anchor in publication.anchors if anchor.benchmark == benchmark.id]
        for anchor in anchors:
            here = publication.value(anchor.model, benchmark.id)
            if here is not None:
                judged = f"{anchor.value:.2f} with {anchor.method} as judge, {here:.2f} here"
                sentence = f"{benchmark.label} of {anchor.label} is {judged}"
                yield DeskFinding("judge", CheckOutcome.CAUTION, sentence, {"elsewhere": anchor.value, "here": here})
        if publication.evaluation.judge != benchmark.reference_judge:
            yield from _above_anchors(evidence, benchmark, anchors)


def _above_anchors(
    evidence: PrintedEvidence, benchmark: PublishedBenchmark, anchors: list[Anchor]
) -> Iterable[DeskFinding]:
    """Name the models that another judge puts above every score of the benchmark's own judge."""
    own = [anchor for anchor in anchors if anchor.method == benchmark.reference_judge]
    if not own:
        return
    best = max(own, key=lambda anchor: anchor.value)
    publication = evidence.publication
    scores = {model.label: publication.value(model.id, benchmark.id) for model in publication.models}
    above = [label for label, score in scores.items() if score is not None and score > best.value]
    if above:
        sentence = (
            f"{benchmark.label}: {', '.join(above)} are above every score known from its own judge "
            f"(best {best.value:.1f}, {best.label}): the scales differ"
        )
        yield DeskFinding(
            "judge", CheckOutcome.CAUTION, sentence, {"best_anchor": best.value, "models_above": len(above)}
        )


def _files(evidence: PrintedEvidence) -> Iterable[DeskFinding]:
    publication = evidence.publication
    if wrong := sizes_disagree(publication.weights):
        sentence = f"printed size and bytes disagree: {', '.join(wrong)}"
        yield DeskFinding("file sizes", CheckOutcome.FAILS, sentence, {"files": len(wrong)})
    for head in (head for head in check_heads(publication) if head.head_stored_apart):
        sentence = (
            f"{head.file}: {head.gigabytes:.2f} GB is {head.gigabytes - head.tied_gigabytes:.2f} more than "
            "the model needs: the output head is stored twice, which flatters size reductions"
        )
        numbers = {"gigabytes": head.gigabytes, "tied": head.tied_gigabytes, "head": head.head_gigabytes}
        yield DeskFinding("output head", CheckOutcome.CAUTION, sentence, numbers)
    for a, b, metrics in loss_scales(publication):
        if len(metrics) > 1:
            mixed = f"{evidence.labels(metrics)}: two scales in one figure"
            sentence = f"the stated losses of {a} and {b} fit a mean of {mixed}"
            yield DeskFinding("loss scale", CheckOutcome.CAUTION, sentence, {"metrics": ", ".join(metrics)})


def _undisclosed(evidence: PrintedEvidence) -> Iterable[DeskFinding]:
    evaluation = evidence.publication.evaluation
    missing = [*evaluation.undisclosed]
    if missing:
        yield DeskFinding(
            "not published", CheckOutcome.CAUTION, f"not found: {', '.join(missing)}", {"count": len(missing)}
        )
    limit, used = evaluation.sampling.max_output_tokens, evaluation.usage_max_tokens
    if limit is not None and used is not None and used < limit:
        sentence = f"users are advised {used:,} output tokens, the evaluation allowed {limit:,}"
        yield DeskFinding("token limit", CheckOutcome.CAUTION, sentence, {"advised": used, "evaluated": limit})
