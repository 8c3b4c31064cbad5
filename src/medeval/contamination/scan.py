"""Which of a set of word n-grams occur in a corpus, in how many documents, and where."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from medeval.text.words import HashArray, WordHasher, ngram_hashes, normalise

# Places kept per n-gram; one that is this common is no evidence for a single document.
KEPT_DOCUMENTS = 10
_BATCH_WORDS = 500_000
IntArray = npt.NDArray[np.int64]


@dataclass
class Sightings:
    """What was seen of n-grams of one length.

    Attributes:
        hashes: The n-grams looked for, sorted, without repeats.
        documents: In how many documents each was seen.
        places: Rows of (n-gram, document, offset in words), at most ten documents per n-gram and its first
            place in each.
    """

    hashes: HashArray
    documents: IntArray = field(init=False)
    places: list[IntArray] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start with nothing seen."""
        self.documents = np.zeros(len(self.hashes), dtype=np.int64)

    def find(self, hashes: HashArray) -> IntArray:
        """Return the position of each hash in `hashes`, -1 for one that is not looked for."""
        if not len(self.hashes):
            return np.full(len(hashes), -1, dtype=np.int64)
        at = np.searchsorted(self.hashes, hashes).clip(max=len(self.hashes) - 1)
        return np.where(self.hashes[at] == hashes, at, -1).astype(np.int64)

    def add(self, ngrams: IntArray, documents: IntArray, offsets: IntArray) -> None:
        """Record sightings of one batch; a document must not be spread over two batches."""
        order = np.lexsort((offsets, documents, ngrams))
        rows = np.column_stack([ngrams, documents, offsets])[order]
        new = np.ones(len(rows), dtype=bool)
        new[1:] = (rows[1:, :2] != rows[:-1, :2]).any(axis=1)
        rows = rows[new]
        # rank of a document among those of the same n-gram in this batch
        starts = np.flatnonzero(np.r_[True, rows[1:, 0] != rows[:-1, 0]]) if len(rows) else np.empty(0, dtype=int)
        rank = np.arange(len(rows)) - np.repeat(starts, np.diff(np.r_[starts, len(rows)]))
        self.places.append(rows[self.documents[rows[:, 0]] + rank < KEPT_DOCUMENTS])
        np.add.at(self.documents, rows[:, 0], 1)

    def by_ngram(self) -> dict[int, list[tuple[int, int]]]:
        """Return the kept (document, offset) places of every n-gram that was seen."""
        found: dict[int, list[tuple[int, int]]] = {}
        for rows in self.places:
            for ngram, document, offset in rows.tolist():
                found.setdefault(ngram, []).append((document, offset))
        return found


@dataclass(frozen=True)
class Scan:
    """The result of one pass over a corpus: sightings per n-gram length, and the documents that matter.

    Attributes:
        sightings: Per n-gram length in words.
        names: Name of every document in which something was seen, by its number.
        documents: Number of documents read.
        words: Number of words read.
    """

    sightings: dict[int, Sightings]
    names: dict[int, str]
    documents: int
    words: int


def scan(corpus: Iterable[tuple[str, str]], wanted: dict[int, HashArray]) -> Scan:
    """Read a corpus once and look for n-grams.

    Args:
        corpus: Name and text of every document.
        wanted: Hashes of the n-grams to look for, by their length in words.
    """
    sightings = {n: Sightings(np.unique(hashes)) for n, hashes in wanted.items()}
    names: dict[int, str] = {}
    documents = words = 0
    for batch, batch_names in _batches(corpus):
        lengths = np.array([len(hashes) for hashes in batch])
        owner = np.repeat(np.arange(len(batch)), lengths)
        offset = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        text = np.concatenate(batch)
        for n, seen in sightings.items():
            ngrams = seen.find(ngram_hashes(text, n))
            within = owner[: len(ngrams)] == owner[n - 1 :] if len(ngrams) else np.empty(0, dtype=bool)
            hits = np.flatnonzero((ngrams >= 0) & within)
            seen.add(ngrams[hits], owner[hits] + documents, offset[hits])
            names.update((int(i) + documents, batch_names[i]) for i in np.unique(owner[hits]))
        documents += len(batch)
        words += len(text)
    return Scan(sightings, names, documents, words)


def _batches(corpus: Iterable[tuple[str, str]]) -> Iterator[tuple[list[HashArray], list[str]]]:
    """Yield whole documents as word hashes, many at a time: arrays are slow when they are short."""
    hasher = WordHasher()
    batch: list[HashArray] = []
    names: list[str] = []
    held = 0
    for name, text in corpus:
        batch.append(hasher(normalise(text)))
        names.append(name)
        held += len(batch[-1])
        if held >= _BATCH_WORDS:
            yield batch, names
            batch, names, held = [], [], 0
    if batch:
        yield batch, names
