"""Invented tables, orders and claims for the tests of audits."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from medeval.records import tables
from medeval.verdicts.audit.order import Order, draw_order
from medeval.verdicts.audit.questions import Question
from medeval.verdicts.audit.units import Unit

Row = dict[str, Any]


def unit(item: str, share: float, span: float = 1.0) -> Unit:
    return Unit((item,), (share,), (span,))


def plain_units(prefix: str, n: int) -> list[Unit]:
    return [unit(f"{prefix}{i:03}", 1.0 / n) for i in range(n)]


def plain_order(sizes: Mapping[str, int], seed: str = "7") -> Order:
    return draw_order({name: plain_units(name, n) for name, n in sizes.items()}, seed)


def question(benchmarks: Sequence[str], low: float | None = 0.0, high: float | None = None, **changes: Any) -> Question:
    metric = "average" if len(benchmarks) > 1 else benchmarks[0]
    values = {"claim": "c", "part": 0, "metric": metric, "benchmarks": tuple(benchmarks), "a": "A", "b": "B"}
    return Question(**{**values, "limits": (low, high), "stated": 0.1, "words": "A above B", **changes})


def item_rows(benchmark: str, items: Iterable[str], **changes: Any) -> list[Row]:
    return [
        {
            "benchmark": benchmark,
            "item_id": item,
            "question": item,
            "options": ["x", "y"],
            "answer": 0,
            "answers": [0],
            "stratum": "",
            "cluster_id": item,
            "source_row": row,
            "source_revision": "rev",
            **changes,
        }
        for row, item in enumerate(items)
    ]


def items_table(rows: Iterable[Row]) -> pa.Table:
    return tables.build(tables.ITEMS, rows)


def conversation_row(item: str, points: Sequence[float], subset: str = "main") -> Row:
    return {
        "benchmark": "healthbench",
        "subset": subset,
        "item_id": item,
        "messages": [{"role": "user", "content": item}],
        "rubrics": [{"criterion": f"{i}", "points": float(p), "tags": []} for i, p in enumerate(points)],
        "example_tags": [],
        "stratum": "hedging",
        "cluster_id": item,
        "source_row": 0,
        "source_revision": "rev",
    }


def conversations_table(rows: Iterable[Row]) -> pa.Table:
    return tables.build(tables.CONVERSATIONS, rows)


def score_row(variant: str, benchmark: str, item: str, correct: bool, **changes: Any) -> Row:
    return {
        "model": "m",
        "variant": variant,
        "target": "cpu",
        "benchmark": benchmark,
        "item_id": item,
        "sample": 0,
        "mode": "generate",
        "stratum": "",
        "cluster_id": item,
        "status": "answered",
        "stage": "strict",
        "correct": correct,
        "method": "test@1",
        "generated_tokens": 1,
        **changes,
    }


def grade_row(variant: str, item: str, index: int, points: float, met: bool | None, **changes: Any) -> Row:
    return {
        "model": "m",
        "variant": variant,
        "target": "cpu",
        "benchmark": "healthbench",
        "subset": "main",
        "item_id": item,
        "sample": 0,
        "criterion_index": index,
        "points": points,
        "tags": [],
        "example_tags": [],
        "stratum": "hedging",
        "judge": "j",
        "judge_prompt_sha256": "0",
        "status": "unusable" if met is None else "graded",
        "met": met,
        **changes,
    }


def write(path: Path, kind: tables.TableType, rows: Iterable[Row]) -> Path:
    tables.write(path, tables.build(kind, rows), kind, command="test")
    return path
