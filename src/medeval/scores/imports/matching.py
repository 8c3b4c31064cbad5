"""Which item a reply from elsewhere answers, by its text or by an id, and in which order the options were shown."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from medeval.errors import MedevalError
from medeval.records.tables import canonical_id, canonical_text
from medeval.scores.imports.orders import UnlikeRecord, order_of, order_shown
from medeval.scores.imports.replies import ForeignReply, Shown
from medeval.scores.lookup import MATCHES
from medeval.scores.shown_order import FREE, is_order

_QUESTION_LABEL = re.compile(r"(?:question|q)\s*\d*\s*[:.]\s*", re.IGNORECASE)
_LIST_LABEL = re.compile(r"\s*(?:answer\s+)?(?:options|choices)\s*:?\s*$", re.IGNORECASE)
_LINES_TRIED = 60
_SKIP = "`--skip-unknown` leaves such replies out and counts them"


class UnknownItem(Exception):
    """No item is the one that a reply answers; the message says why."""


class Matcher:
    """Finds the items that replies answer.

    By text, a question and its options must be those of an item, but for white space; the options may stand in another
    order. Copies of one question are told apart by their stratum, else taken in turn.

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

    def place(self, reply: ForeignReply) -> tuple[int, tuple[int, ...] | None]:
        """Return the position of the item that a reply answers, and the order in which its options were shown.

        The order is None if it is the item's own, or the record does not say it.

        Raises:
            UnknownItem: There is none.
            UnlikeRecord: Other options than the item's were shown, or the record cannot be read.
            MedevalError: The record does not say which it is, or more than one could be; the record is named.
        """
        if reply.refused:
            raise UnlikeRecord(reply.refused)
        place = self._place_by_text(reply) if self._match is None else self._place_by_id(reply)
        options = self._items[place]["options"]
        try:
            order = _stated_order(options, reply) or order_shown(options, reply)
        except UnlikeRecord as reason:
            raise UnlikeRecord(f"{reason} {self._items[place]['item_id']!r}") from None
        scored, shown = reply.option_logprobs, len(options if order is None else order)
        if scored is not None and len(scored) != shown:
            raise UnlikeRecord(f"it has {len(scored)} log-probabilities for {shown} options")
        while order and order[-1] == FREE and scored is None:
            order = order[:-1]
        return place, None if order == tuple(range(len(options))) else order

    def other_gold(self, place: int, reply: ForeignReply) -> bool:
        """Whether the record calls another option correct than the item does."""
        item = self._items[place]
        if reply.gold is None:
            return False
        order = order_of(item["options"], reply.shown[0]) if reply.shown else None
        return (reply.gold if order is None else order[reply.gold]) not in item["answers"]

    def _place_by_text(self, reply: ForeignReply) -> int:
        questions = list(_questions(reply))
        if not questions:
            raise UnlikeRecord(
                "no question with its options is found in the record; "
                "`--match source_id --column item_id=FIELD`, for example, says which of its fields names the item"
            )
        for question, shown in questions[: len(reply.shown)]:
            places = self._by_text.get(canonical_id(question, shown.options), [])
            if places := self._of_benchmark(places, reply):
                return self._one_of(places, reply)
        found: list[int] = []
        for question, shown in questions:
            found = self._of_benchmark(self._by_question.get(canonical_text(question), []), reply) or found
            if alike := [place for place in found if order_of(self._items[place]["options"], shown) is not None]:
                return self._one_of(alike, reply)
        if found:
            raise UnlikeRecord(f"its options are not those of item {self._items[found[0]]['item_id']!r}")
        raise UnknownItem("no item has its question and options")

    def _of_benchmark(self, places: Sequence[int], reply: ForeignReply) -> list[int]:
        return [place for place in places if reply.benchmark in (None, self._items[place]["benchmark"])]

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
            raise UnlikeRecord(
                f"it has no id to match by {self._match}; `--column item_id=FIELD` says which of its fields is one"
            )
        places = self._of_benchmark(self._by_id.get(reply.identifier, []), reply)
        if not places:
            raise UnknownItem(f"no item has the {self._match} {reply.identifier!r}")
        if len(places) > 1:
            raise MedevalError(
                f"{reply.where}: {len(places)} items have the {self._match} {reply.identifier!r}",
                "Say which benchmark was run with `--benchmark`, or match in another way.",
            )
        return places[0]


def _questions(reply: ForeignReply) -> Iterator[tuple[str, Shown]]:
    """Yield every text that may be the question, with its options: of a list in a text all that its last lines hold."""
    yield from ((shown.question, shown) for shown in reply.shown if shown.question)
    if reply.listed is None:
        return
    head = _LIST_LABEL.sub("", reply.listed.question).rstrip()
    starts = [match.end() for match in re.finditer(r"^\s*", head, re.MULTILINE) if match.end() < len(head)]
    for start in starts[-_LINES_TRIED:]:
        yield head[start:], reply.listed
        if label := _QUESTION_LABEL.match(head, start):
            yield head[label.end() :], reply.listed


def _stated_order(options: Sequence[str], reply: ForeignReply) -> tuple[int, ...] | None:
    if reply.shown_order is not None and not is_order(reply.shown_order, len(options)):
        raise UnlikeRecord(f"shown_order {list(reply.shown_order)} is no order of the {len(options)} options of item")
    return reply.shown_order


def refuse_unknown(reply: ForeignReply, reason: str) -> MedevalError:
    """Return the error for a reply that answers no item."""
    return MedevalError(f"{reply.where}: {reason}", f"Give the items of the benchmark that was run; {_SKIP}.")


_COLUMNS = ["benchmark", "item_id", "question", "options", "answers", "stratum", "source_id", "source_row"]
