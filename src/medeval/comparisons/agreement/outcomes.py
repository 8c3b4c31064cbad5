"""What responses chose and whether that is right, by the score stage; and how both change between two systems."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medeval.comparisons.agreement.matching import BoolArray, IntArray
from medeval.comparisons.agreement.responses import Responses
from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.documents import as_json
from medeval.scores.layout import READ_COLUMNS
from medeval.scores.score import score
from medeval.statistics.agreement import answer_changes, excess_flips, flips
from medeval.statistics.arrays import FloatArray
from medeval.statistics.paired import PairedDifference

# What the score stage reads; the tokens of long replies would only take memory.
_SCORED_BY = [*READ_COLUMNS]


@dataclass(frozen=True)
class Outcomes:
    """What each response of a table chose.

    Attributes:
        correct: 1 or 0, shape (n,); NaN for a response that was not scored: an error, or of a benchmark without items.
        choice: 0-based option, shape (n,); -1 where none was chosen.
    """

    correct: FloatArray
    choice: IntArray

    def take(self, rows: IntArray) -> "Outcomes":
        """Return the outcomes of some rows; row -1 is one that was not scored."""
        correct = np.where(rows < 0, np.nan, self.correct[rows])
        return Outcomes(correct, np.where(rows < 0, -1, self.choice[rows]))


def read_items(paths: Sequence[Path]) -> pa.Table:
    """Read items tables as one; without any, it has no row.

    Raises:
        MedevalError: A table is unusable, or two hold the same item.
    """
    items = tables.read_all(paths, tables.ITEMS)
    if paths and not len(items):
        raise MedevalError(f"{', '.join(map(str, paths))}: no item", "Give what `medeval items` writes.")
    return items


def outcomes(items: pa.Table, side: Responses, rows: IntArray) -> Outcomes:
    """Score responses of the benchmarks that have items; errors are not scored.

    Args:
        items: Rows of `tables.ITEMS`.
        side: The responses.
        rows: Which of them are needed.

    Raises:
        MedevalError: A response answers an item that is not among those of its benchmark, or cannot be scored.
    """
    correct, choice = np.full(len(side.rows), np.nan), np.full(len(side.rows), -1)
    known = pc.is_in(side.rows["benchmark"], items["benchmark"].unique()).to_numpy()
    failed = pc.equal(side.rows["finish_reason"], "error").to_numpy()
    scored = rows[(known & ~failed)[rows]]
    if len(scored):
        scores = score(items, side.rows.select(_SCORED_BY).take(scored))
        correct[scored] = scores["correct"].to_numpy()
        choice[scored] = pc.fill_null(scores["choice"], -1).to_numpy()
    return Outcomes(correct, choice)


def cluster_codes(items: pa.Table, rows: pa.Table) -> IntArray:
    """Number the units of independence of responses, from 0: the cluster of the item, or else the item itself.

    One number serves every mode and sample of an item, and other benchmarks that share its cluster.
    """
    place = pc.index_in(_item_names(rows), _item_names(items))
    labels = pc.coalesce(items["cluster_id"].take(place), rows["item_id"]).combine_chunks()
    return np.asarray(labels.dictionary_encode().indices.to_numpy(), dtype=np.int64)


def correctness_entry(
    a: Outcomes, b: Outcomes, again: Outcomes | None, chosen: BoolArray, clusters: IntArray, seed: int
) -> dict[str, Any] | None:
    """Describe the change of correctness over some of the compared responses; None when none is scored on both sides.

    Args:
        a: Outcomes of A, one per compared response.
        b: Those of B.
        again: Those of a second run of A.
        chosen: Which responses, shape (n compared,).
        clusters: Cluster number of each response, shape (n compared,).
        seed: Seed of the bootstrap that clustered responses need.
    """
    rows = np.flatnonzero(chosen & ~np.isnan(a.correct) & ~np.isnan(b.correct))
    if not len(rows):
        return None
    report = flips(a.correct[rows], b.correct[rows], clusters[rows], seed=seed)
    changes = answer_changes(_keys(a.choice[rows]), _keys(b.choice[rows]), clusters[rows])
    return {
        "n": len(rows),
        "accuracy_a": float(a.correct[rows].mean()),
        "accuracy_b": float(b.correct[rows].mean()),
        "flips": as_json(report) | {"change": _named(report.change, "gained", "lost")},
        "answer_changes": as_json(changes),
        "excess_flips": _excess(a, b, again, rows, clusters, seed),
    }


def _excess(
    a: Outcomes, b: Outcomes, again: Outcomes | None, rows: IntArray, clusters: IntArray, seed: int
) -> dict[str, Any] | None:
    """Return the flips beyond those between two runs of A, over the responses that all three runs have."""
    if again is None:
        return None
    rows = rows[~np.isnan(again.correct[rows])]
    if not len(rows):
        return None
    base, base_again, test = (side.correct[rows] for side in (a, again, b))
    excess = excess_flips(base, base_again, test, clusters[rows], seed=seed)
    return _named(excess, "flipped_in_b_only", "flipped_again_only")


def _named(difference: PairedDifference, first: str, second: str) -> dict[str, Any]:
    """Return a difference as JSON values, McNemar's two counts under names that say what they count."""
    found: dict[str, Any] = as_json(difference)
    if difference.mcnemar is not None:
        test = difference.mcnemar
        found["mcnemar"] = {first: test.only_a, second: test.only_b, "exact": test.exact, "mid_p": test.mid_p}
    return found


def _item_names(rows: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(rows["benchmark"], rows["item_id"], "/")


def _keys(choices: IntArray) -> list[str | None]:
    return [None if choice < 0 else str(choice) for choice in choices.tolist()]
