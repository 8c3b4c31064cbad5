"""Texts as sets of shingles, and how alike two sets are.

Runs of three words for a stem of twelve words or more, runs of five characters for a shorter one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from medeval.text.words import HashArray, WordHasher, ngram_hashes

LONG_STEM = 12  # words
WORD_RUN, CHARACTER_RUN = 3, 5
# So that a shingle of characters never equals one of words.
_CHARACTER_MARK = np.uint64(0xA5A5A5A5A5A5A5A5)
_CHUNK = 20_000  # pairs whose shingles are in memory at once

PairArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shingles:
    """The shingle sets of several texts in one array.

    Attributes:
        hashes: All sets one after the other, each without repeats.
        offsets: Shape (texts + 1,); set i is hashes[offsets[i]:offsets[i + 1]].
    """

    hashes: HashArray
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


def shingle(texts: Sequence[Sequence[str]]) -> Shingles:
    """Return the shingles of texts given as normalised words; a text without words has none."""
    words, characters = WordHasher(), WordHasher()
    sets = [np.unique(_hashes(text, words, characters)) for text in texts]
    offsets = np.cumsum([0, *(len(each) for each in sets)], dtype=np.int64)
    return Shingles(np.concatenate([np.empty(0, dtype=np.uint64), *sets]), offsets)


def _hashes(words: Sequence[str], word_hasher: WordHasher, character_hasher: WordHasher) -> HashArray:
    if len(words) >= LONG_STEM:
        return ngram_hashes(word_hasher(list(words)), WORD_RUN)
    characters = character_hasher(list(" ".join(words)))
    return ngram_hashes(characters, min(CHARACTER_RUN, max(len(characters), 1))) ^ _CHARACTER_MARK


def jaccard(shingles: Shingles, pairs: PairArray) -> FloatArray:
    """Return the exact Jaccard similarity of pairs of sets: shared shingles over shingles in either.

    Args:
        shingles: The sets.
        pairs: Indices of two sets each, shape (p, 2).

    Returns:
        Shape (p,); 0 for two empty sets.
    """
    columns = np.unique(shingles.hashes, return_inverse=True)[1].reshape(-1)
    width = int(columns.max(initial=0)) + 1
    ones = np.ones(len(columns), dtype=np.int32)
    matrix = csr_matrix((ones, columns, shingles.offsets), shape=(len(shingles), width))
    sizes = np.diff(shingles.offsets)
    shared = np.zeros(len(pairs), dtype=np.int64)
    for start in range(0, len(pairs), _CHUNK):
        left, right = pairs[start : start + _CHUNK].T
        shared[start : start + _CHUNK] = np.asarray(matrix[left].multiply(matrix[right]).sum(axis=1)).reshape(-1)
    either = sizes[pairs[:, 0]] + sizes[pairs[:, 1]] - shared
    return np.asarray(shared / np.maximum(either, 1), dtype=np.float64)
