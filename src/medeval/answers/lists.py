"""Find where a reply only repeats the list of options: nothing there is an answer."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from medeval.answers.options import LABELS, OptionTexts
from medeval.answers.text import lower

_LETTERS = tuple(LABELS.lower())
_NUMBERS = tuple(str(i + 1) for i in range(len(LABELS)))
_GAP = re.compile(r"[\W_]{0,40}")
_LABEL = re.compile(r"[\W_]{0,40}?(?<!\w)([a-j]|\d{1,2})[\"')\].:*]+")
# The first label, where the text of the first option follows.
_FIRST_LABEL = re.compile(r"(?<!\w)[\"'(\[*]*([a1])[\"')\].:*]+[\W_]{0,40}\Z")
_FIRST_LABEL_ROOM = 60


class Listless(NamedTuple):
    """A text without the lists of options that it restated, and by which labels they were listed there."""

    text: str
    numbered: bool = False
    lettered: bool = False


def without_lists(text: str, options: OptionTexts) -> Listless:
    """Remove restated option lists from a text.

    A list is the first options in their order, three or more (or all, if there are fewer), each behind its
    own label, with nothing but punctuation between them. Labels with comments behind them are not a list.
    """
    small = lower(text)
    first_words = [own.partition(" ")[0].lower() for own in options.texts[: _least(options)]]
    if not all(word in small for word in first_words):
        return Listless(text)
    pieces, done, kinds = [], 0, set[Sequence[str]]()
    place = small.find(first_words[0])
    while place >= 0:
        label = _FIRST_LABEL.search(small, max(done, place - _FIRST_LABEL_ROOM), place)
        labels = _LETTERS if label and label[1] == "a" else _NUMBERS
        end = _end_of_list(small, label.start(), labels, options) if label else None
        if label and end:
            pieces.append(text[done : label.start()])
            done = end
            kinds.add(labels)
        place = small.find(first_words[0], max(place + 1, done))
    return Listless("\n".join([*pieces, text[done:]]), _NUMBERS in kinds, _LETTERS in kinds)


def _least(options: OptionTexts) -> int:
    return min(3, len(options.texts))


def _end_of_list(small: str, start: int, labels: Sequence[str], options: OptionTexts) -> int | None:
    """Return where the list that starts here ends; None if fewer options than a list has are restated in a row."""
    end, count = start, 0
    for label, text in zip(labels, options.texts, strict=False):
        found = _LABEL.match(small, end)
        item_end = _after_words(small, found.end(), text) if found and found[1] == label else None
        if item_end is None:
            break
        end, count = item_end, count + 1
    return end if count >= _least(options) else None


def _after_words(small: str, place: int, text: str) -> int | None:
    """Return the place behind the words of `text`, if they stand here with nothing but punctuation between them."""
    for token in text.lower().split():
        gap = _GAP.match(small, place)
        place = gap.end() if gap else place
        if not small.startswith(token, place):
            return None
        place += len(token)
    return None if small[place : place + 1].isalnum() else place
