"""The items behind the recorded logs, and the recorded files."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from medeval.records import tables
from medeval.scores.imports.importing import Import, Imported, import_responses

RECORDED = Path(__file__).parent / "recorded"
QUESTIONS = (
    ("Which organ makes bile?", ["Spleen", "Liver", "Kidney", "Heart"], 1),
    ("Which vessel leaves the left ventricle?", ["Aorta", "Portal vein", "Vena cava", "Pulmonary vein"], 0),
    ("Which bone is in the thigh?", ["Ulna", "Tibia", "Femur", "Radius"], 2),
)


def item(number: int, **changes: Any) -> dict[str, Any]:
    question, options, answer = QUESTIONS[number]
    row = {
        "benchmark": "toy",
        "item_id": f"i{number}",
        "question": question,
        "options": options,
        "answer": answer,
        "answers": [answer],
        "stratum": "",
        "cluster_id": f"i{number}",
        "source_id": f"q{number}",
        "source_row": number,
        "source_revision": "r",
    }
    return row | changes


def write_items(path: Path, items: list[dict[str, Any]] | None = None) -> Path:
    rows = [item(number) for number in range(len(QUESTIONS))] if items is None else items
    tables.write(path, tables.build(tables.ITEMS, rows), tables.ITEMS, command="test")
    return path


def imported(folder: Path, files: list[Path], settings: Import, items: Any = None) -> tuple[list[Any], Imported]:
    """Import files and return the rows of the table and what was said of them."""
    out = folder / "responses.parquet"
    found = import_responses(files, [write_items(folder / "items.parquet", items)], out, settings, command="test")
    assert tables.read(out, tables.RESPONSES).num_rows == found.responses
    return pq.read_table(out).to_pylist(), found
