"""Find the places where a reply states an answer, and what each states."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, product, takewhile

from medeval.answers import cues
from medeval.answers.labels import DENIED_AFTER, NOTHING, ORDINALS, Kind, NamedOptions
from medeval.answers.options import LABELS, OptionTexts
from medeval.answers.pieces import read_last_sentence, read_line, read_value
from medeval.answers.standing import Statement, Weight, sentence_before, together
from medeval.answers.text import lower, places

# Where each of `cues.WORDS` stands.
Places = Mapping[str, Sequence[int]]

# How far before and after a statement its context is looked at, in characters.
_NEAR, _FAR = 60, 72
_LONGEST_WORD = 16
_CUES_BY_WORD = {
    word: [cue for cue in cues.CUES if word in cue.words]
    for word in chain.from_iterable(cue.words for cue in cues.CUES)
}
_VERB_ENDS = ("is ", "be ", "either ")
_FINALLY = ("final ", "consensus ", "revised ", "corrected ")
_ORDINAL_ENDS = ("t ", "d ", "h ")
_LABEL_START = re.compile(r"(?:^[\s>•-]*|[.;] )\(?([A-J])(?:[).:]| - )|\b[Oo]ption ([A-J])\b", re.MULTILINE)

_LISTED_LINE = re.compile(r"[\s>•*-]*\(?([A-J]|[1-9]|10)[).:]+\s*\w")
_POSITION = {label: index for index, label in enumerate(LABELS)} | {str(n): n for n in range(1, 11)}


def statements(plain: str, options: OptionTexts) -> list[Statement]:
    """Return every statement of an answer in a reply without markup, in the order of the text."""
    small = lower(plain)
    stands = cues.WORDS.places(small)
    found = [*_cued(plain, small, stands, options), *_by_letter(plain, small, options)]
    found += [*_by_form(plain, small, stands, options), *_by_number(plain, small, stands, options)]
    found += [*_presented(plain, small, stands, options), *_under_heading(plain, small, options)]
    said = [statement for statement in found if statement.named.kind is not Kind.NOTHING]
    own = [statement for statement in said if not cues.SUPPOSED.search(sentence_before(small, statement.start))]
    return sorted(_finally(own, small), key=lambda statement: statement.start)


def _finally(said: list[Statement], small: str) -> list[Statement]:
    """Give statements below a last heading such as "Final Response" the weight of final ones."""
    start = small.rfind("\n", 0, max(small.rfind("final "), 0)) if "final " in small else -1
    heading = cues.HEADING.match(small, start) if start >= 0 else None
    if heading is None or not heading["final"]:
        return said
    return [one._replace(weight=Weight.FINAL) if one.start >= heading.end() else one for one in said]


def label_lines(plain: str, options: OptionTexts) -> list[Statement]:
    """Return what the first line, the last sentence and the run of label lines at the end say, when it is a label.

    The first line says nothing when it opens a tour of the options.
    """
    lines = [line for line in plain.split("\n") if line.strip()]
    if not lines:
        return []
    found = []
    first = read_line(lines[0], options, explained=True)
    if first.kind is Kind.LABEL and not _opens_tour(plain, first):
        alone = read_line(lines[0], options).kind is Kind.LABEL
        found.append(Statement(0, 0, first, Weight.ANSWER if alone else Weight.REMARK))
    read = (read_line(line, options) for line in reversed(lines))
    if _ends_tour(lines):
        return found
    run = list(takewhile(lambda named: named.kind is Kind.LABEL, read))
    last = together(run[::-1]) if run else read_last_sentence(lines[-1], options)
    if last.kind is Kind.LABEL:
        found.append(Statement(len(plain), len(plain), last))
    return found


def _ends_tour(lines: list[str]) -> bool:
    """Whether the last line is the last of a tour: some text behind the label that follows the one before."""
    last = _LISTED_LINE.match(lines[-1])
    if last is None:
        return False
    before = next((match for line in reversed(lines[:-1]) if (match := _LISTED_LINE.match(line))), None)
    return before is not None and _POSITION[last[1]] == _POSITION[before[1]] + 1


def _opens_tour(plain: str, first: NamedOptions) -> bool:
    """Whether the options after the one of the first line are gone through in their order."""
    if len(first.choices) != 1:
        return False
    others = (match[1] or match[2] for match in _LABEL_START.finditer(plain))
    following = next((LABELS.index(other) for other in others if LABELS.index(other) not in first.choices), None)
    return following is not None and following == min(first.choices) + 1


def _cued(plain: str, small: str, stands: Places, options: OptionTexts) -> Iterator[Statement]:
    for word, found in stands.items():
        for cue, place in product(_CUES_BY_WORD.get(word, ()), found):
            match = cue.pattern.match(small, place)
            if match and _is_meant(cue, small, place):
                named = read_value(_line_from(plain, match.end()), options)
                if _asked(named) or ("\n" in match[0] and _opens_tour(plain[match.end() :], named)):
                    named = NOTHING
                if not cue.only_labels:
                    final = small[max(0, place - _LONGEST_WORD) : place].endswith(_FINALLY)
                    yield Statement(place, match.end(), named, Weight.FINAL if final else Weight.ANSWER)
                elif named.kind is Kind.LABEL:
                    yield Statement(place, match.end(), named, Weight.REMARK)


def _asked(named: NamedOptions) -> bool:
    """Whether a label is asked about and more is said behind it, as in "The answer is A? No"."""
    return named.rest.startswith("?") and named.rest.strip("? ") != ""


def _is_meant(cue: cues.Cue, small: str, place: int) -> bool:
    """Whether what stands before a cue lets it announce an answer, and does not deny or suppose it."""
    if cue.whole_word and small[place - 1 : place].isalnum():
        return False
    before = small[max(0, place - _NEAR) : place]
    if cue.before is not None and not cue.before.search(before):
        return False
    return before.rstrip().rpartition(" ")[2] not in cues.LAST_WORDS or not cues.NOT_MEANT.search(before)


def _line_from(plain: str, start: int) -> str:
    end = plain.find("\n", start)
    return plain[start:] if end < 0 else plain[start:end]


def _by_letter(plain: str, small: str, options: OptionTexts) -> Iterator[Statement]:
    """Read letters that stand by themselves, by the words before or after them."""
    for place in chain(_lone_letters(plain, options.labels), _small_letters(plain, options.labels)):
        if _last_word(small, place) in cues.BEFORE_LABEL_WORDS:
            yield from _said_before(plain, small, place, options)
        if right := cues.AFTER_LABEL.match(small, place + 1):
            yield from _called_right(plain, small, place, right, options)


def _lone_letters(plain: str, labels: str) -> Iterator[int]:
    # Each letter by itself: looking for one is several times faster than a pattern that may begin with any.
    for label in labels:
        yield from (place for place in places(plain, label) if cues.LETTER.match(plain, place))


def _small_letters(plain: str, labels: str) -> Iterator[int]:
    for match in cues.SMALL_LETTER.finditer(plain):
        if plain[match.end() - 1].upper() in labels:
            yield match.end() - 1


def _last_word(small: str, place: int) -> str:
    before = small[max(0, place - _LONGEST_WORD) : place].rstrip(" ,:([\"'")
    return before[before.rfind(" ") + 1 :]


def _said_before(plain: str, small: str, place: int, options: OptionTexts) -> Iterator[Statement]:
    start = place - 1 if plain[place - 1 : place] in tuple("([\"'") else place
    least = _labels_announced(small[max(0, start - _FAR) : start], plain, place + 1)
    if not least or cues.AND_ANOTHER.match(plain, place + 1):
        return
    named = read_value(_line_from(plain, start), options)
    if named.kind is Kind.LABEL and len(named.choices) >= least and (plain[place] != "I" or start < place):
        yield Statement(start, start, named)


def _labels_announced(before: str, plain: str, end: int) -> int:
    """Return how many labels, at least, must follow for the words before one to announce them; 0 for none do."""
    if cues.BEFORE_LABEL.search(before):
        return 1
    if not before.endswith(_VERB_ENDS):
        return 0
    if cues.SENTENCE_ENDS.match(plain, end) and cues.BEFORE_LAST_LABEL.search(before):
        return 1
    return 2 if cues.BEFORE_SEVERAL.search(before[-_LONGEST_WORD:]) else 0


def _called_right(
    plain: str, small: str, place: int, right: re.Match[str], options: OptionTexts
) -> Iterator[Statement]:
    start = place - 1 if plain[place - 1 : place] in tuple("([\"'") else place
    letters = cues.LETTERS_BEFORE.search(plain, max(0, start - _NEAR), start) if right["several"] else None
    if cues.CLAUSE_START.search(small[max(0, start - _NEAR) : letters.start() if letters else start]):
        named = read_value(f"({plain[place]})" if letters is None else letters[0] + plain[place], options)
        yield Statement(start, start, named, Weight.ANSWER if right["called"] else Weight.REMARK)


def _by_number(plain: str, small: str, stands: Places, options: OptionTexts) -> Iterator[Statement]:
    """Read options that are counted instead of lettered, and called right."""
    for word in cues.COUNTED:
        for place in stands.get(word, ()):
            right = cues.COUNTED_RIGHT.match(small, place)
            if small[place - 2 : place] in _ORDINAL_ENDS and (ordinal := _last_word(small, place)) in ORDINALS:
                right = cues.ORDINAL_RIGHT.match(small, place - len(ordinal) - 1)
            if right and cues.CLAUSE_START.search(
                small[max(0, right.start() - _NEAR) : right.start()].removesuffix("the ")
            ):
                value = plain[right.start() : right.end()]
                yield Statement(right.start(), right.start(), read_value(value, options), Weight.REMARK)


def _by_form(plain: str, small: str, stands: Places, options: OptionTexts) -> Iterator[Statement]:
    """Read boxes, answer tags and JSON fields."""
    for match in cues.BOXED.finditer(plain) if "\\" in plain else ():
        yield Statement(match.start(), match.end(), read_value(match[1] or match[2] or "", options), Weight.FINAL)
    for bracket in "<[":
        for place in places(plain, bracket):
            if tag := cues.TAGGED.match(plain, place + 1):
                yield Statement(place, tag.end(), read_value(tag[1] or tag[2] or "", options), Weight.FINAL)
    for colon in cues.FIELD_COLONS:
        for place in stands.get(colon, ()):
            value = cues.JSON_VALUE.match(plain, place + len(colon))
            if value and cues.JSON_KEY.search(small[max(0, place - _NEAR) : place + len(colon) - 1]):
                said = next(group for group in value.groups() if group is not None)
                said = said.replace('"', "").replace("'", "") if value[1] is not None else said
                yield Statement(place, value.end(), read_value(said, options), Weight.FINAL)


def _presented(plain: str, small: str, stands: Places, options: OptionTexts) -> Iterator[Statement]:
    for place in stands.get(cues.LINE_COLON, ()):
        label = cues.LABEL_LINE.match(plain, place + 1)
        if label and small[max(0, place - 4) : place].rstrip().endswith((" is", " be")):
            named = read_value(_line_from(plain, label.end()), options)
            if not _opens_tour(plain[place:], named):
                yield Statement(place, label.end(), named)


def _under_heading(plain: str, small: str, options: OptionTexts) -> Iterator[Statement]:
    """Read the line below a heading such as "Final Answer", or the last label there that is called "option X"."""
    for heading in cues.HEADING.finditer(f"\n{small}"):
        below = plain[heading.end() :].lstrip(" \n")
        place = len(plain) - len(below)
        final = Weight.FINAL if heading["final"] else Weight.ANSWER
        line = read_line(_line_from(plain, place), options)
        if line.kind is Kind.LABEL:
            yield Statement(place, place, line, final)
        elif heading["final"]:
            yield from _options_named(plain, small, place, options)


def _options_named(plain: str, small: str, start: int, options: OptionTexts) -> Iterator[Statement]:
    for match in cues.NAMED_OPTION.finditer(plain, start):
        before = small[max(0, match.start() - _NEAR) : match.start()]
        if not (DENIED_AFTER.match(plain, match.end()) or cues.DENIED_BEFORE.search(before)):
            yield Statement(match.start(), match.start(), read_value(f"({match[1]})", options))
