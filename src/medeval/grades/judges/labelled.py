"""Human labels of some graded criteria, and what they and the judge's grades on the others give together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medeval.errors import MedevalError
from medeval.grades.cells import Unreadable, met
from medeval.grades.judges.grades import RUN, points_of
from medeval.records.documents import as_json
from medeval.records.parquet import read_columns
from medeval.statistics.prediction_powered import ppi_mean

_COLUMNS = ("item_id", "prompt_id", "sample", "criterion_index", "label", *RUN)
ASSUMPTION = "the labelled prompts are a random part of all graded ones"


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labels, averaged over the people who gave one.

    Attributes:
        frame: Columns `item_id`, `sample`, `criterion_index` and `label` (0 to 1), and those of the run that are there.
        path: The file.
    """

    frame: pd.DataFrame
    path: Path

    def of(self, run: Mapping[str, str]) -> pd.Series:
        """Return the labels of one run by item id, sample and criterion."""
        frame = self.frame
        for name in RUN:
            if name in frame:
                frame = frame[frame[name] == run[name]]
        labels: pd.Series = frame.groupby(["item_id", "sample", "criterion_index"])["label"].mean()
        return labels


def read_labelled(path: Path) -> Labelled:
    """Read labels: Parquet with `prompt_id` (or `item_id`), `criterion_index` and `label`, and what names a run.

    Raises:
        MedevalError: The file is unusable, lacks a column, or a label is missing or cannot be read.
    """
    frame = read_columns(path, _COLUMNS).to_pandas()
    if "item_id" not in frame:
        frame = frame.rename(columns={"prompt_id": "item_id"})
    if missing := [name for name in ("item_id", "criterion_index", "label") if name not in frame]:
        raise MedevalError(f"{path}: no column {', '.join(missing)}", "Give prompt_id, criterion_index and label.")
    if "sample" not in frame:
        frame["sample"] = 0
    labels = [_share(value, f"{path}: row {row}") for row, value in enumerate(frame["label"])]
    return Labelled(frame.assign(label=labels, item_id=frame["item_id"].astype(str)), path)


def _share(value: Any, where: str) -> float:
    """Read a label as the share of people who called the criterion met: a grade, or a number from 0 to 1."""
    if isinstance(value, int | float) and 0 <= value <= 1:
        return float(value)
    try:
        found = met(value)
    except Unreadable as error:
        raise MedevalError(
            f"{where}: label {value!r}: expected a number from 0 to 1, or {error}", "Correct it."
        ) from error
    if found is None:
        raise MedevalError(f"{where} has no label", "Leave out criteria that nobody labelled.")
    return float(found)


def prediction_powered(frame: pd.DataFrame, run: Mapping[str, str], labelled: Labelled) -> dict[str, Any]:
    """Estimate one run's share of criteria met and its mean score by PPI++.

    Prompts are labelled or not as a whole: criteria without a label in a prompt that has one are left out, and so are
    missing grades. The score takes examples of which every criterion is labelled.

    Args:
        frame: Graded criteria of the run.
        run: Its names.
        labelled: Labels of people.

    Returns:
        `rate` and `score` (None where there is nothing to estimate from), counts of what was left out.

    Raises:
        MedevalError: A label belongs to no criterion of the run.
    """
    labels = labelled.of(run)
    keys = pd.MultiIndex.from_frame(frame[["item_id", "sample", "criterion_index"]])
    if unknown := list(labels.index.difference(keys)):
        raise MedevalError(
            f"{labelled.path}: label of criterion {unknown[0][2]} of {unknown[0][0]}, sample {unknown[0][1]}, "
            "which was not graded",
            "Give labels of graded criteria.",
        )
    joined = frame.assign(label=labels.reindex(keys).to_numpy())
    of_prompt = joined["label"].notna().groupby(joined["item_id"]).transform("any")
    usable = joined["met"].notna()
    with_label = joined[usable & joined["label"].notna()]
    without = joined[usable & ~of_prompt]
    return {
        "assumption": ASSUMPTION,
        "rate": _mean(with_label, with_label["label"], with_label["met"], without, without["met"]),
        "score": _score(joined, of_prompt),
        "left_out": int((~usable | (of_prompt & joined["label"].isna())).sum()),
    }


def _score(joined: pd.DataFrame, of_prompt: pd.Series) -> dict[str, Any] | None:
    example = [joined["item_id"], joined["sample"]]
    complete = joined["label"].notna().groupby(example).transform("all")
    judged, others = _scores(joined[complete]), _scores(joined[~of_prompt])
    shared = joined[complete].assign(met=joined["label"])
    points = shared.assign(gained=shared["points"] * shared["met"], possible=shared["points"].clip(lower=0))
    sums = points.groupby(["item_id", "sample"])[["gained", "possible"]].sum().reindex(judged.index)
    truth = sums["gained"] / sums["possible"]
    return _mean(judged.reset_index(), truth, judged, others.reset_index(), others)


def _scores(rows: pd.DataFrame) -> pd.Series:
    """Return the score of each example with all its grades, by item id and sample."""
    if not len(rows):
        return pd.Series([], dtype=float, index=pd.MultiIndex.from_arrays([[], []], names=["item_id", "sample"]))
    points = points_of(rows, np.zeros(len(rows), dtype=np.int64), 1)
    return pd.Series(points.met[:, 0], index=points.keys)


def _mean(
    labelled: pd.DataFrame, labels: pd.Series, grades: pd.Series, others: pd.DataFrame, unlabelled: pd.Series
) -> dict[str, Any] | None:
    if not len(labels) or not len(unlabelled):
        return None
    found: dict[str, Any] = as_json(
        ppi_mean(
            labels.to_numpy(float),
            grades.to_numpy(float),
            unlabelled.to_numpy(float),
            clusters=labelled["item_id"].to_numpy(str),
            unlabelled_clusters=others["item_id"].to_numpy(str),
        )
    )
    return found
