"""The documents of detectors: what was found of the test items, and in what."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from medeval.records.documents import Document

# The texts of an item that are searched for: the question, with its correct option, and with all options.
View = Literal["question", "question_gold", "question_options"]
VIEWS: tuple[View, ...] = ("question", "question_gold", "question_options")
Rule = Literal["gpt3", "palm"]
RULES: tuple[Rule, ...] = ("gpt3", "palm")


class Finding(Document):
    """What a detector found about the items of one table.

    Attributes:
        inputs: SHA-256 of every file that was read, by name.
    """

    inputs: dict[str, str]

    @abstractmethod
    def summary(self) -> str:
        """Return one line for people."""


@dataclass(frozen=True)
class Corpus:
    """What was searched: names of the files or folders, and how many documents and words they hold."""

    files: tuple[str, ...]
    documents: int
    words: int


@dataclass(frozen=True)
class CorpusMatch:
    """One stretch of a text that stands in a document.

    Attributes:
        document: Name of the document, FILE:LINE.
        offset: Where it begins in the document, in words.
        item_offset: Where it begins in the text, in words.
        words: Its length.
    """

    document: str
    offset: int
    item_offset: int
    words: int


@dataclass(frozen=True)
class TextOverlap:
    """How much of one text of one item was found.

    Attributes:
        words: Length of the text.
        n: Length of the GPT-3 rule's n-grams.
        status: `tested`, `whole` (shorter than n, and found as a whole) or `untestable`.
        coverage: Share of its words in 8-grams that were found; None when untestable.
        longest_run: Longest run of such words; None when untestable.
        gpt3: Whether this rule calls it dirty; None where it cannot tell.
        palm: Likewise.
        documents: How many documents hold a match, at least.
        matches: The longest of them.
    """

    words: int
    n: int
    status: Literal["tested", "whole", "untestable"]
    coverage: float | None
    longest_run: int | None
    gpt3: bool | None
    palm: bool | None
    documents: int
    matches: tuple[CorpusMatch, ...]

    @property
    def dirty(self) -> dict[Rule, bool | None]:
        """What each rule says."""
        return {"gpt3": self.gpt3, "palm": self.palm}


@dataclass(frozen=True)
class ItemOverlap:
    """How much of the texts of one item was found."""

    benchmark: str
    item_id: str
    question: TextOverlap
    question_gold: TextOverlap
    question_options: TextOverlap

    @property
    def views(self) -> dict[View, TextOverlap]:
        """The texts by name."""
        return {
            "question": self.question,
            "question_gold": self.question_gold,
            "question_options": self.question_options,
        }


@dataclass(frozen=True)
class RuleSummary:
    """What one rule says about one text of all items of a benchmark.

    Attributes:
        dirty: Items that it calls dirty.
        tested: Items of n words or more.
        whole: Shorter ones that were found as a whole, which are dirty.
        untestable: Shorter ones that were not found.
        share: Share of dirty among the tested; None when nothing is tested.
        low: Lower end of its 95 % Wilson interval.
        high: Upper end.
        share_of_all: Dirty among all items, which untestable ones make a lower bound.
    """

    dirty: int
    tested: int
    whole: int
    untestable: int
    share: float | None
    low: float | None
    high: float | None
    share_of_all: float


@dataclass(frozen=True)
class ViewSummary:
    """One text of all items of a benchmark.

    Attributes:
        items: How many items there are.
        n: Length of the GPT-3 rule's n-grams.
        mean_coverage: Over the items that have one; None when there is none.
        gpt3: What this rule says.
        palm: Likewise.
    """

    items: int
    n: int
    mean_coverage: float | None
    gpt3: RuleSummary
    palm: RuleSummary

    @property
    def rules(self) -> dict[Rule, RuleSummary]:
        """What each rule says."""
        return {"gpt3": self.gpt3, "palm": self.palm}


@dataclass(frozen=True)
class BenchmarkOverlap:
    """The texts of all items of a benchmark."""

    question: ViewSummary
    question_gold: ViewSummary
    question_options: ViewSummary

    @property
    def views(self) -> dict[View, ViewSummary]:
        """The texts by name."""
        return {
            "question": self.question,
            "question_gold": self.question_gold,
            "question_options": self.question_options,
        }


class OverlapReport(Finding):
    """The overlap of an items table with given texts. Shares are fractions.

    Attributes:
        method: Name and version of the method.
        corpus: What was searched.
        benchmarks: The sums per benchmark and text.
        items: What was found of every item.
    """

    SCHEMA: ClassVar[str] = "overlap.v1"
    WRITER: ClassVar[str] = "medeval contamination overlap"

    method: str
    corpus: Corpus
    benchmarks: dict[str, BenchmarkOverlap]
    items: tuple[ItemOverlap, ...]

    def summary(self) -> str:
        """Return how many questions of each benchmark the GPT-3 rule calls dirty."""
        return "; ".join(
            f"{name}: {found.question.gpt3.dirty} of {found.question.items} questions dirty"
            for name, found in self.benchmarks.items()
        )
