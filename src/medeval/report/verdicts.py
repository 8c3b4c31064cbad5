"""Section 1: every claim with its verdict, and the evidence of every part of it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from medeval.comparisons.document import ComparedPair, GradedPair, Tokens
from medeval.report.conversations import difference_row_forest
from medeval.report.differences import Fact, average_facts, difference_forest
from medeval.report.documents import Run
from medeval.report.forest import Forest, fact
from medeval.report.names import AVERAGE, FLAGS, VERDICTS, benchmark_name, known
from medeval.report.numbers import Cell, cell, count, figure, interval
from medeval.report.verdicts_facts import decision_facts
from medeval.statistics.estimates import Estimate
from medeval.statistics.ratios import inverse
from medeval.verdicts.document import ClaimVerdict
from medeval.verdicts.verdict import Decision

_SUBSETS = {"healthbench": "main", "healthbench_hard": "hard", "healthbench_consensus": "consensus"}
_UNITS = {"points": (2, "points"), "percent": (1, "% smaller"), "ratio": (2, "× fewer")}


@dataclass(frozen=True, slots=True)
class Badge:
    """A verdict in words: `code` is the document's own word."""

    code: str
    text: str
    sign: str
    meaning: str


@dataclass(frozen=True, slots=True)
class ShownPart:
    """One part of a claim with its evidence."""

    title: str
    badge: Badge
    estimate: Cell
    interval: Cell
    against: str
    reasons: tuple[str, ...]
    facts: tuple[Fact, ...]
    forest: Forest | None
    source: str


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One row of the verdict table; an estimate is its value, its interval, and what is set against what."""

    id: str
    type: str
    sentence: str
    badge: Badge
    estimates: tuple[tuple[Cell, Cell, str], ...]
    flags: tuple[tuple[str, str], ...]
    plain: str
    published: tuple[str, ...]
    parts: tuple[ShownPart, ...]


def claim_rows(run: Run) -> list[ClaimRow]:
    """Return one row per claim, in the document's order."""
    return [_claim(run, index, entry) for index, entry in enumerate(run.verdicts.verdicts)]


def tally(rows: list[ClaimRow]) -> list[tuple[int, Badge]]:
    """Count the claims by verdict, leaving out verdicts that none has."""
    counts = Counter(row.badge.code for row in rows)
    return [(counts[code], badge(code)) for code in VERDICTS if counts[code]]


def badge(code: str) -> Badge:
    """Return the words for a verdict."""
    return Badge(code, *known(VERDICTS, code, "verdict"))


def _claim(run: Run, index: int, entry: ClaimVerdict) -> ClaimRow:
    parts = tuple(_part(run, part, f"verdicts[{index}].parts[{place}]") for place, part in enumerate(entry.parts))
    return ClaimRow(
        id=entry.claim_id,
        type=entry.type,
        sentence=entry.sentence,
        badge=badge(entry.verdict),
        estimates=tuple((part.estimate, part.interval, part.against) for part in parts),
        flags=tuple((flag, known(FLAGS, flag, "flag")) for flag in entry.flags),
        plain=entry.plain,
        published=tuple(entry.published_figures),
        parts=parts,
    )


def _part(run: Run, part: Decision, source: str) -> ShownPart:
    forest, facts = _evidence(run, part)
    against = "the stated value" if part.a == part.b else part.b
    on = _on_target(run, part)
    return ShownPart(
        title=f"{_metric_name(part.metric)}: {part.a} against {against}{on}",
        badge=badge(part.verdict),
        estimate=estimate_cell(part),
        interval=interval_cell(part),
        against=_against(part) + on if part.estimate is not None else "",
        reasons=tuple(part.reasons),
        facts=(*decision_facts(part), *facts),
        forest=forest,
        source=source,
    )


def _on_target(run: Run, part: Decision) -> str:
    return f" on {part.target}" if part.target and run.several_targets else ""


def estimate_cell(part: Decision) -> Cell:
    """Return the estimate of a decision in the decision's own unit."""
    decimals, unit = known(_UNITS, part.unit, "unit")
    if part.estimate is None:
        return cell("not measured", tone="zero")
    return cell(figure(part.estimate, decimals, signed=part.unit == "points"), f" {unit}")


def interval_cell(part: Decision) -> Cell:
    """Return the interval of a decision in the same unit, or the words for none; empty when nothing was measured."""
    decimals, _ = known(_UNITS, part.unit, "unit")
    if part.estimate is None:
        return cell("")
    if part.unit == "percent":
        return cell("exact, no interval")
    low, high = (figure(end, decimals, signed=part.unit == "points") for end in (part.low, part.high))
    return cell(*interval(low, high))


def _against(part: Decision) -> str:
    """Say what the estimate sets against what, naming a shared model once."""
    (model_a, _, a), (model_b, _, b) = part.a.partition("/"), part.b.partition("/")
    if part.a == part.b:
        return f"{part.a} minus the stated value"
    word = {"points": "minus", "percent": "against", "ratio": "against"}[part.unit]
    return f"{a} {word} {b}" if model_a == model_b and a and b else f"{part.a} {word} {part.b}"


def _evidence(run: Run, part: Decision) -> tuple[Forest | None, list[Fact]]:
    """Return the plot and the facts behind a part, by the kind of thing that it measures."""
    metric, compared = part.metric, run.comparisons
    if metric == "size":
        return None, _sizes(run, part)
    if metric in _SUBSETS:
        subset, graded = _SUBSETS[metric], compared.conversation_comparisons
        found = find_pair([(i, pair) for i, pair in enumerate(graded) if pair.subset == subset], part)
        return (difference_row_forest(run, *found) if found and graded[found[0]].difference else None), []
    mode = "generate" if metric == "tokens" else run.headline
    found = find_pair([(i, pair) for i, pair in enumerate(compared.comparisons) if pair.mode == mode], part)
    if found is None:
        return None, []
    if metric == "tokens":
        return None, _tokens(compared.comparisons[found[0]].tokens, found[1])
    facts = average_facts(run, *found) if metric == AVERAGE else []
    return difference_forest(run, *found, strong=metric), facts


def find_pair(entries: Iterable[tuple[int, ComparedPair | GradedPair]], part: Decision) -> tuple[int, int] | None:
    """Find the entry that compares A and B of a decision on its target: its place, and -1 when it stands turned round.

    A decision that names no target has none.
    """
    for index, entry in entries:
        one, two = entry.a.name, entry.b.name
        if {entry.a.target, entry.b.target} != {part.target} or one == two:
            continue
        if (one, two) == (part.a, part.b):
            return index, 1
        if (one, two) == (part.b, part.a):
            return index, -1
    return None


def _sizes(run: Run, part: Decision) -> list[Fact]:
    facts = []
    for system in (part.a, part.b):
        if system not in run.weights:
            facts.append(fact(system, "its description was not given to this report"))
        else:
            _, described = run.weights[system]
            note = f"SHA-256 {described.sha256[:16]}…" if described.sha256 else ""
            facts.append(fact(system, count(described.bytes), " bytes", note=note))
    return facts


def _tokens(ratio: Tokens | None, sign: int) -> list[Fact]:
    """Say the ratio by every route; sign -1 turns it round."""
    if ratio is None:
        return []
    facts = []
    routes: dict[str, Estimate] = {
        "Delta method": ratio.delta,
        "On the log scale": ratio.log,
        "Bootstrap": ratio.bootstrap,
    }
    for name, found in routes.items():
        estimate = found if sign > 0 else inverse(found)
        value, low, high = (figure(end, 3) for end in (estimate.value, estimate.low, estimate.high))
        facts.append(fact(name, value, " (", *interval(low, high), ")", note=estimate.method))
    median = ratio.median_of_ratios
    shown = figure(median if sign > 0 or not median else 1.0 / median, 3, absent="not defined: an item has no tokens")
    failed = count(ratio.items_with_errors)
    return [*facts, fact("Median of the items' ratios", shown), fact("Items left out for a failed reply", failed)]


def _metric_name(metric: str) -> str:
    names = {
        AVERAGE: "Average of the benchmarks",
        "size": "File size",
        "tokens": "Generated tokens",
        "healthbench_hard": "HealthBench Hard",
        "healthbench_consensus": "HealthBench Consensus",
    }
    return names.get(metric, benchmark_name(metric))
