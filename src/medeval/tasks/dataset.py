"""Items tables as the data sets of lm-eval tasks."""

from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.shards import Shard


def items(items: str | None = None, benchmark: str | None = None, shard: str | None = None, **_: Any) -> dict[str, Any]:
    """Give lm-eval the items of one benchmark as its `test` split.

    Args:
        items: A table, or a folder with one Parquet file per benchmark, from lm-eval's `--metadata`.
        benchmark: Which benchmark; the task file says it.
        shard: Part of the items, such as `2-of-8`, from `--metadata`; None for all.

    Raises:
        MedevalError: The folder is not given or lacks the benchmark's file.
    """
    from datasets import Dataset
    from datasets.table import InMemoryTable

    if items is None:
        raise MedevalError(
            "the task has no items", 'Give lm_eval the folder of items tables: --metadata \'{"items": "DIR"}\'.'
        )
    table_type = tables.CONVERSATIONS if benchmark == "healthbench" else tables.ITEMS
    path = Path(items) / f"{benchmark}.parquet" if Path(items).is_dir() else Path(items)
    table = tables.first_of_each_item(tables.read(path, table_type))
    if shard is not None:
        table = Shard.parse(shard).take(table)
    return {"test": Dataset(InMemoryTable(table.replace_schema_metadata(None)))}
