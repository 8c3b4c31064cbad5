"""Scores of the systems of an audit, item by item, from score and grade tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from medeval import tables
from medeval.audit.units import SUBSETS
from medeval.errors import MedevalError
from medeval.healthbench.criteria import Criteria

# System (MODEL/VARIANT) -> benchmark -> item -> score; NaN where a judge's verdict is missing.
Answers = Mapping[str, Mapping[str, Mapping[str, float]]]


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
        ["model", "variant", "target", "benchmark", "item_id", "sample", "mode", "correct"]
    )
    graded = tables.read_all(grades, tables.GRADES)
    on = _target(chosen, graded, target)
    frame = chosen.to_pandas()
    frame = frame[(frame["mode"] == mode) & (frame["target"] == on)]
    found: dict[str, dict[str, Mapping[str, float]]] = {}
    for (model, variant, benchmark), rows in frame.groupby(["model", "variant", "benchmark"], sort=False):
        values = pd.Series(rows["correct"].to_numpy(dtype=float), index=rows["item_id"].to_numpy())
        found.setdefault(f"{model}/{variant}", {})[str(benchmark)] = _means(values, f"{model}/{variant}", benchmark)
    for run in (
        graded.select(["model", "variant", "target", "subset"])
        .group_by(["model", "variant", "target", "subset"], use_threads=False)
        .aggregate([])
        .to_pylist()
    ):
        if run["target"] == on:
            name, benchmark = f"{run['model']}/{run['variant']}", SUBSETS[run["subset"]]
            found.setdefault(name, {})[benchmark] = _means(_example_scores(graded, run), name, benchmark)
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


def _example_scores(grades: pa.Table, run: Mapping[str, str]) -> pd.Series:
    mask = np.logical_and.reduce([np.asarray(grades[key].to_pylist()) == value for key, value in run.items()])
    criteria = Criteria(grades.filter(pa.array(mask)))
    scores = criteria.scores(np.arange(len(criteria.points)))
    return pd.Series(scores.values, index=criteria.prompts)


def _means(values: pd.Series, system: str, benchmark: object) -> Mapping[str, float]:
    """Average the samples of each item; one missing score makes the mean missing."""
    grouped = values.groupby(level=0, sort=False)
    sizes = grouped.size()
    if sizes.nunique() > 1:
        short = str(sizes.idxmin())
        raise MedevalError(
            f"{system} on {benchmark}: item {short} has {sizes.min()} samples, others have {sizes.max()}",
            "Finish the evaluation of these items first.",
        )
    means = grouped.apply(lambda part: part.mean(skipna=False))
    return dict(zip(map(str, means.index), map(float, means), strict=True))
