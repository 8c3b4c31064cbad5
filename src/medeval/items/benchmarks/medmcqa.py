"""MedMCQA: four options, with the answer `cop` counted from 0 on the hub and from 1 in the authors' files.

Ids, order and columns are the same in both, and the values 1, 2 and 3 occur in both, so a wrong guess shifts
every gold by one without an error. The file says which it is: Parquet, and names that end in `.hub.jsonl` or
`.hub.json`, follow the hub; other JSON lines follow the authors (their `dev.json` is JSON lines too).
The explanation `exp` often begins with the answer's letter and is never read.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from medeval.errors import MedevalError
from medeval.items.benchmarks.collect import BenchmarkLayout, ParsedQuestion, collect_items
from medeval.items.benchmarks.fields import UnusableRow, integer, text
from medeval.items.benchmarks.locate import KnownFiles
from medeval.items.benchmarks.report import Loaded, LoadReport
from medeval.items.benchmarks.source import SourceRow, read_files
from medeval.items.benchmarks.tally import Tally

EXPECTED_ITEMS = 4183
FILES = KnownFiles(("openlifescienceai/medmcqa",), (("data/validation-*.parquet",), ("dev.json",)))
_GOLD = {"A": 1348, "B": 1085, "C": 925, "D": 825}  # of the whole validation split, in either encoding
_FIRST_COP = {"hub": 0, "authors": 1}
_COLUMNS = ("id", "question", "opa", "opb", "opc", "opd", "cop", "choice_type", "subject_name")


def load(files: Sequence[Path], revision: str, encoding: str | None = None) -> Loaded:
    """Return the items of MedMCQA; the stratum is the subject.

    Args:
        files: The validation split. The test split is published without answers.
        revision: Commit or hash of the source.
        encoding: "hub" (cop 0 to 3) or "authors" (cop 1 to 4); None lets each file's name say it.

    Raises:
        MedevalError: A file or column is missing or broken; a `cop` belongs to the other encoding or to the
            unlabelled split; the whole split's gold letters are not distributed as known; a row is unusable.
    """
    if encoding not in (None, *_FIRST_COP):
        raise MedevalError(f"MedMCQA has no encoding {encoding!r}", f"Give one of: {', '.join(_FIRST_COP)}.")
    tally = Tally("medmcqa", EXPECTED_ITEMS)
    loaded = collect_items(
        tally, BenchmarkLayout(id_column="id"), read_files(files, _COLUMNS), revision, _parser(encoding)
    )
    _check_gold(loaded.report)
    return loaded


def file_encoding(file: Path) -> str:
    """Return the encoding that a file's name declares, "hub" or "authors".

    Raises:
        MedevalError: The name declares none.
    """
    suffixes = [suffix.lower() for suffix in file.suffixes[-2:]]
    if suffixes[-1:] == [".parquet"] or suffixes in ([".hub", ".jsonl"], [".hub", ".json"]):
        return "hub"
    if suffixes[-1:] in ([".jsonl"], [".json"]):
        return "authors"
    raise MedevalError(
        f"{file}: its name does not say whether cop counts from 0 or from 1",
        "Give Parquet (hub), .hub.jsonl (hub), .json or .jsonl (authors), or state the encoding.",
    )


def _parser(encoding: str | None) -> Callable[[SourceRow], ParsedQuestion]:
    def parse(row: SourceRow) -> ParsedQuestion:
        answer = _answer(row, encoding or file_encoding(row.file))
        multi = row.values["choice_type"] == "multi"
        return ParsedQuestion(
            text(row.values, "question"),
            [text(row.values, column) for column in ("opa", "opb", "opc", "opd")],
            [answer],
            stratum=text(row.values, "subject_name"),
            remarks=('choice_type is "multi", yet one answer is given',) if multi else (),
        )

    return parse


def _answer(row: SourceRow, encoding: str) -> int:
    first, cop = _FIRST_COP[encoding], integer(row.values, "cop")
    if cop == -1:
        raise MedevalError(
            f"{row.file}: row {row.number} has cop -1: the test split, published without answers",
            "Give the validation split.",
        )
    if cop in (0, 4) and not first <= cop < first + 4:
        other = "authors" if encoding == "hub" else "hub"
        raise MedevalError(
            f"{row.file}: row {row.number} has cop {cop}, but the file is read in the {encoding} encoding "
            f"({first} to {first + 3})",
            f"Name the file for the encoding it has, or state encoding={other!r}.",
        )
    if not first <= cop < first + 4:
        raise UnusableRow(f"cop is {cop}, expected {first} to {first + 3}")
    return cop - first


def _check_gold(report: LoadReport) -> None:
    if report.items == EXPECTED_ITEMS and report.gold != _GOLD:
        raise MedevalError(
            f"medmcqa: the gold letters of the whole split are {dict(report.gold)}, expected {_GOLD}",
            "Check the file and the encoding of cop.",
        )
