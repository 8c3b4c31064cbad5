"""Reasoning inside of replies that others recorded: found by its marks, and never read as an answer."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from medeval.text.reasoning import split_reasoning

if TYPE_CHECKING:
    from medeval.run.model import Reasoning

# The marks of well-known models and prompts. The second of gpt-oss's pair begins its final message.
KNOWN_MARKS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<unused94>", "<unused95>"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
)
_ALL_MARKS = tuple(mark for pair in KNOWN_MARKS for mark in pair)
# One of these is in every mark; most replies have none, and then nothing more is looked for.
_FIRST_CHARACTERS = ("<", "[", "◁")


class Parted(NamedTuple):
    """A reply without its reasoning; the text is None when the reasoning was never closed."""

    text: str | None
    reasoning: str | None


def part_as_stated(text: str, marks: "Reasoning") -> Parted:
    """Part a reply by the marks that its user names."""
    if marks.opened_by_template and not text.startswith(marks.open):
        text = marks.open + text
    reasoning, answer, unfinished = split_reasoning(text, marks.open, marks.close)
    return Parted(None if unfinished else answer, reasoning)


def has_known_marks(text: str) -> bool:
    """Whether a reply holds a mark of reasoning that is well known."""
    return any(first in text for first in _FIRST_CHARACTERS) and any(mark in text for mark in _ALL_MARKS)


def part_by_known_marks(text: str, counts: Counter[str]) -> Parted:
    """Part a reply by the well-known marks that it holds.

    Args:
        text: A reply of which `has_known_marks` is true.
        counts: Receives what was done, as a sentence.
    """
    thoughts: list[str] = []
    for opening, closing in KNOWN_MARKS:
        if opening not in text and closing not in text:
            continue
        counts[f"text: what stands between {opening} and {closing} is reasoning and was not read"] += 1
        if text.find(opening) < 0 or -1 < text.find(closing) < text.find(opening):
            counts[
                f"text: {closing} without {opening}, so the prompt had begun the reasoning; a reply cut before it "
                "ended has no mark, and is known for what it is only with `--reasoning` and opened_by_template"
            ] += 1
        reasoning, text, unfinished = split_reasoning(text, opening, closing)
        thoughts += [reasoning] if reasoning else []
        if unfinished:
            counts[f"text: {opening} was never closed, so the reply counts as truncated"] += 1
            return Parted(None, "\n".join(thoughts))
    return Parted(text, "\n".join(thoughts))


def joined(*thoughts: str | None) -> str | None:
    """Put together what is known of one reply's reasoning; None when nothing is."""
    known: Sequence[str] = [thought for thought in thoughts if thought is not None]
    return "\n".join(known) if known else None
