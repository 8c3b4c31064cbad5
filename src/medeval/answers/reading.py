"""Read which option a reply chose, and say how it was read or why it could not be.

The cascade stops at the first stage that finds something: *strict* (the requested line), *lenient* (an
explicit label in another form), *content* (the text of an option), *none*. Statements that disagree within
a stage make the reading ambiguous, unless the reply itself takes one of them back. Nothing is ever guessed: no
default letter, no nearest text, no letter without a form around it. docs/read/answers.md tells it at length.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from medeval.answers import cues
from medeval.answers.labels import DENIED_AFTER, NOTHING, Kind, NamedOptions, read_labels
from medeval.answers.lists import without_lists
from medeval.answers.marks import marked_right
from medeval.answers.objects import AnswerFields, answer_fields, is_unfinished, without_open_object
from medeval.answers.options import LABELS, OptionTexts
from medeval.answers.pieces import ABSENT, read_line, read_yes_no
from medeval.answers.refusals import is_refusal
from medeval.answers.requested import letters_in_a_row, requested_lines
from medeval.answers.standing import Statement, Weight, settled, stands
from medeval.answers.statements import label_lines, statements
from medeval.answers.text import before_turn_end, fold, lower, without_markup
from medeval.errors import MedevalError

Status = Literal["answered", "no_answer", "ambiguous", "truncated", "refused"]
Stage = Literal["strict", "lenient", "content", "none"]
FINISH_REASONS = frozenset({"stop", "length"})

# A base model goes on with questions of its own; what it answers there is no answer to ours.
_RUN_ON = re.compile(
    r"\n[ \t>*]*(?:#*[ \t*]*(?:(?:next |another )?question|q|exercise(?=[ \t]*\d))[ \t]*\d*[ \t*]*[:.]"
    r"|#+[ \t]*question\b[^\n]{0,40}\n"
    r"|#*[ \t*]*(?:user|human|instruction|abstract)\b[ \t*]*:|the following are multiple choice questions"
    r"|(?P<numbered>\d{1,3}[.)] [^\n]{10,600}\?\n+(?=\(?a[.):] )))"
)
_ANSWER_BEGINS = re.compile(r"(^[^\w\n]*|[.?!] )A(?=[^\w\n]{0,4}:)", re.MULTILINE)
_SECOND_LABEL = re.compile(r"^[^\w\n]*B[^\w\n]{0,3}[:.)]", re.MULTILINE)
_RUN_ONS_TRIED = 3
_OTHER_LIST = re.compile(r"\n\(?A[.):] ([^\n]+)\n\(?B[.):] ([^\n]+)")
# Beyond the requested form, only this much of a reply's end is read: an answer stands there, and a reply caught in a
# loop would otherwise take time that grows with the square of its length.
_LAST_CHARACTERS = 8_000
_TAIL_CHARACTERS = 300
_CONTEXT = 40
_HEADING_ENDS = re.compile(r"[:：][*_]|[*_>][:：]")
_SHORT_LINE = 3  # words
_LISTED, _LISTED_LINES = 3, 10  # So many options' texts on the first lines are a list.
_LOOPED = 3
# A line that opens with a label and some text: several of them are a tour of the options.
_TOUR_LINE = re.compile(r"[\s>•*-]*\(?(?:[Oo]ption )?(?:\d\s*\()?([A-J])[).:]+\s*\S|Option \d \(([A-J])\)")
_DIFFERENTIAL = re.compile(r"[Dd]ifferential(?: diagnos[ie]s)?(?: (?:includes?|is|are|comprises?))?:? ")
_LABEL_BEHIND = re.compile(r"\((?:[Oo]ption |[Cc]hoice )?([A-J])\)|, (?:[Oo]ption|[Cc]hoice) \(?([A-J])(?!\w)")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply chose.

    Attributes:
        choice: 0-based index of the option; None unless the status is ``answered``.
        extracted: The label or words that were read; for an ambiguous reading all of them, joined by ``/``.
        status: ``answered``, ``no_answer``, ``ambiguous``, ``truncated`` or ``refused``.
        stage: Where the cascade stopped.
    """

    choice: int | None
    extracted: str | None
    status: Status
    stage: Stage


@dataclass(frozen=True)
class Extractor:
    """A reader of answers under a name and a version; scores carry both, and a changed reading changes the version."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    def read(
        self,
        text: str,
        options: Sequence[str],
        *,
        finish_reason: str = "stop",
        reasoning_open: bool = False,
        labels_shown: bool | None = None,
    ) -> Reading:
        """Read the option that a reply chose: the requested form anywhere, other forms in its last 8,000 characters.

        Args:
            text: The reply, its reasoning already removed (see ``split_reasoning``).
            options: The texts of the 2 to 10 options, in the order in which they were shown.
            finish_reason: ``stop``, or ``length`` for a reply that the token limit cut.
            reasoning_open: Whether the reply ended inside its reasoning; nothing is read then.
            labels_shown: Whether the prompt showed the options behind letters; None when that is not known. Yes, no
                and maybe seldom have letters, so "A:" then begins an answer to them and is no label.

        Raises:
            MedevalError: The number of options or the finish reason is not one of those above.
        """
        known = OptionTexts.of(tuple(options), labels_shown is not False)
        if finish_reason not in FINISH_REASONS:
            raise MedevalError(
                f"finish_reason {finish_reason!r}: expected stop or length",
                "Only read replies that the engine completed.",
            )
        if reasoning_open:
            return _TRUNCATED
        if (found := answer_fields(text)) is not None:
            return _read_fields(found, known) or self.read(found.text, options, labels_shown=labels_shown)
        own = _own_words(before_turn_end(fold(text)), known)
        if labels_shown is False or (labels_shown is None and known.are_yes_no):
            own = _with_answers_cued(own)
        if (reading := _requested(own, known)) is not None:
            return reading
        if finish_reason == "length":
            return _TRUNCATED
        reply = _Reply(without_open_object(own)[-_LAST_CHARACTERS:], known)
        return _explicit(reply) or _by_content(reply, unfinished=is_unfinished(text))


MEDEVAL_EXTRACT = Extractor("medeval-extract", version=5)
EXTRACTOR = str(MEDEVAL_EXTRACT)
read_answer = MEDEVAL_EXTRACT.read

_TRUNCATED = Reading(None, None, "truncated", "none")


class _Reply:
    """What is searched of one reply, and what it states.

    Attributes:
        text: The reply as folded.
        plain: The same without restated option lists and markup.
        options: The options of its question.
        said: Its statements, in their order.
    """

    def __init__(self, text: str, options: OptionTexts) -> None:
        self.text = text
        self.plain, *listed = without_lists(without_markup(text), options)
        known = (options.numbered, options.lettered)
        numbered, lettered = (own or said for own, said in zip(known, listed, strict=True))
        same = (numbered, lettered) == known
        self.options = options if same else replace(options, numbered=numbered, lettered=lettered)
        self.said = statements(self.plain, self.options)


def _own_words(folded: str, options: OptionTexts) -> str:
    """Cut off the further questions that a base model invents, if an answer stands before them."""
    if "\n" not in folded:
        return folded
    for match in islice(_RUN_ON.finditer(lower(folded)), _RUN_ONS_TRIED):
        head = folded[: match.start()]
        invented = _OTHER_LIST.search(folded, match.start())
        if invented and not (options.agrees(0, invented[1]) or options.agrees(1, invented[2])):
            if not match["numbered"] or _answers(head, options):
                return head
        elif not match["numbered"] and head.strip() and _answers(head, options):
            return head
    return folded


def _answers(head: str, options: OptionTexts) -> bool:
    if _requested(head, options):
        return True
    reply = _Reply(head[-_LAST_CHARACTERS:], options)
    return _explicit(reply) is not None or _in_full(reply) is not None


def _read_fields(found: AnswerFields, options: OptionTexts) -> Reading | None:
    """Read the answer fields of an object, and nothing else of it; None when they say nothing by themselves."""
    reply = _Reply(fold(found.fields), options)
    reading = _explicit(reply) or _by_content(reply, unfinished=False)
    return None if reading.status == "no_answer" and found.text else reading


def _with_answers_cued(folded: str) -> str:
    """Write "A:" as "Ans:", unless the reply lists options behind letters: the one begins an answer, as "Q:" does."""
    return folded if _SECOND_LABEL.search(folded) else _ANSWER_BEGINS.sub(r"\1Ans", folded)


def _requested(folded: str, options: OptionTexts) -> Reading | None:
    """Read the last line of the requested form, unless what follows takes it back."""
    lines = [match for match in requested_lines(folded) if match[1] in options.labels]
    if not lines:
        return None
    last = lines[-1]
    if len(form := letters_in_a_row(lines)) > 1:
        return Reading(None, "/".join(form), "ambiguous", "strict")
    rest = folded[last.end() :]
    if cues.takes_back(lower(rest)):
        labels = [statement for statement in _Reply(rest[-_LAST_CHARACTERS:], options).said if _is_label(statement)]
        if (reading := _as_reading(settled(labels, rest), "lenient")) is not None:
            return reading
    # Options that are themselves letters, out of order: the letter then names two options.
    return _as_reading(read_labels(last[1], options), "strict")


def _as_reading(named: NamedOptions | None, stage: Stage) -> Reading | None:
    """Return the reading that named options amount to; None when there are none."""
    if named is None or not named.choices:
        return None
    if len(named.choices) > 1:
        return Reading(None, named.extracted, "ambiguous", stage)
    return Reading(next(iter(named.choices)), named.extracted, "answered", stage)


def _is_label(statement: Statement) -> bool:
    return statement.named.kind in (Kind.LABEL, Kind.INVALID)


def _explicit(reply: _Reply) -> Reading | None:
    """Read labels: stated ones first, then bold ones, then the one option that is called correct."""
    labels = [statement for statement in reply.said if _is_label(statement)]
    lines = label_lines(reply.plain, reply.options)
    if labels and lines and labels[-1].weight is Weight.FINAL and 0 <= lines[-1].start - labels[-1].start < _CONTEXT:
        lines[-1] = lines[-1]._replace(weight=Weight.FINAL)
    found = sorted([*labels, *lines], key=lambda statement: statement.start)
    if reading := _as_reading(settled(found, reply.plain), "lenient"):
        return _corrected_in_words(reply, found) or reading
    if reading := _as_reading(settled(_bold(reply), reply.text), "lenient"):
        return reading
    if reading := _as_reading(marked_right(without_markup(reply.text), reply.options), "lenient"):
        return reading
    if reply.said and reply.said[-1].named.kind is Kind.INVALID:
        return Reading(None, reply.said[-1].named.extracted, "no_answer", "none")
    return None


def _corrected_in_words(reply: _Reply, labels: Sequence[Statement]) -> Reading | None:
    """Read an option's text that is stated after the last label: a correction, a conclusion or a contradiction."""
    last = reply.said[-1] if reply.said else labels[-1]
    if last.named.kind is not Kind.TEXT:
        return None
    beside = last.weight is Weight.FINAL and last.start - labels[-1].end < _CONTEXT
    if beside and not last.named.choices & labels[-1].named.choices:
        return Reading(None, f"{labels[-1].named.extracted}/{last.named.extracted}", "ambiguous", "lenient")
    if last.start > labels[-1].start and stands(last, labels, reply.plain):
        return _as_reading(last.named, "content")
    return None


def _bold(reply: _Reply) -> list[Statement]:
    """Read labels in bold; when most options are in bold they are headings, not answers."""
    if not any(mark in reply.text for mark in ("**", "__", "<b>", "<strong>")):
        return []
    listed = without_lists(reply.text, reply.options).text
    found = []
    for match in cues.BOLD.finditer(listed):
        value = next(group for group in match.groups() if group is not None)
        found.append(Statement(match.start(), match.end(), read_line(without_markup(value), reply.options)))
    found = [statement for statement in found if statement.named.kind is Kind.LABEL]
    distinct: frozenset[int] = frozenset().union(*(statement.named.choices for statement in found))
    if len(distinct) >= min(3, len(reply.options.texts)):
        return []
    return [one for one in found if not (_denied(one, listed) or _HEADING_ENDS.search(listed, one.start, one.end + 2))]


def _denied(statement: Statement, text: str) -> bool:
    before = lower(text[max(0, statement.start - _CONTEXT) : statement.start])
    return bool(DENIED_AFTER.match(text, statement.end) or cues.DENIED_BEFORE.search(before))


def _by_content(reply: _Reply, *, unfinished: bool) -> Reading:
    """Read an answer from the words of the options: stated ones first, then those near the end of a finished reply."""
    within = [statement for statement in reply.said if statement.named.kind is Kind.CLAUSE]
    if reading := _in_full(reply) or _as_reading(settled(within, reply.plain), "content"):
        return reading
    if unfinished:
        return _TRUNCATED
    if is_refusal(reply.plain):
        return Reading(None, None, "refused", "none")
    return _near_the_end(reply) or Reading(None, None, "no_answer", "none")


def _in_full(reply: _Reply) -> Reading | None:
    """Read an option's whole text where an answer is stated, or where it is a whole line."""
    whole = [statement for statement in reply.said if statement.named.kind is Kind.TEXT]
    whole = sorted([*whole, *_whole_lines(reply)], key=lambda statement: statement.start)
    return _as_reading(settled(whole, reply.plain), "content")


def _whole_lines(reply: _Reply) -> Iterator[Statement]:
    """Read yes, no or maybe at the start, and a first or last line that is nothing but an option's text."""
    lines = [line for line in reply.plain.split("\n") if line.strip()]
    if not lines:
        return
    end, options = len(reply.plain), reply.options
    closing = lines[-1].rpartition(":")[2]
    last = read_yes_no(closing, options) if len(closing.split()) <= _SHORT_LINE else NOTHING
    for place, line, named in ((0, lines[0], read_yes_no(lines[0], options)), (end, lines[-1], last)):
        same = named.choices or options.equal_to(line)
        if same and sum(1 for other in lines[:_LISTED_LINES] if options.equal_to(other)) < _LISTED:
            yield Statement(place, place, NamedOptions(Kind.TEXT, same, named.extracted or line.strip()))


def _near_the_end(reply: _Reply) -> Reading | None:
    """Read the one option whose text occurs near the end, after the last "the answer is" or correction there.

    A reply that ends with a colon ended before its answer.
    """
    options = reply.options
    if not options.contained_in(reply.plain[-_TAIL_CHARACTERS:]):
        return None
    tail = _tail_without_headings(reply)
    if tail.rstrip().endswith(":") or _DIFFERENTIAL.search(tail) or _in_a_loop(tail):
        return None
    if announced := list(cues.ANNOUNCED.finditer(lower(tail))):
        tail = tail[announced[-1].end() :]
    found = options.contained_in(tail)
    if len(found) > 1 and (turns := list(cues.TAKEN_BACK.finditer(lower(tail)))):
        after = options.contained_in(tail[turns[-1].end() :])
        found = after if len(after) == 1 else found
    if len(found) == len(options.texts) > 2:
        return None
    if ABSENT.search(tail) and not any(ABSENT.search(options.texts[index]) for index in found):
        return None
    words = "/".join(dict.fromkeys(options.texts[index] for index in sorted(found)))
    labelled = len(found) == 1 and _label_follows(tail, next(iter(found)), options)
    return _as_reading(NamedOptions(Kind.CLAUSE, found, words), "lenient" if labelled else "content")


def _tail_without_headings(reply: _Reply) -> str:
    """Return the end of a reply without the lines of a tour: there an option's text behind its label is a heading."""
    start = reply.plain.rfind("\n", 0, max(0, len(reply.plain) - _TAIL_CHARACTERS)) + 1
    lines = reply.plain[start:].split("\n")
    if not any(_TOUR_LINE.match(line) for line in lines):
        return reply.plain[-_TAIL_CHARACTERS:]
    toured = {match[1] for match in map(_TOUR_LINE.match, reply.plain.split("\n")) if match}
    if len(toured) < min(_LISTED, len(reply.options.texts)):
        return reply.plain[-_TAIL_CHARACTERS:]
    return "\n".join(line for line in lines if not _TOUR_LINE.match(line))[-_TAIL_CHARACTERS:]


def _in_a_loop(tail: str) -> bool:
    """Whether the last whole sentence stands there three times: a reply caught in a loop says nothing by it."""
    last = next((sentence.strip() for sentence in reversed(tail.split(".")) if sentence.strip()), "")
    return len(last) > _CONTEXT // 2 and tail.count(last) >= _LOOPED


def _label_follows(tail: str, index: int, options: OptionTexts) -> bool:
    """Whether the text of an option is followed by its own label in brackets, or by "option X"."""
    own = [match for match in _LABEL_BEHIND.finditer(tail) if LABELS[index] in (match[1], match[2])]
    return any(f" {options.tokens(tail[: match.start()])}".endswith(f" {options.texts[index]}") for match in own)
