"""The six medical subjects of MMLU, in the schema of cais/mmlu.

The published figure of MMLU (Health) is the mean of the six subjects' scores, not the score over all
questions, hence the subject as stratum. 78 questions stand, with the same options and answer, in both
clinical_knowledge and college_medicine: both copies count, but they share a cluster.
"""

from collections.abc import Sequence
from pathlib import Path

from medeval.items.benchmarks.collect import BenchmarkLayout, ParsedQuestion, collect_items
from medeval.items.benchmarks.fields import OutsideSelection, integer, text, texts
from medeval.items.benchmarks.locate import KnownFiles
from medeval.items.benchmarks.report import Loaded
from medeval.items.benchmarks.source import SourceRow, read_files
from medeval.items.benchmarks.tally import Tally

EXPECTED_ITEMS = 1089
SUBJECTS = (
    "anatomy",
    "clinical_knowledge",
    "college_biology",
    "college_medicine",
    "medical_genetics",
    "professional_medicine",
)
FILES = KnownFiles(("cais/mmlu",), (tuple(f"{subject}/test-*.parquet" for subject in SUBJECTS),))
_COLUMNS = ("question", "choices", "answer", "subject")


def load(files: Sequence[Path], revision: str) -> Loaded:
    """Return the items of the six subjects; rows of other subjects are counted as outside.

    Args:
        files: The test files, one per subject, or one that holds several subjects.
        revision: Commit or hash of the source.

    Raises:
        MedevalError: A file or column is missing or broken, a row is unusable, or none is of the six.
    """
    tally = Tally("mmlu_health", EXPECTED_ITEMS)
    return collect_items(tally, BenchmarkLayout(option_count=4), _rows(tally, files), revision, _parse)


def _rows(tally: Tally, files: Sequence[Path]) -> list[SourceRow]:
    rows = list(read_files(files, _COLUMNS))
    found = [row.values["subject"] for row in rows]
    if absent := [subject for subject in SUBJECTS if subject not in found]:
        tally.notes.append(f"no row of {', '.join(absent)}: a mean over subjects leaves them out")
    # Which of two copies of a question gets the plain item_id must not hang on the order of the files.
    return sorted(rows, key=lambda row: str(row.values["subject"]))


def _parse(row: SourceRow) -> ParsedQuestion:
    subject = text(row.values, "subject")
    if subject not in SUBJECTS:
        raise OutsideSelection(f"subject {subject}")
    answer = integer(row.values, "answer")
    return ParsedQuestion(text(row.values, "question"), texts(row.values, "choices"), [answer], stratum=subject)
