"""The golden corpus of replies: reading it, and the record of what each version of the extractor read.

`make record-readings` (this file as a program) records the readings of the current version. It refuses to change a
reading that is on record: another reading is another version.
"""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from medeval.answers.options import LABELS
from medeval.answers.reading import EXTRACTOR, Reading, read_answer
from medeval.text.reasoning import split_reasoning

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "answers"
CORPUS = FOLDER / "corpus.jsonl"

Row = Mapping[str, Any]


@cache
def corpus() -> Sequence[Row]:
    """The replies with their labels, in the order of the file."""
    return [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def read(row: Row) -> Reading:
    """Read a row as a score would: the reasoning is taken off first, by the delimiters of its model."""
    text, unfinished = row["text"], False
    if "reasoning" in row:
        _, text, unfinished = split_reasoning(text, *row["reasoning"])
    finish = row.get("finish_reason", "stop")
    shown = row.get("labels_shown")
    return read_answer(text, row["options"], finish_reason=finish, reasoning_open=unfinished, labels_shown=shown)


def told(choice: int | None, status: str, stage: str) -> str:
    """Say a reading in a word or two: ``C lenient``, ``ambiguous content``, ``refused``."""
    if choice is not None:
        return f"{LABELS[choice]} {stage}"
    return status if stage == "none" else f"{status} {stage}"


def label(row: Row) -> str:
    """The reading that the hand label of a row asks for."""
    return told(row["choice"], row["status"], row["stage"])


def reading(row: Row) -> str:
    """The reading that the current extractor gives."""
    found = read(row)
    return told(found.choice, found.status, found.stage)


def digest(row: Row) -> str:
    """Name what was read, so that an edited row is not taken for the one on record."""
    said = [row["text"], row["options"], row.get("reasoning"), row.get("finish_reason")]
    said += [row["labels_shown"]] if "labels_shown" in row else []
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:10]


def recorded(extractor: str = EXTRACTOR) -> dict[tuple[str, str], str]:
    """The readings on record for one version, by row id and digest; empty when there are none."""
    path = _record(extractor)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {(name, key): said for name, key, said in (line.split("\t") for line in lines)}


def moved(current: Mapping[tuple[str, str], str], record: Mapping[tuple[str, str], str]) -> list[str]:
    """The rows whose reading is not the one on record, each as ``id: before -> now``."""
    return [f"{key[0]}: {record[key]} -> {now}" for key, now in current.items() if record.get(key, now) != now]


def current_readings() -> dict[tuple[str, str], str]:
    """What the current extractor reads in every row."""
    return {(row["id"], digest(row)): reading(row) for row in corpus()}


def main() -> None:
    """Record the readings of the current version."""
    readings = current_readings()
    if changed := moved(readings, recorded()):
        sys.exit(
            f"{EXTRACTOR} read these rows otherwise when they were recorded:\n" + "\n".join(changed) + f"\n{REMEDY}"
        )
    lines = (f"{name}\t{key}\t{said}\n" for (name, key), said in readings.items())
    _record(EXTRACTOR).write_text("".join(lines), encoding="utf-8")


REMEDY = "Bump the version of MEDEVAL_EXTRACT in src/medeval/answers/reading.py, then run `make record-readings`."


def _record(extractor: str) -> Path:
    return FOLDER / "readings" / f"{extractor}.tsv"


if __name__ == "__main__":
    main()
