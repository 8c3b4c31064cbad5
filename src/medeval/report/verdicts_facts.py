"""What the rule behind a decision was applied to: errors of both estimands, margins, other protocols, comparators."""

from collections.abc import Mapping
from typing import Any

from medeval.report.differences import Fact
from medeval.report.forest import fact
from medeval.report.names import benchmark_name
from medeval.report.numbers import Figure, count, figure, interval, p_value
from medeval.verdicts.verdict import Decision

_ESTIMANDS = {
    "fixed items": "the mean over exactly these items: only the noise between runs counts",
    "sampled items": "the mean over all items of their kind, of which these are a sample",
}


def decision_facts(part: Decision) -> list[Fact]:
    """Return what stands behind a decision, beside its estimate: empty when nothing was measured."""
    if part.estimate is None:
        return []
    facts = [*_basis(part), *_rule(part)]
    if sensitivity := part.numbers.get("protocol_range"):
        facts += _protocols(sensitivity, part.unit)
    return [*facts, *_comparators(part.numbers)]


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
    numbers = part.numbers
    match part.rule:
        case "value":
            return _value(numbers, still_open=part.verdict == "INCONCLUSIVE")
        case "order" if numbers.get("resolution_ratio") is not None:
            note = "items at hand over those that would show the stated difference with 80 % power"
            return [fact("Resolution ratio", figure(numbers["resolution_ratio"], 2), note=note), *_fixed(numbers)]
        case "order" | "equality":
            return _fixed(numbers)
        case "loss":
            ends = interval(_points(numbers["lower"]), _points(numbers["upper"]))
            bounds = fact("One-sided bounds of the loss", *ends, " points", note=f"margin {numbers['margin']:g}")
            return [bounds, *_fixed(numbers)]
        case "tokens":
            return _tokens(numbers)
        case _:
            return []


def _value(numbers: Mapping[str, Any], *, still_open: bool) -> list[Fact]:
    facts = [
        fact(
            "Error of a repetition",
            _size(numbers["fixed_se"]),
            " on the same items, ",
            _size(numbers["sampled_se"]),
            " on others of their kind",
            note=f"{numbers['our_runs']} runs of ours, {numbers['published_runs']} published",
        )
    ]
    if prediction := numbers.get("prediction_interval"):
        ends = interval(figure(prediction[0], 2), figure(prediction[1], 2))
        inside = "holds" if numbers["stated_inside_prediction"] else "does not hold"
        note = f"{inside} the published {numbers['stated']:.2f}; a wide one holds nearly anything"
        facts.append(fact("95 % prediction interval", *ends, note=note))
    if still_open and (needed := numbers.get("runs_needed")):
        facts.append(fact("Runs needed to reproduce this value", count(needed)))
    if still_open and (needed := numbers.get("items_needed")):
        facts.append(fact("Items needed to reproduce this value", count(needed)))
    return facts


def _fixed(numbers: Mapping[str, Any]) -> list[Fact]:
    if numbers.get("fixed_se") is None:
        return []
    note = "from the noise between runs alone: it says nothing of other items"
    return [fact("Error on exactly these items", _size(numbers["fixed_se"]), " points", note=note)]


def _tokens(numbers: Mapping[str, Any]) -> list[Fact]:
    mean, cut = numbers["mean_tokens"], numbers["truncated"]
    facts = [
        fact("Mean tokens", figure(mean["a"], 0), " v ", figure(mean["b"], 0)),
        fact("Cut by the token limit", _percent(cut["a"]), " v ", _percent(cut["b"]), " % of the replies"),
    ]
    right = numbers["both_correct"]
    if right["ratio"] is not None:
        ends = interval(figure(right["ratio"]["low"], 3), figure(right["ratio"]["high"], 3))
        note = f"on {right['n']:,} items that both answer correctly"
        facts.append(fact("Correct replies alone", figure(right["ratio"]["value"], 3), " (", *ends, ")", note=note))
    for row in numbers["budgets"]:
        facts.append(
            fact(
                f"Accuracy within {row['tokens']:,} tokens",
                figure(row["a"], 2),
                " v ",
                figure(row["b"], 2),
                " (",
                _points(row["difference"]),
                ", SE ",
                _size(row["se"]),
                ")",
                note="longer replies count as wrong",
            )
        )
    return facts


def _protocols(sensitivity: Mapping[str, Any], unit: str) -> list[Fact]:
    if sensitivity["high"] - sensitivity["low"] < 1e-9:
        return []
    signed = unit == "points"
    low, high = (figure(sensitivity[end], 2, signed=signed) for end in ("low", "high"))
    ends = interval(low, high)
    covers = "covers" if sensitivity["covers_published"] else "does not cover"
    note = f"{covers} the published figure; ours and {'; '.join(sensitivity['protocols'])}"
    return [fact("Range over protocols", *ends, note=note)]


def _comparators(numbers: Mapping[str, Any]) -> list[Fact]:
    return [
        fact(
            f"Comparator on {benchmark_name(row['benchmark'])}",
            "its makers ",
            figure(row["makers"], 2),
            ", the claim ",
            figure(row["claim_uses"], 2),
            ", ours ",
            figure(row["ours"], 2, absent="not measured"),
            note="more than chance below its makers' figure" if row["mismatch"] else row["definition"] + " definition",
        )
        for row in numbers.get("comparator", ())
    ]


def _points(value: float | None) -> Figure:
    return figure(value, 2, signed=True, absent="none")


def _size(value: float | None) -> Figure:
    return figure(value, 2, absent="unknown")


def _percent(share: float) -> Figure:
    return figure(share, 1, scale=100.0)
