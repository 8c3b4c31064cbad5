"""What several replies to the same items say of run-to-run noise."""

from dataclasses import fields

import numpy as np
import pandas as pd

from medeval.comparisons.document import CountedChurn, Runs, UncountedChurn
from medeval.comparisons.item_scores import ItemScores
from medeval.statistics.arrays import FloatArray
from medeval.statistics.churn import churn
from medeval.statistics.runs import decompose_runs, one_run_variance

_ONE_RUN = "each item was answered once, so the noise between runs is not known"
_UNEVEN = "items have different numbers of replies, so the noise between runs is not computed"


def run_matrix(scores: ItemScores, items: pd.Index | None = None) -> FloatArray | None:
    """Return correctness by item and run, shape (n, k); None when items differ in their number of replies.

    Args:
        scores: One system on one benchmark.
        items: Items to take, in this order; None for all.
    """
    chosen = scores.frame.index if items is None else items
    rows = scores.rows[["item_id", "sample", "correct"]].sort_values("sample", kind="stable")
    places = chosen.get_indexer(pd.Index(rows["item_id"]))
    kept = places >= 0
    counts = np.bincount(places[kept], minlength=len(chosen))
    if np.ptp(counts) != 0:
        return None
    # Stable, so that the runs of an item stay in the order of their samples.
    order = np.argsort(places[kept], kind="stable")
    return rows["correct"].to_numpy(dtype=np.float64)[kept][order].reshape(len(chosen), -1)


def runs_entry(scores: ItemScores) -> Runs:
    """Describe the runs of one system on one benchmark."""
    matrix = run_matrix(scores)
    if matrix is None or matrix.shape[1] < 2 or matrix.shape[0] < 2:
        runs = None if matrix is None else matrix.shape[1]
        reason = _UNEVEN if matrix is None else _ONE_RUN if matrix.shape[1] < 2 else "there is one item"
        return Runs(runs, None, None, reason)
    subjects = scores.frame["stratum"].to_numpy() if scores.mean_of_strata else None
    return Runs(matrix.shape[1], one_run_variance(matrix, subjects), decompose_runs(matrix), None)


def churn_entry(a: ItemScores, b: ItemScores, shared: pd.Index, seed: int) -> CountedChurn | UncountedChurn:
    """Describe how often single replies of A and B differ on the shared items, against how often two of A's do."""
    first, second = run_matrix(a, shared), run_matrix(b, shared)
    if first is None or second is None:
        return UncountedChurn(n=len(shared), missing=_UNEVEN)
    found = churn(first, second, a.frame.loc[shared, "cluster_id"].to_numpy(), seed=seed)
    missing = _ONE_RUN if found.floor is None else None
    return CountedChurn(**{field.name: getattr(found, field.name) for field in fields(found)}, missing=missing)
