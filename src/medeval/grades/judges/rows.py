"""HealthBench's meta-evaluation rows as arrays: what physicians said of criteria in given answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medeval.errors import MedevalError
from medeval.items.benchmarks.healthbench_meta import EXPECTED_JUDGEMENTS, EXPECTED_ROWS, load
from medeval.records import tables
from medeval.records.files import sha256_file, sha256_text
from medeval.statistics.judge_agreement import labels_of_others, pair_cells

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
TextArray = npt.NDArray[np.str_]

TERTILES = ("short", "middle", "long")


@dataclass(frozen=True, eq=False)
class MetaRows:
    """The rows, in the order of the file.

    Attributes:
        rows: Rows of ``tables.JUDGEMENTS`` as dicts.
        path: The file they were read from.
    """

    rows: list[dict[str, Any]]
    path: Path

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def item_ids(self) -> list[str]:
        """Id of each row."""
        return [row["item_id"] for row in self.rows]

    @cached_property
    def prompts(self) -> TextArray:
        """Prompt of each row, the unit of independence: its id, or a hash of its messages."""
        return np.array([row["prompt_id"] or sha256_text(str(row["messages"]))[:16] for row in self.rows])

    @cached_property
    def themes(self) -> TextArray:
        """Theme of each row."""
        return np.array([row["stratum"] for row in self.rows])

    @cached_property
    def categories(self) -> TextArray:
        """Category of each row: the criterion that physicians wrote together, which begins with the theme."""
        return np.array([row["category"] for row in self.rows])

    @cached_property
    def labels_met(self) -> FloatArray:
        """Physicians of each row who say met."""
        return np.array([sum(row["labels"]) for row in self.rows], dtype=float)

    @cached_property
    def labels(self) -> FloatArray:
        """Physicians of each row."""
        return np.array([len(row["labels"]) for row in self.rows], dtype=float)

    @property
    def whole(self) -> bool:
        """Whether this is the whole published file, by its counts of rows and of judgements."""
        return len(self) == EXPECTED_ROWS and int(self.labels.sum()) == EXPECTED_JUDGEMENTS

    def sampled(self, n: int, seed: int) -> "MetaRows":
        """Return a random part of the rows, in the order of the file; all of them if there are no more."""
        if n >= len(self):
            return self
        chosen = np.sort(np.random.default_rng(seed).choice(len(self), n, replace=False))
        return self.selected(np.isin(np.arange(len(self)), chosen))

    def selected(self, wanted: npt.NDArray[np.bool_]) -> "MetaRows":
        """Return the rows that a mask, shape (n,), marks."""
        return MetaRows([row for row, chosen in zip(self.rows, wanted, strict=True) if chosen], self.path)

    def cells(self, met: FloatArray, not_met: FloatArray) -> FloatArray:
        """Count each row's pairs of grade and label by kind, shape (n, 6); see ``judge_agreement.pair_cells``."""
        return pair_cells(met, not_met, self.labels_met, self.labels - self.labels_met)

    def strata(self) -> dict[str, TextArray]:
        """Return the stratum of each row by the name of the stratification."""
        return {
            "theme": self.themes,
            "criterion length": tertiles([len(row["criterion"]) for row in self.rows]),
            "completion length": tertiles([len(row["completion"]) for row in self.rows]),
        }

    def description(self) -> dict[str, Any]:
        """Return how many rows there are of how many, for the document."""
        return {
            "path": str(self.path),
            "sha256": sha256_file(self.path),
            "rows": len(self),
            "rows_published": EXPECTED_ROWS,
            "judgements": int(self.labels.sum()),
            "judgements_published": EXPECTED_JUDGEMENTS,
            "prompts": len(np.unique(self.prompts)),
            "whole": self.whole,
        }


@dataclass(frozen=True, eq=False)
class Labels:
    """One entry per physician's label of a row.

    Attributes:
        row: The row, from 0.
        physician: The physician.
        met: 1 for met, 0 for not met.
    """

    row: IntArray
    physician: TextArray
    met: FloatArray

    def against_others(self) -> FloatArray:
        """Count the pairs of each label with the row's other labels by kind, shape (m, 6), as for a judge."""
        return pair_cells(self.met, 1.0 - self.met, *labels_of_others(self.row, self.met))


def labels_of(rows: MetaRows) -> Labels:
    """Return every physician's label."""
    pairs = [
        (index, physician, met)
        for index, row in enumerate(rows.rows)
        for physician, met in zip(row["physicians"], row["labels"], strict=True)
    ]
    row, physician, met = zip(*pairs, strict=True)
    return Labels(np.array(row), np.array(physician), np.array(met, dtype=float))


def read_rows(path: Path) -> MetaRows:
    """Read meta-evaluation rows: the published JSONL, or the table that `medeval items healthbench_meta` makes of it.

    Raises:
        MedevalError: The file is missing or unusable, or holds no row.
    """
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = tables.read(path, tables.JUDGEMENTS).to_pylist()
    else:
        if not path.is_file():
            raise MedevalError(f"{path}: no such file", "Fetch the meta-evaluation file, or correct the path.")
        rows = [_with_optional(row) for row in load([path], sha256_file(path)).items]
    if not rows:
        raise MedevalError(f"{path}: holds no row", "Give a file with meta-evaluation rows.")
    return MetaRows(rows, path)


def tertiles(lengths: list[int]) -> TextArray:
    """Sort lengths into thirds of equal size as far as ties allow: short, middle, long.

    The limits are the lengths at a third and two thirds; what equals a limit is on its shorter side.
    """
    values = np.asarray(lengths)
    limits = np.quantile(values, [1 / 3, 2 / 3], method="inverted_cdf")
    return np.asarray(TERTILES)[np.searchsorted(limits, values, side="left")]


def _with_optional(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in tables.JUDGEMENTS.schema.names}
