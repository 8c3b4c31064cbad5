"""MedQA (USMLE), four options: JSON lines in the schema of GBaker/MedQA-USMLE-4-options.

The same 1273 test questions exist with five options and other gold letters; that file is refused.
"""

from collections.abc import Sequence
from pathlib import Path

from medeval.items.benchmarks.collect import BenchmarkLayout, ParsedQuestion, collect_items
from medeval.items.benchmarks.fields import UnusableRow, letter, lettered_texts, text
from medeval.items.benchmarks.locate import KnownFiles
from medeval.items.benchmarks.report import Loaded
from medeval.items.benchmarks.source import SourceRow, read_files
from medeval.items.benchmarks.tally import Tally

EXPECTED_ITEMS = 1273
FILES = KnownFiles(("GBaker/MedQA-USMLE-4-options",), (("phrases_no_exclude_test.jsonl",),))
_COLUMNS = ("question", "options", "answer_idx", "answer", "meta_info")
_STEPS = ("step1", "step2&3")


def load(files: Sequence[Path], revision: str) -> Loaded:
    """Return the items of MedQA; the stratum is the examination step.

    Args:
        files: The test file, `phrases_no_exclude_test.jsonl` at the source.
        revision: Commit or hash of the source.

    Raises:
        MedevalError: A file or column is missing or broken, or a row is unusable; one whose answer text is
            not its answer letter's option, or whose step is unknown, is so, as corrupted copies go around.
    """
    tally = Tally("medqa", EXPECTED_ITEMS)
    return collect_items(tally, BenchmarkLayout(option_count=4), read_files(files, _COLUMNS), revision, _parse)


def _parse(row: SourceRow) -> ParsedQuestion:
    options = lettered_texts(row.values, "options")
    answer = letter(row.values, "answer_idx")
    step = text(row.values, "meta_info")
    if answer < len(options) and options[answer] != text(row.values, "answer"):
        raise UnusableRow("answer is not the text of the option that answer_idx names")
    if step not in _STEPS:
        raise UnusableRow(f"meta_info is none of {', '.join(_STEPS)}")
    return ParsedQuestion(text(row.values, "question"), options, [answer], stratum=step)
