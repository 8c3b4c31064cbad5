"""Items and responses that the tests of scoring are made of."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medeval.records import tables
from medeval.scores.score import score

OPTIONS = ["Spleen", "Liver", "Kidney", "Heart"]


def item(item_id: str, **changes: Any) -> dict[str, Any]:
    row = {
        "benchmark": "toy",
        "item_id": item_id,
        "question": "Which organ makes bile?",
        "options": OPTIONS,
        "answer": 1,
        "answers": [1],
        "stratum": "liver",
        "cluster_id": f"c-{item_id}",
        "source_row": 0,
        "source_revision": "r",
    }
    return row | changes


def response(item_id: str, **changes: Any) -> dict[str, Any]:
    row = {
        "run_id": "run",
        "model": "m",
        "variant": "f16",
        "target": "cpu",
        "benchmark": "toy",
        "item_id": item_id,
        "sample": 0,
        "mode": "generate",
        "prompt_sha256": "p",
        "finish_reason": "stop",
        "prompt_tokens": 5,
        "generated_tokens": 3,
        "text": "Answer: B",
    }
    return row | changes


def scored(item_id: str, mode: str, logprobs: list[float] | None, **changes: Any) -> dict[str, Any]:
    return response(item_id, mode=mode, finish_reason="scored", text=None, option_logprobs=logprobs, **changes)


def run(items: list[dict[str, Any]], responses: list[dict[str, Any]]) -> pa.Table:
    return score(tables.build(tables.ITEMS, items), tables.build(tables.RESPONSES, responses))


def write_items(path: Path, items: list[dict[str, Any]]) -> Path:
    tables.write(path, tables.build(tables.ITEMS, items), tables.ITEMS, command="test")
    return path


def write_rows(path: Path, rows: list[dict[str, Any]] | pa.Table) -> Path:
    """Write a table as another program would: without a record of its origin."""
    if not isinstance(rows, pa.Table):
        names = dict.fromkeys(name for row in rows for name in row)
        rows = pa.table({name: [row.get(name) for row in rows] for name in names})
    pq.write_table(rows, path)
    return path
