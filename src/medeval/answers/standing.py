"""Which of several statements of a reply stands: one that corrects, concludes or has the form of a final answer."""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from medeval.answers import cues
from medeval.answers.labels import NamedOptions
from medeval.answers.text import lower

# How far before and after a statement its context is looked at, in characters.
_NEAR = 60
_SENTENCE_ENDS = ".!?\n"


class Weight(IntEnum):
    """How much a statement counts against others: a remark on an option, an answer, or a form of final answers."""

    REMARK = 0
    ANSWER = 1
    FINAL = 2


class Statement(NamedTuple):
    """What a reply states at one place.

    Attributes:
        start: Where its cue begins.
        end: Where its value begins.
        named: The options that it names.
        weight: A remark is "B is correct", which may speak of a statement in a list; an answer is "the answer is B";
            final are a box, a tag, a field, "final answer".
    """

    start: int
    end: int
    named: NamedOptions
    weight: Weight = Weight.ANSWER


def settled(found: Sequence[Statement], plain: str) -> NamedOptions | None:
    """Return what statements amount to; more than one choice if they contradict each other; None if there are none.

    The last statement stands against earlier ones that the reply takes back, or if it is a conclusion and they are
    not in a form that is kept for answers. What is supposed yields to what is not.
    """
    if len({statement.named.choices for statement in found}) <= 1:
        return found[-1].named if found else None
    found = [statement for statement in found if not _hedged(statement, lower(plain))] or found
    found = _without_remarks(found, lower(plain))
    last = found[-1]
    rivals = [statement for statement in found if statement.named.choices != last.named.choices]
    if not rivals or (len(last.named.choices) <= 1 and stands(last, rivals, plain)):
        return last.named
    return together([statement.named for statement in found])


def stands(last: Statement, rivals: Sequence[Statement], plain: str) -> bool:
    """Whether the last statement stands against earlier ones: it corrects them, or it concludes."""
    small = lower(plain)
    between = small[rivals[-1].end : last.start]
    if cues.takes_back(between) or cues.TURNED.search(between):
        return True
    if any(rival.weight is Weight.FINAL for rival in rivals):
        return False
    finally_said = last.weight is Weight.FINAL and len(between.strip()) > _NEAR
    if last.weight is Weight.REMARK:
        return False
    return finally_said or cues.CONCLUDED.search(sentence_before(small, last.start)) is not None


def _hedged(statement: Statement, small: str) -> bool:
    sentence = sentence_before(small, statement.start) + small[statement.start : statement.end]
    return cues.HEDGED.search(sentence) is not None


def _without_remarks(found: Sequence[Statement], small: str) -> Sequence[Statement]:
    """Drop remarks where an answer is stated, unless the last remark takes the answer back."""
    stated = [statement for statement in found if statement.weight is not Weight.REMARK]
    if not stated or len(stated) == len(found):
        return found
    last = found[-1]
    if last.weight is Weight.REMARK and cues.takes_back(small[stated[-1].end : last.start]):
        return [last]
    return stated


def sentence_before(small: str, place: int) -> str:
    """Return what stands before a place in its sentence, at most 120 characters."""
    window = small[max(0, place - 2 * _NEAR) : place]
    return window[max(window.rfind(end) for end in _SENTENCE_ENDS) + 1 :]


def together(all_named: Sequence[NamedOptions]) -> NamedOptions:
    """Return what several pieces name together: more than one choice if they differ."""
    all_named = [named for named in all_named if named.choices] or all_named
    choices: frozenset[int] = frozenset().union(*(named.choices for named in all_named))
    words = dict.fromkeys(named.extracted or "" for named in all_named)
    last = all_named[-1]
    return NamedOptions(last.kind, choices, last.extracted if len(choices) == 1 else "/".join(words))
