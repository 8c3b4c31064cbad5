"""Read labels: a letter or number at the start of a value, and what may follow it for it to be one."""

import re
from enum import Enum
from typing import NamedTuple

from medeval.answers.options import LABELS, OptionTexts


class Kind(Enum):
    """How a value names options: by label, whole text, in a clause, by an unknown label, or not at all."""

    LABEL = "label"
    TEXT = "text"
    CLAUSE = "clause"
    INVALID = "invalid"
    NOTHING = "nothing"


class NamedOptions(NamedTuple):
    """Options named by one statement; more than one means that the statement is ambiguous.

    Attributes:
        kind: How they are named.
        choices: Their indices.
        extracted: The label or the words that were read.
        rest: What follows a label.
    """

    kind: Kind
    choices: frozenset[int] = frozenset()
    extracted: str | None = None
    rest: str = ""


NOTHING = NamedOptions(Kind.NOTHING)

_BARE = re.compile(r"[(\[{<\"'“‘«]*([A-Za-z])[)\]}>\"'”’»]*\.?\s*$")
_LABELLED = re.compile(
    r"(?P<open>[(\[{<\"'“‘«]*)\s*(?P<label>[A-Za-z]|\d{1,2})(?P<close>\s*[)\]}>]+|[\"'”’»](?![^\W_]))*(?P<rest>.*)",
    re.DOTALL,
)
# Closed-class words: neither the article "a" nor the pronoun "I" stands before them, so the letter there is a label.
_WORDS_BEHIND = (
    r"(?:because|since|as|due|given|which|based|by|rather|instead|not|but|while|whereas|although|for|in|here|with|from"
    r"|over|is|IS|would|fits|matches|seems|looks|seçene\w*|şıkkı\w*)"
)
# Signs that are neither words nor punctuation, such as check marks and faces.
_SIGN = "[\u2300-\u2bff\U0001f000-\U0001faff]"
CJK = "\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7af"
BOUNDARY = (
    r"(?:\s*$|\s*[.):;!?\]}>|,]|\s*</|\s+[-–—(\[]|-\s|\s*(?:[–—]|--)|\s*\n"
    rf"|\s+{_WORDS_BEHIND}\b|\s*[{CJK}]|\s*{_SIGN})"
)
_BOUNDARY = re.compile(BOUNDARY)
# "I" is a pronoun before a comma, and before most words.
_PRONOUN_BOUNDARY = re.compile(rf"\s*$|\s*[.):;\]}}>]|\s*\n|\s*[{CJK}]")
# "C. difficile": a genus, unless the small word is one that starts an explanation.
_GENUS = re.compile(rf"\.\s*(?!{_WORDS_BEHIND}\b|this\b|the\b|it\b|there\b|an?\b|so\b|if\b|when\b)[a-z]{{3,}}")
_NEXT_LABEL = re.compile(r" (?:and |or )?([A-Ja-j]) (.+)")
_WORD = re.compile(r"[^\W\d_]{4,}")
SENTENCE_END = re.compile(r"(?<=[^\d\s])[.;!?](?:\s|$)|[。；\n]")

DENIED_AFTER = re.compile(
    r"[ \t)\]:,.*|-]*(?:"
    r"(?:(?:is|are|was|would be|seems|can be|cannot be)[ \t]+"
    r"(?:not|incorrect|wrong|false|unlikely|less|ruled out|excluded|eliminated)"
    r"|(?:is|are|was)[ \t]+(?:contradicted|refuted|rejected|not supported|out)"
    r"|isn['’]t|cannot|can['’]t|doesn['’]t|does not|incorrect|wrong|not correct|false|no)\b"
    r"|(?:选项)?(?:是错|不正确|不对|错误|不是(?!(?:选项)?[A-J])))",
    re.IGNORECASE,
)

# ... where the text of the option stands between: "A) yes is contradicted by the trial".
_TEXT_DENIED = re.compile(
    r" (?:is|are|was) (?:contradicted|refuted|rejected|not supported|not correct|incorrect|wrong|excluded|ruled out"
    r"|unlikely|less likely)\b",
    re.IGNORECASE,
)

_ONE = r"(?:(?:[Oo]ption|[Cc]hoice)\s+)?[(\[\"']{0,2}([A-Z]|[a-j])[)\]\"']{0,2}(?:\s*\([^()\n]{1,80}\))?"
_OR = r"(?:and|or|und|oder|et|y|e|ou|o|lub|ili|или|atau|veya|eller)\b\s*"
_AND = (
    rf"(?:(?:\s*[/&+]\s*|\s*,\s*(?:{_OR})?|\s+{_OR})(?:(?:possibly|perhaps|maybe|also)\b\s*)?"
    r"|\.(?=[A-J]\.)|\s*(?:或者?|和|与|及|または|もしくは|か|또는)\s*(?:选项)?)"
)
# What parts a label from a sentence of its own, and what such a sentence begins with where the options are yes or no.
_APART = re.compile(r"\s*(?:[.):]|[–—]|-[-\s])")
_YES_NO = re.compile(r"(?:(?:the )?answer is:? )?(yes|no|maybe)(?=\s*[,.;:–—]|\s+-|\s*\Z)", re.IGNORECASE)
_SEVERAL = re.compile(
    rf"(?:(?:[Bb]oth|[Ee]ither)\s+)?{_ONE}(?:{_AND}{_ONE}(?![\w'’-])){{1,9}}(?P<rest>(?=\s*(?:[.;:,)\]。，、；]|$)).*)",
    re.DOTALL,
)
_IN_BRACKETS = re.compile(r"\([^()\n]{2,80}\)|[Oo]ption|[Cc]hoice|[Bb]oth|[Ee]ither|(?<=\s)[eyo](?=\s)")
_LETTER = re.compile(rf"(?<![^\W{CJK}]|['’])[A-Za-z](?![^\W{CJK}]|['’])")
_COUNTED = re.compile(
    r"(?:option|choice)[ \t]*#?(\d{1,2})(?!\d|[.,]\d|\s*%|[^\W\d])(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_LETTER_BEHIND = re.compile(r"\s*[(\[]([A-J])[)\]]")
ORDINALS = (
    *("first", "second", "third", "fourth", "fifth"),
    *("sixth", "seventh", "eighth", "ninth", "tenth"),
)
_ORDINAL = re.compile(rf"(?:the\s+)?({'|'.join(ORDINALS)})\s+(?:option|choice|answer|one)\b(?P<rest>.*)", re.IGNORECASE)


def read_labels(value: str, options: OptionTexts) -> NamedOptions:
    """Read the label, or the labels, at the start of a value.

    A label is believed only with something after it that cannot continue a word or a phrase. If the text that
    follows is that of another option, label and text contradict each other and both are returned.
    """
    if not options.lettered:
        return _in_words(value, options) or NOTHING
    if bare := _BARE.match(value):
        return _bare(bare[1], options)
    return _several(value, options) or _in_words(value, options) or _single(value, options)


def _bare(letter: str, options: OptionTexts) -> NamedOptions:
    index = LABELS.find(letter.upper())
    if 0 <= index < len(options.texts):
        named = options.exactly(letter)
        return NamedOptions(Kind.LABEL, named if index in named else named | {index}, letter.upper())
    if named := options.exactly(letter):
        return NamedOptions(Kind.TEXT, named, letter)
    return NamedOptions(Kind.INVALID, extracted=letter) if letter in LABELS else NOTHING


def _several(value: str, options: OptionTexts) -> NamedOptions | None:
    match = _SEVERAL.match(value)
    if match is None:
        return None
    found = _LETTER.findall(_IN_BRACKETS.sub("", value[: match.start("rest")]))
    letters = list(dict.fromkeys(letter.upper() for letter in found))
    indices = frozenset(LABELS.find(letter) for letter in letters)
    if not all(0 <= index < len(options.texts) for index in indices):
        return None
    return NamedOptions(Kind.LABEL, indices, "/".join(letters), match["rest"])


def _in_words(value: str, options: OptionTexts) -> NamedOptions | None:
    """Read "the second option", and "option 2" where the options are not numbers themselves."""
    if ordinal := _ORDINAL.match(value):
        index = ORDINALS.index(ordinal[1].lower())
        exists = index < len(options.texts)
        return NamedOptions(Kind.LABEL, frozenset({index}), ordinal[1], ordinal["rest"]) if exists else None
    counted = _COUNTED.match(value)
    if counted is None or not 1 <= int(counted[1]) <= len(options.texts):
        return None
    index = int(counted[1]) - 1
    named = options.exactly(counted[1]) | _with_named(index, _named_behind(counted["rest"], options))
    if (letter := _LETTER_BEHIND.match(counted["rest"])) and letter[1] in options.labels:
        named |= {LABELS.index(letter[1])}
    return NamedOptions(Kind.LABEL, named, counted[1], counted["rest"])


def _single(value: str, options: OptionTexts) -> NamedOptions:
    match = _LABELLED.match(value)
    if match is None:
        return NOTHING
    label, rest = match["label"], match["rest"]
    index = int(label) - 1 if label.isdigit() else LABELS.find(label.upper())
    exists = 0 <= index < len(options.texts)
    if label.isupper() and _GENUS.match(rest) and not (exists and _shares_word(options.texts[index], rest)):
        return NOTHING
    boundary = (_PRONOUN_BOUNDARY if label in "Ii" else _BOUNDARY).match(rest)
    other = _named_behind(f"){rest}" if match["close"] else rest, options)
    named = exists and options.agrees(index, rest) and (index in other or not other)
    if DENIED_AFTER.match(rest) and not (named or other):
        return NOTHING
    if named and _TEXT_DENIED.match(options.behind(index, rest)):
        return NOTHING
    if label.isdigit() and not (options.numbered or named):
        return NOTHING
    if not (match["close"] or boundary or (named and rest[:1] in (" ", "-"))):
        return NOTHING
    if not exists:
        return NamedOptions(Kind.INVALID, extracted=label) if label in LABELS else NOTHING
    choices, extracted = _with_named(index, other), label.upper()
    if named and (another := _another_behind(index, rest, options)) is not None:
        choices, extracted = choices | {another}, f"{extracted}/{LABELS[another]}"
    return NamedOptions(Kind.LABEL, choices, extracted, rest)


def _shares_word(own: str, rest: str) -> bool:
    words = set(_WORD.findall(own.lower()))
    return bool(words & set(_WORD.findall(rest.lower())))


def _another_behind(index: int, rest: str, options: OptionTexts) -> int | None:
    """Return the option that follows by label and text, as in "B) x and D) y"."""
    match = _NEXT_LABEL.match(options.behind(index, rest))
    other = LABELS.find(match[1].upper()) if match else -1
    return other if match and 0 <= other < len(options.texts) and options.agrees(other, match[2]) else None


def _with_named(index: int, other: frozenset[int]) -> frozenset[int]:
    """Return the option of a label, and those whose text stands behind it when they are others."""
    return frozenset({index}) if index in other else other | {index}


def _named_behind(rest: str, options: OptionTexts) -> frozenset[int]:
    """Return the options whose text stands behind the label of another one."""
    text = rest.strip(" .):;,-–—]}>")
    if not text:
        return frozenset()
    sentence = SENTENCE_END.split(text, maxsplit=1)[0]
    return options.equal_to(text) or options.equal_to(sentence) or _said_behind(rest, sentence, options)


def _said_behind(rest: str, sentence: str, options: OptionTexts) -> frozenset[int]:
    """Return the option that the sentence behind a label and its mark names, where it names no other one."""
    if not _APART.match(rest):
        return frozenset()
    if options.are_yes_no:
        word = _YES_NO.match(sentence)
        return options.exactly(word[1]) if word else frozenset()
    held = options.contained_in(sentence)
    return held if len(held) == 1 else frozenset()
