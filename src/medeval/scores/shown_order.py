"""Options that were shown in another order than the item has them.

An order lists, for every place from the first label on, the 0-based option of the item that stood there, or `FREE`
for a place without one. None is the item's own order.
"""

from collections.abc import Sequence

from medeval.answers.options import LABELS

FREE = -1
_FREE_TEXT = "n/a"  # what stands in a free place; it chooses nothing

Order = Sequence[int] | None


def is_order(order: Sequence[int | None], options: int) -> bool:
    """Whether an order names each of so many options once, and no more places than there are labels."""
    named = sorted(place for place in order if place is not None and place != FREE)
    return None not in order and named == list(range(options)) and len(order) <= len(LABELS)


def as_shown(options: Sequence[str], order: Order) -> tuple[str, ...]:
    """Return an item's options in the order shown."""
    if order is None:
        return tuple(options)
    return tuple(_FREE_TEXT if place == FREE else options[place] for place in order)


def option_at(place: int | None, order: Order) -> int | None:
    """Return the item's option at a place shown; None for no place, or one that is free."""
    if place is None or order is None:
        return place
    return None if order[place] == FREE else order[place]


def place_of(option: int, order: Order) -> int:
    """Return the place at which an item's option was shown; a negative number, no option, stays what it is."""
    return option if order is None or option < 0 else list(order).index(option)


def in_own_order(values: Sequence[float | None], order: Order) -> list[float | None]:
    """Return values given per place shown in the item's order of its options."""
    if order is None:
        return list(values)
    return [values[list(order).index(option)] for option in range(max(order) + 1)]
