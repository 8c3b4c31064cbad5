"""Finds letters of another alphabet that pass for Latin ones, on which text matching fails unseen.

A real benchmark row is written so from end to end: a reader sees English, an n-gram search sees nothing.
"""

import re
import unicodedata

_WORD = re.compile(r"[^\W\d_]+")
_FOREIGN = re.compile("[\u0370-\u03ff\u0400-\u052f]")
# Twins of Latin letters, as escapes since nobody can tell them apart by eye. Greek small letters other than
# omicron are left out: they are common in honest words (μg, NFκB, TNFα).
_CYRILLIC_TWINS = frozenset(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u043a"
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0423"
)
_GREEK_TWINS = frozenset("\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf")


def look_alike_words(text: str) -> list[str]:
    """Return the words of a mainly Latin text that hide Cyrillic or Greek letters, in order of appearance.

    A word counts when it mixes Latin letters with Cyrillic ones or with Greek twins of Latin letters, or when
    it consists of such twins altogether. A text in Russian or Greek has none.
    """
    if not _FOREIGN.search(text):
        return []
    words = _WORD.findall(text)
    in_latin_text = _is_mainly_latin("".join(words))
    return [word for word in words if _is_disguised(word, in_latin_text)]


def describe(words: list[str]) -> str:
    """Name the foreign letters in the words by code point, without repeating the text itself."""
    letters = sorted({letter for word in words for letter in word if _FOREIGN.match(letter)})
    return f"{len(words)} word(s) with " + ", ".join(f"U+{ord(letter):04X}" for letter in letters)


def _is_disguised(word: str, in_latin_text: bool) -> bool:
    foreign = [letter for letter in word if _FOREIGN.match(letter)]
    suspects = [letter for letter in foreign if letter in _GREEK_TWINS or _script(letter) == "CYRILLIC"]
    if any(_script(letter) == "LATIN" for letter in word):
        return bool(suspects)
    return in_latin_text and bool(foreign) and set(word) <= _CYRILLIC_TWINS | _GREEK_TWINS


def _is_mainly_latin(letters: str) -> bool:
    latin = sum(_script(letter) == "LATIN" for letter in letters)
    return latin > sum(bool(_FOREIGN.match(letter)) for letter in letters)


def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNNAMED").split()[0]
