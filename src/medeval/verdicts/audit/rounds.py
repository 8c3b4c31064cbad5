"""The items of the first rounds as tables of their own, which `medeval evaluate` takes like any others."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from medeval.records import tables
from medeval.verdicts.audit.order import Order
from medeval.verdicts.audit.units import SUBSETS


def write_rounds(
    paths: Sequence[Path], order: Order, record: Path, rounds: int, folder: Path, *, command: str
) -> Iterator[tuple[Path, int]]:
    """Write the leading rows of each table into a folder, under the same file names.

    Args:
        paths: The items and conversations tables that the order was drawn from.
        order: The order.
        record: Its record, whose hash each table names as the order it was taken by.
        rounds: How many rounds.
        folder: Where to write.
        command: The command line, for the record.

    Yields:
        Each file with the number of its rows.
    """
    leading = {(name, item) for name, items in order.leading(rounds).items() for item in items}
    for path in paths:
        is_items = tables.read_record(path)["table"] == tables.ITEMS.name
        kind = tables.ITEMS if is_items else tables.CONVERSATIONS
        table = tables.read(path, kind)
        names = table["benchmark"].to_pylist() if is_items else [SUBSETS[s] for s in table["subset"].to_pylist()]
        chosen = [key in leading for key in zip(names, table["item_id"].to_pylist(), strict=True)]
        part = table.filter(pa.array(chosen, pa.bool_()))
        out = folder / path.name
        tables.write(out, part, kind, command=command, inputs={"items": path, "order": record})
        yield out, part.num_rows
