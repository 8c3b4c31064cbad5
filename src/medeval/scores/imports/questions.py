"""The question and the options in a record of a benchmark's row, under the names that copies of the benchmarks use."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from medeval.answers.options import LABELS
from medeval.scores.imports.replies import Shown

_QUESTION = ("question", "QUESTION", "sent1", "input", "query")
_OPTIONS = ("options", "choices")
_COLUMNS = (
    ("opa", "opb", "opc", "opd"),  # MedMCQA
    ("ending0", "ending1", "ending2", "ending3"),  # MedQA, in the form of multiple choice by endings
    ("A", "B", "C", "D"),
)
_YES_NO_MAYBE = ("yes", "no", "maybe")
# MedXpertQA repeats its options at the end of the question.
_REPEATED = re.compile(r"\s*Answer Choices:\s*(?=\(A\))")


def shown_in(row: Mapping[str, Any]) -> tuple[Shown, ...]:
    """Return the question and options of a row, in every way in which it can be read; empty when it has none."""
    question = next((row[name] for name in _QUESTION if isinstance(row.get(name), str)), None)
    if question is None:
        return ()
    found = []
    for options in _all_options(row):
        found += [Shown(text, options) for text in _texts(question, row)]
    return tuple(dict.fromkeys(found))


def _texts(question: str, row: Mapping[str, Any]) -> Iterator[str]:
    yield question
    if isinstance(more := row.get("sent2"), str) and more.strip():
        yield f"{question} {more}"
    if starts := list(_REPEATED.finditer(question)):
        yield question[: starts[-1].start()]


def _all_options(row: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name in _OPTIONS:
        if options := _texts_of(row.get(name)):
            yield options
    for names in _COLUMNS:
        if all(isinstance(row.get(name), str) for name in names):
            yield tuple(row[name] for name in names)
    if "final_decision" in row:
        yield _YES_NO_MAYBE


def _texts_of(value: Any) -> tuple[str, ...]:
    """Read options given as a list, as {A: text, ...}, as {text: [...]}, or as [{letter, content}, ...]."""
    if isinstance(value, Mapping):
        if isinstance(value.get("text"), list):
            return _texts_of(value["text"])
        letters = sorted(value)
        return _texts_of([value[letter] for letter in letters]) if letters == list(LABELS[: len(letters)]) else ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    parts = [part.get("content") if isinstance(part, Mapping) else part for part in value]
    texts = tuple(part for part in parts if isinstance(part, str))
    return texts if len(texts) == len(parts) else ()
