"""The options of one question, in the form in which a reply is compared with them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from medeval.errors import MedevalError
from medeval.homoglyphs import fold_lookalikes

LABELS = "ABCDEFGHIJ"
# Numbers keep their decimals; comparison signs carry the meaning of an option; other punctuation does not.
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|[<>≤≥=+±%↑↓]")
_OWN_LETTER = re.compile(r"\s*\(?([A-Ja-j])[.):]\s*(.*)", re.DOTALL)
_OWN_NUMBER = re.compile(r"\s*\(?(\d{1,2})[.):]\s+(.*)", re.DOTALL)
_ARTICLES = ("the", "a", "an")
# Dropped when it stands next to the text of an option, which is then ruled out rather than chosen.
_NEGATED_BEFORE = re.compile(
    r" (?:not|nor|neither|except|excluding|unlike|than|excludes?|rules? out|ruled out|instead of|t)"
    r"(?: (?:the|a|an|likely|due to|caused by|be|by|option))*$"
)
_NEGATED_AFTER = re.compile(
    r"^ (?:(?:is|are|was|were|would be|seems|can be|has been) "
    r"(?:not|incorrect|wrong|unlikely|less likely|false|inappropriate|ruled out|excluded)"
    r"|(?:isn|aren|wasn|wouldn|doesn|don|can) t|cannot|would not|does not|do not|can not)(?: |$)"
)
_VERDICT_WORDS = frozenset({"yes", "no", "maybe"})


def fold(text: str) -> str:
    """Fold look-alike letters, line ends and long runs of blanks and marks; lines and letter case are kept.

    Models that fall into a loop write the same mark thousands of times; shortening such runs keeps the time
    of every later search proportional to the length of the text.
    """
    text = fold_lookalikes(re.sub(r"\r\n?|\u2028|\u2029|\x0b|\x0c|\x85", "\n", text))
    text = re.sub(r"\n(?: ?\n)+", "\n\n", re.sub(r"[^\S\n]+", " ", text))
    return re.sub(r"([^\w\s])\1{9,}", r"\1\1\1", text)


@dataclass(frozen=True)
class OptionTexts:
    """Options as tokens joined by single blanks.

    Attributes:
        texts: One normalised text per option.
        keep_case: Whether letter case tells options apart in this question.
        numbered: Whether the options carry their own numbers, 1 for the first.
    """

    texts: tuple[str, ...]
    keep_case: bool
    numbered: bool

    @classmethod
    def of(cls, options: Sequence[str]) -> "OptionTexts":
        """Normalise the options of one question.

        Raises:
            MedevalError: There are fewer than 2 or more than 10 options.
        """
        if not 2 <= len(options) <= len(LABELS):
            raise MedevalError(
                f"a question with {len(options)} options: expected 2 to {len(LABELS)}",
                "Correct the items table; every multiple-choice question needs its options.",
            )
        folded = [fold(option) for option in options]
        lettered = _without_own_labels(folded, _OWN_LETTER, LABELS)
        numbered = _without_own_labels(folded, _OWN_NUMBER, [str(i + 1) for i in range(len(folded))])
        bare = lettered or numbered or folded
        keep_case = len({_tokens(text, False) for text in bare}) < len({_tokens(text, True) for text in bare})
        return cls(tuple(_tokens(text, keep_case) for text in bare), keep_case, numbered is not None)

    @cached_property
    def verdicts(self) -> bool:
        """Whether the options are yes, no or maybe, words too common to be searched for in running text."""
        return set(self.texts) <= _VERDICT_WORDS

    def tokens(self, text: str) -> str:
        """Normalise a piece of a reply as the options were."""
        return _tokens(text, self.keep_case)

    def equal_to(self, text: str) -> frozenset[int]:
        """Return the options whose text is the whole of `text`, a leading article aside."""
        wanted = _no_article(self.tokens(text))
        return frozenset(i for i, own in enumerate(self.texts) if wanted and _no_article(own) == wanted)

    def agrees(self, index: int, text: str) -> bool:
        """Whether `text` starts with an option's text, or is the start of it."""
        own, found = _no_article(self.texts[index]) + " ", _no_article(self.tokens(text)) + " "
        return bool(own.strip() and found.strip()) and (own.startswith(found) or found.startswith(own))

    def begins(self, index: int, text: str) -> bool:
        """Whether an option's text starts with, or is, the whole of `text`."""
        own, found = _no_article(self.texts[index]) + " ", _no_article(self.tokens(text)) + " "
        return bool(found.strip()) and own.startswith(found)

    def contained_in(self, text: str) -> frozenset[int]:
        """Return the options whose text occurs in `text` and is not ruled out there.

        An option inside the text of a longer one counts only where it occurs by itself. Single letters and
        yes, no and maybe are never searched for.
        """
        rest = f" {self.tokens(text)} "
        found: set[int] = set()
        for own in sorted(set(self.texts), key=len, reverse=True):
            if own in _VERDICT_WORDS or (len(own) < 2 and not own.isdigit()):
                continue
            parts = rest.split(f" {own} ")
            stated = any(_asserted(f" {a}", f" {b}") for a, b in pairwise(parts))
            found |= {i for i, other in enumerate(self.texts) if stated and other == own}
            rest = " \x00 ".join(parts)
        return frozenset(found)


def _asserted(before: str, after: str) -> bool:
    return not (_NEGATED_BEFORE.search(before.rstrip()) or _NEGATED_AFTER.search(after.rstrip()))


def _tokens(text: str, keep_case: bool) -> str:
    return " ".join(_TOKEN.findall(text if keep_case else text.casefold()))


def _no_article(tokens: str) -> str:
    first, _, rest = tokens.partition(" ")
    return rest if rest and first.lower() in _ARTICLES else tokens


def _without_own_labels(options: list[str], own_label: re.Pattern[str], labels: Sequence[str]) -> list[str] | None:
    """Remove the labels that options carry themselves; None unless every option carries the right one."""
    matches = [own_label.match(option) for option in options]
    texts = [m[2] for m, label in zip(matches, labels, strict=False) if m and m[1].upper() == label]
    return texts if len(texts) == len(options) else None
