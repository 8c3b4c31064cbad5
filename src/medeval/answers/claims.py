"""What one stated value ("B", "(c) Spleen", "A and C", "E. coli") says about the options."""

import re
from dataclasses import dataclass
from enum import Enum

from medeval.answers.options import LABELS, OptionTexts
from medeval.answers.patterns import DENIED_AFTER


class Kind(Enum):
    """How a value names options: by label, whole text, in a clause, by an unknown label, or not at all."""

    LABEL = "label"
    TEXT = "text"
    CLAUSE = "clause"
    INVALID = "invalid"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Claim:
    """Options named by one statement; more than one means that the statement is ambiguous."""

    kind: Kind
    choices: frozenset[int] = frozenset()
    extracted: str | None = None


_NOTHING = Claim(Kind.NOTHING)
_LEAD = re.compile(r"\s*(?:(?:option|choice|answer|letter|label)\b\s*:?\s*)?", re.IGNORECASE)
_LABELLED = re.compile(
    r"(?P<open>[(\[{<\"'“‘]*)\s*(?P<label>[A-Za-z]|\d{1,2})(?P<close>\s*[)\]}>]+|[\"'”’](?![^\W_]))*(?P<rest>.*)",
    re.DOTALL,
)
_ONE = r"\(?([A-Z]|[a-j])\)?"
_SEVERAL = re.compile(
    rf"(?:both|either)?\s*{_ONE}(?:\s*(?:[/,&+]|,?\s*(?:and|or)\b)\s*(?:option\s+|choice\s+)?{_ONE}(?![\w'’-]))+(?=\s*(?:[.;:)\]]|$))"
)
_LETTER = re.compile(r"(?<![\w'’])[A-Za-z](?![\w'’])")
# Words that can follow a label in a sentence, and so show that it is one ("B because ...").
_REASONS = r"(?:because|since|as|due|given|which|based|by)"
_BOUNDARY = re.compile(
    rf"\s*$|\s*[.):;!?\]}}>|,]|\s+[-–—(\[]|\s*(?:[–—]|--)|\s*\n|\s+{_REASONS}\b|\s*[\u3000-\u303f\u4e00-\u9fff]"
)
# "I" is a pronoun before a comma, and before most words.
_PRONOUN_BOUNDARY = re.compile(r"\s*$|\s*[.):;\]}>]|\s*\n|\s*[\u3000-\u303f\u4e00-\u9fff]")
# "C. difficile": a genus, unless the small word is one that starts an explanation.
_GENUS = re.compile(rf"\.\s*(?!{_REASONS}\b|this\b|the\b|it\b|there\b|in\b|an?\b|so\b|if\b|when\b)[a-z]{{3,}}")
_LABEL_BEHIND = re.compile(r"\w\W*\((?:[Oo]ption |[Cc]hoice )?([A-J])\)\W*$")
# An answer outside of the options.
_ABSENT = re.compile(
    r"(?:none|neither|all|both) of (?:the|these|them)\b|not (?:listed|present|among|given|provided)\b",
    re.IGNORECASE,
)
_FIRST_WORD = re.compile(rf"[^\w]*(yes|maybe|no(?!\s+(?!{_REASONS}\b)\w))\b(?!\s*(?:/|or\b))", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[^\d\s])[.;!?](?:\s|$)|[。；\n]")


def read_value(value: str, options: OptionTexts) -> Claim:
    """Say which options a stated value names; it runs from just after the cue to the end of the line.

    A label is believed only with something after it that cannot continue a word or a phrase, and only if
    the text that follows is not that of another option.
    """
    value = value[_LEAD.match(value).end() :].strip()  # type: ignore[union-attr]  # the pattern matches the empty text
    clause = _SENTENCE.split(value, maxsplit=1)[0]
    same = options.equal_to(value) or options.equal_to(clause)
    several = _several(value, options)
    label = several or _label(value, options)
    if label.kind is Kind.LABEL and (_is_bare(value) or not same):
        return Claim(Kind.LABEL, label.choices | same, label.extracted)
    if same:
        return Claim(Kind.TEXT, same, clause.strip())
    if label.kind is Kind.INVALID:
        return label
    if _ABSENT.match(clause):
        return Claim(Kind.INVALID, extracted=clause.strip())
    held = frozenset() if options.verdicts else options.contained_in(clause)
    if (last := _LABEL_BEHIND.search(clause)) and last[1] in LABELS[: len(options.texts)]:
        return Claim(Kind.LABEL, held | {LABELS.index(last[1])}, last[1])
    if held:
        return Claim(Kind.CLAUSE, held, clause.strip())
    return read_verdict(clause, options)


def read_line(line: str, options: OptionTexts) -> Claim:
    """Read a line that holds a label and at most that option's text; any other line says nothing.

    More text than the option has is a comment on the option, not a choice of it.
    """
    line = re.sub(r"^[\s>*•-]+", "", line)
    line = line[_LEAD.match(line).end() :].strip()  # type: ignore[union-attr]
    claim = _label(line, options)
    if claim.kind is not Kind.LABEL or len(claim.choices) != 1:
        return _NOTHING
    rest = _LABELLED.match(line)["rest"].strip(" .):;,-–—\"'”’]}>!|")  # type: ignore[index]
    if not rest:
        return Claim(Kind.LABEL, claim.choices | options.equal_to(line), claim.extracted)
    (index,) = claim.choices
    return claim if options.begins(index, rest) else _NOTHING


def _is_bare(value: str) -> bool:
    return len(re.findall(r"[^\W_]", value)) == 1


def _several(value: str, options: OptionTexts) -> Claim | None:
    match = _SEVERAL.match(value)
    if match is None:
        return None
    letters = [letter.upper() for letter in _LETTER.findall(match[0])]
    indices = frozenset(LABELS.find(letter) for letter in letters)
    if not all(0 <= index < len(options.texts) for index in indices):
        return None
    return Claim(Kind.LABEL, indices, "/".join(letters))


def _label(value: str, options: OptionTexts) -> Claim:
    match = _LABELLED.match(value)
    if match is None:
        return _NOTHING
    label, rest = match["label"], match["rest"]
    index = int(label) - 1 if label.isdigit() else LABELS.find(label.upper())
    exists = 0 <= index < len(options.texts)
    wrapped = bool(match["open"]) and bool(match["close"])
    named = exists and options.agrees(index, rest)
    if label.isupper() and _GENUS.match(rest) and not (exists and _shares_word(options.texts[index], rest)):
        return _NOTHING
    if DENIED_AFTER.match(rest) or (label.isdigit() and not (options.numbered or named)):
        return _NOTHING
    boundary = (_PRONOUN_BOUNDARY if label in "Ii" else _BOUNDARY).match(rest)
    if not (wrapped or match["close"] or boundary or (named and rest[:1].isspace())):
        return _NOTHING
    if not exists:
        return Claim(Kind.INVALID, extracted=label) if label in LABELS else _NOTHING
    return Claim(Kind.LABEL, frozenset({index}) | _contradicted(rest, index, options), label.upper())


def _shares_word(own: str, rest: str) -> bool:
    words = set(re.findall(r"[^\W\d_]{4,}", own.casefold()))
    return bool(words & set(re.findall(r"[^\W\d_]{4,}", rest.casefold())))


def _contradicted(rest: str, index: int, options: OptionTexts) -> frozenset[int]:
    """Return other options that the text after a label names: label and text then disagree."""
    text = rest.strip(" .):;,-–—]}>")
    if not text or options.agrees(index, text):
        return frozenset()
    clause = _SENTENCE.split(text, maxsplit=1)[0]
    return options.equal_to(text) | options.equal_to(clause)


def read_verdict(text: str, options: OptionTexts) -> Claim:
    """Read yes, no or maybe as the first word of a text, when those are the options.

    "No" before another word ("no evidence was found") belongs to that word and says nothing.
    """
    match = _FIRST_WORD.match(text)
    first = match[1].casefold() if match else ""
    if not options.verdicts or first not in options.texts:
        return _NOTHING
    return Claim(Kind.TEXT, options.equal_to(first), first)
