"""A benchmark's score by stratum and by the tags that a stratum is made of, with what its size allows to be said."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from medeval.items.coverage.strata import INTERVAL_FROM, reporting_rule
from medeval.scores.accounting import GROUP
from medeval.statistics.arrays import finite_vector, is_binary
from medeval.statistics.intervals import clopper_pearson, mean_interval, wilson

STRATUM = "stratum"
# What the parts of a stratum say, where a benchmark's stratum is made of several.
STRATUM_TAGS = {"medxpertqa": ("medical task", "body system", "question type")}
_SEPARATOR = re.compile(r"(?<! )/(?! )")  # " / " stands inside of a part


def tags_of(benchmark: str, stratum: str) -> dict[str, str]:
    """Return what a stratum says, by name: the stratum itself, or its parts; nothing for one that is empty."""
    names = STRATUM_TAGS.get(benchmark, ())
    parts = _SEPARATOR.split(stratum)
    if len(parts) == len(names):
        return dict(zip(names, parts, strict=True))
    return {STRATUM: stratum} if stratum else {}


def stratum_estimate(scores: npt.ArrayLike, clusters: Sequence[str]) -> dict[str, Any]:
    """Return the accuracy on one stratum with the interval that its size allows.

    Args:
        scores: One score per item, 0 to 1, shape (n,); samples of an item averaged.
        clusters: What the items that are not independent share, shape (n,).

    Returns:
        `items`, `accuracy`, `rule` of `items.coverage.strata.reporting_rule`, and `low`, `high`, `method` of its 95 %
        interval: Wilson's from 30 items on, exact below, clustered or Student's where scores are no independent 0 or
        1; None below 10 items, of which nothing may be said.
    """
    values = finite_vector(scores, "scores")
    rule = reporting_rule(values.size)
    found = mean_interval(values, clusters)
    if is_binary(values) and len(set(clusters)) == values.size:
        found = (wilson if values.size >= INTERVAL_FROM else clopper_pearson)(int(values.sum()), values.size)
    shown = rule != "suppressed"
    return {
        "items": values.size,
        "accuracy": found.value,
        "rule": rule,
        "low": found.low if shown else None,
        "high": found.high if shown else None,
        "method": found.method if shown else None,
    }


def strata_reports(scores: pa.Table) -> list[dict[str, Any]]:
    """Report the accuracy by stratum, or by the tags that the strata of a benchmark are made of.

    Args:
        scores: Rows of `tables.SCORES`.

    Returns:
        One dict per model, variant, target, benchmark, mode, `tag` and `value`: those names, and the entries of
        `stratum_estimate`, unanswered counting as wrong. Benchmarks with fewer than two values of a tag have none.
    """
    rows = scores.select([*GROUP, STRATUM, "cluster_id", "item_id", "correct"]).to_pandas()
    grouped = rows.groupby([*GROUP, STRATUM, "cluster_id", "item_id"], observed=True, sort=False)
    items = grouped["correct"].mean().reset_index()
    reports = []
    for key, group in items.groupby(GROUP, observed=True):
        names = dict(zip(GROUP, map(str, key), strict=True))
        reports += [{**names, **entry} for entry in by_tags(names["benchmark"], group, "correct")]
    return sorted(reports, key=lambda report: [report[name] for name in (*GROUP, "tag", "value")])


def by_tags(benchmark: str, items: pd.DataFrame, score: str) -> Iterator[dict[str, Any]]:
    """Yield the estimate of every value of every tag that a benchmark's items have two values of.

    Args:
        benchmark: The benchmark.
        items: A row per item with its stratum, cluster_id, and score.
        score: The column of the score.
    """
    said = {str(stratum): tags_of(benchmark, str(stratum)) for stratum in items[STRATUM].unique()}
    strata = items[STRATUM].astype(str)
    for tag in dict.fromkeys(name for tags in said.values() for name in tags):
        values = strata.map({stratum: tags.get(tag) for stratum, tags in said.items()})
        if values.nunique() < 2:
            continue
        for value, part in items.groupby(values, sort=True):
            clusters = part["cluster_id"].astype(str).tolist()
            yield {"tag": tag, "value": str(value), **stratum_estimate(part[score].to_numpy(float), clusters)}
