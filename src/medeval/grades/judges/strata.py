"""Where a judge errs: sensitivity, specificity and over-granting by theme and by length."""

from typing import Any

import numpy as np
import numpy.typing as npt

from medeval.grades.judges.rows import TERTILES, MetaRows, labels_of
from medeval.records.documents import as_json
from medeval.statistics.agreement import share_of_items
from medeval.statistics.clustered import cluster_mean

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def error_rates_by_stratum(rows: MetaRows, said: FloatArray) -> dict[str, list[dict[str, Any]]]:
    """Return a judge's rates of error, overall and by stratum.

    Every usable grade is held against every physician's label of its row. Shares have Wilson intervals on effective
    pairs, since pairs of one prompt are not independent. The rows tell no points, so there is no stratum by their sign.

    Args:
        rows: The judged rows.
        said: 1 met, 0 not met, NaN unusable; shape (n, samples).

    Returns:
        By stratification (`all`, `theme`, `criterion length`, `completion length`), one entry per stratum:
        `sensitivity` (grade met where the label is), `specificity`, `met_by_judge`, `met_by_physicians`, and
        `overstated`, the former minus the latter; null where nothing can be said.
    """
    labels = labels_of(rows)
    samples = said.shape[1]
    row = np.tile(labels.row, samples)
    truth, grade = np.tile(labels.met, samples), said[labels.row].T.ravel()
    usable = ~np.isnan(grade)
    row, truth, grade = row[usable], truth[usable], grade[usable]
    kinds = {"all": np.full(len(rows), "all"), **rows.strata()}
    return {
        kind: [
            {"stratum": name, **_rates(truth[part], grade[part], rows.prompts[row[part]])}
            for name in _in_order(names)
            if (part := names[row] == name).any()
        ]
        for kind, names in kinds.items()
    }


def _in_order(names: npt.NDArray[np.str_]) -> list[str]:
    """Return the strata that occur, lengths from short to long and others by name."""
    found = set(names.tolist())
    return [name for name in TERTILES if name in found] if found <= set(TERTILES) else sorted(found)


def _rates(truth: FloatArray, grade: FloatArray, prompts: npt.NDArray[np.str_]) -> dict[str, Any]:
    met = truth == 1
    return {
        "pairs": len(truth),
        "sensitivity": _share(grade, prompts, met),
        "specificity": _share(1.0 - grade, prompts, ~met),
        "met_by_judge": float(grade.mean()),
        "met_by_physicians": float(truth.mean()),
        "overstated": as_json(cluster_mean(grade - truth, prompts)),
    }


def _share(holds: FloatArray, prompts: npt.NDArray[np.str_], wanted: BoolArray) -> dict[str, Any] | None:
    if not wanted.any():
        return None
    entry: dict[str, Any] = as_json(share_of_items(holds[wanted], prompts[wanted]))
    return entry
