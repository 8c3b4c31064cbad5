"""Numbers as a reader sees them, each with the exact value of the document behind it."""

from dataclasses import dataclass
from math import isfinite

from medeval.statistics.estimates import Estimate

MINUS = "−"
POINTS = 100.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One number: the text on the page, and the value as the document holds it.

    Attributes:
        text: What is printed; the reason when there is no value.
        value: The document's own value (a fraction for scores); None when there is none.
    """

    text: str
    value: float | int | None

    @property
    def exact(self) -> bool:
        """Whether the text is the value itself, so that nothing stands behind it."""
        return str(self.value) == self.text


@dataclass(frozen=True, slots=True)
class Cell:
    """One table cell: figures with words between them, and a tone that says how loud it is.

    `tone` is empty, `zero`, `some` or `many` (failures), or `wide` or `line` (a line of its own on phones).
    """

    parts: tuple[Figure | str, ...]
    tone: str = ""

    @property
    def text(self) -> str:
        """The cell as plain text."""
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)


def figure(
    value: float | None, decimals: int, *, scale: float = 1.0, signed: bool = False, absent: str = "none"
) -> Figure:
    """Return a number with thousands separators and a true minus; `absent` is the text for None."""
    if value is None:
        return Figure(absent, None)
    if not isfinite(value):
        return Figure("not finite", None)
    text = f"{scale * value:{'+' if signed else ''},.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return Figure(text.replace("-", MINUS), value)


def percent(fraction: float | None, absent: str = "none") -> Figure:
    """Return a fraction as percent with one decimal, without the sign."""
    return figure(fraction, 1, scale=POINTS, absent=absent)


def points(fraction: float | None, absent: str = "none") -> Figure:
    """Return a difference of fractions as signed points with two decimals."""
    return figure(fraction, 2, scale=POINTS, signed=True, absent=absent)


def size_points(fraction: float | None, absent: str = "none") -> Figure:
    """Return a magnitude, such as a standard error, as points with two decimals and no sign."""
    return figure(fraction, 2, scale=POINTS, absent=absent)


def count(value: int | None, absent: str = "none") -> Figure:
    """Return a whole number with thousands separators."""
    return figure(value, 0, absent=absent)


def p_value(value: float | None, absent: str = "no test") -> Figure:
    """Return a p-value with three decimals, or as `< 0.001`."""
    if value is None:
        return Figure(absent, None)
    return Figure("< 0.001", value) if value < 0.001 else figure(value, 3)


def cell(*parts: Figure | str, tone: str = "") -> Cell:
    """Return a cell made of figures and words."""
    return Cell(tuple(parts), tone)


def number_cell(number: Figure, tone: str = "") -> Cell:
    """Return a cell that holds one number."""
    return Cell((number,), tone)


def interval(low: Figure, high: Figure, absent: str = "no interval") -> tuple[Figure | str, ...]:
    """Return `low to high`, or the words for an interval that could not be computed."""
    return (absent,) if low.value is None or high.value is None else (low, " to ", high)


def percent_cell(estimate: Estimate) -> Cell:
    """Return an accuracy with its interval, in percent."""
    ends = interval(percent(estimate.low), percent(estimate.high))
    return cell(percent(estimate.value), " (", *ends, ")", tone="wide")


def points_cell(estimate: Estimate) -> Cell:
    """Return a difference with its interval, in points."""
    ends = interval(points(estimate.low), points(estimate.high))
    return cell(points(estimate.value), " (", *ends, ")", tone="wide")


def failure_cell(failures: int, responses: int) -> Cell:
    """Return a failure count, toned by its share: none, some, or many (5 % of the responses or more)."""
    tone = "zero" if failures == 0 else "many" if failures >= 0.05 * responses else "some"
    return number_cell(count(failures), tone)


def megabytes(size: int) -> Figure:
    """Return a file size in units of 1,000,000 bytes; the value stays in bytes."""
    return figure(size, 1, scale=1e-6)
