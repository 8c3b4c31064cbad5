"""Which responses a table should hold: each once, and one for every item of a benchmark that a run answers."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medeval.errors import MedevalError
from medeval.records.system import SYSTEM
from medeval.scores.lookup import IntArray, ItemLookup

RUN = [*SYSTEM, "benchmark", "sample", "mode"]
_SEPARATOR = "\x1f"


@dataclass
class RunLedger:
    """Remembers which item each run has answered, in 8 bytes a response.

    Attributes:
        items: Number of items; their positions are numbered from 0.
        runs: The values of `RUN` -> number of the run.
    """

    items: int
    runs: dict[str, int] = field(default_factory=dict)
    _codes: list[IntArray] = field(default_factory=list)

    def add(self, rows: pa.Table, places: IntArray) -> None:
        """Count responses.

        Args:
            rows: The columns `RUN`.
            places: Position of each row's item, shape (rows,).
        """
        self._codes.append(self.run_numbers(rows) * self.items + places)

    def check_unique(self, where: str) -> None:
        """Check that no run has answered an item twice.

        Args:
            where: The table that the rows are of, for the message.

        Raises:
            MedevalError: One has; both rows are named.
        """
        if not self._codes:
            return
        codes = np.concatenate(self._codes)
        unique, first = np.unique(codes, return_index=True)
        if len(unique) == len(codes):
            return
        again = np.ones(len(codes), dtype=bool)
        again[first] = False
        row = int(np.flatnonzero(again)[0])
        earlier = int(np.flatnonzero(codes == codes[row])[0])
        run = list(self.runs)[int(codes[row]) // self.items].split(_SEPARATOR)
        named = ", ".join(f"{name} {value!r}" for name, value in zip(RUN, run, strict=True))
        raise MedevalError(
            f"{where}: rows {earlier} and {row} answer the same item: {named}",
            "Keep one of them; replies drawn several times are told apart by the column `sample`: 0, 1, 2, ...",
        )

    def run_numbers(self, rows: pa.Table) -> IntArray:
        """Return the number of each row's run, shape (rows,); a run that is new gets the next one."""
        texts = [rows[name].combine_chunks().cast(pa.string()) for name in RUN]
        coded = pc.binary_join_element_wise(*texts, _SEPARATOR).dictionary_encode()
        numbers = [self.runs.setdefault(run, len(self.runs)) for run in coded.dictionary.to_pylist()]
        found: IntArray = np.array(numbers, dtype=np.int64)[coded.indices.to_numpy(zero_copy_only=False)]
        return found


def missing_items(items: pa.Table, responses: pa.Table) -> pa.Table:
    """List the items without a response, for every run.

    Args:
        items: Rows of `tables.ITEMS`.
        responses: Rows with the columns `RUN` and item_id, such as those of `tables.RESPONSES` or `tables.SCORES`.

    Returns:
        Columns model, variant, target, benchmark, sample, mode and item_id. A run is expected to answer every
        item of a benchmark of which it answers one. Items of a benchmark without a run appear once, with
        null in the columns of the run.

    Raises:
        MedevalError: A response has no item.
    """
    plain = responses.select([*RUN, "item_id"]).cast(_MISSING)
    runs = plain.group_by(RUN, use_threads=False).aggregate([]).to_pylist()
    places = ItemLookup(items).places(plain["benchmark"], plain["item_id"], lambda row: f"responses: row {row}")
    ledger = RunLedger(len(items))
    numbers = ledger.run_numbers(plain) if len(plain) else np.zeros(0, dtype=np.int64)
    benchmarks = items["benchmark"].to_numpy(zero_copy_only=False)
    ids = items["item_id"].to_pylist()
    rows = []
    for run in runs:
        number = ledger.runs[_SEPARATOR.join(str(run[name]) for name in RUN)]
        absent = benchmarks == run["benchmark"]
        absent[places[numbers == number]] = False
        rows += [{**run, "item_id": ids[place]} for place in np.flatnonzero(absent)]
    asked = {run["benchmark"] for run in runs}
    unasked = [place for place, benchmark in enumerate(benchmarks) if benchmark not in asked]
    rows += [{"benchmark": benchmarks[place], "item_id": ids[place]} for place in unasked]
    order = [(name, "ascending") for name in _MISSING.names]
    return pa.Table.from_pylist(rows, schema=_MISSING).sort_by(order)


_MISSING = pa.schema([(name, pa.int32() if name == "sample" else pa.string()) for name in (*RUN, "item_id")])
