"""The category "health" of MMLU-Pro: 3 to 10 options, in the schema of TIGER-Lab/MMLU-Pro.

Question texts repeat, some under two ids with the same options; repeats share a cluster. Some revisions fill
the list of options up with "N/A".
"""

from collections.abc import Sequence
from pathlib import Path

from medeval.items.benchmarks.collect import BenchmarkLayout, ParsedQuestion, collect_items
from medeval.items.benchmarks.fields import OutsideSelection, UnusableRow, integer, letter, text, texts
from medeval.items.benchmarks.locate import KnownFiles
from medeval.items.benchmarks.report import Loaded
from medeval.items.benchmarks.source import SourceRow, read_files
from medeval.items.benchmarks.tally import Tally

EXPECTED_ITEMS = 818
FILES = KnownFiles(("TIGER-Lab/MMLU-Pro",), (("data/test-*.parquet",),))
_CATEGORY = "health"
_COLUMNS = ("question_id", "question", "options", "answer", "answer_index", "category")


def load(files: Sequence[Path], revision: str) -> Loaded:
    """Return the items of the category; rows of other categories are counted as outside.

    Args:
        files: The test file(s), which hold all categories at the source.
        revision: Commit or hash of the source.

    Raises:
        MedevalError: A file or column is missing or broken, a row is unusable (its letter and its index
            disagree, say), or no row is of the category.
    """
    layout = BenchmarkLayout("question_id", padding=frozenset({"n/a"}))
    tally = Tally("mmlu_pro_health", EXPECTED_ITEMS)
    return collect_items(tally, layout, read_files(files, _COLUMNS), revision, _parse)


def _parse(row: SourceRow) -> ParsedQuestion:
    category = text(row.values, "category")
    if category != _CATEGORY:
        raise OutsideSelection(f"category {category}")
    answer = integer(row.values, "answer_index")
    if answer != letter(row.values, "answer"):
        raise UnusableRow("answer and answer_index name different options")
    return ParsedQuestion(text(row.values, "question"), texts(row.values, "options"), [answer])
