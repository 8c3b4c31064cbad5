"""Whether a prompt showed the options of its item behind letters."""

import re
from collections.abc import Sequence

from medeval.records.tables import canonical_text

_LABEL = r"(?<!\w)[(\[\"']?[A-Ja-j](?:[)\].:>\"'-]{1,2})\s*[\"']?"
_SECOND_LINE = re.compile(r"^\W{0,3}[Bb](?:\W|$)", re.MULTILINE)
_ENOUGH = 40  # characters of an option


def shows_letters(prompt: str, options: Sequence[str]) -> bool | None:
    """Whether every option stands behind a letter in a prompt; None where some do, or a line looks as if it did.

    Args:
        prompt: What the model read.
        options: The texts of the item's options, in any order.
    """
    read = canonical_text(prompt)
    starts = [re.escape(canonical_text(option)[:_ENOUGH]) for option in options]
    lettered = [re.search(_LABEL + start, read, re.IGNORECASE) is not None for start in starts]
    if all(lettered):
        return True
    return None if any(lettered) or _SECOND_LINE.search(prompt) else False
