"""Several judges' grades on the same criteria of the same responses, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import pandas as pd

from medeval.errors import MedevalError
from medeval.grades.judges.grades import CRITERION, RUN, GradedCriteria, points_of

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Aligned:
    """The criteria that every judge was asked about.

    Attributes:
        judges: The judges, in the order given.
        frame: One row per criterion, with the columns of ``CRITERION`` and `points`.
        met: 1, 0, or NaN for a missing grade, shape (criteria, judges).
        left_out: Criteria of each judge's file that stand not in all files, in the order of the judges.
    """

    judges: tuple[str, ...]
    frame: pd.DataFrame
    met: FloatArray
    left_out: tuple[int, ...]

    def runs(self) -> list[tuple[dict[str, str], npt.NDArray[np.bool_]]]:
        """Return each system and subset, and which criteria are its own."""
        keys = self.frame[RUN].drop_duplicates()
        return [
            (
                {name: str(value) for name, value in zip(RUN, key, strict=True)},
                (self.frame[RUN] == list(key)).all(axis="columns").to_numpy(),
            )
            for key in keys.itertuples(index=False)
        ]

    def scores(self, wanted: npt.NDArray[np.bool_], met: FloatArray) -> pd.Series:
        """Return example scores by item id and sample under some grades; examples with a missing one are left out.

        Args:
            wanted: Which criteria, shape (criteria,).
            met: Grades on all criteria, shape (criteria,).
        """
        rows = self.frame[wanted].assign(met=met[wanted])
        points = points_of(rows, np.zeros(len(rows), dtype=np.int64), 1)
        return pd.Series(points.met[:, 0], index=points.keys)

    def majority(self, members: Sequence[int]) -> FloatArray:
        """Return what most of some judges say of each criterion; NaN where as many say met as not, or none speaks."""
        said = self.met[:, list(members)]
        balance = (said == 1).sum(axis=1) - (said == 0).sum(axis=1)
        return np.where(balance > 0, 1.0, np.where(balance < 0, 0.0, np.nan))


def align(graded: Sequence[GradedCriteria], *, again: bool = False) -> Aligned:
    """Match several judges' grades criterion by criterion.

    Args:
        graded: Grades, one judge each.
        again: Whether they are grades of one judge that was asked several times; else the judges must differ.

    Raises:
        MedevalError: A file holds several judges, two files the same one, no criterion is shared, or points differ.
    """
    for one in graded:
        if one.frame["judge"].nunique() > 1:
            raise MedevalError(f"{one.path}: mixes the judges {one.judge}", "Give one file per judge.")
    judges = tuple(one.judge for one in graded)
    twice = sorted({judge for judge in judges if judges.count(judge) > 1})
    if again and len(set(judges)) > 1:
        raise MedevalError(f"the judges differ: {'; '.join(judges)}", "Compare judges with `medeval judge panel`.")
    if twice and not again:
        raise MedevalError(f"two files are by the judge {twice[0]!r}", "Name each judge in a column `judge`.")
    frames = [
        one.frame[[*CRITERION, "points", "met"]].rename(columns={"points": f"points {k}", "met": f"met {k}"})
        for k, one in enumerate(graded)
    ]
    merged = reduce(lambda a, b: a.merge(b, on=CRITERION, how="inner", sort=False), frames)
    if not len(merged):
        raise MedevalError("the judges share no criterion", "Let them grade the same responses.")
    points = merged[[f"points {k}" for k in range(len(graded))]].to_numpy(float)
    if len(differing := np.flatnonzero((points != points[:, [0]]).any(axis=1))):
        row = merged.iloc[int(differing[0])]
        raise MedevalError(
            f"criterion {row['criterion_index']} of {row['item_id']} has points {points[differing[0]].tolist()} "
            "in the judges' files",
            "Grade the same rubrics.",
        )
    met = merged[[f"met {k}" for k in range(len(graded))]].to_numpy(float)
    left_out = tuple(len(one.frame) - len(merged) for one in graded)
    return Aligned(judges, merged[CRITERION].assign(points=points[:, 0]), met, left_out)
