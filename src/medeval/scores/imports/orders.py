"""In which order a record shows an item's options, found by their texts."""

import html
import re
from collections.abc import Sequence

from medeval.answers.options import LABELS
from medeval.records.tables import canonical_text
from medeval.scores.imports.replies import ForeignReply, Shown
from medeval.scores.shown_order import FREE, is_order
from medeval.text.homoglyphs import fold_lookalikes

_FREE_TEXTS = ("", "n/a", "nan", "null")
_OWN_LABEL = re.compile(r"\(?([A-J])[.):]\s+")
_ENDS = ".;,"
# What may follow the last option of a list in a text: the end of its line or sentence, or the marks of a chat.
_AFTER = r"(?=[.;]?\s*(?:\n|$)|\.\s|\s*(?:<[|/\w]|\[/|\"))"
_FEW = 2  # So many of an item's options make a list in a text the list of its options.


class UnlikeRecord(Exception):
    """A record cannot be taken for a reply to its item; the message says why."""


def order_shown(options: Sequence[str], reply: ForeignReply) -> tuple[int, ...] | None:
    """Return the order in which an item's options were shown; None when the record does not say.

    What the model read goes before the record's fields, which may be of the source rather than of the prompt.

    Raises:
        UnlikeRecord: The record shows other options than the item's.
    """
    if reply.listed is not None:
        if (order := order_of(options, reply.listed)) is not None:
            return order
        if not reply.shown or _shares(options, reply.listed):
            raise UnlikeRecord("the text that the model read lists others than the options of item")
    for shown in reply.shown:
        if (order := order_of(options, shown)) is not None:
            return order
    if reply.shown:
        raise UnlikeRecord("its options are not those of item")
    return None


def order_of(options: Sequence[str], shown: Shown) -> tuple[int, ...] | None:
    """Return the order in which some options stand; None when they are another set.

    Texts are compared as items are, in Unicode NFKC with single blanks; if that finds no order, also without letter
    case, look-alike letters, closing punctuation, HTML entities and labels of their own. Texts that are the same twice
    are told apart by their order only, so the order must then be the item's.

    Args:
        options: The item's options.
        shown: The options as shown.
    """
    for form in (canonical_text, _loosely):
        own, theirs = list(options), list(shown.options)
        if form is _loosely:
            own, theirs = list(_without_labels(own)), list(_without_labels(theirs))
        if shown.open_ended:
            theirs[-1] = _last([canonical_text(text) for text in own], theirs)
        own, found = [form(text) for text in own], [form(text) for text in theirs]
        if found == own:
            return tuple(range(len(own)))
        if len(set(own)) == len(own) and (order := _permuted(own, found)):
            return order
    return None


def _permuted(own: Sequence[str], theirs: Sequence[str]) -> tuple[int, ...] | None:
    order = [own.index(text) if text in own else FREE for text in theirs]
    if any(place == FREE and text.casefold() not in _FREE_TEXTS for place, text in zip(order, theirs, strict=True)):
        return None
    return tuple(order) if is_order(order, len(own)) else None


def _last(own: Sequence[str], theirs: Sequence[str]) -> str:
    """Return the last option of a list in a text: the one that is missing if it stands there, else the first line."""
    tail = theirs[-1].strip()
    before = {form(text) for text in theirs[:-1] for form in (canonical_text, _loosely)}
    for text in (text for text in own if not before & {text, _loosely(text)}):
        words = r"\s+".join(map(re.escape, text.split()))
        if words and (match := re.match(words + _AFTER, _as_items(tail, text), re.IGNORECASE)):
            return match[0]
    return tail.partition("\n")[0]


def _as_items(tail: str, text: str) -> str:
    """Fold the characters of a text, but keep its lines."""
    return "\n".join(canonical_text(html.unescape(line)) for line in tail[: 2 * len(text) + 200].split("\n"))


def _shares(options: Sequence[str], shown: Shown) -> bool:
    """Whether some of the item's options are among those shown."""
    theirs = {_loosely(text) for text in (*shown.options[:-1], shown.options[-1].strip().partition("\n")[0])}
    return sum(_loosely(text) in theirs for text in options) >= _FEW


def _loosely(text: str) -> str:
    return canonical_text(fold_lookalikes(html.unescape(text))).casefold().rstrip(_ENDS)


def _without_labels(texts: Sequence[str]) -> Sequence[str]:
    """Remove the labels that options carry themselves, if every one carries that of its place."""
    matches = [_OWN_LABEL.match(text.strip()) for text in texts]
    if all(match and match[1] == label for match, label in zip(matches, LABELS, strict=False)):
        return [text.strip()[match.end() :] for text, match in zip(texts, matches, strict=True) if match]
    return texts
