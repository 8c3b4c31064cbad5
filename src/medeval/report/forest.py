"""Forest plots: tables whose rows carry a dot with its interval on a common scale."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from medeval.report.numbers import Cell, Figure
from medeval.report.scale import Scale
from medeval.statistics.estimates import Estimate

EstimateT = TypeVar("EstimateT", bound=Estimate)


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across a track: `kind` is zero, margin or chance; `at` is in percent of the width."""

    at: float
    kind: str


@dataclass(frozen=True, slots=True)
class Track:
    """One dot with its interval; places are in percent of the width.

    Attributes:
        dot: Where the estimate stands.
        left: Where the interval starts; None without an interval.
        width: How wide the interval is.
        tone: Index of the colour, which stands for the model.
        shape: Index of the shape, which stands for the variant.
        marks: Lines of this row alone.
        open_low: The interval goes on beyond the low end of the scale.
        open_high: It goes on beyond the high end.
    """

    dot: float
    left: float | None
    width: float | None
    tone: int
    shape: int
    marks: tuple[Mark, ...]
    open_low: bool = False
    open_high: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its label, its track, and the cells beside it; `source` names the entry of the document."""

    label: str
    track: Track | None
    cells: tuple[Cell, ...]
    source: str
    note: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under one heading; an empty title gives no heading."""

    title: str
    rows: tuple[Row, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Forest:
    """A whole plot.

    Attributes:
        caption: What the plot shows.
        axis: The unit of the scale.
        scale: The scale of all rows.
        columns: Heads of the cells; every row has one cell per column.
        groups: The rows.
        marks: Lines across all rows, at most one of each kind.
        label: Head of the row labels.
        entry: The part of the documents that the rows' own `source` continues.
    """

    caption: str
    axis: str
    scale: Scale
    columns: tuple[str, ...]
    groups: tuple[Group, ...]
    marks: tuple[Mark, ...] = ()
    label: str = "System"
    entry: str = ""


def track(
    estimate: Estimate,
    scale: Scale,
    *,
    tone: int = 0,
    shape: int = 0,
    marks: Sequence[Mark] = (),
) -> Track:
    """Place an estimate (fractions) on a scale."""
    place = dot(estimate.value, scale, tone=tone, shape=shape, marks=marks)
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return place
    left = scale.place(low)
    return replace(
        place,
        left=left,
        width=round(scale.place(high) - left, 1),
        open_low=low < scale.low - 1e-9,
        open_high=high > scale.high + 1e-9,
    )


def dot(value: float, scale: Scale, *, tone: int = 0, shape: int = 0, marks: Sequence[Mark] = ()) -> Track:
    """Place a value (a fraction) without an interval on a scale."""
    return Track(dot=scale.place(value), left=None, width=None, tone=tone, shape=shape, marks=tuple(marks))


def flipped(estimate: EstimateT) -> EstimateT:
    """Return a difference seen from the other side: B minus A."""
    low, high = (None if end is None else -end for end in (estimate.low, estimate.high))
    return replace(estimate, value=-estimate.value, low=high, high=low)


def oriented(estimate: EstimateT, sign: int) -> EstimateT:
    """Return a difference as it is (sign 1) or seen from the other side (sign -1)."""
    return estimate if sign > 0 else flipped(estimate)


def fact(name: str, *parts: Figure | str, note: str = "") -> tuple[str, Cell, str]:
    """Return one line of a list of facts: its name, its figures, and what they mean."""
    return name, Cell(tuple(parts)), note
