"""Grades of one judge on meta-evaluation rows: stored ones, ours or somebody else's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medeval.errors import MedevalError
from medeval.grades import cells
from medeval.records import tables
from medeval.records.parquet import read_columns
from medeval.records.tables import TableType

FloatArray = npt.NDArray[np.float64]
T = TypeVar("T")

GRADED, UNUSABLE, ERROR = "graded", "unusable", "error"
FOREIGN = "not stated"

META_GRADES = TableType(
    "judge verdicts",  # stands in every stored table, so it stays
    1,
    pa.schema(
        [
            pa.field("item_id", pa.string(), nullable=False),  # of the judgements table
            pa.field("sample", pa.int32(), nullable=False),  # 0-based: the same question asked again
            pa.field("judge", pa.string(), nullable=False),
            pa.field("judge_prompt_sha256", pa.string(), nullable=False),  # of the template
            pa.field("status", pa.string(), nullable=False),  # graded, unusable or error
            pa.field("met", pa.bool_()),
            pa.field("explanation", pa.string()),
        ]
    ),
    ("item_id", "sample"),
)


@dataclass(frozen=True, eq=False)
class MetaGrades:
    """What one judge said of the rows.

    Attributes:
        judge: Its name.
        prompt_sha256: Hash of the prompt's template; "not stated" for a table of others.
        said: 1 met, 0 not met, NaN no usable grade; shape (rows, samples).
        asked: Whether there is a reply at all, usable or not, shape (rows, samples).
    """

    judge: str
    prompt_sha256: str
    said: FloatArray
    asked: npt.NDArray[np.bool_]

    @property
    def samples(self) -> int:
        """Number of times that the rows were judged."""
        return int(self.said.shape[1])

    def shares(self) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
        """Return, for rows with a reply, the share of replies that say met and not met, and which rows those are."""
        answered = np.asarray(self.asked.any(axis=1), dtype=bool)
        replies = self.asked[answered].sum(axis=1)
        met: FloatArray = (self.said[answered] == 1).sum(axis=1) / replies
        not_met: FloatArray = (self.said[answered] == 0).sum(axis=1) / replies
        return met, not_met, answered

    def of_sample(self, sample: int) -> "MetaGrades":
        """Return one of the samples."""
        return MetaGrades(self.judge, self.prompt_sha256, self.said[:, [sample]], self.asked[:, [sample]])


def read_meta_grades(path: Path, item_ids: Sequence[str]) -> MetaGrades:
    """Read grades: a table of ours, or any Parquet table with `item_id` and `met` (and `sample`, `judge`).

    In a table of others, `met` is read as in one of grades (:func:`medeval.grades.cells.met`), null marks an
    unusable reply, and a row that is absent was not asked. The samples are the distinct numbers in `sample`.

    Args:
        path: The table.
        item_ids: Ids of the rows, in order.

    Raises:
        MedevalError: The file is unusable, has grades on other rows or two for one, or mixes judges.
    """
    table = read_columns(path, META_GRADES.schema.names)
    if missing := [name for name in ("item_id", "met") if name not in table.schema.names]:
        raise MedevalError(
            f"{path}: no column {' and no column '.join(missing)}; found {', '.join(table.schema.names)}",
            "Give a Parquet table with item_id and met, and sample if rows were judged several times.",
        )
    rows = table.to_pylist()
    return _arranged([_complete(row, path, number) for number, row in enumerate(rows)], path, item_ids)


def _complete(row: dict[str, Any], path: Path, number: int) -> dict[str, Any]:
    met = _read(row, "met", cells.met, path, number)
    sample = _read(row, "sample", cells.index, path, number) if "sample" in row else 0
    status = row.get("status") or (UNUSABLE if met is None else GRADED)
    if (status == GRADED) != (met is not None):
        raise MedevalError(
            f"{path}: row {number}: status {status!r} with met {met!r}",
            "A grade is given if and only if the status is graded.",
        )
    judge, prompt = row.get("judge") or FOREIGN, row.get("judge_prompt_sha256") or FOREIGN
    return {**row, "met": met, "sample": sample, "status": status, "judge": judge, "judge_prompt_sha256": prompt}


def _read(row: dict[str, Any], name: str, reader: Callable[[Any], T], path: Path, number: int) -> T:
    try:
        return reader(row[name])
    except cells.Unreadable as error:
        raise MedevalError(
            f"{path}: row {number}: {name} is {row[name]!r}, expected {error}", "Correct the table."
        ) from error


def _arranged(rows: list[dict[str, Any]], path: Path, item_ids: Sequence[str]) -> MetaGrades:
    place = {item_id: index for index, item_id in enumerate(item_ids)}
    names = {key: _only(rows, key, path) for key in ("judge", "judge_prompt_sha256")}
    column = {sample: index for index, sample in enumerate(sorted({row["sample"] for row in rows}))}
    asked = np.zeros((len(item_ids), len(column)), dtype=bool)
    said = np.full(asked.shape, np.nan)
    seen: set[tuple[str, int]] = set()
    for number, row in enumerate(rows):
        item_id, sample = row["item_id"], row["sample"]
        if item_id not in place:
            raise MedevalError(
                f"{path}: row {number}: item_id {item_id!r} is none of the meta-evaluation rows",
                "Give the rows that were judged; `medeval items healthbench_meta` shows their ids.",
            )
        if (item_id, sample) in seen:
            raise MedevalError(f"{path}: two grades on {item_id!r}, sample {sample}", "Number them by `sample`.")
        seen.add((item_id, sample))
        if row["status"] != ERROR:
            asked[place[item_id], column[sample]] = True
            said[place[item_id], column[sample]] = np.nan if row["met"] is None else float(row["met"])
    if not asked.any():
        raise MedevalError(f"{path}: holds no grade", "Let a judge decide the rows first.")
    return MetaGrades(names["judge"], names["judge_prompt_sha256"], said, asked)


def _only(rows: list[dict[str, Any]], key: str, path: Path) -> str:
    found = sorted({str(row[key]) for row in rows})
    if len(found) > 1:
        raise MedevalError(f"{path}: mixes {', '.join(found)} as {key}", "Give one file per judge and prompt.")
    return found[0] if found else FOREIGN


def write_meta_grades(path: Path, rows: Sequence[dict[str, Any]], source: Path, command: str) -> None:
    """Write grades as a table, with the file of the rows that were judged as its input."""
    tables.write(path, tables.build(META_GRADES, rows), META_GRADES, command=command, inputs={"rows": source})
