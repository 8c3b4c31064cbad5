"""The question and the options that a record shows, in a benchmark's row or in the text that a model read."""

import ast
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, pairwise, takewhile
from typing import Any

from medeval.answers.options import LABELS
from medeval.scores.imports.records import RecordField
from medeval.scores.imports.replies import Shown

_QUESTION = ("question", "QUESTION", "sent1", "input", "query")
_OPTIONS = ("options", "choices", "answer_options", "shown_options")
# A column for each option, as copies of the benchmarks name them: opa, ending0, A, option1, option_a, ...
_COLUMNS = (
    *("op{small}", "ending{zero}", "{capital}"),
    *("option{one}", "option_{one}", "option{capital}", "option_{small}"),
)
_KEYS = ("letter", "label", "key", "id")
_TEXTS = ("content", "text", "value", "option")
_YES_NO_MAYBE = ("yes", "no", "maybe")
# MedXpertQA repeats its options at the end of the question.
_REPEATED = re.compile(r"\s*Answer Choices:\s*(?=\(A\))")
_LABELLED_LINE = re.compile(r"^[ \t>*•-]*\(?([A-J])\**[.):\]]+\**[ \t]*", re.MULTILINE)
_LABEL_IN_LINE = re.compile(r"(?<!\w)\(([A-J])\)[ \t]*")
_LABEL_OF_OPTION = re.compile(r"(?:option_?)?(\w{1,2})", re.IGNORECASE)
_LISTED = "a list of texts"


def shown_in(row: RecordField) -> tuple[Shown, ...]:
    """Return the question and options of a row, in every way in which it can be read; empty when it has no options.

    A row that has options and no question is one with an empty question.

    Raises:
        MedevalError: A field for options holds something else; it is named.
    """
    values = row.object()
    question = next((values[name] for name in _QUESTION if isinstance(values.get(name), str)), "")
    found = []
    for options in _all_options(row):
        found += [Shown(text, options) for text in _texts(question, values)]
    return tuple(dict.fromkeys(found))


def listed_in(text: str) -> Shown | None:
    """Return the last list of options with the labels A, B, ... in a text, and all that stands before it; or None."""
    for pattern in (_LABELLED_LINE, _LABEL_IN_LINE):
        if marks := _last_list(list(pattern.finditer(text))):
            inner = (text[one.end() : two.start()] for one, two in pairwise(marks))
            return Shown(text[: marks[0].start()], (*inner, text[marks[-1].end() :]), open_ended=True)
    return None


def _last_list(marks: Sequence[re.Match[str]]) -> list[re.Match[str]]:
    for start in (place for place in reversed(range(len(marks))) if marks[place][1] == LABELS[0]):
        run: list[re.Match[str]] = []
        for mark in marks[start:]:
            if len(run) < len(LABELS) and mark[1] == LABELS[len(run)]:
                run.append(mark)
        if len(run) > 1:
            return run
    return []


def _texts(question: str, row: Mapping[str, Any]) -> Iterator[str]:
    yield question
    if isinstance(more := row.get("sent2"), str) and more.strip():
        yield f"{question} {more}"
    if starts := list(_REPEATED.finditer(question)):
        yield question[: starts[-1].start()]


def _all_options(row: RecordField) -> Iterator[tuple[str, ...]]:
    for name in _OPTIONS:
        if options := _without_bare_labels(_options(row[name])):
            yield options
    for pattern in _COLUMNS:
        names = takewhile(row.object().__contains__, (_name(pattern, place) for place in range(len(LABELS))))
        if options := _without_bare_labels([_text(row[name]) for name in names]):
            yield options
    if "final_decision" in row.object():
        yield _YES_NO_MAYBE


def _name(pattern: str, place: int) -> str:
    return pattern.format(zero=place, one=place + 1, capital=LABELS[place], small=LABELS[place].lower())


def _without_bare_labels(options: Sequence[str]) -> tuple[str, ...]:
    """Return options as texts; none when they are one, or nothing but labels, which do not say what they stand for."""
    bare = [option.strip().strip("().") for option in options]
    labels = (LABELS[: len(bare)], "".join(map(str, range(len(bare)))), "".join(map(str, range(1, len(bare) + 1))))
    return () if len(bare) < 2 or "".join(bare).upper() in labels else tuple(options)


def _options(field: RecordField) -> Sequence[str]:
    """Read options given as a list, as {A: text, ...}, as {text: [...], label: [...]}, or as text of one of these."""
    value = field.value
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return ()
    if isinstance(value, str):
        return _written_out(field, value)
    if isinstance(value, dict):
        if isinstance(value.get("text"), list):
            texts = [_text(entry) for entry in field["text"].entries()]
            labels = [entry.identifier() for entry in field["label"].entries()] if value.get("label") else None
            return _in_order(field, labels, texts) if labels else texts
        return _in_order(field, list(value), [_text(field[key]) for key in value])
    entries = field.entries()
    if entries and all(isinstance(entry.value, dict) for entry in entries):
        texts = [_text(_first(entry, _TEXTS)) for entry in entries]
        keys = [_first(entry, _KEYS).identifier() for entry in entries]
        return texts if None in keys else _in_order(field, keys, texts)
    return [_text(entry) for entry in entries]


def _written_out(field: RecordField, text: str) -> Sequence[str]:
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(value, (list, dict)):
            return _options(RecordField(value, field.where, field.remedy, field.path))
    listed = listed_in(text)
    if listed is None:
        raise field.wrong(_LISTED)
    return [option.strip() for option in listed.options]


def _first(entry: RecordField, names: Sequence[str]) -> RecordField:
    return entry[next((name for name in names if name in entry.object()), names[0])]


def _in_order(field: RecordField, labels: Sequence[str | None], texts: Sequence[str]) -> Sequence[str]:
    """Put texts in the order of their labels: letters from A, or numbers from 0 or 1, with or without `option`."""
    found = [_LABEL_OF_OPTION.fullmatch(label or "") for label in labels]
    names = [match[1].upper() for match in found if match]
    for known in (list(LABELS), list(map(str, range(10))), [str(n) for n, _ in zip(count(1), LABELS, strict=False)]):
        if len(texts) == len(names) and sorted(names) == sorted(known[: len(names)]):
            return [text for _, text in sorted(zip(map(known.index, names), texts, strict=True))]
    raise field.wrong("options with the labels A, B, ..., or 1, 2, ...")


def _text(field: RecordField) -> str:
    """Return an option as text; nothing is an empty one, a place that is left free."""
    if field.value is None or (isinstance(field.value, float) and math.isnan(field.value)):
        return ""
    if isinstance(field.value, (int, float)) and not isinstance(field.value, bool):
        return str(field.value)
    return field.text()
