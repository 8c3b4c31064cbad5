"""Invented responses of two systems, as files, and the command run on them."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from click.testing import CliRunner, Result
from tests.unit.responses.run_records import identity_of, record_of

from medeval.cli.app import main
from medeval.records import tables
from medeval.records.shards import record_path
from medeval.responses.record import Identity

Row = dict[str, Any]
GREEDY = identity_of()


def response(item_id: str, **changes: Any) -> Row:
    row = {
        "run_id": "0123456789abcdef",
        "model": "tiny",
        "variant": "f16",
        "target": "cpu",
        "benchmark": "medqa",
        "item_id": item_id,
        "sample": 0,
        "mode": "letter",
        "prompt_sha256": "ab" * 32,
        "finish_reason": "scored",
        "prompt_tokens": 100,
        "generated_tokens": 0,
    }
    return row | changes


def letters(probabilities: Sequence[Sequence[float]], **changes: Any) -> list[Row]:
    """Letter responses whose options have these probabilities, up to a factor that they all share."""
    with np.errstate(divide="ignore"):
        logs = np.log(np.asarray(probabilities, dtype=float)) - 2.0
    return [response(f"i{row}", option_logprobs=list(values), **changes) for row, values in enumerate(logs)]


def choosing(choices: Sequence[int], **changes: Any) -> list[Row]:
    """Letter responses that choose these options out of four, clearly."""
    return letters([[0.7 if option == choice else 0.1 for option in range(4)] for choice in choices], **changes)


def replies(texts: Sequence[str | None], **changes: Any) -> list[Row]:
    return [
        response(f"i{row}", mode="generate", finish_reason="stop", text=text, **changes)
        for row, text in enumerate(texts)
    ]


def failed(row: Row) -> Row:
    return row | {"finish_reason": "error", "error": "out of memory", "option_logprobs": None, "text": None}


def with_tokens(
    rows: Sequence[Row], ids: Sequence[Sequence[int] | None], logprobs: Sequence[Sequence[float] | None] | None = None
) -> list[Row]:
    logs = logprobs or [None] * len(rows)
    return [
        row | {"token_ids": tokens, "token_logprobs": values}
        for row, tokens, values in zip(rows, ids, logs, strict=True)
    ]


def write(path: Path, rows: Iterable[Row], *, settings: Identity | None = None, weights: Path | None = None) -> Path:
    """Write a responses table, and the settings of its run beside it when they are given."""
    rows = [dict(row) for row in rows]
    if settings is not None:
        rows = [row | {"run_id": settings.run_id} for row in rows]
        record_of(settings).write(record_path(path))
    table = pa.Table.from_pylist(rows, schema=tables.RESPONSES.schema)
    inputs = {} if weights is None else {"weights": weights}
    tables.write(path, table, tables.RESPONSES, command="test", inputs=inputs)
    return path


def write_items(path: Path, count: int, *, benchmark: str = "medqa", share: int = 1) -> Path:
    """Write items of four options whose first is right; every `share` of them make a cluster."""
    rows = [
        {
            "benchmark": benchmark,
            "item_id": f"i{row}",
            "question": "Which?",
            "options": ["one", "two", "three", "four"],
            "answer": 0,
            "answers": [0],
            "stratum": "",
            "cluster_id": f"c{row // share}",
            "source_row": row,
            "source_revision": "r",
        }
        for row in range(count)
    ]
    tables.write(path, tables.build(tables.ITEMS, rows), tables.ITEMS, command="test")
    return path


def agree(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["agree", *map(str, arguments)])


def document(folder: Path, *arguments: object) -> dict[str, Any]:
    """Run the command and return its document."""
    out = folder / "agreement.json"
    result = agree(*arguments, "--out", out)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(out.read_text())
    return found
