"""A reply that is one JSON object, and a reply that ended in the middle of its form."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from medeval.answers.cues import JSON_KEY
from medeval.answers.text import before_turn_end

_FENCE = "```"
_FENCED = re.compile(r"```\w*\s*(\{.*?)\s*(?:```)?", re.DOTALL)
# A brace before a quote, or before nothing: those of formulas and sets stand otherwise.
_OBJECT = re.compile(r"\{\s*(?:\\?[\"']|\n|\Z)")
_FIELD = re.compile(r"([\"']\w{1,40}[\"']) ?:\s*(?:\"(?:[^\"\\\n]|\\.)*\"?|'[^'\n]*'?|\[[^\]\n]{0,200}\]?|[A-J]\b|\d+)")
# Nobody ends a reply with so many blanks; a model that is caught in them is stopped by a limit.
_BLANK_TAIL = 20
_BLANKS = " \t\n\r\x0b\x0c\x85\xa0\u2028\u2029\u200b\u200c\u200d\u2060\ufeff"


class AnswerFields(NamedTuple):
    """The answer fields of a reply that is one JSON object.

    Attributes:
        fields: The same object with its answer fields alone.
        text: The value of the only one, which may be a reply of its own; empty for several, or when it is no text.
    """

    fields: str
    text: str


class _Pairs(list[tuple[str, Any]]):
    """The entries of a JSON object, of which two may have the same key."""


def answer_fields(text: str) -> AnswerFields | None:
    """Return the answer fields of a reply that is one JSON object, fenced or not; None for any other reply.

    Fields without a value are none, and neither is what stands below the key of an answer without saying which.
    """
    reply = before_turn_end(text).strip(_BLANKS)
    fenced = _FENCED.fullmatch(reply)
    try:
        whole = json.loads(fenced[1] if fenced else reply, strict=False, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    found = list(_fields(whole)) if isinstance(whole, _Pairs) else []
    if not found:
        return None
    fields = ", ".join(f'"{key}": {json.dumps(value, ensure_ascii=False)}' for key, value in found)
    only = found[0][1] if len(found) == 1 else None
    return AnswerFields(f"{{{fields}}}", only if isinstance(only, str) else "")


def _fields(pairs: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for key, value in pairs:
        if isinstance(value, _Pairs):
            yield from _fields(value)
        elif JSON_KEY.search(f'"{key.lower()}"') and value not in ("", None, []):
            yield key, value


def is_unfinished(text: str) -> bool:
    """Whether a reply ends in the middle of its form: an object or a fence that is not closed, or a tail of blanks."""
    blanks = len(text) - len(text.rstrip(_BLANKS))
    return blanks >= _BLANK_TAIL or text.count(_FENCE) % 2 == 1 or _opened(text) is not None


def without_open_object(text: str) -> str:
    """Return a reply with nothing of an object that is never closed but its answer fields."""
    start = _opened(text)
    if start is None:
        return text
    fields = (match[0] for match in _FIELD.finditer(text, start) if JSON_KEY.search(match[1].lower()))
    return f"{text[:start]}{{{', '.join(fields)}"


def _opened(text: str) -> int | None:
    """Return where the first object begins, if not all are closed; None if they are, or there is none."""
    match = _OBJECT.search(text) if "{" in text else None
    if match is None or text.count("{", match.start()) <= text.count("}", match.start()):
        return None
    return match.start()
