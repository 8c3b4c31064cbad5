"""Small tables of items and corpora, for tests of what is searched for in what."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from medeval.records import tables


def items(questions: Sequence[str], **changes: Any) -> pa.Table:
    """Return a table of items with these questions."""
    rows = [
        {
            "benchmark": "toy",
            "item_id": f"q{number}",
            "question": question,
            "options": ["amber", "basalt", "coral", "dolerite"],
            "answer": 2,
            "answers": [2],
            "stratum": "",
            "cluster_id": f"q{number}",
            "source_row": number,
            "source_revision": "r",
        }
        | changes
        for number, question in enumerate(questions)
    ]
    return tables.build(tables.ITEMS, rows)


def corpus(folder: Path, *texts: str, name: str = "corpus.jsonl") -> Path:
    """Write a corpus of these documents."""
    path = folder / name
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path
