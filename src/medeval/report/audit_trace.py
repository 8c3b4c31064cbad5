"""How the interval of an audit closed in, look by look, as numbers and as a drawing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from medeval.errors import MedevalError
from medeval.records.files import atomic_path
from medeval.report.scale import Scale, scale_for
from medeval.statistics.sequential.interval import total_bounds
from medeval.verdicts.audit.answers import Answers
from medeval.verdicts.audit.document import Audited, Part
from medeval.verdicts.audit.draws import draws_of
from medeval.verdicts.audit.order import Order
from medeval.verdicts.audit.questions import Question
from medeval.verdicts.audit.state import seen_rounds, units_of

# Rounds at which the interval is computed; more would not show.
_POINTS = 60
_WIDTH, _HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 50, 40
_STYLE = (
    "text{font:12px sans-serif;fill:#222}.band{fill:#9ecae1;fill-opacity:.6;stroke:#3182bd}"
    ".limit{stroke:#d94801;stroke-width:2;stroke-dasharray:6 4}.grid{stroke:#ddd}.title{font-weight:bold}"
)


@dataclass(frozen=True, slots=True)
class Point:
    """The interval after some rounds; bounds are fractions."""

    items: int
    low: float
    high: float


def trace(question: Question, order: Order, answers: Answers, systems: Mapping[str, str], risk: float) -> list[Point]:
    """Return how the interval of a question closed in.

    Args:
        question: What is asked.
        order: The committed order.
        answers: Scores by system, benchmark and item.
        systems: Published name -> MODEL/VARIANT.
        risk: Risk of the question.

    Raises:
        MedevalError: As for :func:`medeval.verdicts.audit.state.standing`.
    """
    units = [units_of(order, benchmark) for benchmark in question.benchmarks]
    draws = draws_of(units, difference=question.b is not None)
    seen = seen_rounds(question, units, answers, systems)
    found = []
    for n in sorted(set(np.linspace(0, len(seen.lowest), _POINTS).round().astype(int).tolist())):
        bounds = total_bounds(seen.lowest[:n], seen.highest[:n], draws.sizes[:n], draws.totals, risk)
        low, high = max(bounds.low, bounds.least), min(bounds.high, bounds.most)
        found.append(Point(draws.items(n), draws.middle + low, draws.middle + high))
    return found


def write_drawing(path: Path, audit: Audited, parts: Mapping[str, Sequence[Part]]) -> int:
    """Draw how the interval of every part that has answers closed in.

    Args:
        path: The SVG file to write.
        audit: What the judgement rests on.
        parts: What :func:`medeval.verdicts.audit.document.audit_parts` found, by claim.

    Returns:
        Number of parts drawn.

    Raises:
        MedevalError: No part has an answered round.
    """
    drawings = [
        (found.question, trace(found.question, audit.order, audit.answers, audit.systems, found.risk))
        for group in parts.values()
        for found in (part.standing for part in group)
        if found is not None and found.rounds
    ]
    if not drawings:
        raise MedevalError("no part of a claim has an answered round to draw", "Draw once the first look is answered.")
    with atomic_path(path) as temporary:
        temporary.write_text(svg(drawings), encoding="utf-8")
    return len(drawings)


def svg(drawings: Sequence[tuple[Question, Sequence[Point]]]) -> str:
    """Draw intervals against items, one panel below the other, with the limits of each claim.

    Args:
        drawings: Questions with their traces.
    """
    height = _HEIGHT * len(drawings)
    panels = [
        f'<g transform="translate(0 {_HEIGHT * index})">{"".join(_panel(question, points))}</g>'
        for index, (question, points) in enumerate(drawings)
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">'
    )
    return "\n".join([head, f"<style>{_STYLE}</style>", *panels, "</svg>", ""])


def _panel(question: Question, points: Sequence[Point]) -> Iterator[str]:
    last, limits = points[-1], [limit for limit in question.limits if limit is not None]
    # The first interval is the whole range, which says nothing; the scale is that of the second half.
    later = points[len(points) // 2 :]
    scale = scale_for([*(end for point in later for end in (point.low, point.high)), *limits])
    most = max(last.items, 1)
    what = "difference" if question.b is not None else "score"
    yield f'<text class="title" x="{_LEFT}" y="20">{escape(question.claim)} {escape(question.metric)}</text>'
    yield f'<text x="{_LEFT}" y="37">{escape(question.words)}; {what} in points, interval {_ends(last)}</text>'
    for tick in scale.ticks:
        y = _TOP + (100.0 - tick.at) / 100.0 * _plot_height()
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick.text}</text>'
    yield f'<path class="band" d="{_band(points, scale, most)}"/>'
    for limit in limits:
        y = _y(limit, scale)
        yield f'<line class="limit" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    for items in sorted({0, most // 2, most}):
        anchor = "end" if items == most else "start" if items == 0 else "middle"
        yield f'<text x="{_x(items, most):.1f}" y="{_HEIGHT - 22}" text-anchor="{anchor}">{items:,} items</text>'


def _band(points: Sequence[Point], scale: Scale, most: int) -> str:
    """Return the outline of the band: the upper ends to the right, the lower ends back."""
    upper = [f"{_x(p.items, most):.1f},{_y(p.high, scale):.1f}" for p in points]
    lower = [f"{_x(p.items, most):.1f},{_y(p.low, scale):.1f}" for p in reversed(points)]
    return f"M{' L'.join([*upper, *lower])} Z"


def _ends(point: Point) -> str:
    return f"{100 * point.low:+.2f} to {100 * point.high:+.2f} after {point.items:,} items"


def _plot_height() -> int:
    return _HEIGHT - _TOP - _BOTTOM


def _x(items: int, most: int) -> float:
    return _LEFT + items / most * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, scale: Scale) -> float:
    return _TOP + (100.0 - scale.place(value)) / 100.0 * _plot_height()
