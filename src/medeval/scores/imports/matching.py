"""Which item a reply from elsewhere answers: by the text of its question and options, or by an id."""

from collections import Counter, defaultdict
from typing import Any

import pyarrow as pa

from medeval.errors import MedevalError
from medeval.records.tables import canonical_id, canonical_text
from medeval.scores.imports.replies import ForeignReply, Shown
from medeval.scores.lookup import MATCHES

_SKIP = "`--skip-unknown` leaves such replies out and counts them"


class UnknownItem(Exception):
    """No item is the one that a reply answers; the message says why."""


class Matcher:
    """Finds the items that replies answer.

    By text, a question and its options must be those of an item in the same order, but for white space: if they stand
    in another order, the letters in the reply name other options than the item's, and it cannot be scored. Copies of
    one question are told apart by their stratum, else taken in turn.

    Args:
        items: Rows of `tables.ITEMS`.
        match: The items' column that a reply's identifier names; None matches by text.
        benchmark: The benchmark to look in; None looks in all of the table.

    Raises:
        MedevalError: `match` is not a column to match by, or there is no item of the benchmark.
    """

    def __init__(self, items: pa.Table, match: str | None = None, benchmark: str | None = None) -> None:
        if match not in (None, *MATCHES):
            raise MedevalError(f"items are not matched by {match!r}", f"Give one of: {', '.join(MATCHES)}.")
        self._items: list[dict[str, Any]] = items.select(_COLUMNS).to_pylist()
        self._match = match
        chosen = [place for place, item in enumerate(self._items) if benchmark in (None, item["benchmark"])]
        if not chosen:
            raise MedevalError(
                f"the items table has no item of {benchmark!r}", "Give the items of the benchmark that was run."
            )
        self._by_text: defaultdict[str, list[int]] = defaultdict(list)
        self._by_question: defaultdict[str, list[int]] = defaultdict(list)
        self._by_id: defaultdict[str, list[int]] = defaultdict(list)
        for place in chosen:
            item = self._items[place]
            self._by_text[canonical_id(item["question"], item["options"])].append(place)
            self._by_question[canonical_text(item["question"])].append(place)
            if match is not None and item[match] is not None:
                self._by_id[str(item[match])].append(place)
        self._taken: Counter[tuple[Any, ...]] = Counter()

    def place(self, reply: ForeignReply) -> int:
        """Return the position of the item that a reply answers.

        Raises:
            UnknownItem: There is none.
            MedevalError: The record does not say which it is, more than one could be, or its options are not the
                item's in the same order; the record is named.
        """
        return self._place_by_text(reply) if self._match is None else self._place_by_id(reply)

    def other_gold(self, place: int, reply: ForeignReply) -> bool:
        """Whether the record calls another option correct than the item does."""
        return reply.gold is not None and reply.gold not in self._items[place]["answers"]

    def _place_by_text(self, reply: ForeignReply) -> int:
        if not reply.shown:
            raise MedevalError(
                f"{reply.where}: no question with its options is found in the record",
                "Say which of its fields names the item: `--match source_id --column item_id=FIELD`, for example.",
            )
        for shown in reply.shown:
            places = self._by_text.get(canonical_id(shown.question, shown.options), [])
            if places := [place for place in places if reply.benchmark in (None, self._items[place]["benchmark"])]:
                return self._one_of(places, reply)
        for shown in reply.shown:
            for place in self._by_question.get(canonical_text(shown.question), []):
                self._refuse_other_order(place, shown, reply.where)
        raise UnknownItem("no item has its question and options")

    def _one_of(self, places: list[int], reply: ForeignReply) -> int:
        """Choose among the copies of a question: the one of the reply's stratum, or the next in turn."""
        if len(benchmarks := sorted({self._items[place]["benchmark"] for place in places})) > 1:
            raise MedevalError(
                f"{reply.where}: its question stands in {' and '.join(benchmarks)}",
                "Say which of them was run with `--benchmark`.",
            )
        own = [place for place in places if self._items[place]["stratum"] == reply.stratum] or places
        key = (own[0], reply.model, reply.variant, reply.target, reply.mode, reply.sample)
        self._taken[key] += 1
        return own[(self._taken[key] - 1) % len(own)]

    def _place_by_id(self, reply: ForeignReply) -> int:
        if reply.identifier is None:
            raise MedevalError(
                f"{reply.where}: has no id to match by {self._match}",
                "Say which of its fields names the item with `--column item_id=FIELD`.",
            )
        places = self._by_id.get(reply.identifier, [])
        places = [place for place in places if reply.benchmark in (None, self._items[place]["benchmark"])]
        if not places:
            raise UnknownItem(f"no item has the {self._match} {reply.identifier!r}")
        if len(places) > 1:
            raise MedevalError(
                f"{reply.where}: {len(places)} items have the {self._match} {reply.identifier!r}",
                "Say which benchmark was run with `--benchmark`, or match in another way.",
            )
        for shown in reply.shown:
            self._refuse_other_order(places[0], shown, reply.where)
        return places[0]

    def _refuse_other_order(self, place: int, shown: Shown, where: str) -> None:
        item = self._items[place]
        own, others = ([canonical_text(text) for text in texts] for texts in (item["options"], shown.options))
        if own != others and sorted(own) == sorted(others):
            raise MedevalError(
                f"{where}: the options of item {item['item_id']!r} were shown in another order than the item has them, "
                "so a letter in the reply names another option",
                "Run it with the options in their own order, or leave the record out.",
            )


def refuse_unknown(reply: ForeignReply, reason: str) -> MedevalError:
    """Return the error for a reply that answers no item."""
    return MedevalError(f"{reply.where}: {reason}", f"Give the items of the benchmark that was run; {_SKIP}.")


_COLUMNS = ["benchmark", "item_id", "question", "options", "answers", "stratum", "source_id", "source_row"]
