"""A benchmark's score in parts: by class, where its items share their options, and by the tags of its items."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import pandas as pd
import pyarrow as pa

from medeval.scoring.accounting import GROUP
from medeval.statistics.classes import class_scores

# What the parts of a stratum say, where a benchmark's stratum is made of several.
STRATUM_TAGS = {"medxpertqa": ("medical_task", "body_system")}
_TAG_SEPARATOR = "/"


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
    rows = scores.select([*GROUP, "item_id", "sample", "choice"]).to_pandas()
    rows = rows[rows["benchmark"].isin(list(classes))]
    gold = items.select(["benchmark", "item_id", "answer"]).to_pandas()
    rows = rows.merge(gold, on=["benchmark", "item_id"], how="left", validate="many_to_one")
    reports = []
    for key, group in rows.groupby(GROUP, observed=True):
        names = dict(zip(GROUP, map(str, key), strict=True))
        reports.append({**names, **_class_report(group, classes[names["benchmark"]])})
    return sorted(reports, key=lambda report: [report[name] for name in GROUP])


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


def tag_reports(scores: pa.Table) -> list[dict[str, Any]]:
    """Report the accuracy by tag of the benchmarks whose stratum is made of several, such as task and body system.

    Args:
        scores: Rows of `tables.SCORES`.

    Returns:
        One dict per model, variant, target, benchmark, mode, tag and value: those names, `n` responses, `items`, and
        `accuracy`, unanswered counting as wrong.
    """
    rows = scores.select([*GROUP, "item_id", "stratum", "correct"]).to_pandas()
    reports = []
    for benchmark, tags in STRATUM_TAGS.items():
        tagged = rows[rows["benchmark"] == benchmark]
        for place, tag in enumerate(tags):
            values = tagged["stratum"].astype(str).str.split(_TAG_SEPARATOR, n=len(tags) - 1).str.get(place)
            grouped = tagged.assign(value=values).groupby([*GROUP, "value"], observed=True)
            sums = grouped.agg(n=("correct", "size"), items=("item_id", "nunique"), accuracy=("correct", "mean"))
            for key, row in sums.iterrows():
                names = dict(zip([*GROUP, "value"], map(str, key), strict=True))
                counts = {"n": int(row["n"]), "items": int(row["items"]), "accuracy": float(row["accuracy"])}
                reports.append({**names, "tag": tag, **counts})
    return sorted(reports, key=lambda report: [report[name] for name in (*GROUP, "tag", "value")])
