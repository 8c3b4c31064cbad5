"""Differences within the subjects and specialties of each benchmark: an exploratory table, never a verdict."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from medeval.comparisons.document import ComparedStratum
from medeval.comparisons.item_scores import ItemScores
from medeval.statistics.multiplicity import benjamini_hochberg
from medeval.statistics.paired import paired_difference

# A stratum of fewer items says nothing that is worth a row.
LEAST_ITEMS = 10
FALSE_DISCOVERY_RATE = 0.10


def strata_entries(
    a: Sequence[ItemScores], b: Sequence[ItemScores], differences: Sequence[pd.Series], seed: int
) -> tuple[ComparedStratum, ...]:
    """Return A minus B in every stratum of ten shared items or more, adjusted together by Benjamini and Hochberg.

    Args:
        a: A's scores, one entry per benchmark.
        b: B's.
        differences: A minus B of each benchmark's shared items, by item id.
        seed: Seed of the bootstraps.
    """
    entries = [
        entry for one, two, d in zip(a, b, differences, strict=True) for entry in _of_benchmark(one, two, d.index, seed)
    ]
    if not entries:
        return ()
    adjusted = benjamini_hochberg([entry.p_value for entry in entries], FALSE_DISCOVERY_RATE)
    return tuple(
        replace(entry, adjusted_p_value=p_value, discovery=found)
        for entry, p_value, found in zip(entries, adjusted.p_values, adjusted.rejected, strict=True)
    )


def _of_benchmark(a: ItemScores, b: ItemScores, shared: pd.Index, seed: int) -> Iterator[ComparedStratum]:
    """Yield the strata of one benchmark; their p-values are not adjusted yet."""
    frame = a.frame.loc[shared]
    for stratum, rows in frame.groupby("stratum", sort=True):
        if len(rows) < LEAST_ITEMS or len(rows) == len(frame):
            continue
        other = b.frame.loc[rows.index, "score"].to_numpy(dtype=float)
        found = paired_difference(rows["score"].to_numpy(dtype=float), other, rows["cluster_id"].to_numpy(), seed=seed)
        p_value = 1.0 if found.p_value is None else found.p_value
        yield ComparedStratum(
            benchmark=a.benchmark,
            stratum=str(stratum),
            items=len(rows),
            difference=found.value,
            se=found.se,
            p_value=p_value,
            adjusted_p_value=p_value,
            discovery=False,
        )
