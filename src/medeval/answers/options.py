"""The options of one question, in the form in which a reply is compared with them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from medeval.answers.text import fold, lower
from medeval.errors import MedevalError

LABELS = "ABCDEFGHIJ"
# Numbers keep their decimals; comparison signs carry the meaning of an option; other punctuation does not.
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|[<>≤≥=+±%↑↓]")
_FIRST = re.compile(r"[^\W_]|[<>≤≥=+±%↑↓]")
_OWN_LETTER = re.compile(r"\s*\(?([A-Ja-j])[.):]\s*(.*)", re.DOTALL)
_OWN_NUMBER = re.compile(r"\s*\(?(\d{1,2})[.):]\s+(.*)", re.DOTALL)
_ARTICLES = ("the", "a", "an")
# An option next to these words is ruled out rather than chosen. "t" is what is left of "can't".
_NEGATED_BEFORE = re.compile(
    r" (?:not|no|nor|neither|cannot|never|without|except|excluding|unlike|than|excludes?|rules? out|ruled out"
    r"|instead of|t)"
    r"(?: (?:the|a|an|any|her|him|this|that|likely|due to|caused by|be|by|option|have|has|having|evidence of|signs of"
    r"|consistent with|recommend|give|use|start|support|suggest|show|shows|explain|indicate))*$"
)
_NEGATED_AFTER = re.compile(
    r"^ (?:(?:is|are|was|were|would be|seems|can be|has been|have been) "
    r"(?:not|incorrect|wrong|unlikely|less likely|false|inappropriate|ruled out|excluded)"
    r"|(?:isn|aren|wasn|wouldn|doesn|don|can) t|cannot|would not|does not|do not|can not)(?: |$)"
)
_EVERYTHING = re.compile(r"all (?:of )?(?:the )?(?:above|these|options|following)")
_YES_NO_MAYBE = frozenset({"yes", "no", "maybe"})
# Questions are scored in the order of their table, and once for every run: this many stay prepared.
_QUESTIONS_KEPT = 20_000
# How many characters before and after an option a denial is looked for.
_NEAR = 80


@dataclass(frozen=True)
class OptionTexts:
    """Options as tokens joined by single blanks.

    Attributes:
        texts: One normalised text per option.
        keep_case: Whether letter case tells options apart in this question.
        numbered: Whether the options carry their own numbers, 1 for the first.
        lettered: Whether they were shown, or listed by the reply, behind letters: a letter names none otherwise.
    """

    texts: tuple[str, ...]
    keep_case: bool
    numbered: bool
    lettered: bool = True

    @staticmethod
    @lru_cache(maxsize=_QUESTIONS_KEPT)
    def of(options: tuple[str, ...], lettered: bool = True) -> "OptionTexts":
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
        unlettered = _without_own_labels(folded, _OWN_LETTER, LABELS)
        numbered = _without_own_labels(folded, _OWN_NUMBER, [str(i + 1) for i in range(len(folded))])
        bare = unlettered or numbered or folded
        keep_case = len({_tokens(text, False) for text in bare}) < len({_tokens(text, True) for text in bare})
        texts = tuple(_tokens(text, keep_case) for text in bare)
        return OptionTexts(texts, keep_case, numbered is not None, lettered or unlettered is not None)

    @cached_property
    def labels(self) -> str:
        """The letters of the options, in their order; none where they have no letters."""
        return LABELS[: len(self.texts)] if self.lettered else ""

    @cached_property
    def are_yes_no(self) -> bool:
        """Whether the options are yes, no or maybe, words too common to be searched for in running text."""
        return set(self.texts) <= _YES_NO_MAYBE

    def tokens(self, text: str) -> str:
        """Normalise a piece of a reply as the options were."""
        return _tokens(text, self.keep_case)

    def exactly(self, text: str) -> frozenset[int]:
        """Return the options whose text is the whole of `text`."""
        return self._by_text.get(self.tokens(text), frozenset()) if self._may_be_one(text) else frozenset()

    def equal_to(self, text: str) -> frozenset[int]:
        """Return the options whose text is the whole of `text`, a leading article aside."""
        if not self._may_be_one(text):
            return frozenset()
        return self._without_article.get(_no_article(self.tokens(text)), frozenset())

    def _may_be_one(self, text: str) -> bool:
        """Whether a text is short enough for an option and begins as one: quick to see, before it is normalised."""
        first = _FIRST.search(text) if len(text) <= self._longest else None
        return first is not None and lower(first[0]) in self._initials

    def agrees(self, index: int, text: str) -> bool:
        """Whether `text` starts with an option's text, or is the start of it."""
        own = self._bare[index] + " "
        found = _no_article(self.tokens(text[: _room(own)])) + " "
        return bool(own.strip() and found.strip()) and (own.startswith(found) or found.startswith(own))

    def begins(self, index: int, text: str) -> bool:
        """Whether an option's text starts with, or is, the whole of `text`."""
        if len(text) > _room(self.texts[index]):
            return False
        found = _no_article(self.tokens(text)) + " "
        return bool(found.strip()) and (self._bare[index] + " ").startswith(found)

    def behind(self, index: int, text: str) -> str:
        """Return what follows an option's text, if `text` starts with it, in its small letters; else all of `text`."""
        found, own = self.tokens(text[: _room(self.texts[index])]), self.texts[index]
        return found.removeprefix(own) if f"{found} ".startswith(f"{own} ") else text

    def contained_in(self, text: str) -> frozenset[int]:
        """Return the options whose text occurs in `text` and is not ruled out there.

        An option inside the text of a longer one counts only where it occurs by itself. Single letters and
        yes, no and maybe are never searched for. Where "all of the above" is an option and is found, it alone counts.
        """
        rest = f" {self.tokens(text)} "
        found: set[int] = set()
        for own, indices in self._longest_first:
            if f" {own} " not in rest:
                continue
            parts = rest.split(f" {own} ")
            if any(_asserted(f" {a}", f" {b}") for a, b in pairwise(parts)):
                found |= indices
            rest = " \x00 ".join(parts)
        everything = {index for index in found if _EVERYTHING.fullmatch(self.texts[index])}
        return frozenset(everything or found)

    @cached_property
    def _longest(self) -> int:
        return max(_room(text) for text in self.texts)

    @cached_property
    def _initials(self) -> frozenset[str]:
        """What options can begin with, an article included."""
        return frozenset({lower(text[:1]) for text in (*self.texts, *self._bare)} | {"t", "a"})

    @cached_property
    def _bare(self) -> tuple[str, ...]:
        return tuple(_no_article(text) for text in self.texts)

    @cached_property
    def _by_text(self) -> dict[str, frozenset[int]]:
        return _indices(self.texts)

    @cached_property
    def _without_article(self) -> dict[str, frozenset[int]]:
        return _indices(self._bare)

    @cached_property
    def _longest_first(self) -> list[tuple[str, frozenset[int]]]:
        searched = (own for own in self._by_text if own not in _YES_NO_MAYBE and (len(own) > 1 or own.isdigit()))
        return [(own, self._by_text[own]) for own in sorted(searched, key=lambda own: (-len(own), own))]


def _room(own: str) -> int:
    """Return how many characters of a reply can hold the tokens of an option and the marks between them."""
    return 2 * len(own) + _NEAR


def _indices(texts: tuple[str, ...]) -> dict[str, frozenset[int]]:
    return {own: frozenset(i for i, other in enumerate(texts) if other == own) for own in texts if own}


def _asserted(before: str, after: str) -> bool:
    return not (_NEGATED_BEFORE.search(before[-_NEAR:].rstrip()) or _NEGATED_AFTER.match(after[:_NEAR].rstrip()))


def _tokens(text: str, keep_case: bool) -> str:
    return " ".join(_TOKEN.findall(text if keep_case else lower(text)))


def _no_article(tokens: str) -> str:
    first, _, rest = tokens.partition(" ")
    return rest if rest and first.lower() in _ARTICLES else tokens


def _without_own_labels(options: list[str], own_label: re.Pattern[str], labels: Sequence[str]) -> list[str] | None:
    """Remove the labels that options carry themselves; None unless every option carries the right one."""
    matches = [own_label.match(option) for option in options]
    texts = [m[2] for m, label in zip(matches, labels, strict=False) if m and m[1].upper() == label]
    return texts if len(texts) == len(options) else None
