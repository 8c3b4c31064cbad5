"""Find where a reply states an answer, and which of several statements stands."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from medeval.answers import cues
from medeval.answers.claims import read_line, read_value
from medeval.answers.labels import CJK, DENIED_AFTER, Claim, Kind
from medeval.answers.options import LABELS, OptionTexts
from medeval.answers.text import lower, places

# How far before and after a statement its context is looked at, in characters.
_NEAR = 60
_SENTENCE_ENDS = ".!?\n"
_LETTER = re.compile(rf"[A-J](?![^\W{CJK}]|['’-])")
_JOINED = re.compile(rf"[^\W{CJK}]|['’-]")
_LABEL_START = re.compile(r"^[\s>•-]*\(?([A-J])[).:]", re.MULTILINE)


class Statement(NamedTuple):
    """What a reply states at one place.

    Attributes:
        start: Where its cue begins.
        end: Where its value begins.
        claim: What it says.
        final: Whether its form is kept for answers: a box, a tag, a field, "final answer".
    """

    start: int
    end: int
    claim: Claim
    final: bool = False


def statements(plain: str, options: OptionTexts) -> list[Statement]:
    """Return every statement of an answer in a reply without markup, in the order of the text."""
    small = lower(plain)
    found = [*_cued(plain, small, options), *_by_letter(plain, small, options), *_by_form(plain, small, options)]
    found += _presented(plain, small, options)
    found += _under_heading(plain, small, options)
    said = (statement for statement in found if statement.claim.kind is not Kind.NOTHING)
    return sorted(said, key=lambda statement: statement.start)


def label_lines(plain: str, options: OptionTexts) -> list[Statement]:
    """Return what the first line and the run of label lines at the end say, when they hold nothing else.

    The first line says nothing when it opens a tour of the options.
    """
    lines = [line for line in plain.split("\n") if line.strip()]
    if not lines:
        return []
    found = []
    first = read_line(lines[0], options, explained=True)
    if first.kind is Kind.LABEL and not lines[0].strip()[0].islower():
        if {match[1] for match in _LABEL_START.finditer(plain)} <= {first.extracted}:
            found.append(Statement(0, 0, first))
    run: list[Claim] = []
    for line in reversed(lines):
        claim = read_line(line, options)
        if claim.kind is not Kind.LABEL:
            break
        run.append(claim)
    if run:
        found.append(Statement(len(plain), len(plain), _together(run[::-1])))
    return found


def settled(found: Sequence[Statement], plain: str) -> Claim | None:
    """Return what statements amount to; more than one choice if they contradict each other; None if there are none.

    The last statement stands against earlier ones that the reply takes back, or if it is a conclusion and they are
    not in a form that is kept for answers. What is supposed yields to what is not.
    """
    if len({statement.claim.choices for statement in found}) <= 1:
        return found[-1].claim if found else None
    found = [statement for statement in found if not _supposed(statement, lower(plain))] or found
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
    if any(rival.final for rival in rivals):
        return False
    return last.final or cues.CONCLUDED.search(_sentence_before(small, last.start)) is not None


def _supposed(statement: Statement, small: str) -> bool:
    return cues.SUPPOSED.search(_sentence_before(small, statement.start) + small[statement.start : statement.end]) is not None


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
                    yield Statement(place, match.end(), claim, small.startswith("final ", max(0, place - 6)))
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
    for match in _LETTER.finditer(plain):
        place = match.start()
        if match[0] not in options.labels or _JOINED.match(plain[place - 1 : place]):
            continue
        start = len(plain[:place].rstrip("([\"'“‘")) if plain[place - 1 : place] in tuple("([\"'“‘") else place
        before = small[max(0, start - _NEAR) : start]
        after = small[match.end() : match.end() + 2 * _NEAR]
        last_word = before.rstrip(" ,:").rpartition(" ")[2]
        if last_word in cues.BEFORE_LABEL_WORDS and cues.BEFORE_LABEL.search(before):
            claim = read_value(_line_from(plain, start), options)
            if claim.kind is Kind.LABEL and (match[0] != "I" or start < place):
                yield Statement(start, start, claim)
        elif after.lstrip(" )]\"'”’").startswith(cues.AFTER_LABEL_WORDS) and (right := cues.AFTER_LABEL.match(after)):
            letters = cues.LETTERS_BEFORE.search(plain, max(0, start - _NEAR), start) if right["several"] else None
            if cues.CLAUSE_START.search(small[max(0, start - _NEAR) : letters.start() if letters else start]):
                named = match[0] if letters is None else letters[0] + match[0]
                yield Statement(start, start, read_value(f"({named})" if letters is None else named, options))


def _by_form(plain: str, small: str, options: OptionTexts) -> Iterator[Statement]:
    """Read boxes, answer tags and JSON fields."""
    for match in cues.BOXED.finditer(plain) if "\\" in plain else ():
        yield Statement(match.start(), match.end(), read_value(match[1] or match[2] or "", options), final=True)
    for bracket in "<[":
        for place in places(plain, bracket):
            if tag := cues.TAGGED.match(plain, place + 1):
                yield Statement(place, tag.end(), read_value(tag[1] or tag[2] or "", options), final=True)
    for colon in ("\":", "':", "\" :", "' :"):
        for place in places(small, colon):
            value = cues.JSON_VALUE.match(plain, place + len(colon))
            if value and cues.JSON_KEY.search(small[max(0, place - _NEAR) : place + len(colon) - 1]):
                said = next(group for group in value.groups() if group is not None)
                said = said.replace('"', "").replace("'", "") if value[1] is not None else said
                yield Statement(place, value.end(), read_value(said, options), final=True)


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
