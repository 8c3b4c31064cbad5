"""Which item each response answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medeval.errors import MedevalError

MATCHES = ("item_id", "source_id", "source_row")

IntArray = npt.NDArray[np.int64]

_SEPARATOR = "\x1f"


class ItemLookup:
    """Finds items by benchmark and id.

    Args:
        items: Rows of `tables.ITEMS`.
        match: The column of the items that the responses' `item_id` names.

    Raises:
        MedevalError: `match` is none of `MATCHES`, or two items share a benchmark and item_id.
    """

    def __init__(self, items: pa.Table, match: str = "item_id") -> None:
        if match not in MATCHES:
            raise MedevalError(f"items are not matched by {match!r}", f"Give one of: {', '.join(MATCHES)}.")
        self._items, self._match = items, match
        self._keys = _keys(items["benchmark"], items[match])
        first = pc.index_in(self._keys, self._keys, skip_nulls=True).to_numpy(zero_copy_only=False)
        again = np.flatnonzero(first < np.arange(len(items)))  # null keys compare as False
        self._repeated = set(first[again].astype(int).tolist())
        if match == "item_id" and self._repeated:
            raise MedevalError("items: two rows share a benchmark and item_id", "Write the items table again.")

    def places(self, benchmarks: pa.ChunkedArray, ids: pa.ChunkedArray, where: Callable[[int], str]) -> IntArray:
        """Return the position of each response's item.

        Args:
            benchmarks: Benchmark of each response.
            ids: What the responses call their items, as text.
            where: Names a row's place, such as "responses.parquet: row 7".

        Raises:
            MedevalError: No item, or more than one, has the id of a response; names the row, the id and the way out.
        """
        found = pc.index_in(_keys(benchmarks, ids), self._keys, skip_nulls=True)
        if found.null_count:
            row = pc.index(found.is_null(), True).as_py()
            self._refuse(where(row), benchmarks[row].as_py(), ids[row].as_py(), found.null_count)
        places: IntArray = found.to_numpy(zero_copy_only=False).astype(np.int64)
        if self._repeated and (rows := np.flatnonzero(np.isin(places, list(self._repeated)))).size:
            row = int(rows[0])
            raise MedevalError(
                f"{where(row)}: several items of {benchmarks[row].as_py()!r} have the {self._match} "
                f"{ids[row].as_py()!r}",
                "Match by item_id: `medeval items` writes one for every item.",
            )
        return places

    def _refuse(self, where: str, benchmark: Any, identifier: Any, count: int) -> None:
        more = f"; {count} rows beside it have none either" if (count := count - 1) else ""
        problem = f"{where} answers item {identifier!r} of {benchmark!r}, which is not in the items table{more}"
        raise MedevalError(problem, self._remedy(benchmark, identifier))

    def _remedy(self, benchmark: Any, identifier: Any) -> str:
        known = self._items["benchmark"].unique().to_pylist()
        if benchmark not in known:
            return f"Give the items table of {benchmark!r}; this one holds {', '.join(sorted(known)) or 'no items'}."
        key = f"{benchmark}{_SEPARATOR}{identifier}"
        for other in MATCHES:
            if other != self._match and key in _keys(self._items["benchmark"], self._items[other]).to_pylist():
                return f"An item there has it as its {other}: say `--match {other}` if the ids are meant so."
        return "Score responses with the items table that they were generated from."


def _keys(benchmarks: pa.ChunkedArray, ids: pa.ChunkedArray) -> pa.Array:
    texts = [_combined(column).cast(pa.string()) for column in (benchmarks, ids)]
    return pc.binary_join_element_wise(*texts, _SEPARATOR)


def _combined(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
