"""A benchmark's score by class, where its items share their options, and by the place of the correct option."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from medeval.answers.options import LABELS
from medeval.scores.accounting import GROUP
from medeval.scores.lookup import ItemLookup
from medeval.scores.shown_order import place_of
from medeval.statistics.classes import class_scores


def class_reports(scores: pa.Table, items: pa.Table) -> list[dict[str, Any]]:
    """Report accuracy and macro-F1 of the benchmarks whose items all have the same options, such as yes, no, maybe.

    F1 is that of one answer per item: it is computed for each sample and then averaged over samples. Of several
    correct options the first is the item's class.

    Args:
        scores: Rows of `tables.SCORES`.
        items: The items behind them.

    Returns:
        One dict per model, variant, target, benchmark and mode: the five names, `samples`, `accuracy`, `macro_f1`,
        and `classes`, a list of option, support, precision, recall and f1. Support is that of one sample on average.
    """
    classes = _classes(items)
    if not classes:
        return []
    rows = scores.select([*GROUP, "sample", "choice"]).to_pandas().assign(answer=_golds(scores, items))
    rows = rows[rows["benchmark"].isin(list(classes))]
    reports = []
    for key, group in rows.groupby(GROUP, observed=True):
        names = dict(zip(GROUP, map(str, key), strict=True))
        reports.append({**names, **_class_report(group, classes[names["benchmark"]])})
    return sorted(reports, key=lambda report: [report[name] for name in GROUP])


def _golds(scores: pa.Table, items: pa.Table, *, only: bool = False) -> npt.NDArray[np.int64]:
    """Return the correct option of each response's item, shape (rows,): the first, or with `only` -1 for several."""
    places = ItemLookup(items).places(scores["benchmark"], scores["item_id"], "scores: row {}".format)
    answers = items["answer"].to_numpy().astype(np.int64)
    if only:
        answers[pc.greater(pc.list_value_length(items["answers"]), 1).to_numpy()] = -1
    return np.asarray(answers[places])


def _classes(items: pa.Table) -> dict[str, tuple[str, ...]]:
    """Return the options of every benchmark whose items all have the same ones in the same order."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for benchmark, options in zip(items["benchmark"].to_pylist(), items["options"].to_pylist(), strict=True):
        found.setdefault(benchmark, set()).add(tuple(options))
    sizes = items["benchmark"].to_pandas().value_counts()
    return {name: next(iter(sets)) for name, sets in found.items() if len(sets) == 1 and sizes[name] > 1}


def _class_report(group: pd.DataFrame, options: Sequence[str]) -> dict[str, Any]:
    found = [
        class_scores(rows["answer"].to_numpy(int), rows["choice"].fillna(-1).to_numpy(int), len(options))
        for _, rows in group.groupby("sample", sort=True)
    ]
    return {
        "samples": len(found),
        "accuracy": fmean(one.accuracy for one in found),
        "macro_f1": fmean(one.macro_f1 for one in found),
        "classes": [
            {
                "option": option,
                "support": fmean(int(one.support[index]) for one in found),
                "precision": fmean(float(one.precision[index]) for one in found),
                "recall": fmean(float(one.recall[index]) for one in found),
                "f1": fmean(float(one.f1[index]) for one in found),
            }
            for index, option in enumerate(options)
        ],
    }


def _put_where_shown(rows: pd.DataFrame, orders: pa.ChunkedArray) -> None:
    """Turn the options in `choice` and `answer` into the places at which they were shown."""
    if orders.null_count < len(orders):
        for name in ("choice", "answer"):
            options = rows[name].fillna(-1).astype(int)
            places = [place_of(*pair) for pair in zip(options, orders.to_pylist(), strict=True)]
            rows[name] = pd.Series(places, rows.index).where(rows[name].notna())


def position_reports(scores: pa.Table, items: pa.Table) -> list[dict[str, Any]]:
    """Report how often the correct option was found by where it was shown, which a fair reader finds anywhere alike.

    Items with several correct options are left out. The measures are the recall by position and its population
    standard deviation (RStd), as in arXiv 2309.03882. Without further orders of the options, content and position are
    not told apart.

    Args:
        scores: Rows of `tables.SCORES`.
        items: The items behind them.

    Returns:
        One dict per model, variant, target, benchmark and mode: the five names, `recall_sd`, and `positions`, a list
        of label, `n` responses whose correct option was shown there, `recall`, and `chosen`, the share of all responses
        that chose it.
    """
    rows = scores.select([*GROUP, "choice", "correct"]).to_pandas().assign(answer=_golds(scores, items, only=True))
    _put_where_shown(rows, scores["shown_order"])
    rows = rows[rows["answer"] >= 0]
    reports = []
    for key, group in rows.groupby(GROUP, observed=True):
        names = dict(zip(GROUP, map(str, key), strict=True))
        recalls = group.groupby("answer")["correct"].agg(["size", "mean"])
        chosen = group["choice"].value_counts() / len(group)
        positions = [
            {
                "label": LABELS[place],
                "n": int(recalls["size"].get(place, 0)),
                "recall": float(recalls["mean"][place]) if place in recalls.index else None,
                "chosen": float(chosen.get(place, 0.0)),
            }
            for place in range(1 + int(max(recalls.index.max(), group["choice"].max())))
        ]
        reports.append({**names, "recall_sd": float(recalls["mean"].std(ddof=0)), "positions": positions})
    return sorted(reports, key=lambda report: [report[name] for name in GROUP])
