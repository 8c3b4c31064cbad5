"""A judge's reply read: the grades that stand in it beyond doubt, and nothing else."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from medeval.scores.thoughts import KNOWN_MARKS
from medeval.text.reasoning import split_reasoning

_LONGEST_KEPT = 500  # characters of a reply that cannot be read
_STRING_OR_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(\s*[}\]])')
_BOOLEANS = {"true": True, "false": False}
_TO_BRACE = re.compile(r"[^}]+\}?|\}")
_MET = re.compile(r"\bcriteria_met[\"']?\s*:\s*[\"']?(\w+)[\"']?\s*[,}]")
_CRITERION = re.compile(r"\bcriterion[\"']?\s*:\s*[\"']?(\d+)")
_EXPLANATION = re.compile(r"\bexplanation[\"']?\s*:\s*[\"'](.*?)[\"']\s*(?:,\s*[\"']?criteria_met\b|\})", re.DOTALL)


@dataclass(frozen=True)
class Grade:
    """A judge's decision on one criterion.

    Attributes:
        met: Whether the criterion is met; None unless `status` is `graded`.
        explanation: The judge's reason, or what went wrong.
        status: `graded`, `unusable` (the reply cannot be read) or `error` (there is none).
    """

    met: bool | None
    explanation: str | None
    status: str


def unusable(explanation: str | None) -> Grade:
    """Return the grade of a reply that cannot be read: missing, which is not the same as not met."""
    return Grade(None, explanation and _storable(explanation[:_LONGEST_KEPT]), "unusable")


def parse_grade(text: str) -> Grade:
    """Read a reply about one criterion: a JSON object with a boolean `criteria_met`, anywhere in the text.

    Reasoning between well-known marks is left out. "true" and "false" may be texts, and an object need not be sound
    JSON where its value is beyond doubt. Several objects count if they agree; contradicting ones, or a value that is no
    boolean, make the reply unusable.
    """
    return _agreed(_entries(text), text)


def parse_grades(text: str, count: int) -> tuple[Grade, ...]:
    """Read a reply about `count` numbered criteria: JSON objects with `criterion` (1 to `count`) and `criteria_met`.

    A criterion that is absent or decided both ways is unusable; the others are not. A number out of range shows that
    the judge numbers otherwise, and makes all of them unusable.
    """
    found: dict[int, list[dict[str, Any]]] = {}
    for entry in _entries(text):
        found.setdefault(_number(entry.get("criterion")), []).append(entry)
    if not set(found) <= set(range(1, count + 1)):
        return (unusable(text or None),) * count
    return tuple(_agreed(found.get(number, []), text) for number in range(1, count + 1))


def _agreed(entries: Sequence[dict[str, Any]], text: str) -> Grade:
    """Return what all entries say; unusable when there is none, or they differ."""
    decided = [_boolean(entry["criteria_met"]) for entry in entries]
    if not entries or not isinstance(decided[0], bool) or any(met is not decided[0] for met in decided):
        return unusable(text or None)
    return Grade(decided[0], _storable(str(entries[-1].get("explanation", ""))), "graded")


def _boolean(value: Any) -> Any:
    """Return the boolean that a text names; any other value as it is."""
    return _BOOLEANS.get(value.strip().lower(), value) if isinstance(value, str) else value


def _number(value: Any) -> int:
    """Return a criterion's number; 0, which no criterion has, for anything else."""
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _entries(text: str) -> list[dict[str, Any]]:
    """Return every object in a text that has the key `criteria_met`: the sound ones, then those that almost are."""
    visible = text
    for marks in KNOWN_MARKS:
        visible = split_reasoning(visible, *marks)[1]
    documents, rest = _documents(_STRING_OR_TRAILING_COMMA.sub(lambda match: match[1] or match[2], visible))
    return [*(entry for document in documents for entry in _walk(document)), *_almost_json(rest)]


def _documents(text: str) -> tuple[list[Any], str]:
    """Return the JSON objects that stand in a text, those of a list one by one, and the text without them."""
    decoder = json.JSONDecoder(object_pairs_hook=_without_contradictions, strict=False)
    found, rest, done, position = [], [], 0, 0
    while (start := text.find("{", position)) >= 0:
        try:
            document, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = start + 1
            continue
        found.append(document)
        rest.append(text[done:start])
        done = position
    return found, "".join([*rest, text[done:]])


def _almost_json(text: str) -> Iterator[dict[str, Any]]:
    """Yield objects in which quotes stand unescaped or single, or backslashes escape nothing, by their fields."""
    for piece in _TO_BRACE.findall(text):
        number, words = _CRITERION.search(piece), _EXPLANATION.search(piece)
        for met in _MET.finditer(piece) if "{" in piece or "}" in piece else ():
            said = {"criterion": number and number[1], "explanation": words[1] if words else ""}
            yield {**said, "criteria_met": _BOOLEANS.get(met[1].lower())}


def _without_contradictions(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError("a key is given twice")
    return dict(pairs)


def _walk(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        if "criteria_met" in document:
            yield document
        for value in document.values():
            yield from _walk(value)
    elif isinstance(document, list):
        for value in document:
            yield from _walk(value)


def _storable(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON allows and UTF-8 does not."""
    return text.encode("utf-8", errors="replace").decode()
