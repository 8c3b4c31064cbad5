"""Section 5: do test items stand in given texts, and can options be guessed without their question?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from medeval.comparisons.document import Score
from medeval.contamination.document import RULES, VIEWS, BenchmarkOverlap, Corpus, OverlapReport, Rule, View
from medeval.report.documents import Run
from medeval.report.forest import Forest, Group, Mark, Row, track
from medeval.report.names import benchmark_name
from medeval.report.numbers import Cell, cell, count, number_cell, percent, percent_cell
from medeval.report.scale import Scale, accuracy_scale, scale_for
from medeval.report.scores import chance_of, entries_of
from medeval.statistics.estimates import Estimate

CONTROL = "choices_only"
LISTED = 20
_VIEWS: Mapping[View, str] = {
    "question": "question",
    "question_gold": "question with its right option",
    "question_options": "question with all options",
}
_RULES: Mapping[Rule, str] = {"gpt3": "any n-gram (GPT-3)", "palm": "70 % of 8-grams (PaLM)"}
OVERLAP_COLUMNS = (
    "Dirty % (95 % interval)",
    "n",
    "Items",
    "Tested",
    "Dirty",
    "Short, found whole",
    "Untestable",
    "Dirty of all %",
)
CONTROL_COLUMNS = ("Accuracy % (95 % interval)", "Chance %", "Interval against chance", "Items")


@dataclass(frozen=True, slots=True)
class Overlap:
    """The overlap of all benchmarks: the plots, the texts that were searched, and the items that were found.

    `forest` shows the questions by the first rule, `every` all parts of the items by all rules.
    """

    forest: Forest
    every: Forest
    corpora: tuple[str, ...]
    matches: tuple[tuple[str, ...], ...]
    matched: int
    unsearched: tuple[str, ...]
    method: str


def overlap(run: Run) -> Overlap | None:
    """Return the overlap with the given texts, or None when no report on it was given."""
    if not run.overlaps:
        return None
    summaries = sorted(_summaries(run), key=lambda entry: run.benchmark_rank(entry[0]))
    highest = [rule.high for _, found in summaries for view in found.views.values() for rule in view.rules.values()]
    scale = scale_for([*highest, 0.05])
    groups = tuple(_benchmark(benchmark, found, scale) for benchmark, found in summaries)
    questions = tuple(
        _rule_row(found, "question", "gpt3", scale, benchmark_name(benchmark)) for benchmark, found in summaries
    )
    reports = [report for _, report in run.overlaps]
    matches = [line for report in reports for line in _matches(report)]
    return Overlap(
        forest=Forest(
            caption="Questions of which any n-gram stands in the given texts",
            axis="% dirty",
            scale=scale,
            columns=OVERLAP_COLUMNS,
            groups=(Group("", questions),),
            label="Benchmark",
            entry="BENCHMARK.json, benchmarks.BENCHMARK",
        ),
        every=Forest(
            caption="By part of the item and by rule",
            axis="% dirty",
            scale=scale,
            columns=OVERLAP_COLUMNS,
            groups=groups,
            label="Part and rule",
            entry="BENCHMARK.json, benchmarks.BENCHMARK",
        ),
        corpora=tuple(dict.fromkeys(_corpus(report.corpus) for report in reports)),
        matches=tuple(matches[:LISTED]),
        matched=len(matches),
        unsearched=tuple(unsearched(run)),
        method=", ".join(sorted({report.method for report in reports})),
    )


def unsearched(run: Run) -> list[str]:
    """Return the names of the scored benchmarks that no overlap report covers."""
    covered = {benchmark for benchmark, _ in _summaries(run)}
    scored = dict.fromkeys(entry.benchmark for entry in run.comparisons.scores)
    return [benchmark_name(name) for name in sorted(scored, key=run.benchmark_rank) if name not in covered]


def _summaries(run: Run) -> Iterator[tuple[str, BenchmarkOverlap]]:
    for _, report in run.overlaps:
        yield from report.benchmarks.items()


def _benchmark(benchmark: str, found: BenchmarkOverlap, scale: Scale) -> Group:
    rows = tuple(_rule_row(found, view, rule, scale) for view in VIEWS for rule in RULES)
    coverage = percent(found.question.mean_coverage, absent="unknown").text
    note = f"{coverage} % of the words of its questions stand in the texts, on average"
    return Group(benchmark_name(benchmark), rows, note)


def _rule_row(overlaps: BenchmarkOverlap, view: View, rule: Rule, scale: Scale, label: str = "") -> Row:
    summary = overlaps.views[view]
    found = summary.rules[rule]
    share = None
    if found.share is not None:
        share = Estimate(found.share, None, found.low, found.high, found.tested, "share of items")
    return Row(
        label=label or _VIEWS[view],
        note="" if label else _RULES[rule],
        track=track(share, scale, tone=5) if share else None,
        cells=(
            percent_cell(share) if share else cell("nothing testable", tone="wide"),
            number_cell(count(summary.n if rule == "gpt3" else 8)),
            number_cell(count(summary.items)),
            number_cell(count(found.tested)),
            number_cell(count(found.dirty), tone="many" if found.dirty else "zero"),
            number_cell(count(found.whole), tone="some" if found.whole else "zero"),
            cell(
                count(found.untestable),
                f" ({100 * found.untestable / summary.items:.0f} %)",
                tone="" if found.untestable else "zero",
            ),
            number_cell(percent(found.share_of_all)),
        ),
        source=f"{view}.{rule}",
    )


def _matches(report: OverlapReport) -> Iterator[tuple[str, ...]]:
    """Yield benchmark, item, part, coverage, longest run and documents of every item that a rule calls dirty."""
    for item in report.items:
        dirty = [view for view in VIEWS if any(item.views[view].dirty.values())]
        if dirty:
            best = item.views[dirty[0]]
            held = ", ".join(match.document for match in best.matches)
            yield (
                benchmark_name(item.benchmark),
                item.item_id,
                _VIEWS[dirty[0]],
                f"{percent(best.coverage, absent='unknown').text} %",
                str(best.longest_run),
                f"{best.documents}: {held}",
            )


def _corpus(corpus: Corpus) -> str:
    return f"{', '.join(corpus.files)}: {corpus.documents:,} documents, {corpus.words:,} words"


def control(run: Run) -> Forest | None:
    """Return the accuracy without the question against chance, or None when that mode was not run."""
    if CONTROL not in run.modes:
        return None
    scale = accuracy_scale()
    groups = [
        Group(benchmark_name(benchmark), tuple(_control_row(run, index, entry, scale) for index, entry in entries))
        for benchmark, entries in entries_of(run, CONTROL).items()
    ]
    return Forest(
        caption="Accuracy when the model sees the options without the question",
        entry="scores",
        axis="%",
        scale=scale,
        columns=CONTROL_COLUMNS,
        groups=tuple(groups),
    )


def _control_row(run: Run, index: int, entry: Score, scale: Scale) -> Row:
    chance, accuracy = chance_of(entry), entry.accuracy
    return Row(
        label=run.systems.label(entry),
        track=track(
            accuracy,
            scale,
            tone=run.systems.tone(entry),
            shape=run.systems.shape(entry),
            marks=() if chance is None else (Mark(scale.place(chance), "chance"),),
        ),
        cells=(
            percent_cell(accuracy),
            number_cell(percent(chance, absent="not in the document")),
            against_chance(accuracy, chance),
            number_cell(count(entry.items)),
        ),
        source=f"[{index}]",
    )


def against_chance(accuracy: Estimate, chance: float | None) -> Cell:
    """Say whether the 95 % interval of an accuracy lies above, below or around chance."""
    if chance is None:
        return cell("cannot tell")
    if accuracy.low is None or accuracy.high is None:
        return cell("no interval")
    if accuracy.low > chance:
        return cell("above chance", tone="many")
    return cell("below chance", tone="some") if accuracy.high < chance else cell("around chance", tone="zero")
