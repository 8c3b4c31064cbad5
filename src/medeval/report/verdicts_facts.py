"""What the rule behind a decision was applied to: errors of both estimands, margins, other protocols, comparators."""

from medeval.report.differences import Fact
from medeval.report.forest import fact
from medeval.report.names import benchmark_name
from medeval.report.numbers import Figure, count, figure, interval, p_value
from medeval.verdicts.basis import EqualityBasis, LossBasis, OrderBasis, TokensBasis, ValueBasis
from medeval.verdicts.verdict import ComparatorRow, CutShares, Decision, ProtocolRange

_ESTIMANDS = {
    "fixed items": "the mean over exactly these items: only the noise between runs counts",
    "sampled items": "the mean over all items of their kind, of which these are a sample",
}


def decision_facts(part: Decision) -> list[Fact]:
    """Return what stands behind a decision, beside its estimate: empty when nothing was measured."""
    if part.estimate is None:
        return []
    facts = [*_basis(part), *_rule(part)]
    if part.protocol_range:
        facts += _protocols(part.protocol_range, part.unit)
    return [*facts, *map(_comparator, part.comparator)]


def _basis(part: Decision) -> list[Fact]:
    facts = []
    if part.se is not None:
        facts.append(fact("Decided on", "SE ", figure(part.se, 2), f" {part.unit}", note=part.method))
    else:
        facts.append(fact("Decided on", part.method))
    if part.estimand:
        facts.append(fact("Estimand", part.estimand, note=_ESTIMANDS[part.estimand]))
    if part.p_value is not None:
        level = f"level {part.alpha:g}; adjusted over all claims of order when it is one"
        facts.append(fact("p-value", p_value(part.p_value), note=level))
    if part.items is not None:
        total = part.items_total
        of = () if total is None else (" of ", count(total))
        facts.append(fact("Items", count(part.items), *of))
    return facts


def _rule(part: Decision) -> list[Fact]:
    match part.basis:
        case ValueBasis() as basis:
            return _value(basis, part.fixed_se, still_open=part.verdict == "INCONCLUSIVE")
        case OrderBasis(resolution_ratio=float(ratio)):
            note = "items at hand over those that would show the stated difference with 80 % power"
            return [fact("Resolution ratio", figure(ratio, 2), note=note), *_fixed(part.fixed_se)]
        case OrderBasis() | EqualityBasis():
            return _fixed(part.fixed_se)
        case LossBasis(lower=lower, upper=upper, margin=margin):
            ends = interval(_points(lower), _points(upper))
            bounds = fact("One-sided bounds of the loss", *ends, " points", note=f"margin {margin:g}")
            return [bounds, *_fixed(part.fixed_se)]
        case TokensBasis() as basis:
            return _tokens(basis, part.truncated)
        case _:
            return []


def _value(basis: ValueBasis, fixed_se: float | None, *, still_open: bool) -> list[Fact]:
    again = basis.repetition
    facts = [
        fact(
            "Error of a repetition",
            _size(fixed_se),
            " on the same items, ",
            _size(again.sampled_se),
            " on others of their kind",
            note=f"{again.our_runs} runs of ours, {again.published_runs} published",
        )
    ]
    if basis.prediction_interval:
        low, high = basis.prediction_interval
        ends = interval(figure(low, 2), figure(high, 2))
        inside = "holds" if basis.stated_inside_prediction else "does not hold"
        note = f"{inside} the published {again.stated:.2f}; a wide one holds nearly anything"
        facts.append(fact("95 % prediction interval", *ends, note=note))
    if still_open and basis.runs_needed:
        facts.append(fact("Runs needed to reproduce this value", count(basis.runs_needed)))
    if still_open and basis.items_needed:
        facts.append(fact("Items needed to reproduce this value", count(basis.items_needed)))
    return facts


def _fixed(fixed_se: float | None) -> list[Fact]:
    if fixed_se is None:
        return []
    note = "from the noise between runs alone: it says nothing of other items"
    return [fact("Error on exactly these items", _size(fixed_se), " points", note=note)]


def _tokens(basis: TokensBasis, cut: CutShares) -> list[Fact]:
    mean, right = basis.mean_tokens, basis.both_correct
    facts = [
        fact("Mean tokens", figure(mean.a, 0), " v ", figure(mean.b, 0)),
        fact("Cut by the token limit", _percent(cut.a), " v ", _percent(cut.b), " % of the replies"),
    ]
    if right.ratio is not None:
        ends = interval(figure(right.ratio.low, 3), figure(right.ratio.high, 3))
        note = f"on {right.n:,} items that both answer correctly"
        facts.append(fact("Correct replies alone", figure(right.ratio.value, 3), " (", *ends, ")", note=note))
    for row in basis.budgets:
        facts.append(
            fact(
                f"Accuracy within {row.tokens:,} tokens",
                figure(row.a, 2),
                " v ",
                figure(row.b, 2),
                " (",
                _points(row.difference),
                ", SE ",
                _size(row.se),
                ")",
                note="longer replies count as wrong",
            )
        )
    return facts


def _protocols(found: ProtocolRange, unit: str) -> list[Fact]:
    if found.high - found.low < 1e-9:
        return []
    signed = unit == "points"
    ends = interval(figure(found.low, 2, signed=signed), figure(found.high, 2, signed=signed))
    covers = "covers" if found.covers_published else "does not cover"
    note = f"{covers} the published figure; ours and {'; '.join(found.protocols)}"
    return [fact("Range over protocols", *ends, note=note)]


def _comparator(row: ComparatorRow) -> Fact:
    return fact(
        f"Comparator on {benchmark_name(row.benchmark)}",
        "its makers ",
        figure(row.makers, 2),
        ", the claim ",
        figure(row.claim_uses, 2),
        ", ours ",
        figure(row.ours, 2, absent="not measured"),
        note="more than chance below its makers' figure" if row.mismatch else f"{row.definition} definition",
    )


def _points(value: float | None) -> Figure:
    return figure(value, 2, signed=True, absent="none")


def _size(value: float | None) -> Figure:
    return figure(value, 2, absent="unknown")


def _percent(share: float | None) -> Figure:
    return figure(share, 1, scale=100.0)
