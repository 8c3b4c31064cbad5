"""Scores tables of responses against one table of items."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medeval.answers.outcomes import ERROR, METHODS, ChoiceColumns, NameRow, by_byte, by_letter, generated
from medeval.errors import MedevalError
from medeval.records import tables
from medeval.scores.lookup import IntArray, ItemLookup
from medeval.scores.shown_order import Order, as_shown, is_order, option_at

ANY_GOLD = "+any-gold"
ITEM_COLUMNS = (
    "benchmark",
    "item_id",
    "options",
    "answers",
    "stratum",
    "cluster_id",
    "source_id",
    "source_row",
)

BoolArray = npt.NDArray[np.bool_]
_Reader = Callable[[pa.Table, Sequence[Sequence[str]], NameRow], Iterator[ChoiceColumns]]
_READERS: tuple[tuple[tuple[str, ...], _Reader], ...] = (
    (("generate",), generated),
    (("letter",), by_letter),
    (("cloze", "choices_only"), by_byte),
)


@dataclass(frozen=True)
class ScoredResponses:
    """The scores of some responses.

    Attributes:
        table: Rows of `tables.SCORES`, one per response, in their order.
        places: The position of each response's item in the items table, shape (rows,).
    """

    table: pa.Table
    places: IntArray


class Scorer:
    """Scores responses; what it needs of the items is prepared once.

    Args:
        items: Rows of `tables.ITEMS`, of which the columns `ITEM_COLUMNS` are used.
        match: The column of the items that the responses' `item_id` names.

    Raises:
        MedevalError: Two items share what they are found by.
    """

    def __init__(self, items: pa.Table, match: str = "item_id") -> None:
        self._items = items.select(list(ITEM_COLUMNS))
        self._lookup = ItemLookup(self._items, match)
        self._options = [tuple(texts) for texts in items["options"].to_pylist()]
        self._several = pc.list_value_length(items["answers"]).to_numpy(zero_copy_only=False) > 1

    def score(self, responses: pa.Table, where: Callable[[int], str]) -> ScoredResponses:
        """Score responses; see `medeval.scores.score.score` for the rules.

        Args:
            responses: The columns of `tables.RESPONSES` that a score is made from.
            where: Names a row's place, for messages.

        Raises:
            MedevalError: A response has no item, an unknown mode, or lacks what its mode is scored by.
        """
        places = self._lookup.places(responses["benchmark"], responses["item_id"], where)
        modes = _modes(responses["mode"], where)
        asked = self._items.take(pa.array(places))
        orders = self._orders(responses, places, where)
        outcomes = self._outcomes(responses, places, modes, orders, where)
        choices = np.array([-1 if outcome.choice is None else outcome.choice for outcome in outcomes], dtype=np.int64)
        several = self._several[places] if len(places) else np.zeros(0, dtype=bool)
        taken = (*tables.RESPONSES.key, "generated_tokens", "shown_order")
        columns: dict[str, Any] = {name: responses[name] for name in taken}
        columns |= {name: asked[name] for name in ("item_id", "stratum", "cluster_id")}
        columns |= {name: [getattr(outcome, name) for outcome in outcomes] for name in ChoiceColumns._fields}
        columns["correct"] = _is_gold(choices, asked["answers"])
        columns["method"] = [METHODS[mode] + ANY_GOLD * bool(m) for mode, m in zip(modes, several, strict=True)]
        schema = tables.SCORES.schema
        return ScoredResponses(pa.table({name: columns[name] for name in schema.names}, schema=schema), places)

    def _orders(self, responses: pa.Table, places: IntArray, where: Callable[[int], str]) -> list[Order]:
        """Return the order in which each row's options were shown; None for the item's own."""
        orders: list[Order] = responses["shown_order"].to_pylist()
        for row, order in enumerate(orders):
            if order is not None and not is_order(order, len(options := self._options[places[row]])):
                raise MedevalError(
                    f"{where(row)}: shown_order {list(order)} is no order of the item's {len(options)} options",
                    "List for each place shown the option that stood there, counted from 0, each once; -1 for none.",
                )
        return orders

    def _outcomes(
        self,
        responses: pa.Table,
        places: IntArray,
        modes: npt.NDArray[np.object_],
        orders: Sequence[Order],
        where: Callable[[int], str],
    ) -> list[ChoiceColumns]:
        outcomes = [ERROR] * len(responses)
        failed = pc.equal(responses["finish_reason"], "error").to_numpy(zero_copy_only=False).astype(bool)
        for names, reader in _READERS:
            rows = np.flatnonzero(np.isin(modes, names) & ~failed)
            if not len(rows):
                continue
            part = responses if len(rows) == len(responses) else responses.take(pa.array(rows))
            options = [as_shown(self._options[places[row]], orders[row]) for row in rows.tolist()]
            found = reader(part, options, _naming(part, rows, where))
            for row, outcome in zip(rows.tolist(), found, strict=True):
                outcomes[row] = outcome if orders[row] is None else _of_item(outcome, orders[row])
        return outcomes


def _of_item(outcome: ChoiceColumns, order: Order) -> ChoiceColumns:
    """Return what was chosen among the item's own options; a place that was free answers nothing."""
    choice = option_at(outcome.choice, order)
    status = "no_answer" if choice is None and outcome.choice is not None else outcome.status
    return outcome._replace(choice=choice, status=status)


def _naming(part: pa.Table, rows: IntArray, where: Callable[[int], str]) -> NameRow:
    return lambda row: f"{where(int(rows[row]))} (item {part['item_id'][row].as_py()!r})"


def _modes(column: pa.ChunkedArray, where: Callable[[int], str]) -> npt.NDArray[np.object_]:
    modes: npt.NDArray[np.object_] = column.to_numpy(zero_copy_only=False)
    if len(unknown := np.flatnonzero(~np.isin(modes, list(METHODS)))):
        raise MedevalError(
            f"{where(int(unknown[0]))}: mode {modes[unknown[0]]}: expected one of {', '.join(METHODS)}",
            "Correct the mode in the configuration or in the table.",
        )
    return modes


def _is_gold(choices: IntArray, answers: pa.ChunkedArray) -> BoolArray:
    """Whether each choice is among the correct options of its row; no choice (-1) never is."""
    answers = answers.combine_chunks()
    owner = pc.list_parent_indices(answers).to_numpy(zero_copy_only=False)
    gold = answers.flatten().to_numpy(zero_copy_only=False)
    correct = np.zeros(len(choices), dtype=bool)
    correct[owner[gold == choices[owner]]] = True
    return correct
