"""MedXpertQA Text: ten options, in the schema of TsinghuaC3I/MedXpertQA or of the authors' evaluation files.

The published question text repeats the options after its last line; they are cut off, so that a prompt shows
them once and option orders can be varied.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medeval.items.benchmarks.collect import BenchmarkLayout, ParsedQuestion, collect_items
from medeval.items.benchmarks.fields import LETTERS, UnusableRow, letter, lettered_texts, text
from medeval.items.benchmarks.locate import KnownFiles
from medeval.items.benchmarks.report import Loaded
from medeval.items.benchmarks.source import SourceRow, read_files
from medeval.items.benchmarks.tally import Tally
from medeval.records.tables import canonical_text

EXPECTED_ITEMS = 2450
FILES = KnownFiles(("TsinghuaC3I/MedXpertQA",), (("Text/test.jsonl",),))
_TAGS = ("medical_task", "body_system", "question_type")
_COLUMNS = ("id", "question", "options", "label", *_TAGS)
_EMBEDDED = re.compile(r"\s*Answer Choices:\s*(?=\(A\))")


def load(files: Sequence[Path], revision: str) -> Loaded:
    """Return the items of MedXpertQA Text; the stratum is "medical task/body system/question type".

    Args:
        files: The Text test file(s).
        revision: Commit or hash of the source.

    Raises:
        MedevalError: A file or column is missing or broken, or a row is unusable.
    """
    tally = Tally("medxpertqa", EXPECTED_ITEMS)
    return collect_items(tally, BenchmarkLayout(id_column="id"), read_files(files, _COLUMNS), revision, _parse)


def _parse(row: SourceRow) -> ParsedQuestion:
    values = _hub_form(row.values)
    options = lettered_texts(values, "options")
    question, embedded = _cut(text(values, "question"))
    return ParsedQuestion(
        question,
        options,
        [letter(values, "label")],
        stratum="/".join(text(values, name) for name in _TAGS),
        remarks=() if embedded is None or embedded == _listed(options) else (_DIFFERENCE,),
    )


_DIFFERENCE = "the options inside the question text differ from the options column, which is used"


def _hub_form(values: Any) -> dict[str, Any]:
    """Turn the evaluation files' [{letter, content}, ...] and [label] into the hub's mapping and letter."""
    form = dict(values)
    if isinstance(form["options"], list):
        try:
            form["options"] = {option["letter"]: option["content"] for option in form["options"]}
        except (TypeError, KeyError):
            raise UnusableRow("options is a list of something else than letter and content") from None
    if isinstance(form["label"], list) and len(form["label"]) == 1:
        form["label"] = form["label"][0]
    return form


def _cut(question: str) -> tuple[str, str | None]:
    """Split a question from the options that its text repeats; None when it repeats none."""
    starts = list(_EMBEDDED.finditer(question))
    if not starts:
        return question, None
    return question[: starts[-1].start()], canonical_text(question[starts[-1].end() :])


def _listed(options: Sequence[str]) -> str:
    return canonical_text(" ".join(f"({name}) {option}" for name, option in zip(LETTERS, options, strict=False)))
