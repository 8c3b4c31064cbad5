"""Turns parsed multiple-choice questions into items: the part that all multiple-choice benchmarks share."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from medeval.items.benchmarks.fields import LETTERS, UnusableRow
from medeval.items.benchmarks.report import Loaded
from medeval.items.benchmarks.source import SourceRow
from medeval.items.benchmarks.tally import Tally, note, source_id
from medeval.records.tables import canonical_id, canonical_text

_MIN_OPTIONS, _MAX_OPTIONS = 2, 10


@dataclass(frozen=True)
class ParsedQuestion:
    """One question as parsed from its source row, texts untouched.

    Attributes:
        question: The question.
        options: Texts in source order.
        answers: 0-based indices of the correct options; the first is the one that counts as the gold.
        stratum: Subject, specialty or the like.
        context: Text to read before the question, if the benchmark has one.
        remarks: What a reader of the scores should know of this row; worded alike for alike rows.
    """

    question: str
    options: Sequence[str]
    answers: Sequence[int]
    stratum: str = ""
    context: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class BenchmarkLayout:
    """How to read a benchmark's questions.

    Attributes:
        id_column: Column with the source's own id, or None when it has none.
        padding: Option texts, in small letters, that fill an unused place; "" is one of them where allowed.
        gold_labels: Names of the options in the report, in order.
        option_count: Number of options of every question, where the benchmark fixes it.
    """

    id_column: str | None = None
    padding: frozenset[str] = frozenset()
    gold_labels: Sequence[str] = LETTERS
    option_count: int | None = None


def collect_items(
    tally: Tally,
    layout: BenchmarkLayout,
    rows: Iterable[SourceRow],
    revision: str,
    parse: Callable[[SourceRow], ParsedQuestion],
) -> Loaded:
    """Parse every row and return the items with their report.

    Args:
        tally: The counts of this load.
        layout: What is particular to the benchmark.
        rows: Source rows.
        revision: Commit or hash of the source.
        parse: Source row -> question; raises UnusableRow or OutsideSelection for a row without one.

    Raises:
        MedevalError: The source as a whole is not usable; see `Tally.finish`.
    """
    items: list[dict[str, Any]] = []
    seen: dict[str, list[int]] = {}
    for row in rows:
        identifier = source_id(row, layout.id_column)
        with tally.row(row, identifier):
            parsed = parse(row)
            question = _without_padding(_tidied(parsed), layout)
            _check(question, layout)
            _record(tally, layout, row, identifier, (parsed, question))
            items.append(_item(tally, seen, row, identifier, question, revision))
    return tally.finish(items)


def _tidied(question: ParsedQuestion) -> ParsedQuestion:
    # Copies of a benchmark differ in line ends (CR LF, LF) and in outer blanks; neither has a meaning.
    return replace(
        question,
        question=_tidy(question.question),
        options=[_tidy(option) for option in question.options],
        context=None if question.context is None else _tidy(question.context),
    )


def _tidy(text: str) -> str:
    return _lf(text).strip()


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _without_padding(question: ParsedQuestion, layout: BenchmarkLayout) -> ParsedQuestion:
    """Remove options that only fill a place, and move the indices of the correct ones accordingly."""
    if len(question.options) > len(LETTERS):
        raise UnusableRow(f"{len(question.options)} options, expected at most {_MAX_OPTIONS}")
    if wrong := [index for index in question.answers if not 0 <= index < len(question.options)]:
        raise UnusableRow(f"the answer is option {wrong[0]} (0-based) of {len(question.options)}")
    kept = [i for i, option in enumerate(question.options) if option.casefold() not in layout.padding]
    if lost := [index for index in question.answers if index not in kept]:
        raise UnusableRow(f"the answer is option {LETTERS[lost[0]]}, which is empty")
    return replace(
        question,
        options=[question.options[index] for index in kept],
        answers=[kept.index(index) for index in question.answers],
    )


def _check(question: ParsedQuestion, layout: BenchmarkLayout) -> None:
    count = len(question.options)
    if not question.question:
        raise UnusableRow("question is empty")
    if not _MIN_OPTIONS <= count <= _MAX_OPTIONS:
        raise UnusableRow(f"{count} option(s), expected {_MIN_OPTIONS} to {_MAX_OPTIONS}")
    if layout.option_count not in (None, count):
        raise UnusableRow(f"{count} options, expected {layout.option_count}")
    if "" in question.options:
        raise UnusableRow(f"option {LETTERS[list(question.options).index('')]} is empty")
    if not question.answers:
        raise UnusableRow("no answer is given")


def _record(
    tally: Tally,
    layout: BenchmarkLayout,
    row: SourceRow,
    identifier: str | None,
    forms: tuple[ParsedQuestion, ParsedQuestion],
) -> None:
    """Count what is remarkable in a usable question, given as parsed and as it will stand in its item."""
    parsed, question = forms
    before, after = _all_texts(parsed), _all_texts(question)
    tally.gold[layout.gold_labels[question.answers[0]]] += 1
    tally.line_ends += any("\r" in text for text in before)
    tally.trimmed += any(text != text.strip() for text in map(_lf, before))
    tally.scan(row, identifier, after)
    tally.remarks += [note(row, identifier, remark) for remark in question.remarks]
    for index, option in enumerate(parsed.options):
        if _tidy(option).casefold() in layout.padding:
            tally.empty_options.append(note(row, identifier, _removal(parsed, index, layout)))
    if repeated := _repeated_options(question):
        tally.repeated_options.append(note(row, identifier, repeated))


def _all_texts(question: ParsedQuestion) -> list[str]:
    return [question.question, *question.options, *([question.context] if question.context else [])]


def _removal(parsed: ParsedQuestion, index: int, layout: BenchmarkLayout) -> str:
    later = parsed.options[index + 1 :]
    moved = any(_tidy(option).casefold() not in layout.padding for option in later)
    return f"option {LETTERS[index]} removed" + ("; the later options move up a letter" if moved else "")


def _repeated_options(question: ParsedQuestion) -> str | None:
    folded = [canonical_text(option) for option in question.options]
    counts = Counter(folded)
    if len(counts) == len(folded):
        return None
    gold = any(counts[folded[index]] > 1 for index in question.answers)
    return "options read the same" + (", the correct one among them" if gold else "")


def _item(
    tally: Tally,
    seen: dict[str, list[int]],
    row: SourceRow,
    identifier: str | None,
    question: ParsedQuestion,
    revision: str,
) -> dict[str, Any]:
    cluster = canonical_id(question.question, question.options)
    golds = seen.setdefault(cluster, [])
    if golds:
        same = question.answers[0] == golds[0]
        tally.repeats.append(note(row, identifier, "with the same answer" if same else "with another answer"))
    golds.append(question.answers[0])
    return {
        "benchmark": tally.benchmark,
        "item_id": cluster if len(golds) == 1 else f"{cluster}-{len(golds)}",
        "question": question.question,
        "options": list(question.options),
        "answer": question.answers[0],
        "answers": sorted(set(question.answers)),
        "stratum": question.stratum,
        "cluster_id": cluster,
        "source_row": row.position,
        "source_revision": revision,
        "context": question.context,
        "source_id": identifier,
    }
