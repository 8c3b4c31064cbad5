"""Text as comparable words, and word sequences as 64-bit hashes."""

import re
import unicodedata

import numpy as np
import numpy.typing as npt
import xxhash

from medeval.text.homoglyphs import fold_lookalikes

HashArray = npt.NDArray[np.uint64]

_WORD = re.compile(r"[^\W_]+")
# "A." and "(b)" in front of an option: text that was reformatted has other labels, or none.
_OPTION_LABEL = re.compile(r"(?<!\w)\(?[A-Ja-j][.)](?=\s)")
# Odd, so that multiplying by it loses nothing modulo 2**64.
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_REMEMBERED_WORDS = 2_000_000


def normalise(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation and option labels.

    Unicode forms and look-alike letters are folded first, so that an item written with Cyrillic letters still
    matches its plain copy. Accents are kept.
    """
    folded = _OPTION_LABEL.sub(" ", fold_lookalikes(text))
    return _WORD.findall(unicodedata.normalize("NFKC", folded.lower()))


class WordHasher:
    """Hash words with xxHash64; a word seen before costs one dictionary look-up."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def __call__(self, words: list[str]) -> HashArray:
        """Return one hash per word."""
        if len(self._known) > _REMEMBERED_WORDS:
            self._known.clear()
        known = self._known
        for word in words:
            if word not in known:
                known[word] = xxhash.xxh64_intdigest(word.encode())
        return np.fromiter((known[word] for word in words), dtype=np.uint64, count=len(words))


def ngram_hashes(words: HashArray, n: int) -> HashArray:
    """Return the hash of every run of n words: a polynomial of the word hashes modulo 2**64.

    Args:
        words: Word hashes, shape (w,).
        n: Length of a run, at least 1.

    Returns:
        Shape (max(w - n + 1, 0),); entry i stands for words i to i + n - 1. Two different runs share a hash
        with a probability of about 2**-60.
    """
    length = max(len(words) - n + 1, 0)
    hashes = np.zeros(length, dtype=np.uint64)
    for place in range(n if length else 0):
        hashes = hashes * _FACTOR + words[place : place + length]
    return hashes
