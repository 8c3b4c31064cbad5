"""What looks for traces of the test items: every detector with what it needs.

To add one: a `Finding` in document.py whose schema is named after the detector, listed in cli/documentation.py and in
report/documents.py; a function that makes it; and an entry in `DETECTORS`. The command, the rule and the plan follow. A
need of a new kind is a field of `Given`, an option in cli/contamination.py and a case of `given` in run/plan.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medeval.contamination.document import Finding, OverlapReport
from medeval.records.files import sha256_file

Need = Literal["items", "corpus"]


@dataclass(frozen=True)
class Given:
    """The files that a detector is given, of which it reads those that it needs.

    Attributes:
        items: Table of items.
        corpus: Texts like those that models were trained on.
    """

    items: Path
    corpus: tuple[Path, ...] = ()

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of every file by its name, or by its path where two have one name; folders have none."""
        paths = [path for path in (self.items, *self.corpus) if path.is_file()]
        names = [path.name for path in paths]
        return {path.name if names.count(path.name) == 1 else str(path): sha256_file(path) for path in paths}


@dataclass(frozen=True)
class Detector:
    """One way to look for traces of the test items.

    Attributes:
        name: Its command, and the folder of its documents.
        about: What it does, for `--help`, with an example.
        needs: What it reads; it is off where a run's configuration gives none of one of these.
        run: Reads what it is given and says what it found.
    """

    name: str
    about: str
    needs: tuple[Need, ...]
    run: Callable[[Given], Finding]


def _overlap(given: Given) -> OverlapReport:
    # Imported here, since every job reads the list of detectors, and few need what a detector stands on.
    from medeval.contamination.ngrams import overlap
    from medeval.records import tables

    return overlap(tables.read(given.items, tables.ITEMS), given.corpus, inputs=given.hashes())


DETECTORS = {
    detector.name: detector
    for detector in (
        Detector(
            name="overlap",
            about="Search given texts for the test items.\n\n"
            "Example: medeval contamination overlap --items medqa.parquet --corpus corpus.jsonl --out overlap.json",
            needs=("items", "corpus"),
            run=_overlap,
        ),
    )
}
