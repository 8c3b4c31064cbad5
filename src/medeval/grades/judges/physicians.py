"""Physicians as judges of each other: the agreement that a judge can be held against."""

from typing import Any

import numpy as np
import numpy.typing as npt

from medeval.grades.judges.rows import Labels, MetaRows, labels_of
from medeval.records.documents import as_json
from medeval.statistics.judge_agreement import (
    CELLS,
    agreement,
    class_weight,
    group_totals,
    macro_f1,
    mean_macro_f1,
    pair_cells,
)

LEAST_PAIRS = 50  # of a physician, for a figure of their own

FloatArray = npt.NDArray[np.float64]


def judge_against_each(rows: MetaRows, met: FloatArray, not_met: FloatArray) -> list[dict[str, Any]]:
    """Compare a judge with each physician who gave at least 50 labels on the judged rows.

    Args:
        rows: The judged rows.
        met: Share of the judge's replies that say met, by row.
        not_met: Share that say not met, by row.
    """
    labels = labels_of(rows)
    cells = pair_cells(met[labels.row], not_met[labels.row], labels.met, 1.0 - labels.met)
    names, codes = np.unique(labels.physician, return_inverse=True)
    totals = group_totals(cells, codes, len(names))
    return [
        {"physician": str(name), **as_json(agreement(total[None, :]))}
        for name, total in zip(names, totals, strict=True)
        if total.sum() >= LEAST_PAIRS
    ]


def among_themselves(rows: MetaRows) -> dict[str, Any]:
    """Return how physicians agree with the other physicians of the same rows.

    Every label is held against every other label of its row. A physician has a figure with at least 50 such pairs; the
    means weigh physicians by ``n+ + n-``.

    Returns:
        `each`: macro-F1 of every physician, pooled; `mean`: their weighted mean; `themes`: by theme, the weighted mean
        of the physicians' theme figures, each the weighted mean over categories, as for a judge.
    """
    labels = labels_of(rows)
    names, physicians = np.unique(labels.physician, return_inverse=True)
    categories, of_row = np.unique(rows.categories, return_inverse=True)
    totals = np.zeros((len(names), len(categories), CELLS))
    np.add.at(totals, (physicians, of_row[labels.row]), labels.against_others())
    theme_of = dict(zip(rows.categories.tolist(), rows.themes.tolist(), strict=True))
    themes = np.array([theme_of[name] for name in categories.tolist()])
    pooled = totals.sum(axis=1)
    each = [
        {"physician": str(name), "macro_f1": _number(macro_f1(total)), "pairs": int(total.sum())}
        for name, total in zip(names, pooled, strict=True)
        if total.sum() >= LEAST_PAIRS
    ]
    return {
        "least_pairs": LEAST_PAIRS,
        "physicians": len(names),
        "rows_with_one_label": _single(labels),
        "each": each,
        **_weighted(macro_f1(pooled), pooled[:, None, :]),
        "themes": {
            str(theme): _weighted(mean_macro_f1(part), part)
            for theme in sorted(set(themes.tolist()))
            if (part := totals[:, themes == theme]).size
        },
    }


def _weighted(values: FloatArray, totals: FloatArray) -> dict[str, Any]:
    """Return the mean of the physicians' values and of how many; totals have shape (physicians, categories, 6)."""
    pairs = totals.sum(axis=(1, 2))
    counted = (pairs >= LEAST_PAIRS) & ~np.isnan(values)
    if not counted.any():
        return {"mean": None, "n": 0, "lowest": None, "highest": None}
    weights = np.where(np.isnan(macro_f1(totals)), 0.0, class_weight(totals)).sum(axis=1)[counted]
    return {
        "mean": float(np.average(values[counted], weights=weights)),
        "n": int(counted.sum()),
        "lowest": float(values[counted].min()),
        "highest": float(values[counted].max()),
    }


def _single(labels: Labels) -> int:
    return int((np.bincount(labels.row) == 1).sum())


def _number(value: FloatArray) -> float | None:
    return None if np.isnan(value) else float(value)
