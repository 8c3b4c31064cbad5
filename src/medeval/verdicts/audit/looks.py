"""Which items the next look of an audit needs, within its budget."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from medeval.run.audit import Audit as Settings
from medeval.verdicts.audit.order import Order
from medeval.verdicts.audit.questions import Question, run_benchmark
from medeval.verdicts.audit.state import Standing

# Items by system and benchmark.
Items = Mapping[tuple[str, str], set[str]]


@dataclass(frozen=True)
class Look:
    """What to ask next.

    Attributes:
        items: Items by system and benchmark; empty at the end of the audit.
        ended: Why there is nothing to ask: "decided", "max_items" or "max_hours"; empty when there is.
    """

    items: Items
    ended: str = ""


@dataclass(frozen=True)
class Spent:
    """What an audit has cost so far.

    Attributes:
        items: Items in batches, by system and benchmark.
        seconds: Seconds by system.
    """

    items: Items
    seconds: Mapping[str, float]

    def of(self, system: str) -> int:
        """Return the number of items that a system was asked."""
        return sum(len(ids) for (name, _), ids in self.items.items() if name == system)

    def forecast(self, system: str, items: int) -> float:
        """Return the seconds that more items of a system will take, by those before; 0 while there are none."""
        done = self.of(system)
        return items * self.seconds.get(system, 0.0) / done if done else 0.0


def next_look(
    still_open: Sequence[Standing], order: Order, systems: Mapping[str, str], spent: Spent, settings: Settings
) -> Look:
    """Choose the items of the next look: as many rounds as the schedule says, or as the budget has left.

    Args:
        still_open: The questions that more items can decide.
        order: The committed order.
        systems: Published name -> MODEL/VARIANT.
        spent: What was asked so far.
        settings: Schedule and budget.
    """
    if not still_open:
        return Look({}, "decided")
    ended = ""
    for step in _steps(still_open, settings):
        items = _items(still_open, step, order, systems, spent.items)
        if not items:
            raise ValueError("an open question has no item left to ask")
        ended = _beyond(items, spent, settings)
        if not ended:
            return Look(items)
    return Look({}, ended)


def rounds_after(rounds: int, settings: Settings) -> int:
    """Return the rounds at the next look, without regard to what exists."""
    return max(settings.first_rounds, math.ceil(rounds * settings.growth - 1e-9), rounds + 1)


def _steps(still_open: Sequence[Standing], settings: Settings) -> Iterator[int]:
    """Yield the rounds to add: what the schedule says, then ever fewer."""
    yield from range(max(rounds_after(found.rounds, settings) - found.rounds for found in still_open), 0, -1)


def _items(
    still_open: Sequence[Standing], step: int, order: Order, systems: Mapping[str, str], asked: Items
) -> dict[tuple[str, str], set[str]]:
    wanted: dict[tuple[str, str], set[str]] = {}
    for found in still_open:
        leading = order.leading(found.rounds + step)
        for system in _sides(found.question, systems):
            for name in found.question.benchmarks:
                wanted.setdefault((system, run_benchmark(name)), set()).update(leading[name])
    new = {key: items - asked.get(key, set()) for key, items in wanted.items()}
    return {key: items for key, items in new.items() if items}


def _sides(question: Question, systems: Mapping[str, str]) -> list[str]:
    return [systems[name] for name in (question.a, question.b) if name is not None]


def _beyond(items: Items, spent: Spent, settings: Settings) -> str:
    """Return the limit that these items would break; empty when they keep to the budget."""
    more: dict[str, int] = {}
    for (system, _), ids in items.items():
        more[system] = more.get(system, 0) + len(ids)
    if settings.max_items is not None and any(spent.of(name) + n > settings.max_items for name, n in more.items()):
        return "max_items"
    if settings.max_hours is not None:
        seconds = sum(spent.seconds.values()) + sum(spent.forecast(name, n) for name, n in more.items())
        if seconds >= 3600 * settings.max_hours:
            return "max_hours"
    return ""
