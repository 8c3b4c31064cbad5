"""The judged criteria of one run as arrays, and example scores from any part of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ExampleScores:
    """One entry per example (an answer to a prompt).

    Attributes:
        values: The score, unclipped; NaN where it is missing or undefined.
        missing: Whether a grade that it needs is missing.
        defined: Whether there is a criterion with positive points.
    """

    values: FloatArray
    missing: BoolArray
    defined: BoolArray


class Criteria:
    """Judged criteria of one run: one entry per criterion, and one per example in `prompts`.

    Attributes:
        points: Points of each criterion.
        met: Whether it was met; False where the grade is missing, so never read without `missing`.
        missing: Whether its grade is missing.
        example: Which example it belongs to.
        prompts: The prompt of each example.
        samples: Which of the answers to that prompt each example is.
    """

    def __init__(self, grades: pa.Table) -> None:
        """Take the grades of one model, variant, target, benchmark and subset."""
        self._grades = grades
        self.points: FloatArray = grades["points"].to_numpy()
        self.missing: BoolArray = grades["met"].is_null().to_numpy()
        self.met: BoolArray = pc.fill_null(grades["met"], False).to_numpy()
        items = np.asarray(grades["item_id"].to_numpy(), dtype=str)
        samples = grades["sample"].to_numpy()
        prompts, codes = np.unique(items, return_inverse=True)
        keys = codes * (int(samples.max()) + 1) + samples
        _, self._first, self.example = np.unique(keys, return_index=True, return_inverse=True)
        self.prompts: npt.NDArray[np.str_] = prompts[codes[self._first]]
        self.samples: IntArray = np.asarray(samples[self._first], dtype=np.int64)

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.prompts)

    def scores(self, rows: IntArray, met: BoolArray | None = None) -> ExampleScores:
        """Score every example by some of the criteria.

        Args:
            rows: Positions of the criteria to use.
            met: Grades to use instead of the given ones, one per criterion, none of them missing.
        """
        example, points = self.example[rows], self.points[rows]
        reached = (self.met if met is None else met)[rows]
        gained = np.bincount(example, weights=points * reached, minlength=self.n)
        possible = np.bincount(example, weights=points.clip(min=0), minlength=self.n)
        missing = np.zeros(self.n, dtype=bool)
        if met is None:
            missing[example[self.missing[rows]]] = True
        defined = possible > 0
        values = np.full(self.n, np.nan)
        np.divide(gained, possible, out=values, where=defined & ~missing)
        return ExampleScores(values, missing, defined)

    def bounds(self) -> dict[str, float | None]:
        """Return the overall score with every missing grade filled in.

        ``all_met`` and ``none_met`` fill all alike; since points may be negative, the real limits are
        ``highest`` (missing criteria are met where that gains points) and ``lowest`` (where it loses them).
        """
        fillings = {
            "all_met": np.ones(len(self.points), dtype=bool),
            "none_met": np.zeros(len(self.points), dtype=bool),
            "highest": self.points > 0,
            "lowest": self.points < 0,
        }
        rows = np.arange(len(self.points))
        result: dict[str, float | None] = {}
        for name, filling in fillings.items():
            scores = self.scores(rows, np.where(self.missing, filling, self.met))
            values = scores.values[scores.defined]
            result[name] = float(np.clip(values.mean(), 0.0, 1.0)) if len(values) else None
        return result

    def example_tags(self) -> Iterator[tuple[str, IntArray]]:
        """Yield each tag of whole examples with the examples that carry it, in alphabetical order."""
        yield from _tagged(self._grades["example_tags"].take(pa.array(self._first)))

    def criterion_tags(self) -> Iterator[tuple[str, IntArray]]:
        """Yield each tag of single criteria with the criteria that carry it, in alphabetical order."""
        yield from _tagged(self._grades["tags"])


def _tagged(column: pa.ChunkedArray) -> Iterator[tuple[str, IntArray]]:
    lists = column.combine_chunks()
    owner = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    names, codes = np.unique(np.asarray(lists.flatten().to_pylist(), dtype=str), return_inverse=True)
    for code, name in enumerate(names):
        yield str(name), np.unique(owner[codes == code])
