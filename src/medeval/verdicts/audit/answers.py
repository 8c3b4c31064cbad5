"""Scores of the systems of an audit, item by item, from score and grade tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from medeval.errors import MedevalError
from medeval.grades.criteria import Criteria
from medeval.records import tables
from medeval.records.system import SYSTEM
from medeval.verdicts.audit.units import SUBSETS

# A score; where a judge's grades are missing, the lowest and the highest that it can be. NaN: nothing is known of it.
Score = float | tuple[float, float]
# System (MODEL/VARIANT) -> benchmark -> item -> score.
Answers = Mapping[str, Mapping[str, Mapping[str, Score]]]


def read_answers(scores: Sequence[Path], grades: Sequence[Path], *, mode: str, target: str | None) -> Answers:
    """Read the scores of every system in one mode on one target, samples of an item averaged.

    Args:
        scores: Tables of multiple-choice scores.
        grades: Tables of HealthBench's judged criteria.
        mode: The mode that decides claims.
        target: The target; None when the tables hold only one.

    Raises:
        MedevalError: A table is unusable, several targets are there and none is named, or an item of a system has
            fewer samples than another.
    """
    chosen = tables.read_all(scores, tables.SCORES).select(
        [*SYSTEM, "benchmark", "item_id", "sample", "mode", "correct"]
    )
    graded = tables.read_all(grades, tables.GRADES)
    on = _target(chosen, graded, target)
    frame = chosen.to_pandas()
    frame = frame[(frame["mode"] == mode) & (frame["target"] == on)]
    found: dict[str, dict[str, Mapping[str, Score]]] = {}
    for (model, variant, benchmark), rows in frame.groupby(["model", "variant", "benchmark"], sort=False):
        values = pd.Series(rows["correct"].to_numpy(dtype=float), index=rows["item_id"].to_numpy())
        found.setdefault(f"{model}/{variant}", {})[str(benchmark)] = _means(
            values, values, f"{model}/{variant}", benchmark
        )
    for run in (
        graded.select([*SYSTEM, "subset"]).group_by([*SYSTEM, "subset"], use_threads=False).aggregate([]).to_pylist()
    ):
        if run["target"] == on:
            name, benchmark = f"{run['model']}/{run['variant']}", SUBSETS[run["subset"]]
            found.setdefault(name, {})[benchmark] = _means(*_example_scores(graded, run), name, benchmark)
    return found


def _target(scores: pa.Table, grades: pa.Table, target: str | None) -> str:
    present = sorted({*scores["target"].unique().to_pylist(), *grades["target"].unique().to_pylist()})
    if target is None and len(present) <= 1:
        return present[0] if present else ""
    if target in present:
        return str(target)
    raise MedevalError(
        f"scores are of the target(s) {', '.join(present) or 'none'}; asked for {target or 'none in particular'}",
        "Name one of them with `--target`.",
    )


def _example_scores(grades: pa.Table, run: Mapping[str, str]) -> tuple[pd.Series, pd.Series]:
    """Return the lowest and the highest score that every example can have, by what verdicts it lacks."""
    mask = np.logical_and.reduce([np.asarray(grades[key].to_pylist()) == value for key, value in run.items()])
    criteria = Criteria(grades.filter(pa.array(mask)))
    rows = np.arange(len(criteria.points))
    ends = []
    for filling in (criteria.points < 0, criteria.points > 0):
        scores = criteria.scores(rows, np.where(criteria.missing, filling, criteria.met))
        ends.append(pd.Series(scores.values, index=criteria.prompts))
    return ends[0], ends[1]


def _means(lowest: pd.Series, highest: pd.Series, system: str, benchmark: object) -> Mapping[str, Score]:
    """Average the samples of each item."""
    grouped = lowest.groupby(level=0, sort=False)
    sizes = grouped.size()
    if sizes.nunique() > 1:
        short = str(sizes.idxmin())
        raise MedevalError(
            f"{system} on {benchmark}: item {short} has {sizes.min()} samples, others have {sizes.max()}",
            "Finish the evaluation of these items first.",
        )
    least, most = grouped.mean(), highest.groupby(level=0, sort=False).mean()
    ends = zip(map(float, least), map(float, most), strict=True)
    return {str(item): low if low == high else (low, high) for item, (low, high) in zip(least.index, ends, strict=True)}
