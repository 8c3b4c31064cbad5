"""Graded criteria of a judge as rows and as points by stratum."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from medeval.errors import MedevalError
from medeval.grades.foreign import read_grades
from medeval.records.system import SYSTEM

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

RUN = [*SYSTEM, "subset"]
EXAMPLE = [*RUN, "item_id", "sample"]
CRITERION = [*EXAMPLE, "criterion_index"]


@dataclass(frozen=True, eq=False)
class GradedCriteria:
    """Graded criteria, one row each.

    Attributes:
        frame: Columns of ``tables.GRADES``; `met` is 1, 0 or NaN.
        judge: Name of the judge; several, separated by commas, if the rows come from several.
        path: The file, or the first of several.
        notes: What was filled in or noticed while reading a table of others.
    """

    frame: pd.DataFrame
    judge: str
    path: Path
    notes: tuple[str, ...] = ()

    def runs(self) -> list[tuple[dict[str, str], pd.DataFrame]]:
        """Return each system and subset with its rows, in the order of the file."""
        return [
            (dict(zip(RUN, map(str, key), strict=True)), rows.reset_index(drop=True))
            for key, rows in self.frame.groupby(RUN, sort=False)
        ]


def read_graded(path: Path) -> GradedCriteria:
    """Read graded criteria: a table of ours, or anybody's that ``grades.foreign`` can read.

    Raises:
        MedevalError: The file is missing or unusable, lacks a column, or has a criterion twice.
    """
    found = read_grades(path)
    frame = found.table.to_pandas()
    frame["met"] = frame["met"].astype(object).map({True: 1.0, False: 0.0}).astype(float)
    return GradedCriteria(
        frame, ", ".join(sorted(set(frame["judge"]))), path, tuple(f"{path}: {note}" for note in found.notes)
    )


def read_by_judge(paths: Sequence[Path]) -> list[GradedCriteria]:
    """Read files of graded criteria and put those of one judge together, in the order of the first file of each.

    Raises:
        MedevalError: As for :func:`read_graded`, a file holds several judges, or two files one criterion.
    """
    found: dict[str, list[GradedCriteria]] = {}
    for path in paths:
        one = read_graded(path)
        if one.frame["judge"].nunique() > 1:
            raise MedevalError(f"{path}: mixes the judges {one.judge}", "Give one file per judge.")
        found.setdefault(one.judge, []).append(one)
    return [_together(parts) for parts in found.values()]


def read_one_judge(paths: Sequence[Path]) -> GradedCriteria:
    """Read files of graded criteria that must all be by one judge.

    Raises:
        MedevalError: As for :func:`read_by_judge`, or the judges are several.
    """
    parts = read_by_judge(paths)
    if len(parts) > 1:
        raise MedevalError(
            f"{parts[0].path} is by {parts[0].judge!r}, {parts[1].path} by {parts[1].judge!r}",
            "Give the grades of one judge; `medeval judge panel` compares several.",
        )
    return parts[0]


def _together(parts: Sequence[GradedCriteria]) -> GradedCriteria:
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    if (twice := frame.duplicated(CRITERION)).any():
        row = frame[twice].iloc[0]
        raise MedevalError(
            f"{', '.join(str(part.path) for part in parts)}: two grades of {parts[0].judge!r} on criterion "
            f"{row['criterion_index']} of {row['item_id']}, {row['model']}",
            "Give every grading once, and name each judge; `medeval judge retest` compares gradings by one judge.",
        )
    return GradedCriteria(frame, parts[0].judge, parts[0].path, tuple(note for part in parts for note in part.notes))


@dataclass(frozen=True, eq=False)
class Points:
    """Examples of one run as points by stratum, over the example's positive points.

    Attributes:
        met: Points of the criteria judged met, shape (n, strata).
        not_met: Points of those judged not met, shape (n, strata).
        keys: Item id and sample of each example.
        missing: Examples left out because a grade is missing.
        undefined: Examples left out because no criterion has positive points.
    """

    met: FloatArray
    not_met: FloatArray
    keys: pd.MultiIndex
    missing: int
    undefined: int

    @property
    def prompts(self) -> npt.NDArray[np.str_]:
        """Prompt of each example."""
        return np.asarray(self.keys.get_level_values("item_id"), dtype=str)

    def by_prompt(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return met and not met, averaged over the samples of a prompt, indexed by item id."""
        items = self.keys.get_level_values("item_id")
        return pd.DataFrame(self.met).groupby(items).mean(), pd.DataFrame(self.not_met).groupby(items).mean()


def points_of(rows: pd.DataFrame, strata: IntArray, groups: int) -> Points:
    """Sum the points of every example by stratum and grade.

    Args:
        rows: Rows of one run.
        strata: Stratum of each row, from 0.
        groups: Number of strata.
    """
    keys = pd.MultiIndex.from_frame(rows[["item_id", "sample"]])
    codes, examples = pd.factorize(keys, sort=True)
    points, met = rows["points"].to_numpy(float), rows["met"].to_numpy(float)
    possible = np.bincount(codes, weights=points.clip(min=0), minlength=len(examples))
    missing = np.bincount(codes, weights=np.isnan(met), minlength=len(examples)) > 0
    sums = np.zeros((2, len(examples), groups))
    np.add.at(sums[0], (codes, strata), points * (met == 1))
    np.add.at(sums[1], (codes, strata), points * (met == 0))
    kept = (possible > 0) & ~missing
    shares = sums[:, kept] / possible[kept, None]
    return Points(
        shares[0],
        shares[1],
        pd.MultiIndex.from_tuples(list(examples[kept]), names=["item_id", "sample"]),
        int((missing & (possible > 0)).sum()),
        int((possible <= 0).sum()),
    )
