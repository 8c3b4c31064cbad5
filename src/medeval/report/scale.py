"""The scale of a plot, and where values stand on it in percent of its width."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from medeval.report.numbers import MINUS, POINTS

_INTERVALS = 5
_NARROWEST = 1e-6
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on a scale; `at` is in percent of its width."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale of fractions, labelled in points; `low`, `high` and `step` are fractions."""

    low: float
    high: float
    step: float

    def place(self, value: float) -> float:
        """Return where a value stands, in percent of the width; values beyond an end stand at that end."""
        share = (value - self.low) / (self.high - self.low)
        return round(100.0 * min(max(share, 0.0), 1.0), 1)

    @property
    def steps(self) -> int:
        """Number of steps from end to end."""
        return round((self.high - self.low) / self.step)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """A tick at both ends and at every step between."""
        values = [self.low + index * self.step for index in range(self.steps + 1)]
        return tuple(Tick(self.place(value), _label(value)) for value in values)


def accuracy_scale() -> Scale:
    """Return the scale of accuracies: 0 to 100 %, the same for every benchmark."""
    return Scale(0.0, 1.0, 0.2)


def scale_for(values: Iterable[float | None]) -> Scale:
    """Return the scale with round ticks that holds all values and 0; None is skipped."""
    known = [0.0, *(value for value in values if value is not None)]
    low, high = min(known), max(known)
    if high - low < _NARROWEST:
        return Scale(-0.01, 0.01, 0.005)
    step = _round_step((high - low) / _INTERVALS)
    return Scale(step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9), step)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(step for step in _STEPS if step * power >= rough * (1 - 1e-9))


def _label(value: float) -> str:
    return f"{round(POINTS * value, 6) + 0.0:g}".replace("-", MINUS)
