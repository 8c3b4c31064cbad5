"""PubMedQA, labelled by experts: a question on an abstract, answered with yes, no or maybe.

The context is the abstract's paragraphs without its conclusion, which gives the answer away and is published
apart (`long_answer`). Published scores rest on 500 of the 1000 rows. The hub's file does not mark them, so
their PubMed ids are part of this package.
"""

import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.items.benchmarks.collect import BenchmarkLayout, ParsedQuestion, collect_items
from medeval.items.benchmarks.fields import OutsideSelection, UnusableRow, text, texts
from medeval.items.benchmarks.locate import KnownFiles
from medeval.items.benchmarks.report import Loaded
from medeval.items.benchmarks.source import SourceRow, first_row, read_files
from medeval.items.benchmarks.tally import Tally, source_id

EXPECTED_ITEMS = 500
EXPECTED_ITEMS_ALL = 1000
FILES = KnownFiles(("qiaojin/PubMedQA",), (("pqa_labeled/train-*.parquet",), ("ori_pqal.json",)))
_DECISIONS = ("yes", "no", "maybe")
_HUB_COLUMNS = ("pubid", "question", "context", "final_decision")
_AUTHORS_COLUMNS = ("pubid", "QUESTION", "CONTEXTS", "final_decision")


def load(files: Sequence[Path], revision: str, split: str = "test") -> Loaded:
    """Return the items of PubMedQA; options are yes, no and maybe, and there are no strata.

    Args:
        files: The hub's `pqa_labeled` file(s), or the authors' `ori_pqal.json`, an object keyed by PubMed id.
        revision: Commit or hash of the source.
        split: "test" for the official 500, "all" for every row. A source without any official id has no such
            split: all its rows are used, and the report says so.

    Raises:
        MedevalError: A file or column is missing or broken, a row is unusable, or the source holds only part
            of the official split.
    """
    if split not in ("test", "all"):
        raise MedevalError(f"PubMedQA has no split {split!r}", "Give test or all.")
    tally = Tally("pubmedqa", EXPECTED_ITEMS if split == "test" else EXPECTED_ITEMS_ALL)
    rows = _rows(files)
    selected = _selection(rows, tally) if split == "test" else None

    def parse(row: SourceRow) -> ParsedQuestion:
        if selected is not None and source_id(row, "pubid") not in selected:
            raise OutsideSelection("not in the official test split")
        return _parse(row)

    return collect_items(tally, BenchmarkLayout("pubid", gold_labels=_DECISIONS), rows, revision, parse)


def official_test_ids() -> frozenset[str]:
    """Return the 500 PubMed ids of the official test split."""
    listing = importlib.resources.files("medeval.items.benchmarks").joinpath("pubmedqa_test_ids.txt")
    lines = listing.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _rows(files: Sequence[Path]) -> list[SourceRow]:
    authors = bool(files) and "QUESTION" in first_row(files[0], key_column="pubid")
    return list(read_files(files, _AUTHORS_COLUMNS if authors else _HUB_COLUMNS, key_column="pubid"))


def _selection(rows: Sequence[SourceRow], tally: Tally) -> frozenset[str] | None:
    """Return the ids to use, or None for all of a source that has nothing to do with the official rows."""
    official = official_test_ids()
    found = official & {source_id(row, "pubid") for row in rows}
    if not found:
        tally.notes.append("no row has an id of the official test split: all rows are used")
        return None
    if found != official:
        raise MedevalError(
            f"{rows[0].file}: holds {len(found)} of the {len(official)} rows of the official test split",
            "Give the whole labelled set, or ask for split='all' to use every row.",
        )
    return official


def _parse(row: SourceRow) -> ParsedQuestion:
    values: dict[str, Any] = dict(row.values)
    if "QUESTION" in values:
        values |= {"question": values["QUESTION"], "contexts": values["CONTEXTS"]}
    elif isinstance(values["context"], dict) and "contexts" in values["context"]:
        values["contexts"] = values["context"]["contexts"]
    else:
        raise UnusableRow("context is no object with a list of contexts")
    if source_id(row, "pubid") is None:
        raise UnusableRow("pubid is empty")
    paragraphs = texts(values, "contexts")
    if not paragraphs or not all(paragraph.strip() for paragraph in paragraphs):
        raise UnusableRow("the context, or a paragraph of it, is empty")
    decision = text(values, "final_decision")
    if decision not in _DECISIONS:
        raise UnusableRow(f"final_decision is none of {', '.join(_DECISIONS)}")
    return ParsedQuestion(
        text(values, "question"), _DECISIONS, [_DECISIONS.index(decision)], context="\n".join(paragraphs)
    )
