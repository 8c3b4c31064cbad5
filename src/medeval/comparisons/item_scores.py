"""The per-item scores of one system on one benchmark, as every statistic needs them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medeval.items.benchmarks.registry import BENCHMARKS
from medeval.records import tables
from medeval.records.system import System
from medeval.scores.accounting import GROUP
from medeval.statistics.macro import Component


@dataclass(frozen=True)
class ItemScores:
    """Scores of one system on one benchmark in one mode, runs of an item averaged.

    Attributes:
        frame: One row per item, indexed by item id: `score` (0 to 1), `cluster_id`, `stratum`.
        rows: The score rows behind it, one per item and sample, in the schema of `tables.SCORES`.
    """

    system: System
    benchmark: str
    mode: str
    frame: pd.DataFrame
    rows: pd.DataFrame

    @property
    def mean_of_strata(self) -> bool:
        """Whether the benchmark's score is the mean of its strata's means; one that is not known counts by item."""
        known = BENCHMARKS.get(self.benchmark)
        return known is not None and known.aggregate == "strata"

    def draws(self, items: pd.Index) -> int:
        """Return how many independent draws the mean over some of the items is worth at least.

        A mean of strata weighs its smallest stratum, in clusters, as much as the others.
        """
        frame = self.frame.loc[items]
        if not self.mean_of_strata:
            return int(frame["cluster_id"].nunique())
        clusters = frame.groupby("stratum")["cluster_id"].nunique()
        return int(clusters.min()) * len(clusters)

    def component(self, values: pd.Series | None = None) -> Component:
        """Return the scores, or other values of the same items, as a component of an average."""
        frame = self.frame if values is None else self.frame.loc[values.index]
        return Component(
            scores=(frame["score"] if values is None else values).to_numpy(dtype=float),
            clusters=frame["cluster_id"].to_numpy(),
            subjects=frame["stratum"].to_numpy() if self.mean_of_strata else None,
        )


def read_scores(paths: Sequence[Path]) -> list[ItemScores]:
    """Read score tables and group their rows by system, benchmark and mode, in the order met.

    Raises:
        MedevalError: A table is unusable, or two hold the same row.
    """
    frame = tables.read_all(paths, tables.SCORES).to_pandas()
    groups = []
    for (model, variant, target, benchmark, mode), rows in frame.groupby(GROUP, sort=False):
        items = rows.groupby("item_id", sort=False).agg(
            score=("correct", "mean"), cluster_id=("cluster_id", "first"), stratum=("stratum", "first")
        )
        system = System(str(model), str(variant), str(target))
        groups.append(ItemScores(system, str(benchmark), str(mode), items, rows))
    return groups
