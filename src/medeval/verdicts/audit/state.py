"""Where an audit stands: what its answered rounds say, and what it would take to end."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from medeval.errors import MedevalError
from medeval.statistics.arrays import FloatArray
from medeval.statistics.estimates import DEFAULT_SEED
from medeval.statistics.power import minimum_detectable_effect
from medeval.statistics.sequential.interval import total_bounds
from medeval.statistics.sequential.looks import INSIDE, OPEN, endings
from medeval.verdicts.audit.answers import Answers, Score
from medeval.verdicts.audit.draws import Draws, draws_of
from medeval.verdicts.audit.order import Order
from medeval.verdicts.audit.questions import Question
from medeval.verdicts.audit.units import Unit
from medeval.verdicts.verdict import Verdict

_FUTURES = 200
_VERDICTS = {INSIDE: Verdict.REPRODUCED, OPEN: Verdict.INCONCLUSIVE}


@dataclass(frozen=True)
class Outlook:
    """How an open audit would end if the items to come are like those seen.

    Attributes:
        median: Items per system until the decision, in half of the simulated futures.
        ninth_decile: The same in nine of ten.
        holds: Share of the futures in which the claim holds.
    """

    median: int
    ninth_decile: int
    holds: float


@dataclass(frozen=True)
class Standing:
    """The state of an audit of one question. Means and differences are fractions.

    Attributes:
        question: What is asked.
        verdict: REPRODUCED or NOT_REPRODUCED once the evidence suffices, else INCONCLUSIVE.
        risk: Chance, over the random order, that such an audit ever ends wrong.
        estimate: Mean or difference by the rounds so far; None before the first.
        low: Lower end of the interval that holds at all times with probability 1 - risk.
        high: Upper end.
        rounds: Complete rounds.
        rounds_total: Rounds until every item is used.
        decided_after: Round after which the verdict stood; None while it is open.
        items: Items per system in the complete rounds.
        items_total: Items that exist.
        decided_items: Items per system when the verdict stood; None while it is open.
        unused: Answered items that are in no complete round.
        unknown: Items of the rounds of which verdicts are missing; these count as badly as they could, on each side.
        exact: Whether every item is used, so that nothing is left to chance.
        resolution: Smallest distance from the claim's limits that all items, as a sample of questions of their kind,
            would show with 80 % power, by the spread seen so far; None before the second round.
        outlook: What an open audit would take; None when decided, or before the first round.
    """

    question: Question
    verdict: Verdict
    risk: float
    estimate: float | None
    low: float
    high: float
    rounds: int
    rounds_total: int
    decided_after: int | None
    items: int
    items_total: int
    decided_items: int | None
    unused: int
    unknown: int
    exact: bool
    resolution: float | None
    outlook: Outlook | None


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Values of the complete rounds, shape (n, B), lowest and highest where a score is missing.

    Attributes:
        lowest: Smallest possible values, in [-1, 1].
        highest: Largest possible values.
        unknown: Items of which verdicts are missing.
        unused: Answered items that are in no complete round.
    """

    lowest: FloatArray
    highest: FloatArray
    unknown: int
    unused: int


def standing(question: Question, order: Order, answers: Answers, systems: Mapping[str, str], risk: float) -> Standing:
    """Judge an audit by its complete rounds; answers beyond them are counted and not used.

    Args:
        question: What is asked.
        order: The committed order.
        answers: Scores by system, benchmark and item.
        systems: Published name -> MODEL/VARIANT.
        risk: Chance of a wrong verdict.

    Raises:
        MedevalError: The order lacks a benchmark, or a score lies outside the range of its item.
    """
    units = [units_of(order, benchmark) for benchmark in question.benchmarks]
    draws = draws_of(units, difference=question.b is not None)
    seen = seen_rounds(question, units, answers, systems)
    n = len(seen.lowest)
    totals = draws.totals
    bounds = total_bounds(seen.lowest, seen.highest, draws.sizes[:n], totals, risk)
    low, high = (None if limit is None else limit - draws.middle for limit in question.limits)
    found = endings(seen.lowest[None], seen.highest[None], draws.sizes[None, :n], totals, (low, high), risk)
    outcome, after = int(found.outcomes[0]), int(found.rounds[0])
    is_open = outcome == OPEN
    exact = n == len(draws.sizes)
    return Standing(
        question=question,
        verdict=_VERDICTS.get(outcome, Verdict.NOT_REPRODUCED),
        risk=risk,
        estimate=draws.middle + _estimate(seen, draws) if n else None,
        low=draws.middle + max(bounds.low, bounds.least),
        high=draws.middle + min(bounds.high, bounds.most),
        rounds=n,
        rounds_total=len(draws.sizes),
        decided_after=None if is_open else after,
        items=draws.items(n),
        items_total=draws.items(len(draws.sizes)),
        decided_items=None if is_open else draws.items(after),
        unused=seen.unused,
        unknown=seen.unknown,
        exact=exact,
        resolution=_resolution(seen, draws) if n > 1 else None,
        outlook=_outlook(seen, draws, (low, high), risk) if is_open and n and not exact else None,
    )


def units_of(order: Order, benchmark: str) -> tuple[Unit, ...]:
    """Return the units of a benchmark in their order.

    Raises:
        MedevalError: The order lacks it.
    """
    if benchmark not in order.units:
        raise MedevalError(
            f"the order has no {benchmark}, only {', '.join(order.units)}",
            "Draw an order of every benchmark that the claim is about.",
        )
    return order.units[benchmark]


def seen_rounds(
    question: Question, units: list[tuple[Unit, ...]], answers: Answers, systems: Mapping[str, str]
) -> Seen:
    """Collect the leading rounds in which every unit is answered by every system.

    Args:
        question: What is asked.
        units: Units of each of its benchmarks, in order.
        answers: Scores by system, benchmark and item.
        systems: Published name -> MODEL/VARIANT.
    """
    sides = [answers.get(systems.get(name, ""), {}) for name in (question.a, question.b) if name is not None]
    scores = [[side.get(benchmark, {}) for side in sides] for benchmark in question.benchmarks]
    rounds_total = max(map(len, units))
    complete = min(_leading(part, known, rounds_total) for part, known in zip(units, scores, strict=True))
    lowest = np.zeros((complete, len(units)))
    highest = np.zeros_like(lowest)
    unknown = 0
    for column, (part, known) in enumerate(zip(units, scores, strict=True)):
        for row, unit in enumerate(part[:complete]):
            ends = _value(unit, known, difference=question.b is not None)
            lowest[row, column], highest[row, column] = ends
            unknown += sum(not all(_is_known(side[item]) for side in known) for item in unit.items)
    used = {item for part in units for unit in part[:complete] for item in unit.items}
    answered = {item for known in scores for side in known for item in side}
    return Seen(lowest, highest, unknown, len(answered - used))


def _leading(units: tuple[Unit, ...], known: list[Mapping[str, Score]], rounds_total: int) -> int:
    """Return how many leading units are answered; a benchmark that is used up holds no round back."""
    for row, unit in enumerate(units):
        if not all(item in side for side in known for item in unit.items):
            return row
    return rounds_total


def _value(unit: Unit, known: list[Mapping[str, Score]], *, difference: bool) -> tuple[float, float]:
    """Return the smallest and largest possible value of a unit in [-1, 1], equal unless a score is missing."""
    low = high = 0.0
    for item, share, span in zip(unit.items, unit.shares, unit.spans, strict=True):
        least, most = _ends(known[0][item], span, item)
        if difference:
            other = _ends(known[1][item], span, item)
            low, high = low + share * (least - other[1]), high + share * (most - other[0])
        else:
            low, high = low + share * (2.0 * least - 2.0 + span), high + share * (2.0 * most - 2.0 + span)
    return max(low / unit.size, -1.0), min(high / unit.size, 1.0)


def _ends(score: Score, span: float, item: str) -> tuple[float, float]:
    """Return the smallest and largest score that an item can have: its own when it is known."""
    low, high = score if isinstance(score, tuple) else (score, score)
    if np.isnan(low) or np.isnan(high):
        return 1.0 - span, 1.0
    if not 1.0 - span - 1e-9 <= low <= high <= 1.0 + 1e-9:
        raise MedevalError(
            f"item {item}: its score {low:g} is outside {1.0 - span:g} to 1, the range of its rubric",
            "Grade it with the rubric of the items table that the order was drawn from.",
        )
    return low, high


def _is_known(score: Score) -> bool:
    return not isinstance(score, tuple) and not np.isnan(score)


def _estimate(seen: Seen, draws: Draws) -> float:
    """Return what was drawn plus, for what is left of each benchmark, its mean value so far."""
    n = len(seen.lowest)
    values, sizes = (seen.lowest + seen.highest) / 2.0, draws.sizes[:n]
    left = draws.totals - sizes.sum(axis=0)
    return float((sizes * values).sum() + left @ (values.sum(axis=0) / (sizes > 0.0).sum(axis=0)))


def _resolution(seen: Seen, draws: Draws) -> float:
    """Return the smallest difference that a sample as large as the population would show."""
    values = (seen.lowest + seen.highest) / 2.0
    drawn = draws.sizes[: len(values)] > 0.0
    variances = [float(values[drawn[:, b], b].var(ddof=1)) for b in range(values.shape[1])]
    units = (draws.sizes > 0.0).sum(axis=0)
    return minimum_detectable_effect(float(np.sqrt((draws.totals**2 * variances / units).sum())))


def _outlook(seen: Seen, draws: Draws, limits: tuple[float | None, float | None], risk: float) -> Outlook:
    """Continue the audit many times with values drawn from those seen in the same benchmark."""
    rng = np.random.default_rng(DEFAULT_SEED)
    n, whole = len(seen.lowest), len(draws.sizes)
    lowest, highest = (np.zeros((_FUTURES, whole, draws.sizes.shape[1])) for _ in range(2))
    lowest[:, :n], highest[:, :n] = seen.lowest, seen.highest
    for column in range(draws.sizes.shape[1]):
        length = int((draws.sizes[:, column] > 0.0).sum())
        if length > n:
            picked = rng.integers(0, n, size=(_FUTURES, length - n))
            lowest[:, n:length, column] = seen.lowest[picked, column]
            highest[:, n:length, column] = seen.highest[picked, column]
    sizes = np.broadcast_to(draws.sizes, lowest.shape)
    found = endings(lowest, highest, sizes, draws.totals, limits, risk)
    items = np.cumsum(draws.counts.sum(axis=1))[found.rounds - 1]
    median, ninth = np.quantile(items, [0.5, 0.9], method="higher")
    return Outlook(int(median), int(ninth), float((found.outcomes == INSIDE).mean()))
