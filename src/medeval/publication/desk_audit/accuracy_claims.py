"""Claims about accuracies: an order, difference or equality of averages or of one benchmark."""

from dataclasses import dataclass

from medeval.publication.claims import Claim, Comparison
from medeval.publication.desk_audit.arithmetic import stated_matches
from medeval.publication.desk_audit.comparator import gaps, substituted_average
from medeval.publication.desk_audit.evidence import PrintedEvidence
from medeval.publication.desk_audit.findings import CheckOutcome, Conclusion, DeskFinding, PartAudit, Reservation
from medeval.publication.desk_audit.resolution import (
    EQUALITY_MARGIN,
    UNPAIRED,
    Z_90,
    Resolution,
    macro_standard_error,
    optimistic_design,
    resolve,
)
from medeval.publication.desk_audit.robustness import PrintedRobustness, assess
from medeval.publication.publication import AVERAGE


def audit_value(evidence: PrintedEvidence, part: Comparison) -> PartAudit:
    """Check that a stated value is the table's; whether it reproduces only a measurement can tell."""
    value = evidence.publication.value(part.a, part.metric)
    if value is None or part.stated_a is None:
        return _not_testable(evidence, part)
    holds = abs(value - part.stated_a) < 0.5 * 10.0**-evidence.publication.decimals
    sentence = f"stated {part.stated_a:.2f}, the table has {value:.2f}"
    finding = DeskFinding("arithmetic", CheckOutcome.HOLDS if holds else CheckOutcome.FAILS, sentence, {"value": value})
    if holds:
        return PartAudit(Conclusion.NOT_TESTABLE, (), (finding,))
    return PartAudit(Conclusion.DOES_NOT_ADD_UP, (Reservation.ARITHMETIC,), (finding,))


def audit_accuracy(evidence: PrintedEvidence, claim: Claim, part: Comparison) -> PartAudit:
    """Audit one comparison of two models on the average or on one benchmark of right-or-wrong items."""
    pair = _pair(evidence, part)
    if pair is None:
        return _not_testable(evidence, part)
    a, b = pair.a, pair.b
    adds_up = _adds_up(evidence, part, pair)
    counts = {name: evidence.counts[name] for name in a}
    best_design = optimistic_design(evidence.publication.evaluation.runs or 1)
    difference = sum(a[name] - b[name] for name in a) / len(a)
    unpaired = resolve(difference, macro_standard_error(a, b, counts, UNPAIRED))
    best = resolve(difference, macro_standard_error(a, b, counts, best_design))
    findings = [adds_up, *_digits(evidence, a), _resolution(unpaired, best)]
    flags = [Reservation.ARITHMETIC] if adds_up.outcome is CheckOutcome.FAILS else []
    if claim.type == "T5":
        findings.append(_equality(unpaired, claim.margin or EQUALITY_MARGIN))
    if unpaired.mde > ((claim.margin or EQUALITY_MARGIN) if claim.type == "T5" else abs(difference)):
        flags.append(Reservation.UNDERPOWERED)
    if len(a) > 2:
        robust = _assess(evidence, a, b, counts)
        findings.append(_robustness(evidence, robust))
        flags += [Reservation.FRAGILE] if robust.fragile else []
    parity = _parity(evidence, part, pair)
    findings += [] if parity is None else [parity]
    flags += [Reservation.COMPARATOR_MISMATCH] if _unfair(evidence, part) else []
    flags += [Reservation.PROTOCOL_MISMATCH] if evidence.publication.evaluation.undisclosed else []
    return PartAudit(_conclude(claim, unpaired, adds_up), tuple(flags), tuple(findings))


@dataclass(frozen=True)
class _Pair:
    """Two models' accuracies by benchmark, and the figures printed for the metric of a claim."""

    a: dict[str, float]
    b: dict[str, float]
    printed_a: float
    printed_b: float


def _pair(evidence: PrintedEvidence, part: Comparison) -> _Pair | None:
    """Collect what a comparison needs; None when a figure or an item count is missing."""
    publication = evidence.publication
    printed_a, printed_b = (publication.value(subject, part.metric) for subject in (part.a, part.b))
    if printed_a is None or printed_b is None:
        return None
    names = publication.average.over if part.metric == AVERAGE and publication.average else [part.metric]
    models = [publication.model(subject) for subject in (part.a, part.b)]
    a, b = (model.choice.values if model and model.choice else {} for model in models)
    if any(name not in known for known in (a, b, evidence.counts) for name in names):
        return None
    return _Pair({name: a[name] for name in names}, {name: b[name] for name in names}, printed_a, printed_b)


def _not_testable(evidence: PrintedEvidence, part: Comparison) -> PartAudit:
    sentence = (
        f"no {evidence.label(part.metric)} of {evidence.label(part.a)} and {evidence.label(part.b)} "
        "is printed with item counts"
    )
    finding = DeskFinding("figures", CheckOutcome.NOT_TESTABLE, sentence, {})
    return PartAudit(Conclusion.NOT_TESTABLE, (), (finding,))


def _adds_up(evidence: PrintedEvidence, part: Comparison, pair: _Pair) -> DeskFinding:
    publication, printed_a, printed_b = evidence.publication, pair.printed_a, pair.printed_b
    holds = stated_matches(publication, part, printed_a, printed_b)
    numbers = {"a": printed_a, "b": printed_b, "difference": printed_a - printed_b}
    if len(pair.a) == 1:
        sentence = "figures are those of the table" if holds else "figures differ from the table"
        return DeskFinding("arithmetic", CheckOutcome.HOLDS if holds else CheckOutcome.FAILS, sentence, numbers)
    means = [sum(values) / len(values) for values in (pair.a.values(), pair.b.values())]
    unit = 10.0**-publication.decimals + 1e-9
    agree = holds and all(abs(m - p) <= unit for m, p in zip(means, (printed_a, printed_b), strict=True))
    verb = "both averages recompute" if agree else "the averages do not both recompute"
    sentence = f"{verb}: {means[0]:.4f}, {means[1]:.4f}"
    outcome = CheckOutcome.HOLDS if agree else CheckOutcome.FAILS
    return DeskFinding("arithmetic", outcome, sentence, {**numbers, "mean_a": means[0], "mean_b": means[1]})


def _digits(evidence: PrintedEvidence, names: dict[str, float]) -> list[DeskFinding]:
    """Say which item counts and runs the digits of these benchmarks tell, where they tell anything."""
    telling = [
        (digits, fit)
        for digits in evidence.digits
        for fit in digits.fits
        if digits.benchmark in names and fit.n == digits.items and fit.outcome in ("supported", "consistent")
    ]
    if not telling:
        return []
    runs = sorted({fit.check.runs for _, fit in telling})
    counts = ", ".join(f"{digits.label} {fit.n:,}" for digits, fit in telling)
    sentence = f"digits fit {' or '.join(map(str, runs))} runs; items: {counts}"
    return [DeskFinding("digits", CheckOutcome.HOLDS, sentence, {digits.benchmark: fit.n for digits, fit in telling})]


def _resolution(unpaired: Resolution, best: Resolution) -> DeskFinding:
    if unpaired.resolved:
        verb, outcome = "resolvable", CheckOutcome.HOLDS
    elif best.resolved:
        verb, outcome = "resolvable only with paired data", CheckOutcome.CAUTION
    else:
        verb, outcome = "NOT resolvable", CheckOutcome.FAILS
    sentence = (
        f"{verb}: {unpaired.difference:+.2f}, SE {unpaired.standard_error:.2f}, z {unpaired.z:.2f}, MDE "
        f"{unpaired.mde:.2f} (paired at best {best.standard_error:.2f}, {best.z:.2f}, {best.mde:.2f})"
    )
    numbers = {
        "difference": unpaired.difference,
        "standard_error": unpaired.standard_error,
        "z": unpaired.z,
        "p": unpaired.p,
        "low": unpaired.low,
        "high": unpaired.high,
        "mde": unpaired.mde,
        "items_factor": unpaired.items_factor,
        "best_standard_error": best.standard_error,
        "best_z": best.z,
        "best_mde": best.mde,
        "best_items_factor": best.items_factor,
    }
    return DeskFinding("resolution", outcome, sentence, numbers)


def _equality(unpaired: Resolution, margin: float) -> DeskFinding:
    shown = unpaired.equal_within(margin)
    reach = Z_90 * unpaired.standard_error
    low, high = unpaired.difference - reach, unpaired.difference + reach
    verb = "shown" if shown else "not shown"
    sentence = f"equality within {margin:g} point is {verb}: 90 % interval {low:+.2f} to {high:+.2f}"
    numbers = {"margin": margin, "low_90": low, "high_90": high}
    return DeskFinding("equality", CheckOutcome.HOLDS if shown else CheckOutcome.FAILS, sentence, numbers)


def _assess(
    evidence: PrintedEvidence, a: dict[str, float], b: dict[str, float], counts: dict[str, float]
) -> PrintedRobustness:
    errors = {name: macro_standard_error({name: a[name]}, {name: b[name]}, {name: n}) for name, n in counts.items()}
    return assess({name: a[name] - b[name] for name in a}, {name: evidence.items[name] for name in a}, errors)


def _robustness(evidence: PrintedEvidence, robust: PrintedRobustness) -> DeskFinding:
    low, high = min(robust.differences.values()), max(robust.differences.values())
    pivot = min(robust.leave_one_out, key=lambda name: robust.leave_one_out[name] * (1 if robust.macro > 0 else -1))
    left = robust.leave_one_out[pivot]
    turns = " and the sign turns" if left * robust.macro <= 0 else ""
    weighed = f"; weighted by items {robust.micro:+.2f}" if robust.micro * robust.macro <= 0 else ""
    sentence = (
        f"ahead on {robust.wins} of {len(robust.differences)} ({low:+.2f} to {high:+.2f}); without "
        f"{evidence.label(pivot)} {left:+.2f}{turns}{weighed}"
    )
    numbers: dict[str, float | int | str | None] = {
        "wins": robust.wins,
        "macro": robust.macro,
        "micro": robust.micro,
        "t": robust.t,
        "t_p": robust.t_p,
        "t_low": robust.t_low,
        "t_high": robust.t_high,
        "fragile": "; ".join(robust.fragile),
    }
    numbers |= {f"difference.{name}": value for name, value in robust.differences.items()}
    numbers |= {f"without.{name}": value for name, value in robust.leave_one_out.items()}
    numbers |= {f"holm_p.{name}": value for name, value in robust.holm.items()}
    return DeskFinding("robustness", CheckOutcome.CAUTION if robust.fragile else CheckOutcome.HOLDS, sentence, numbers)


def _parity(evidence: PrintedEvidence, part: Comparison, pair: _Pair) -> DeskFinding | None:
    """Put the makers' own figures of `b` in place of the publication's; None when they print none."""
    if part.metric != AVERAGE:
        return None
    same = substituted_average(evidence.publication, part.b, {"same"})
    wider = substituted_average(evidence.publication, part.b, {"same", "similar"})
    if same is None or wider is None:
        return None
    before, after, further = (pair.printed_a - value for value in (pair.printed_b, same[0], wider[0]))
    reverses = before * after < 0
    order = "the order REVERSES" if reverses else f"same order, {after:+.2f}"
    extra = [name for name in wider[1] if name not in same[1]]
    also = f" (with {evidence.labels(extra)} too {wider[0]:.2f})" if extra else ""
    sentence = f"by its makers' own {len(same[1])} figures {evidence.label(part.b)} has {same[0]:.2f}{also}: {order}"
    numbers = {
        "substituted": same[0],
        "substituted_wider": wider[0],
        "difference": after,
        "difference_wider": further,
    }
    return DeskFinding("comparator", CheckOutcome.FAILS if reverses else CheckOutcome.HOLDS, sentence, numbers)


def _unfair(evidence: PrintedEvidence, part: Comparison) -> bool:
    found = gaps(evidence.publication, part.b, evidence.counts)
    return any(gap.mismatch for gap in found if part.metric in (AVERAGE, gap.benchmark))


def _conclude(claim: Claim, unpaired: Resolution, adds_up: DeskFinding) -> Conclusion:
    if adds_up.outcome is CheckOutcome.FAILS:
        return Conclusion.DOES_NOT_ADD_UP
    if claim.type == "T5":
        shown = unpaired.equal_within(claim.margin or EQUALITY_MARGIN)
        return Conclusion.EQUALITY_SHOWN if shown else Conclusion.EQUALITY_NOT_SHOWN
    if unpaired.difference <= 0:
        return Conclusion.CONTRADICTED
    return Conclusion.RESOLVED if unpaired.resolved else Conclusion.NOT_RESOLVED
