"""Which options a piece of a reply names: a stated value, a line, a last sentence, or a first word."""

import re

from medeval.answers.labels import DENIED_AFTER, NOTHING, SENTENCE_END, Kind, NamedOptions, read_labels
from medeval.answers.options import LABELS, OptionTexts

_LONGEST_VALUE, _LONGEST_SENTENCE = 600, 80
_NOUN = (
    r"(?:options?|choices?|answers?|letter|label|lettre|letra|lettera|buchstabe|opci[oó]n|op[çc][aã]o|alternativa"
    r"|r[eé]ponse|respuesta|resposta|risposta|antwort|विकल्प)(?!\w)"
)
# What may stand between a cue and its value: an article before a label, the word "option", a colon.
_LEAD = re.compile(
    rf"\s*(?:(?:the|la|le|el|die|der|a|o|il)\s+(?=[(\[\"'“‘]*(?-i:[A-J])\b|{_NOUN}))?(?:{_NOUN}\s*+:?\s*+(?!\d)){{0,2}}",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r",? *(?:I (?:think|believe|guess|suppose|would say)|in my (?:opinion|view)|of course|again),? +", re.IGNORECASE
)
_NOT_BUT = re.compile(r"not\s+[^\n.;]{1,80}?,?\s+but\s+(?:rather\s+)?", re.IGNORECASE)
_LABEL_BEHIND = re.compile(r"\w\W*\((?:[Oo]ption |[Cc]hoice )?([A-J])\)\W*$")
# An answer outside of the options.
ABSENT = re.compile(
    r"\b(?:none|neither|all|both) of (?:the|these|them)\b|\bnot (?:listed|present|among|given|provided)\b",
    re.IGNORECASE,
)

_CROSS = re.compile("[❌✗✘✖❎]")
_LINE_START = re.compile(r"[^\w(\[\"'“‘]+")
_MAY_BE_LABEL = re.compile(
    r"[(\[\"'“‘]*(?:\w{1,2}(?!\w)|(?:option|choice|answer|letter|label|the|both|either|assistant|model"
    r"|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)(?![^\W\d]))",
    re.IGNORECASE,
)
_FIELD = re.compile(r"[\"'][A-Ja-j][\"'] ?:")
_SPEAKER = re.compile(r"(?:[Aa]ssistant|[Mm]odel|A)[ \t]*:\s*(?=[(\[\"']*[A-Ja-j]\b)")
_CONCLUDING = (
    r"(?:so|thus|hence|therefore|accordingly|overall|finally|definitely|clearly|probably|(?:most )?likely"
    r"|in (?:short|conclusion|summary))"
)
_LABEL_ENDS = (*LABELS, ")")
_LAST_SENTENCE = re.compile(
    rf"(?:(?:^|[.!?:;\"'][ \t]+){_CONCLUDING}[,:]?|^|[.!?:;\"'])[ \t]+"
    r"(?:option )?((?-i:[A-HJ]|\([A-J]\)))[ \t]*[.!]?[ \t]*$",
    re.IGNORECASE,
)
_CONFIDENCE = re.compile(
    r"[\s,(–-]*(?:(?:confidence|certainty)\s*:?\s*|about\s+|~\s*)?\d{1,3}(?:\.\d+)?\s*%"
    r"(?:\s*(?:confiden|certain|sure|likel|probab)[^)\n]{0,20})?[.)\s]*$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]{3}")
# "B. It lowers ...": only with these marks may a label at the start of a reply be followed by free text.
_NEVER_EXPLAINED = ("I", *(str(number) for number in range(1, 11)))
# "E (high potassium)", the option in other words.
_REMARK_IN_BRACKETS = re.compile(
    r" \((?!(?:not|no|in|un|less|least|false|wrong|excluded|ruled)(?!\w*ed\b)\w*)[^()\n]{3,80}\)[ .]*$", re.IGNORECASE
)
_EXPLAINED = re.compile(r"\s*(?:[.),:]|[–—]|-[-\s])|\s+(?:because|since|as|due to|given)\b")

_YES_NO = r"(?:yes|no|maybe)"
_RESTATED = re.compile(rf"[^\w\n]*{_YES_NO}(?:\s*(?:/|,|\bor\b)\s*(?:or\s+)?{_YES_NO})+\s*[:?]\s*(?=\w)", re.IGNORECASE)
_ONLY_YES_NO = re.compile(rf"[^\w\n]*{_YES_NO}(?:\W+(?:(?:and|or)\W+)?{_YES_NO})+[^\w\n]*$", re.IGNORECASE)
_YES_NO_WORD = re.compile(rf"\b{_YES_NO}\b", re.IGNORECASE)
_FIRST_WORD = re.compile(
    r"[^\w]*(?:(?:so|thus|hence|therefore|overall|probably|definitely|(?:most )?likely|in (?:short|conclusion|summary))"
    r"\b,?\s*)?(yes|maybe|no(?!\s+(?!(?:because|since|as|due|given|based)\b)\w))\b(?!\s*(?:/|or\b))",
    re.IGNORECASE,
)


def read_value(value: str, options: OptionTexts) -> NamedOptions:
    """Say which options a stated value names; it runs from just after the cue to the end of the line."""
    value = value[:_LONGEST_VALUE]
    value = _without_lead(value[aside.end() :] if (aside := _ASIDE.match(value)) else value)
    if turned := _NOT_BUT.match(value):
        value = _without_lead(value[turned.end() :])
    label = read_labels(value, options)
    clause = SENTENCE_END.split(value, maxsplit=1)[0]
    if label.kind is Kind.LABEL and not label.rest and "/" not in (label.extracted or ""):
        return label
    if same := options.exactly(value) or options.exactly(clause):
        return NamedOptions(Kind.TEXT, same, clause.strip())
    if label.kind is not Kind.NOTHING:
        return label
    if same := options.equal_to(value) or options.equal_to(clause):
        return NamedOptions(Kind.TEXT, same, clause.strip())
    if ABSENT.match(clause):
        return NamedOptions(Kind.INVALID, extracted=clause.strip())
    return _within(clause, options)


def _within(clause: str, options: OptionTexts) -> NamedOptions:
    """Read a clause that holds the text of an option, or ends with its label in brackets."""
    if options.are_yes_no:
        return read_yes_no(clause, options)
    held = options.contained_in(clause)
    if (last := _LABEL_BEHIND.search(clause)) and last[1] in options.labels:
        return NamedOptions(Kind.LABEL, held | {LABELS.index(last[1])}, last[1])
    return NamedOptions(Kind.CLAUSE, held, clause.strip()) if held else NOTHING


def read_line(line: str, options: OptionTexts, *, explained: bool = False) -> NamedOptions:
    """Read a line that holds labels and at most the text of the one option; any other line says nothing.

    More text than the option has is a comment on the option, not a choice of it. Only where `explained` says
    so may free text follow, as on the first line of a reply that discusses no other option by label.
    """
    if _CROSS.search(line):
        return NOTHING
    line = line[match.end() :] if (match := _LINE_START.match(line)) else line
    if not _MAY_BE_LABEL.match(line) or _FIELD.match(line):
        return NOTHING
    line = _without_lead(line[match.end() :] if (match := _SPEAKER.match(line)) else line)
    named = read_labels(_CONFIDENCE.sub("", line) if "%" in line else line, options)
    if named.kind is not Kind.LABEL or (options.exactly(line) and len(options.tokens(line)) > 1):
        return NOTHING
    rest = named.rest.strip(" .):;,-–—\"'”’]}>!|")
    if not any(letter.isalnum() for letter in rest):
        return named
    if len(named.choices) > 1:
        return named if "/" not in (named.extracted or "") else NOTHING
    (index,) = named.choices
    if options.begins(index, rest):
        return named
    if not explained or named.extracted in _NEVER_EXPLAINED or _SPEAKER.match(line):
        return NOTHING
    if DENIED_AFTER.match(options.behind(index, named.rest)):
        return NOTHING
    if _REMARK_IN_BRACKETS.match(named.rest):
        return named
    bracket = line[: len(line) - len(named.rest)].rstrip()[-1:] in (")", "]")
    return named if (bracket or _EXPLAINED.match(named.rest)) and _WORD.search(rest) else NOTHING


def read_last_sentence(line: str, options: OptionTexts) -> NamedOptions:
    """Read a label that is all of a line's last sentence, or all that follows its last colon or word of conclusion."""
    if line.rstrip(" .!")[-1:] not in _LABEL_ENDS:
        return NOTHING
    match = _LAST_SENTENCE.search(line[-_LONGEST_SENTENCE:])
    return read_labels(match[1], options) if match else NOTHING


def read_yes_no(text: str, options: OptionTexts) -> NamedOptions:
    """Read yes, no or maybe as the first word of a text, when those are the options.

    "No" before another word ("no evidence was found") belongs to that word and says nothing.
    """
    if not options.are_yes_no:
        return NOTHING
    if restated := _RESTATED.match(text):
        text = text[restated.end() :]
    sentence = SENTENCE_END.split(text, maxsplit=1)[0]
    if _ONLY_YES_NO.match(sentence):
        words = dict.fromkeys(word.lower() for word in _YES_NO_WORD.findall(sentence))
        choices: frozenset[int] = frozenset().union(*(options.equal_to(word) for word in words))
        return NamedOptions(Kind.TEXT, choices, "/".join(words))
    match = _FIRST_WORD.match(text)
    first = match[1].lower() if match else ""
    return NamedOptions(Kind.TEXT, options.equal_to(first), first) if first in options.texts else NOTHING


def _without_lead(value: str) -> str:
    lead = _LEAD.match(value)
    return value[lead.end() if lead else 0 :].strip()
