"""Which items are the same question, or lean on the same vignette: exact checks of every candidate pair.

The rule is what real rows asked for. Stems of twelve words or more are alike when their
Jaccard similarity is 0.7 or more, or when rapidfuzz's token_set_ratio is 90 or more and an option is the same.
Shorter stems ("which of the following statements is true") are alike by chance, so both measures need two options
in common there; a stem inside a much longer one has a ratio of 100, so the shorter must have half of the words of
the longer. Options such as "none of the above" do not count, and an item with no others is compared by stem alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import xxhash
from rapidfuzz import fuzz, process

from medeval.items.coverage.documents import ComparedItem
from medeval.items.coverage.minhash import candidates, equal_key_pairs
from medeval.items.coverage.shingles import LONG_STEM, FloatArray, PairArray, jaccard, shingle

JACCARD, TOKEN_SET_RATIO = 0.7, 90
_SHORT_STEM_OPTIONS = 2
_SHORTER_SHARE = 0.5

DuplicateKind = Literal["same", "near", "vignette"]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class DuplicatePair:
    """Two items that are not separate draws.

    Attributes:
        left: Index of the first document.
        right: Index of the second, larger than `left`.
        kind: "same": same stem and same options in any order; "near": alike, with options in common or none to
            compare; "vignette": a long text in common, but no option, as when two questions are asked on one case.
        jaccard: Similarity of the stems' shingles.
        token_set_ratio: rapidfuzz's measure of the stems, 0 to 100.
    """

    left: int
    right: int
    kind: DuplicateKind
    jaccard: float
    token_set_ratio: float


def find_duplicates(documents: Sequence[ComparedItem]) -> list[DuplicatePair]:
    """Return every pair of documents that is a duplicate by the rule above, ordered by indices."""
    shingles = shingle([document.words for document in documents])
    pairs = np.unique(np.concatenate([candidates(shingles), _option_pairs(documents)]), axis=0)
    return _verified(documents, pairs, jaccard(shingles, pairs), _token_set_ratios(documents, pairs))


def _option_pairs(documents: Sequence[ComparedItem]) -> PairArray:
    """Return the pairs with a particular option in common and stems of comparable length."""
    keys = [
        (xxhash.xxh64_intdigest(option.encode()), row) for row, doc in enumerate(documents) for option in doc.options
    ]
    hashes = np.array([key for key, _ in keys], dtype=np.uint64)
    pairs = equal_key_pairs(hashes, np.array([row for _, row in keys], dtype=np.int64))
    return pairs[_comparable(documents, pairs)]


def _comparable(documents: Sequence[ComparedItem], pairs: PairArray) -> BoolArray:
    lengths = np.array([len(document.words) for document in documents])[pairs]
    return np.asarray(lengths.min(axis=1) >= _SHORTER_SHARE * lengths.max(axis=1))


def _token_set_ratios(documents: Sequence[ComparedItem], pairs: PairArray) -> FloatArray:
    stems = [" ".join(document.words) for document in documents]
    left, right = ([stems[row] for row in column] for column in pairs.T)
    return np.asarray(process.cpdist(left, right, scorer=fuzz.token_set_ratio, workers=-1, dtype=np.float64))


def _verified(
    documents: Sequence[ComparedItem], pairs: PairArray, similarity: FloatArray, ratios: FloatArray
) -> list[DuplicatePair]:
    passed = (similarity >= JACCARD) | ((ratios >= TOKEN_SET_RATIO) & _comparable(documents, pairs))
    found = []
    for row in np.flatnonzero(passed):
        left, right = (int(index) for index in pairs[row])
        kind = _kind(documents[left], documents[right], stems_alike=bool(similarity[row] >= JACCARD))
        if kind is not None:
            found.append(DuplicatePair(left, right, kind, float(similarity[row]), float(ratios[row])))
    return found


def _kind(left: ComparedItem, right: ComparedItem, *, stems_alike: bool) -> DuplicateKind | None:
    """Return how two documents with like stems are duplicates, or None when their options say that they are not."""
    if left.words == right.words and left.exact_options == right.exact_options and left.context == right.context:
        return "same"
    if not left.options or not right.options:
        return "near" if stems_alike and bool(left.options) == bool(right.options) else None
    shared = len(left.options & right.options)
    if min(len(left.words), len(right.words)) < LONG_STEM:
        return "near" if shared >= _SHORT_STEM_OPTIONS else None
    if shared:
        return "near"
    return "vignette" if stems_alike else None
