"""Find where a reply only repeats the list of options: nothing there is an answer."""

import re
from collections.abc import Sequence

from medeval.answers.options import LABELS, OptionTexts

_NUMBERS = tuple(str(i + 1) for i in range(len(LABELS)))
_LABEL_FORM = re.compile(r"(?<!\w)([A-Ja-j]|\d{1,2})[\"')\].:*]")


def without_lists(folded: str, options: OptionTexts) -> tuple[str, bool]:
    """Remove restated option lists from a folded text; also say whether one of them numbered the options.

    A list is the first options in their order, three or more (or all, if there are fewer), each behind its
    own label, with nothing but punctuation between them. Labels with comments behind them are not a list.
    """
    present = {match[1].upper() for match in _LABEL_FORM.finditer(folded)}
    numbered = False
    for labels in (LABELS, _NUMBERS):
        if present.issuperset(labels[: _least(options)]):
            shorter = _list_pattern(labels, options).sub("\n", folded)
            numbered = numbered or (labels is _NUMBERS and shorter != folded)
            folded = shorter
    return folded, numbered


def _least(options: OptionTexts) -> int:
    return min(3, len(options.texts))


def _list_pattern(labels: Sequence[str], options: OptionTexts) -> re.Pattern[str]:
    items = [_item(label, text) for label, text in zip(labels, options.texts, strict=False)]
    least = _least(options)
    pattern = r"[\W_]{0,40}".join(items[:least])
    further = "".join(rf"(?:[\W_]{{0,40}}{item}" for item in items[least:]) + ")?" * len(items[least:])
    return re.compile(pattern + further, re.IGNORECASE)


def _item(label: str, text: str) -> str:
    # An option without letters or digits, such as "-", leaves nothing to compare but its label.
    words = r"[\W_]{0,40}".join(re.escape(token) for token in text.split())
    return rf"(?<!\w)[\"'(\[*]*{label}[\"')\].:*]+[\W_]{{0,40}}{words}(?!\w)"
