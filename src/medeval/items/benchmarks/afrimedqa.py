"""AfriMed-QA, expert multiple choice: the canonical CSV of 30 columns, or the flattened CSV of its 3910 rows.

The canonical file may name several correct options. `answers` keeps them all and an item is right when any of them is
chosen, which the method of a score says; `answer` is the first one named. The authors score the first alone: ask for
`gold="first"` to compare with their figures. One choice cannot name a whole set, so no score by exact set is given.
Places left free hold "n/a" there and nothing in the flattened file; they are removed. Three published rows have no
usable gold: it names an empty option, once among none at all. The flattened file names one correct option only.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.items.benchmarks.collect import BenchmarkLayout, ParsedQuestion, collect_items
from medeval.items.benchmarks.fields import OutsideSelection, UnusableRow, letter, text
from medeval.items.benchmarks.locate import KnownFiles
from medeval.items.benchmarks.report import Loaded
from medeval.items.benchmarks.source import SourceRow, first_row, read_files
from medeval.items.benchmarks.tally import Tally

EXPECTED_ITEMS = 3907
KNOWN_UNUSABLE = 3
FILES = KnownFiles(
    ("afrimedqa/afrimedqa_v2", "intronhealth/afrimedqa_v2"),
    (("afri_med_qa_15k_*.csv",), ("expert_mcq_*_flattened.csv",)),
)
_CANONICAL = (
    "sample_id",
    "tier",
    "question_type",
    "question",
    "answer_options",
    "correct_answer",
    "specialty",
)
_FLAT_OPTIONS = ("A", "B", "C", "D", "E")
_FLATTENED = ("sample_id", "question", "options_len", "answer", *_FLAT_OPTIONS)
_LAYOUT = BenchmarkLayout("sample_id", padding=frozenset({"", "n/a"}))
_GOLD = {
    "any": "several correct options; any of them counts as right",
    "first": "several correct options; only the first named counts as right",
}
_OPTION = re.compile(r"option([1-9][0-9]?)")


def load(files: Sequence[Path], revision: str, gold: str = "any") -> Loaded:
    """Return the items of AfriMed-QA's expert questions; the stratum is the specialty, where the file has it.

    Args:
        files: CSV file(s), all of one layout.
        revision: Commit or hash of the source.
        gold: "any": every listed option counts as right; "first": only the first one named does.

    Raises:
        MedevalError: A file or column is missing or broken, or more rows are unusable than known of.
    """
    if gold not in _GOLD:
        raise MedevalError(f"AfriMed-QA has no gold rule {gold!r}", f"Give one of: {', '.join(_GOLD)}.")
    flattened = bool(files) and "options_len" in first_row(files[0])
    rows = read_files(files, _FLATTENED if flattened else _CANONICAL)
    tally = Tally("afrimedqa", EXPECTED_ITEMS, KNOWN_UNUSABLE)
    parse = _parse_flattened if flattened else partial(_parse_canonical, gold=gold)
    return collect_items(tally, _LAYOUT, rows, revision, parse)


def _parse_canonical(row: SourceRow, gold: str) -> ParsedQuestion:
    values = row.values
    _require_selected(values)
    options = _canonical_options(text(values, "answer_options"))
    answers = _canonical_answers(text(values, "correct_answer"))
    return ParsedQuestion(
        text(values, "question"),
        options,
        answers[:1] if gold == "first" else answers,
        stratum=values["specialty"] or "",
        remarks=(_GOLD[gold],) if len(answers) > 1 else (),
    )


def _require_selected(values: Mapping[str, Any]) -> None:
    for column, wanted in (("tier", "expert"), ("question_type", "mcq")):
        if text(values, column) != wanted:
            raise OutsideSelection(f"{column} {values[column]}")


def _canonical_options(answer_options: str) -> list[str]:
    """Return the texts of option1, option2, ... in that order; null becomes an option without content."""
    try:
        options = json.loads(answer_options)
    except json.JSONDecodeError as error:
        raise UnusableRow("answer_options is not JSON") from error
    if not isinstance(options, dict) or not options:
        raise UnusableRow("answer_options holds no options")
    names = [f"option{number}" for number in range(1, len(options) + 1)]
    if set(names) != set(options):
        raise UnusableRow(f"answer_options has the keys {', '.join(options)}, expected {', '.join(names)}")
    if any(option is not None and not isinstance(option, str) for option in options.values()):
        raise UnusableRow("answer_options holds something else than texts")
    return [options[name] or "" for name in names]


def _canonical_answers(correct_answer: str) -> list[int]:
    """Return the 0-based indices of "option1,option3", in the order named, each once."""
    matches = [_OPTION.fullmatch(name.strip()) for name in correct_answer.split(",")]
    if not all(matches):
        raise UnusableRow("correct_answer is not of the form option1,option3")
    return list(dict.fromkeys(int(match[1]) - 1 for match in matches if match))


def _parse_flattened(row: SourceRow) -> ParsedQuestion:
    options = [row.values[name] or "" for name in _FLAT_OPTIONS]
    filled = sum(bool(option.strip()) for option in options)
    if str(filled) != row.values["options_len"]:
        raise UnusableRow(f"{filled} options, but options_len says otherwise")
    if not filled:
        raise UnusableRow("there are no options")
    return ParsedQuestion(text(row.values, "question"), options, [letter(row.values, "answer")])
