"""Word n-gram overlap of test items with a corpus.

Three texts per item are searched for: the question, the question with its correct option, and the question
with all options. Two rules call an item dirty. The one of GPT-3 (arXiv 2005.14165): any n-gram of the item
occurs in the corpus, n being the 5th percentile of item lengths within 8 to 13 words; n-grams of more than
ten documents do not count. The one of PaLM (arXiv 2204.02311): at least 70 % of its 8-grams occur. Besides,
the share of words covered by 8-grams that occur, and the longest run of covered words.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medeval.contamination.corpus import documents
from medeval.contamination.document import (
    VIEWS,
    BenchmarkOverlap,
    Corpus,
    CorpusMatch,
    ItemOverlap,
    OverlapReport,
    Rule,
    RuleSummary,
    TextOverlap,
    View,
    ViewSummary,
)
from medeval.contamination.scan import KEPT_DOCUMENTS, IntArray, Scan, scan
from medeval.contamination.texts import COVERAGE_N, ItemText, build_texts
from medeval.errors import MedevalError
from medeval.statistics.intervals import wilson
from medeval.text.words import HashArray

METHOD = "ngram-overlap@1"
PALM_SHARE = 0.70
LISTED_MATCHES = 5

BoolArray = npt.NDArray[np.bool_]
Places = Mapping[int, Mapping[int, list[tuple[int, int]]]]


def overlap(
    items: pa.Table,
    corpus: Path | Sequence[Path],
    *,
    inputs: Mapping[str, str] | None = None,
    text_field: str = "text",
) -> OverlapReport:
    """Search a corpus for test items, reading it once.

    Args:
        items: Rows of ``tables.ITEMS``, of one benchmark or several.
        corpus: What :func:`medeval.contamination.corpus.documents` reads, or several of these.
        inputs: SHA-256 of the files that are read, for the record.
        text_field: The field of a JSON line that holds its text.

    Raises:
        MedevalError: There are no items, or the corpus cannot be read.
    """
    if not len(items):
        raise MedevalError("no items to search for", "Give an items table with at least one row.")
    texts = build_texts(items)
    paths = [corpus] if isinstance(corpus, Path) else list(corpus)
    found = scan((doc for path in paths for doc in documents(path, text_field)), _wanted(texts.values()))
    places = {n: seen.by_ngram() for n, seen in found.sightings.items()}
    results: dict[tuple[str, str], dict[View, TextOverlap]] = {}
    for (benchmark, item_id, view), text in texts.items():
        results.setdefault((benchmark, item_id), {})[view] = measure(text, found, places)
    return OverlapReport(
        inputs=dict(inputs or {}),
        method=METHOD,
        corpus=Corpus(tuple(path.name for path in paths), found.documents, found.words),
        benchmarks=_summaries(results),
        items=tuple(ItemOverlap(benchmark, item_id, **views) for (benchmark, item_id), views in results.items()),
    )


def measure(text: ItemText, found: Scan, places: Places) -> TextOverlap:
    """Say how much of one text was found."""
    near = _Presence(text, COVERAGE_N, found)
    far = near if text.n == COVERAGE_N else _Presence(text, text.n, found)
    gpt3 = far.dirty(bool((far.found & (far.documents <= KEPT_DOCUMENTS)).any()))
    palm = near.dirty(near.share is not None and near.share >= PALM_SHARE)
    coverage, run = near.coverage()
    held = _matches(near, places, found.names)
    return TextOverlap(
        words=len(text.words),
        n=text.n,
        status="untestable" if gpt3 is None else "whole" if far.whole else "tested",
        coverage=coverage,
        longest_run=run,
        gpt3=gpt3,
        palm=palm,
        documents=len(held),
        matches=tuple(held[:LISTED_MATCHES]),
    )


def summarise(measures: Sequence[TextOverlap]) -> ViewSummary:
    """Sum up one text of all items of a benchmark."""
    coverages = [measured.coverage for measured in measures if measured.coverage is not None]
    return ViewSummary(
        items=len(measures),
        n=measures[0].n,
        mean_coverage=float(np.mean(coverages)) if coverages else None,
        gpt3=_rule_summary(measures, "gpt3", measures[0].n),
        palm=_rule_summary(measures, "palm", COVERAGE_N),
    )


def covered_words(found: BoolArray, n: int) -> BoolArray:
    """Return which words lie in an n-gram that was found.

    Args:
        found: One entry per n-gram of a text of w words, shape (w - n + 1,).
        n: Length of the n-grams.
    """
    edges = np.zeros(len(found) + n, dtype=np.int64)
    edges[: len(found)] += found
    edges[n:] -= found
    return np.cumsum(edges)[:-1] > 0


def longest_run(covered: BoolArray) -> int:
    """Return the length of the longest run of True."""
    breaks = np.flatnonzero(~np.concatenate([[False], covered, [False]]))
    return int(np.diff(breaks).max() - 1)


class _Presence:
    """The n-grams of one text and one length in the corpus.

    Attributes:
        length: Length in words: n, or that of the whole text if it is shorter; None if it is too short to
            tell.
        whole: Whether the text is shorter than n.
        eligible: Which n-grams are not a shared template.
        found: Which eligible ones occur.
        documents: In how many documents; 0 for the whole of a short text, which counts wherever it occurs.
        index: Their numbers among the sightings.
    """

    def __init__(self, text: ItemText, n: int, scanned: Scan) -> None:
        self.length = text.length(n)
        self.whole = len(text.words) < n
        self.eligible: BoolArray = np.zeros(0, dtype=bool)
        self.index: IntArray = np.zeros(0, dtype=np.int64)
        self.documents: IntArray = np.zeros(0, dtype=np.int64)
        if self.length is not None:
            seen = scanned.sightings[self.length]
            hashes, self.eligible = text.ngrams(self.length)
            self.index = np.where(self.eligible, seen.find(hashes), -1)
            documents = np.append(seen.documents, 0)[self.index]
            self.found: BoolArray = documents > 0
            self.documents = documents * (not self.whole)
        else:
            self.found = np.zeros(0, dtype=bool)

    @property
    def share(self) -> float | None:
        """Share of the eligible n-grams that occur; None when there are none."""
        return float(self.found.sum() / self.eligible.sum()) if self.eligible.any() else None

    def dirty(self, dirty: bool) -> bool | None:
        """Return whether a text is dirty; None for a short one that was not found and for mere template."""
        if not self.eligible.any():
            return None
        return dirty if not self.whole else (True if self.found.any() else None)

    def coverage(self) -> tuple[float | None, int | None]:
        """Return the share of covered words among those of eligible n-grams, and the longest run of them."""
        if self.length is None or self.dirty(False) is None:
            return None, None
        covered = covered_words(self.found, self.length)
        eligible = covered_words(self.eligible, self.length)
        return float(covered.sum() / eligible.sum()), longest_run(covered)


def _wanted(texts: Iterable[ItemText]) -> dict[int, HashArray]:
    wanted: dict[int, list[HashArray]] = {}
    for text in texts:
        for length in {text.length(COVERAGE_N), text.length(text.n)}:
            if length is not None:
                hashes, eligible = text.ngrams(length)
                wanted.setdefault(length, []).append(hashes[eligible])
    return {length: np.concatenate(hashes) for length, hashes in sorted(wanted.items())}


def _matches(near: _Presence, places: Places, names: Mapping[int, str]) -> list[CorpusMatch]:
    """Return the longest match in every document, longest first."""
    by_document: dict[int, list[tuple[int, int]]] = {}
    for position in np.flatnonzero(near.found):
        for document, offset in places[near.length or 0][int(near.index[position])]:
            by_document.setdefault(document, []).append((int(position), offset))
    length = near.length or 0
    longest = [_longest_match(names[number], by_document[number], length) for number in sorted(by_document)]
    return sorted(longest, key=lambda match: -match.words)


def _longest_match(document: str, spots: Sequence[tuple[int, int]], n: int) -> CorpusMatch:
    """Join n-grams that follow each other in the item and in the document, and return the longest stretch."""
    best = CorpusMatch(document, offset=-1, item_offset=-1, words=0)
    start = last = spots[0]
    for spot in spots:
        if spot[0] - last[0] > 1 or spot[0] - last[0] != spot[1] - last[1]:
            start = spot
        last = spot
        if (words := last[0] - start[0] + n) > best.words:
            best = CorpusMatch(document, offset=start[1], item_offset=start[0], words=words)
    return best


def _summaries(results: Mapping[tuple[str, str], Mapping[View, TextOverlap]]) -> dict[str, BenchmarkOverlap]:
    benchmarks = dict.fromkeys(benchmark for benchmark, _ in results)
    return {
        benchmark: BenchmarkOverlap(
            **{
                view: summarise([views[view] for (name, _), views in results.items() if name == benchmark])
                for view in VIEWS
            }
        )
        for benchmark in benchmarks
    }


def _rule_summary(measures: Sequence[TextOverlap], rule: Rule, n: int) -> RuleSummary:
    judged = [(measured.words, measured.dirty[rule]) for measured in measures]
    long = [dirty for words, dirty in judged if words >= n and dirty is not None]
    dirty = sum(found is True for _, found in judged)
    known = sum(found is not None for _, found in judged)
    interval = wilson(sum(long), len(long)) if long else None
    return RuleSummary(
        dirty=dirty,
        tested=len(long),
        whole=known - len(long),
        untestable=len(measures) - known,
        share=interval.value if interval else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        share_of_all=dirty / len(measures),
    )
