"""Find where a reply states an answer, and which of several statements stands."""

import re
from collections.abc import Iterator, Sequence
from enum import IntEnum
from itertools import chain, takewhile
from typing import NamedTuple

from medeval.answers import cues
from medeval.answers.claims import read_last_sentence, read_line, read_value
from medeval.answers.labels import DENIED_AFTER, ORDINALS, Claim, Kind
from medeval.answers.options import LABELS, OptionTexts
from medeval.answers.text import lower, places

# How far before and after a statement its context is looked at, in characters.
_NEAR = 60
_LONGEST_WORD = 16
_SENTENCE_ENDS = ".!?\n"
_LABEL_START = re.compile(r"^[\s>•-]*\(?([A-J])[).:]|\b[Oo]ption ([A-J])\b", re.MULTILINE)


class Weight(IntEnum):
    """How much a statement counts against others: a remark on an option, an answer, or a form kept for final answers."""

    REMARK = 0
    ANSWER = 1
    FINAL = 2


class Statement(NamedTuple):
    """What a reply states at one place.

    Attributes:
        start: Where its cue begins.
        end: Where its value begins.
        claim: What it says.
        weight: A remark is "B is correct", which may speak of a statement in a list; an answer is "the answer is B";
            final are a box, a tag, a field, "final answer".
    """

    start: int
    end: int
    claim: Claim
    weight: Weight = Weight.ANSWER


def statements(plain: str, options: OptionTexts) -> list[Statement]:
    """Return every statement of an answer in a reply without markup, in the order of the text."""
    small = lower(plain)
    found = [*_cued(plain, small, options), *_by_letter(plain, small, options), *_by_form(plain, small, options)]
    found += [*_by_number(plain, small, options), *_presented(plain, small, options)]
    found += _under_heading(plain, small, options)
    said = (statement for statement in found if statement.claim.kind is not Kind.NOTHING)
    said = (statement for statement in said if not cues.SUPPOSED.search(_sentence_before(small, statement.start)))
    return sorted(said, key=lambda statement: statement.start)


def label_lines(plain: str, options: OptionTexts) -> list[Statement]:
    """Return what the first line, the last sentence and the run of label lines at the end say, when it is a label.

    The first line says nothing when it opens a tour of the options.
    """
    lines = [line for line in plain.split("\n") if line.strip()]
    if not lines:
        return []
    found = []
    first = read_line(lines[0], options)
    weight = Weight.ANSWER
    if first.kind is not Kind.LABEL:
        first, weight = read_line(lines[0], options, explained=True), Weight.REMARK
    if first.kind is Kind.LABEL and not _opens_tour(plain, first):
        found.append(Statement(0, 0, first, weight))
    run = list(takewhile(lambda claim: claim.kind is Kind.LABEL, (read_line(line, options) for line in reversed(lines))))
    last = _together(run[::-1]) if run else read_last_sentence(lines[-1], options)
    if last.kind is Kind.LABEL:
        found.append(Statement(len(plain), len(plain), last))
    return found


def _opens_tour(plain: str, first: Claim) -> bool:
    """Whether the options after the one of the first line are gone through in their order."""
    if len(first.choices) != 1:
        return False
    others = (match[1] or match[2] for match in _LABEL_START.finditer(plain))
    following = next((LABELS.index(other) for other in others if LABELS.index(other) not in first.choices), None)
    return following is not None and following == min(first.choices) + 1


def settled(found: Sequence[Statement], plain: str) -> Claim | None:
    """Return what statements amount to; more than one choice if they contradict each other; None if there are none.

    The last statement stands against earlier ones that the reply takes back, or if it is a conclusion and they are
    not in a form that is kept for answers. What is supposed yields to what is not.
    """
    if len({statement.claim.choices for statement in found}) <= 1:
        return found[-1].claim if found else None
    found = [statement for statement in found if not _hedged(statement, lower(plain))] or found
    found = _without_remarks(found, lower(plain))
    last = found[-1]
    rivals = [statement for statement in found if statement.claim.choices != last.claim.choices]
    if not rivals or (len(last.claim.choices) <= 1 and stands(last, rivals, plain)):
        return last.claim
    return _together([statement.claim for statement in found])


def stands(last: Statement, rivals: Sequence[Statement], plain: str) -> bool:
    """Whether the last statement stands against earlier ones: it corrects them, or it concludes."""
    small = lower(plain)
    between = small[rivals[-1].end : last.start]
    if cues.TAKEN_BACK.search(between) or cues.TURNED.search(between):
        return True
    if any(rival.weight is Weight.FINAL for rival in rivals):
        return False
    return last.weight is Weight.FINAL or cues.CONCLUDED.search(_sentence_before(small, last.start)) is not None


def _hedged(statement: Statement, small: str) -> bool:
    return cues.HEDGED.search(_sentence_before(small, statement.start) + small[statement.start : statement.end]) is not None


def _without_remarks(found: Sequence[Statement], small: str) -> Sequence[Statement]:
    """Drop remarks where an answer is stated, unless the last remark takes the answer back."""
    stated = [statement for statement in found if statement.weight is not Weight.REMARK]
    if not stated or len(stated) == len(found):
        return found
    last = found[-1]
    if last.weight is Weight.REMARK and cues.TAKEN_BACK.search(small[stated[-1].end : last.start]):
        return [last]
    return stated


def _sentence_before(small: str, place: int) -> str:
    window = small[max(0, place - 2 * _NEAR) : place]
    return window[max(window.rfind(end) for end in _SENTENCE_ENDS) + 1 :]


def _together(claims: Sequence[Claim]) -> Claim:
    claims = [claim for claim in claims if claim.choices] or claims
    choices: frozenset[int] = frozenset().union(*(claim.choices for claim in claims))
    words = dict.fromkeys(claim.extracted or "" for claim in claims)
    return Claim(claims[-1].kind, choices, claims[-1].extracted if len(choices) == 1 else "/".join(words))


def _cued(plain: str, small: str, options: OptionTexts) -> Iterator[Statement]:
    ascii_only = small.isascii()
    for cue in cues.CUES:
        if cue.hints is not None and ascii_only and not any(hint in small for hint in cue.hints):
            continue
        for word in cue.words:
            place = small.find(word)
            while place >= 0:
                if match := _cue_at(cue, small, place):
                    claim = read_value(_line_from(plain, match.end()), options)
                    final = small.startswith("final ", max(0, place - 6))
                    yield Statement(place, match.end(), claim, Weight.FINAL if final else Weight.ANSWER)
                place = small.find(word, place + 1)


def _cue_at(cue: cues.Cue, small: str, place: int) -> re.Match[str] | None:
    match = cue.pattern.match(small, place)
    if match is None or (cue.whole_word and small[place - 1 : place].isalnum()):
        return None
    before = small[max(0, place - _NEAR) : place]
    if cue.before is not None and not cue.before.search(before):
        return None
    if before.rstrip().rpartition(" ")[2] in cues.LAST_WORDS and cues.NOT_MEANT.search(before):
        return None
    return match


def _line_from(plain: str, start: int) -> str:
    end = plain.find("\n", start)
    return plain[start:] if end < 0 else plain[start:end]


def _by_letter(plain: str, small: str, options: OptionTexts) -> Iterator[Statement]:
    """Read letters that stand by themselves, by the words before or after them."""
    for match in chain(cues.LETTER.finditer(plain), cues.SMALL_LETTER.finditer(plain)):
        place = match.end() - 1
        if plain[place].upper() not in options.labels:
            continue
        if _last_word(small, place) in cues.BEFORE_LABEL_WORDS:
            yield from _said_before(plain, small, place, options)
        if right := cues.AFTER_LABEL.match(small, place + 1):
            yield from _called_right(plain, small, place, right, options)


def _last_word(small: str, place: int) -> str:
    before = small[max(0, place - _LONGEST_WORD) : place].rstrip(" ,:([\"'")
    return before[before.rfind(" ") + 1 :]


def _said_before(plain: str, small: str, place: int, options: OptionTexts) -> Iterator[Statement]:
    start = place - 1 if plain[place - 1 : place] in tuple("([\"'") else place
    if cues.BEFORE_LABEL.search(small[max(0, start - _NEAR) : start]):
        claim = read_value(_line_from(plain, start), options)
        if claim.kind is Kind.LABEL and (plain[place] != "I" or start < place):
            yield Statement(start, start, claim)


def _called_right(
    plain: str, small: str, place: int, right: re.Match[str], options: OptionTexts
) -> Iterator[Statement]:
    start = place - 1 if plain[place - 1 : place] in tuple("([\"'") else place
    letters = cues.LETTERS_BEFORE.search(plain, max(0, start - _NEAR), start) if right["several"] else None
    if cues.CLAUSE_START.search(small[max(0, start - _NEAR) : letters.start() if letters else start]):
        claim = read_value(f"({plain[place]})" if letters is None else letters[0] + plain[place], options)
        yield Statement(start, start, claim, Weight.ANSWER if right["called"] else Weight.REMARK)


def _by_number(plain: str, small: str, options: OptionTexts) -> Iterator[Statement]:
    """Read options that are counted instead of lettered, and called right."""
    for word in ("option", "choice"):
        for place in places(small, word):
            right = cues.COUNTED_RIGHT.match(small, place)
            if (ordinal := _last_word(small, place)) in ORDINALS:
                right = cues.ORDINAL_RIGHT.match(small, place - len(ordinal) - 1)
            if right and cues.CLAUSE_START.search(small[max(0, right.start() - _NEAR) : right.start()].removesuffix("the ")):
                value = plain[right.start() : right.end()]
                yield Statement(right.start(), right.start(), read_value(value, options), Weight.REMARK)


def _by_form(plain: str, small: str, options: OptionTexts) -> Iterator[Statement]:
    """Read boxes, answer tags and JSON fields."""
    for match in cues.BOXED.finditer(plain) if "\\" in plain else ():
        yield Statement(match.start(), match.end(), read_value(match[1] or match[2] or "", options), Weight.FINAL)
    for bracket in "<[":
        for place in places(plain, bracket):
            if tag := cues.TAGGED.match(plain, place + 1):
                yield Statement(place, tag.end(), read_value(tag[1] or tag[2] or "", options), Weight.FINAL)
    for colon in ("\":", "':", "\" :", "' :"):
        for place in places(small, colon):
            value = cues.JSON_VALUE.match(plain, place + len(colon))
            if value and cues.JSON_KEY.search(small[max(0, place - _NEAR) : place + len(colon) - 1]):
                said = next(group for group in value.groups() if group is not None)
                said = said.replace('"', "").replace("'", "") if value[1] is not None else said
                yield Statement(place, value.end(), read_value(said, options), Weight.FINAL)


def _presented(plain: str, small: str, options: OptionTexts) -> Iterator[Statement]:
    for place in places(small, ":\n"):
        label = cues.LABEL_LINE.match(plain, place + 1)
        if label and small[max(0, place - 4) : place].rstrip().endswith((" is", " be")):
            yield Statement(place, label.end(), read_value(_line_from(plain, label.end()), options))


def _under_heading(plain: str, small: str, options: OptionTexts) -> Iterator[Statement]:
    """Read the labels called "option X" below a heading such as "Final Answer"."""
    place = max(small.rfind("final "), small.rfind("my "))
    if place < 0:
        return
    start, end = small.rfind("\n", 0, place) + 1, small.find("\n", place)
    if end < 0 or not cues.FINAL_HEADING.fullmatch(re.sub(r"^[^\w\n]+|[^\w\n]+$", "", small[start:end])):
        return
    for match in cues.NAMED_OPTION.finditer(plain, end):
        before = small[max(0, match.start() - _NEAR) : match.start()]
        if not (DENIED_AFTER.match(plain, match.end()) or cues.DENIED_BEFORE.search(before)):
            yield Statement(match.start(), match.start(), read_value(f"({match[1]})", options))
