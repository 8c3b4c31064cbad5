"""Read which option a reply chose, and say how it was read or why it could not be.

The cascade stops at the first stage that finds something: *strict* (the requested line), *lenient* (an
explicit label in another form), *content* (the text of an option), *none*. Statements that disagree within
a stage make the reading ambiguous. Nothing is ever guessed: no default letter, no nearest text, no letter
without a form around it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from medeval.answers import patterns
from medeval.answers.claims import Claim, Kind, read_line, read_value, read_verdict
from medeval.answers.lists import without_lists
from medeval.answers.options import LABELS, OptionTexts, fold
from medeval.errors import MedevalError

EXTRACTOR = "medeval-extract@1"

Status = Literal["answered", "no_answer", "ambiguous", "truncated", "refused"]
Stage = Literal["strict", "lenient", "content", "none"]
FINISH_REASONS = frozenset({"stop", "length"})
_TAIL_CHARACTERS = 300
# How far around a statement a denial is looked for.
_CONTEXT = 40
_RUN_ONS_TRIED = 3


@dataclass(frozen=True)
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


_TRUNCATED = Reading(None, None, "truncated", "none")
# Beyond the requested form, only this much of a reply's end is read: an answer stands there, and a reply caught in a
# loop would otherwise take time that grows with the square of its length.
_LAST_CHARACTERS = 8_000


def read_answer(
    text: str, options: Sequence[str], *, finish_reason: str = "stop", reasoning_open: bool = False
) -> Reading:
    """Read the option that a reply chose: the requested form anywhere, other forms in its last 8,000 characters.

    Args:
        text: The reply, its reasoning already removed (see ``split_reasoning``).
        options: The texts of the 2 to 10 options, in the order in which they were shown.
        finish_reason: ``stop``, or ``length`` for a reply that the token limit cut.
        reasoning_open: Whether the reply ended inside its reasoning; nothing is read then.

    Raises:
        MedevalError: The number of options or the finish reason is not one of those above.
    """
    known = OptionTexts.of(options)
    if finish_reason not in FINISH_REASONS:
        raise MedevalError(
            f"finish_reason {finish_reason!r}: expected stop or length",
            "Only read replies that the engine completed.",
        )
    if reasoning_open:
        return _TRUNCATED
    folded = fold(text)
    own = _before_run_on(folded, known)
    if (reading := _strict(own, known)) is not None:
        return reading
    if finish_reason == "length":
        return _TRUNCATED
    end = own[-_LAST_CHARACTERS:]
    return _explicit(end, known) or _by_content(end, known)


def _before_run_on(folded: str, options: OptionTexts) -> str:
    """Cut off the further questions that a base model invents, if an answer stands before them."""
    heads = (folded[: match.start()] for match in patterns.RUN_ON.finditer(folded))
    for head in islice(filter(str.strip, heads), _RUN_ONS_TRIED):
        if _strict(head, options) or _explicit(head, options):
            return head
    return folded


def _strict(folded: str, options: OptionTexts) -> Reading | None:
    labels = LABELS[: len(options.texts)]
    matches = [match[1] for match in patterns.STRICT.finditer(folded) if match[1] in labels]
    if not matches:
        return None
    # Options that are themselves letters, out of order: the letter then names two options.
    return _settle([read_value(matches[-1], options)], "strict")


def _settle(claims: Sequence[Claim], stage: Stage) -> Reading | None:
    """Return the reading that the claims of one stage agree on; None when there is no claim."""
    choices = frozenset().union(*(claim.choices for claim in claims))
    if not choices:
        return None
    claims = [claim for claim in claims if claim.choices]
    extracted = "/".join(dict.fromkeys(claim.extracted or "" for claim in claims))
    if len(choices) > 1:
        return Reading(None, extracted, "ambiguous", stage)
    return Reading(next(iter(choices)), claims[-1].extracted, "answered", stage)


def _explicit(folded: str, options: OptionTexts) -> Reading | None:
    """Read explicit forms: stated labels first, then bold ones; None when there is no such form."""
    listed, numbered = without_lists(folded, options)
    options = replace(options, numbered=options.numbered or numbered)
    stated = list(_stated(listed, options))
    labels = [claim for claim in (*stated, *_lines(listed, options)) if claim.kind is Kind.LABEL]
    if reading := _settle(labels, "lenient") or _settle(_bold(listed, options), "lenient"):
        return reading
    if stated and stated[-1].kind is Kind.INVALID:
        return Reading(None, stated[-1].extracted, "no_answer", "none")
    return None


def _stated(folded: str, options: OptionTexts) -> Iterator[Claim]:
    """Read every value that follows a cue, in the order of the text; values that say nothing are left out."""
    plain = patterns.without_markup(folded)
    found: list[tuple[int, Claim]] = []
    for cue in (patterns.STATED, patterns.PRESENTED, patterns.CHOSEN, patterns.CHINESE):
        meant = (m for m in cue.finditer(plain) if not patterns.NOT_MEANT.search(_before(m, plain)))
        found += [(m.start(), read_value(plain[m.end() :].partition("\n")[0], options)) for m in meant]
    found += [(m.start(), _label_at(m[1], options)) for m in patterns.CALLED_RIGHT.finditer(plain)]
    found += [(len(plain), _label_at(label, options)) for label in _named_at_end(plain)]
    for form in (patterns.BOXED, patterns.TAGGED, patterns.JSON_FIELD):
        for match in form.finditer(folded):
            value = next((group for group in match.groups() if group is not None), "")
            found.append((match.start(), read_value(patterns.without_markup(value), options)))
    yield from (claim for _, claim in sorted(found, key=lambda pair: pair[0]) if claim.kind is not Kind.NOTHING)


def _label_at(label: str, options: OptionTexts) -> Claim:
    return read_value(f"({label})", options)


def _named_at_end(plain: str) -> Iterator[str]:
    """Yield the labels called "option X" after a heading such as "Final Answer"."""
    headings = list(patterns.FINAL_HEADING.finditer(plain))
    tail = plain[headings[-1].end() :] if headings else ""
    yield from (match[1] for match in _not_denied(patterns.NAMED_OPTION.finditer(tail), tail))


def _not_denied(matches: Iterator[re.Match[str]], text: str) -> Iterator[re.Match[str]]:
    for match in matches:
        after = text[match.end() : match.end() + _CONTEXT]
        if not (patterns.DENIED_AFTER.match(after) or patterns.DENIED_BEFORE.search(_before(match, text))):
            yield match


def _before(match: re.Match[str], text: str) -> str:
    return text[max(0, match.start() - _CONTEXT) : match.start()]


def _lines(folded: str, options: OptionTexts) -> Iterator[Claim]:
    """Read the run of label lines at the end, and the first line unless it opens a tour of the options."""
    lines = [line for line in patterns.without_markup(folded).split("\n") if line.strip()]
    if not lines:
        return
    first = read_line(lines[0], options)
    started = {match[1] for match in patterns.LABEL_START.finditer(folded)}
    if not lines[0].strip()[0].islower() and started <= {first.extracted}:
        yield first
    for line in reversed(lines):
        claim = read_line(line, options)
        if claim.kind is not Kind.LABEL:
            return
        yield claim


def _bold(folded: str, options: OptionTexts) -> list[Claim]:
    """Read labels in bold; when most options are in bold they are headings, not answers."""
    claims = []
    for match in _not_denied(patterns.BOLD.finditer(folded), folded):
        value = next(group for group in match.groups() if group is not None)
        claims.append(read_line(patterns.without_markup(value), options))
    claims = [claim for claim in claims if claim.kind is Kind.LABEL]
    distinct = frozenset().union(*(claim.choices for claim in claims))
    return [] if len(distinct) >= min(3, len(options.texts)) else claims


def _by_content(folded: str, options: OptionTexts) -> Reading:
    """Read an answer from the words of the options: stated ones first, then those near the end."""
    listed, _ = without_lists(folded, options)
    stated = list(_stated(listed, options))
    whole = [*(claim for claim in stated if claim.kind is Kind.TEXT), *_whole_lines(listed, options)]
    within = [claim for claim in stated if claim.kind is Kind.CLAUSE]
    if reading := _settle(whole, "content") or _settle(within, "content"):
        return reading
    if patterns.REFUSED.search(folded):
        return Reading(None, None, "refused", "none")
    found = options.contained_in(patterns.without_markup(listed)[-_TAIL_CHARACTERS:])
    words = "/".join(dict.fromkeys(options.texts[index] for index in sorted(found)))
    return _settle([Claim(Kind.CLAUSE, found, words)], "content") or Reading(None, None, "no_answer", "none")


def _whole_lines(folded: str, options: OptionTexts) -> Iterator[Claim]:
    """Read yes, no or maybe at the start, and a first or last line that is nothing but an option's text."""
    lines = [line for line in patterns.without_markup(folded).split("\n") if line.strip()]
    if lines:
        yield read_verdict(lines[0], options)
        yield from (Claim(Kind.TEXT, options.equal_to(line), line.strip()) for line in (lines[0], lines[-1]))
