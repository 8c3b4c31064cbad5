"""Read a reply that judges the options one by one and calls exactly one of them correct."""

import re

from medeval.answers.labels import Kind, NamedOptions
from medeval.answers.options import LABELS, OptionTexts

_RIGHT_SIGNS, _WRONG_SIGNS = frozenset("✅✓✔☑"), frozenset("❌✗✘✖❎")
_LABELLED = re.compile(r"[^\w(]*\(?(?:[Oo]ption |[Cc]hoice )?([A-J])(?![\w'’])(.*)")
_JUDGED = re.compile(r"\b(incorrect|not (?:the )?(?:correct|right)|wrong|correct)\b", re.IGNORECASE)


def marked_right(plain: str, options: OptionTexts) -> NamedOptions | None:
    """Return the one option called correct where two or more are judged, each on its line, and no other is."""
    judged: dict[str, set[bool]] = {}
    for line in plain.split("\n"):
        label = _LABELLED.match(line)
        called_right = _is_right(line, label[2]) if label and label[1] in options.labels else None
        if label and called_right is not None:
            judged.setdefault(label[1], set()).add(called_right)
    right = [letter for letter, calls in judged.items() if True in calls]
    if len(judged) < 2 or len(right) != 1 or False in judged[right[0]]:
        return None
    return NamedOptions(Kind.LABEL, frozenset({LABELS.index(right[0])}), right[0])


def _is_right(line: str, comment: str) -> bool | None:
    signs = set(line)
    if signs & _RIGHT_SIGNS or signs & _WRONG_SIGNS:
        return not signs & _WRONG_SIGNS
    word = _JUDGED.search(comment)
    return word[1].lower() == "correct" if word else None
