"""What others read in the same replies: two published sets, and the named classes of where medeval reads otherwise.

MedAgentsBench (arXiv 2503.07459) has each model's reply with the letter its authors read; Liévin and others (arXiv
2207.08143) have 12,000 chains of thought with their mark, right or wrong.
"""

import gzip
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from medeval.answers.options import LABELS
from medeval.answers.reading import Reading, read_answer
from medeval.text.reasoning import split_reasoning

SHARED = Path(os.environ.get("MEDEVAL_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")
ORACLES = SHARED / "data" / "oracles"
MEDAGENTS, LIEVIN = ORACLES / "medagents", ORACLES / "lievin_cot"
LIEVIN_SETS = ("pubmedqa", "medmcqa-wo-context", "usmle-valid")
# One letter after "answer is": a reply states a letter, found in a way that shares nothing with the reader.
_ONE_LETTER = re.compile(
    r"answer is:?\s+[\"'(]?([A-E])\b[\"')]?(?![^.]{0,12}\b(?:and|or)\b)(?!,? ?/?[A-E]\b)", re.IGNORECASE
)

Row = dict[str, Any]


class Judged(NamedTuple):
    """One reply as read here, beside what its authors made of it.

    Attributes:
        name: Where the reply stands: file and row.
        read: What medeval read.
        agrees: Whether both come to the same; None when the reply has no known key.
        states_letter: Whether a plain pattern finds exactly one letter stated as the answer.
        kind: The class of a disagreement.
    """

    name: str
    read: Reading
    agrees: bool | None
    states_letter: bool
    kind: str


def medagents_files() -> list[Path]:
    """The files of predicted letters, by benchmark and name."""
    return sorted(MEDAGENTS.glob("*/*.json.gz"))


def medagents_rows(path: Path) -> list[Row]:
    """The rows of a file, the first of each ``realidx``."""
    rows = json.loads(gzip.decompress(path.read_bytes()))
    return list({str(row["realidx"]): row for row in reversed(rows)}.values())[::-1]


def published_accuracy(path: Path) -> str | None:
    """The accuracy that the authors print for a file, to one decimal; None when they print none for it."""
    published = json.loads((MEDAGENTS / "PUBLISHED.json").read_text(encoding="utf-8"))
    benchmark = path.parent.name
    model, method = path.name.removesuffix(".json.gz").split(f"-{benchmark}-test", maxsplit=1)
    hard, method = method.startswith("_hard"), method.rpartition("-")[2]
    if hard:
        figure = published["hard_by_method"][method].get(benchmark, {}).get(model)
    else:
        figure = published["full_vs_hard_zero_shot"].get(model, {}).get(benchmark, {}).get("full")
    return None if figure is None else f"{float(figure):.1f}"


def accuracy(rows: Sequence[Row]) -> str:
    """The authors' rule: the predicted letter is the key; per cent to one decimal."""
    return f"{100 * sum(row['predicted_answer'] == row['answer_idx'] for row in rows) / len(rows):.1f}"


def read_medagents(path: Path) -> Iterator[Judged]:
    """Read every reply that a file holds, and compare with the letter that its authors read."""
    for row in medagents_rows(path):
        text = row.get("raw_response") or row.get("completion")
        if not text:
            continue
        options = list(row["options"].values())
        _, visible, unfinished = split_reasoning(text, "<think>", "</think>")
        read = read_answer(visible, options, reasoning_open=unfinished)
        letter = None if read.choice is None else LABELS[read.choice]
        agrees = letter == row["predicted_answer"]
        kind = "" if agrees else _medagents_kind(read, row, options, visible)
        yield Judged(f"{path.name.removesuffix('.json.gz')}:{row['realidx']}", read, agrees, letter is not None, kind)


def _medagents_kind(read: Reading, row: Row, options: Sequence[str], visible: str) -> str:
    if read.status == "truncated":
        return "cut inside the reasoning; their letter comes from the unfinished thought"
    if set(options) <= {*LABELS, "E"} and read.choice is None:
        return "options are letters themselves, of a picture that was not shown"
    if read.choice == 8 and row["predicted_answer"] == "A":
        return "the reply says I, the ninth letter; their parser has A"
    if not visible.strip():
        return "nothing after the reasoning; their letter comes from the thought"
    if visible.strip() in LABELS and "</think>" in (row.get("completion") or ""):
        return "the reply is another letter than the thought; their letter comes from the thought"
    if read.choice is None:
        return "the reply declines, or calls every option wrong; they chose a letter all the same"
    return "other"


def lievin_rows(name: str) -> Iterator[Row]:
    """The generations of one of the three sets, with their options where those are at hand."""
    options = _lievin_options(name)
    with gzip.open(LIEVIN / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for index, line in enumerate(lines):
            row = json.loads(line)
            yield row | {
                "name": f"{name}:{index}",
                "options": options.get(row["source"].partition(":")[2], options.get("", ())),
            }


def _lievin_options(name: str) -> Mapping[str, Sequence[str]]:
    if name == "pubmedqa":
        return {"": ("yes", "no", "maybe")}
    if name == "usmle-valid":  # not at hand: labels can be read without the texts
        return {
            "": tuple(f"the text of choice number {word} is not at hand" for word in ("one", "two", "three", "four"))
        }
    (file,) = (SHARED / "hub").glob("datasets--*medmcqa*/snapshots/*/data/validation*.parquet")
    rows = pq.read_table(file).to_pylist()
    return {row["id"]: (row["opa"], row["opb"], row["opc"], row["opd"]) for row in rows}


def read_lievin(name: str) -> Iterator[Judged]:
    """Read every generation of a set, and compare right or wrong with the authors' mark."""
    for row in lievin_rows(name):
        read = read_answer(row["output"], row["options"])
        key = LABELS.find(row["gold"] or "?")
        ours, theirs = read.choice == key, row["authors_mark"] == "correct"
        agrees = None if key < 0 else ours == theirs
        kind = _lievin_kind(read, row, key) if agrees is False else ""
        stated = _ONE_LETTER.findall(row["output"])
        yield Judged(row["name"], read, agrees, len({letter.upper() for letter in stated}) == 1, kind)


def _lievin_kind(read: Reading, row: Row, key: int) -> str:
    said = (read.extracted or "").split("/")
    last_line = row["output"].strip().rpartition("\n")[2]
    if read.choice == key:
        return "the label stands in quotes or before a dash; marked wrong"
    if read.choice is not None:
        return "other letter"
    if read.status == "ambiguous" and len(said) > 1 and all(one in LABELS for one in said):
        return (
            "several letters; the mark follows the first"
            if said[0] == row["gold"]
            else "several letters; the mark follows another"
        )
    if read.status == "ambiguous" and all(len(text) <= 2 for text in row["options"]):
        return "options are letters themselves"
    if read.status == "ambiguous" and read.stage == "lenient" and len(said) == 1:
        return "label and option text contradict each other; the mark follows the label"
    if re.search(r"(?:none|all) of the|\bE\b|no (?:option|answer)|neither", last_line, re.IGNORECASE):
        return "an answer outside of the options; marked as the last option"
    if "not" in last_line.split() and re.search(r"\b[A-D]\b", last_line):
        return "the label is denied; the mark takes it"
    if read.status == "ambiguous":
        return "several options by their text; the mark follows one"
    return "no label stated; marked by other means"
