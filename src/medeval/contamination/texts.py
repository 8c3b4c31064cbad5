"""The texts of test items that are searched for, as word hashes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medeval.contamination.document import VIEWS, View
from medeval.text.words import HashArray, WordHasher, ngram_hashes, normalise

COVERAGE_N = 8
SHORTEST_N, LONGEST_N = 8, 13
# A shorter text occurs by chance ("drug of choice is"); to find it says nothing.
SHORTEST_WHOLE = 5
TEMPLATE_SHARE = 0.01
TEMPLATE_ITEMS = 200

_NO_HASHES = np.empty(0, dtype=np.uint64)


@dataclass(frozen=True)
class ItemText:
    """One text of one item.

    Attributes:
        words: Word hashes.
        n: N-gram length of the GPT-3 rule for the benchmark.
        templates: N-grams shared by too many items of the benchmark, by their length.
    """

    words: HashArray
    n: int
    templates: dict[int, HashArray]

    def length(self, n: int) -> int | None:
        """Return the length of n-gram to look for: n, the whole of a shorter text, or None if too short."""
        if len(self.words) >= n:
            return n
        return len(self.words) if len(self.words) >= SHORTEST_WHOLE else None

    def ngrams(self, length: int) -> tuple[HashArray, npt.NDArray[np.bool_]]:
        """Return the n-grams of the text, and which of them belong to it rather than to a shared template."""
        hashes = ngram_hashes(self.words, length)
        return hashes, ~np.isin(hashes, self.templates.get(length, _NO_HASHES))


def build_texts(items: pa.Table) -> dict[tuple[str, str, View], ItemText]:
    """Return the three texts of every item, by benchmark, item and text name."""
    hasher = WordHasher()
    words: dict[tuple[str, View], dict[str, HashArray]] = {}
    columns = [items[name].to_pylist() for name in ("benchmark", "item_id", "question", "options", "answer")]
    for benchmark, item_id, question, options, answer in zip(*columns, strict=True):
        for view, further in zip(VIEWS, ([], [options[answer]], options), strict=True):
            hashes = hasher([word for part in (question, *further) for word in normalise(part)])
            words.setdefault((benchmark, view), {})[item_id] = hashes
    return {
        (benchmark, item_id, view): text
        for (benchmark, view), by_item in words.items()
        for item_id, text in zip(by_item, _with_templates(list(by_item.values())), strict=True)
    }


def gpt3_n(lengths: Sequence[int]) -> int:
    """Return the n-gram length of the GPT-3 rule: the 5th percentile of lengths, within 8 to 13 words."""
    return int(np.clip(np.floor(np.percentile(lengths, 5)), SHORTEST_N, LONGEST_N))


def _with_templates(texts: list[HashArray]) -> list[ItemText]:
    n = gpt3_n([len(words) for words in texts])
    templates = {length: _templates(texts, length) for length in {COVERAGE_N, n}}
    return [ItemText(words, n, templates) for words in texts]


def _templates(texts: list[HashArray], n: int) -> HashArray:
    """Return the n-grams in more than 1 % of the items; none when there are too few items to tell."""
    if len(texts) < TEMPLATE_ITEMS:
        return _NO_HASHES
    each = [np.unique(ngram_hashes(words, n)) for words in texts]
    hashes, counts = np.unique(np.concatenate(each), return_counts=True)
    return hashes[counts > TEMPLATE_SHARE * len(texts)]
