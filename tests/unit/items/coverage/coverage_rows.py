"""Invented items and conversations as tables."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from medeval.records import tables

Row = dict[str, Any]


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - nothing secret


def item(
    item_id: str, question: str, options: Sequence[str], answer: int = 0, benchmark: str = "medqa", **changes: Any
) -> Row:
    row = {
        "benchmark": benchmark,
        "item_id": item_id,
        "question": question,
        "options": list(options),
        "answer": answer,
        "answers": [answer],
        "stratum": "",
        "cluster_id": item_id,
        "source_row": 0,
        "source_revision": "rev",
    }
    return row | changes


def items(rows: Iterable[Row]) -> pa.Table:
    return tables.build(tables.ITEMS, rows)


def conversation(item_id: str, *texts: str, subset: str = "main", theme: str = "hedging") -> Row:
    return {
        "benchmark": "healthbench",
        "subset": subset,
        "item_id": item_id,
        "messages": [{"role": "user", "content": text} for text in texts],
        "rubrics": [{"criterion": "Is kind", "points": 1.0, "tags": []}],
        "example_tags": [f"theme:{theme}"],
        "stratum": theme,
        "cluster_id": item_id,
        "source_row": 0,
        "source_revision": "rev",
    }


def conversations(rows: Iterable[Row]) -> pa.Table:
    return tables.build(tables.CONVERSATIONS, rows)


def invented_items(count: int, seed: int) -> list[Row]:
    """Items of nonsense words within the set phrases of an examination; 12 to 60 words, 2 in 10 of 6 to 11."""
    draw = seeded(seed)
    syllables = [a + b for a in "bcdfgklmnprstv" for b in "aeiou"]
    vocabulary = ["".join(draw.choices(syllables, k=3)) for _ in range(2500)]
    closings = ["which of the following is the most likely diagnosis", "what is the next best step in management"]
    rows = []
    for number in range(count):
        short = draw.random() < 0.2
        words = draw.choices(vocabulary, k=draw.randint(6, 11) if short else draw.randint(12, 52))
        stem = " ".join(words) + ("" if short else " " + draw.choice(closings))
        options = [" ".join(draw.choices(vocabulary, k=2)) for _ in range(3)] + ["none of the above"]
        rows.append(item(f"i{number}", stem, options, draw.randrange(3)))
    return rows
