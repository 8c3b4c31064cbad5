"""Meta-evaluation rows and grades, made to order."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medeval.grades.judge_reply import Grade
from medeval.grades.judges.rows import MetaRows, read_rows
from medeval.grades.questions import JudgeQuestion
from medeval.records import tables

DEMO = Path(__file__).parents[4] / "config/demo/healthbench/meta.demo.jsonl"
CATEGORIES = ("hedging_no-uncertainty_hedges", "context_seeking_enough-context_precise")


def meta_row(
    number: int, labels: Sequence[bool], *, category: str = CATEGORIES[0], prompt: int | None = None, **changes: Any
) -> dict[str, Any]:
    """One row in the schema of the published file; every row has its own answer."""
    return {
        "prompt": [{"role": "user", "content": f"Question {number if prompt is None else prompt}?"}],
        "completion": f"Answer {number}.",
        "rubric": f"The criterion of {category}.",
        "category": f"cluster:{category}",
        "binary_labels": list(labels),
        "anonymized_physician_ids": [f"physician {k}" for k in range(len(labels))],
        "prompt_id": f"p{number if prompt is None else prompt}",
        "completion_id": f"c{number}",
        "canary": None,
    } | changes


def write_meta(folder: Path, rows: Iterable[Mapping[str, Any]]) -> MetaRows:
    """Write rows as JSON lines and read them."""
    path = folder / "meta.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_rows(path)


def write_meta_grades(path: Path, item_ids: Sequence[str], *samples: Sequence[bool | None], **columns: Any) -> Path:
    """Write grades of one or more samples as somebody else would: `item_id`, `met` and `sample`."""
    rows = [
        {"item_id": item_id, "sample": sample, "met": met, **columns}
        for sample, said in enumerate(samples)
        for item_id, met in zip(item_ids, said, strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def grade(
    model: str, item: str, index: int, points: float, met: bool | None, *, judge: str = "judge", **changes: Any
) -> dict[str, Any]:
    """One row of a grades table."""
    return {
        "model": model, "variant": "v", "target": "cpu", "benchmark": "healthbench", "subset": "main", "item_id": item,
        "sample": 0, "criterion_index": index, "points": points, "tags": [], "example_tags": ["theme:hedging"],
        "stratum": "hedging", "judge": judge, "judge_prompt_sha256": "0", "met": met,
        "status": "unusable" if met is None else "graded",
    } | changes  # fmt: skip


def write_grades(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write a grades table of ours."""
    tables.write(path, tables.build(tables.GRADES, rows), tables.GRADES, command="test")
    return path


class ScriptedJudge:
    """Answers by a function of the prompt, and remembers what it was asked."""

    name = "scripted"
    mode = "criterion"

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def decide_all(self, questions: Sequence[JudgeQuestion]) -> Iterator[tuple[int, tuple[Grade, ...]]]:
        for index, question in enumerate(questions):
            self.asked.append(question.text)
            yield index, (self.answer(question.text),)


def said(met: bool | None) -> Grade:
    """A usable grade, or an unusable one."""
    return Grade(met, None, "unusable" if met is None else "graded")
