"""Graded criteria of one or more judges: tables of ours, or somebody else's with a prompt, an index, points and met."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.json as pa_json

from medeval import tables
from medeval.errors import MedevalError
from medeval.parquet import read_columns

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

RUN = ["model", "variant", "target", "subset"]
EXAMPLE = [*RUN, "item_id", "sample"]
CRITERION = [*EXAMPLE, "criterion_index"]
UNNAMED = "-"
_NEEDED = ("item_id", "criterion_index", "points", "met")
_RENAMED = {"prompt_id": "item_id", "theme": "stratum"}
_FILLED: dict[str, Any] = {
    "model": UNNAMED, "variant": UNNAMED, "target": UNNAMED, "benchmark": "healthbench", "subset": "main", "sample": 0,
    "stratum": "", "judge_prompt_sha256": "not stated",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Graded:
    """Graded criteria, one row each.

    Attributes:
        frame: Columns of ``tables.GRADES``; `met` is 1, 0 or NaN.
        table: The same rows as a table of ``tables.GRADES``, for scoring.
        judge: Name of the judge; several, separated by commas, if the rows come from several.
        path: The file.
    """

    frame: pd.DataFrame
    table: pa.Table
    judge: str
    path: Path

    def runs(self) -> list[tuple[dict[str, str], pd.DataFrame]]:
        """Return each system and subset with its rows, in the order of the file."""
        return [
            (dict(zip(RUN, map(str, key), strict=True)), rows.reset_index(drop=True))
            for key, rows in self.frame.groupby(RUN, sort=False)
        ]


def read_graded(path: Path) -> Graded:
    """Read graded criteria.

    A table of others is Parquet or JSONL with `prompt_id` (or `item_id`), `criterion_index`, `points` and `met`, where
    null is a missing verdict; `model`, `variant`, `target`, `subset`, `sample`, `theme` (or `stratum`), `judge` and
    `tags` are taken if they are there.

    Raises:
        MedevalError: The file is missing or unusable, lacks a column, or has a criterion twice.
    """
    if path.suffix == ".parquet" and tables.read_record(path).get("table") == tables.GRADES.name:
        table = tables.read(path, tables.GRADES)
    else:
        table = tables.build(tables.GRADES, _foreign(path))
    if not table.num_rows:
        raise MedevalError(f"{path}: holds no graded criterion", "Grade responses first.")
    frame = table.to_pandas()
    frame["met"] = frame["met"].astype(object).map({True: 1.0, False: 0.0}).astype(float)
    judges = sorted(set(frame["judge"]))
    return Graded(frame, table, ", ".join(judges), path)


def _foreign(path: Path) -> list[dict[str, Any]]:
    rows = [{_RENAMED.get(name, name): value for name, value in row.items()} for row in _rows(path)]
    found = []
    for number, row in enumerate(rows):
        if missing := [name for name in _NEEDED if name not in row or (row[name] is None and name != "met")]:
            raise MedevalError(
                f"{path}: row {number} has no {', '.join(missing)}",
                "Give rows with prompt_id, criterion_index, points and met (null where the verdict is missing).",
            )
        found.append(_graded_row(row, path))
    return found


def _graded_row(row: Mapping[str, Any], path: Path) -> dict[str, Any]:
    given = {name: value for name, value in row.items() if value is not None}
    filled = {name: given.get(name, default) for name, default in _FILLED.items()}
    theme = filled["stratum"]
    return {
        **filled,
        "item_id": str(row["item_id"]),
        "criterion_index": row["criterion_index"],
        "points": float(row["points"]),
        "tags": list(given.get("tags", [])),
        "example_tags": list(given.get("example_tags", [f"theme:{theme}"] if theme else [])),
        "judge": given.get("judge", path.stem),
        "met": row["met"],
        "status": "unusable" if row["met"] is None else "graded",
    }


def _rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        known = [*tables.GRADES.schema.names, *_RENAMED]
        rows: list[dict[str, Any]] = read_columns(path, known).to_pylist()
        return rows
    if not path.is_file():
        raise MedevalError(f"{path}: no such file", "Correct the path.")
    try:
        read: list[dict[str, Any]] = pa_json.read_json(path).to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise MedevalError(f"{path}: neither Parquet nor JSON lines ({error})", "Write one object per line.") from error
    return read


@dataclass(frozen=True, eq=False)
class Points:
    """Examples of one run as points by stratum, over the example's positive points.

    Attributes:
        met: Points of the criteria judged met, shape (n, strata).
        not_met: Points of those judged not met, shape (n, strata).
        keys: Item id and sample of each example.
        missing: Examples left out because a verdict is missing.
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
    """Sum the points of every example by stratum and verdict.

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
