"""Claims about ratios and losses: answer lengths, file sizes, points lost by quantization."""

from math import sqrt

from medeval.publication.claims import Claim, Comparison
from medeval.publication.desk_audit.arithmetic import check_heads, ratio_holds, reduction, stated_matches
from medeval.publication.desk_audit.evidence import PrintedEvidence
from medeval.publication.desk_audit.findings import CheckOutcome, Conclusion, DeskFinding, PartAudit, Reservation
from medeval.publication.desk_audit.resolution import Z_90, discordance_coefficient

# Share of items on which two runs of the *same* sampled model differ in being right (0.12, that is
# twice a within-item variance of 0.06), and what quantization adds (0.02). Assumptions, to be replaced by
# measurement: they are what makes a published loss without paired answers judgeable at all.
_SELF_DISCORDANCE, _EXCESS_DISCORDANCE = 0.12, 0.02


def audit_tokens(evidence: PrintedEvidence, part: Comparison) -> PartAudit:
    """Check a stated multiple of answer lengths: b divided by a."""
    a, b = (evidence.publication.value(subject, "tokens") for subject in (part.a, part.b))
    if a is None or b is None:
        return _missing("mean answer lengths")
    holds = ratio_holds(part, a, b) and stated_matches(evidence.publication, part, a, b)
    verb = "which rounds to" if holds else "NOT"
    stated = "" if part.stated_ratio is None else f", {verb} {part.stated_ratio:.{part.ratio_decimals}f}"
    sentence = f"{b:,.0f} / {a:,.0f} = {b / a:.2f}{stated}; without lengths per item there is no interval"
    outcome = CheckOutcome.HOLDS if holds else CheckOutcome.FAILS
    finding = DeskFinding("ratio", outcome, sentence, {"a": a, "b": b, "ratio": b / a, "stated": part.stated_ratio})
    return _arithmetic_only(holds, finding)


def audit_size(evidence: PrintedEvidence, part: Comparison) -> PartAudit:
    """Check a stated reduction in file size, in percent."""
    a, b = (evidence.publication.value(subject, "size") for subject in (part.a, part.b))
    if a is None or b is None:
        return _missing("file sizes")
    smaller = reduction(a, b)
    holds = part.stated_reduction is None or abs(smaller - part.stated_reduction) <= 0.5
    stated = "" if part.stated_reduction is None else f" (stated {part.stated_reduction:.0f} %)"
    sentence = f"{a:.2f} of {b:.2f} GB is {smaller:.1f} % smaller{stated}"
    numbers: dict[str, float | int | str | None] = {
        "a": a,
        "b": b,
        "reduction": smaller,
        "stated": part.stated_reduction,
    }
    for head in check_heads(evidence.publication):
        if head.file == part.b and head.head_stored_apart:
            tied = reduction(a, head.tied_gigabytes)
            without = f"{head.tied_gigabytes:.2f} GB without its second copy of the output head"
            sentence += f"; {tied:.1f} % against {without}"
            numbers["reduction_tied"] = tied
    return _arithmetic_only(
        holds, DeskFinding("size", CheckOutcome.HOLDS if holds else CheckOutcome.FAILS, sentence, numbers)
    )


def audit_loss(evidence: PrintedEvidence, claim: Claim, part: Comparison) -> PartAudit:
    """Judge whether a stated loss on the average, below a margin, could be certified from its runs."""
    publication, margin = evidence.publication, claim.margin
    over = publication.average.over if publication.average else []
    counts = {name: evidence.counts[name] for name in over if name in evidence.counts}
    if part.metric != "average" or part.stated_difference is None or margin is None or len(counts) < max(1, len(over)):
        return _missing(f"losses of {part.a} against {part.b} with item counts")
    file, loss = publication.weight(part.a), -part.stated_difference
    agrees = file is None or file.stated_loss is None or abs(file.stated_loss - part.stated_difference) < 1e-9
    coefficient = discordance_coefficient(counts)
    needed = (margin - loss) / Z_90
    share = (needed / coefficient) ** 2 if needed > 0 else 0.0
    runs = publication.evaluation.runs or 1
    bound = loss + Z_90 * coefficient * sqrt(_SELF_DISCORDANCE / runs + _EXCESS_DISCORDANCE)
    sentence = (
        f"{part.a}: loss {loss:.2f} stated, but its 95 % bound over {runs} runs is about {bound:.2f}; "
        f"to certify < {margin:g}, SE must be <= {max(needed, 0):.3f} ({100 * share:.1f} % of items right in "
        "one file only)"
    )
    numbers = {
        "loss": loss,
        "margin": margin,
        "bound": bound,
        "needed_se": needed,
        "discordance": share,
        "se_per_root": coefficient,
    }
    finding = DeskFinding("loss", CheckOutcome.HOLDS if bound < margin else CheckOutcome.FAILS, sentence, numbers)
    raised = {
        Reservation.ARITHMETIC: not agrees,
        Reservation.UNDERPOWERED: bound >= margin > loss,
        Reservation.PROTOCOL_MISMATCH: bool(publication.evaluation.undisclosed),
    }
    flags = tuple(flag for flag, up in raised.items() if up)
    return PartAudit(_bounded(agrees, loss, bound, margin), flags, (finding,))


def _bounded(agrees: bool, loss: float, bound: float, margin: float) -> Conclusion:
    if not agrees:
        return Conclusion.DOES_NOT_ADD_UP
    if loss >= margin:
        return Conclusion.CONTRADICTED
    return Conclusion.CERTIFIED if bound < margin else Conclusion.NOT_CERTIFIED


def _arithmetic_only(holds: bool, finding: DeskFinding) -> PartAudit:
    if holds:
        return PartAudit(Conclusion.ARITHMETIC_HOLDS, (), (finding,))
    return PartAudit(Conclusion.DOES_NOT_ADD_UP, (Reservation.ARITHMETIC,), (finding,))


def _missing(what: str) -> PartAudit:
    finding = DeskFinding("figures", CheckOutcome.NOT_TESTABLE, f"{what} are not printed", {})
    return PartAudit(Conclusion.NOT_TESTABLE, (), (finding,))
