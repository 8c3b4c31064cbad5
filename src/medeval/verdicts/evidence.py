"""The comparisons document of a run, looked up by system, benchmark and target."""

from collections.abc import Sequence

from medeval.comparisons.document import (
    ComparedBenchmark,
    ComparedPair,
    Comparisons,
    GradedPair,
    GradedSystem,
    NotCompared,
    Score,
)
from medeval.records.system import System
from medeval.statistics.macro import MacroEstimate
from medeval.verdicts.measured import Missing

CONVERSATION_SUBSETS = {"healthbench": "main", "healthbench_hard": "hard", "healthbench_consensus": "consensus"}


class Evidence:
    """The comparisons document of a run, seen on one target.

    Args:
        comparisons: The document that the compare stage wrote.
        target: The target; a pair of systems counts only where both ran on it.
    """

    def __init__(self, comparisons: Comparisons, target: str) -> None:
        self._comparisons, self.target = comparisons, target

    @property
    def headline(self) -> str:
        """The mode whose scores decide claims."""
        return self._comparisons.headline

    def scores(self, a: str, *, mode: str | None = None) -> list[Score]:
        """Return a system's entries, one per benchmark, in the headline mode or another."""
        wanted = mode or self.headline
        return [entry for entry in self._comparisons.scores if self._name(entry) == a and entry.mode == wanted]

    def own_average(self, a: str, entries: int) -> MacroEstimate | None:
        """Return the document's average of a system when it is over exactly this number of benchmarks."""
        for average in self._comparisons.averages:
            if self._name(average) == a and average.mode == self.headline and len(average.benchmarks) == entries:
                return average.normal
        return None

    def conversation(self, a: str, subset: str) -> GradedSystem | None:
        """Return a system's score on a HealthBench subset, or None when none was graded."""
        graded = self._comparisons.conversations
        return next((entry for entry in graded if self._name(entry) == a and entry.subset == subset), None)

    def conversation_pair(self, a: str, b: str, subset: str) -> tuple[GradedPair, int] | Missing:
        """Find the comparison of two systems on a HealthBench subset, and the sign that makes it A minus B."""
        for pair in self._comparisons.conversation_comparisons:
            if pair.subset == subset and (sign := self._sign(pair, a, b)):
                return pair, sign
        return Missing(f"graded conversations of {a} and {b} were not compared")

    def pair(
        self, a: str, b: str, *, mode: str | None = None, benchmark: str | None = None
    ) -> tuple[ComparedPair, int] | Missing:
        """Find the comparison of two systems, and the sign that makes it A minus B; else the reason why there is none.

        Args:
            a: MODEL/VARIANT.
            b: MODEL/VARIANT.
            mode: The mode; None for the headline mode.
            benchmark: The benchmark that is asked for, to name the reason; None for any.
        """
        wanted = mode or self.headline
        for pair in self._comparisons.comparisons:
            if pair.mode == wanted and (sign := self._sign(pair, a, b)):
                return pair, sign
        return self.not_compared(a, b, wanted, benchmark)

    def not_compared(self, a: str, b: str, mode: str, benchmark: str | None) -> Missing:
        """Return why two systems were not compared."""
        where = f"in mode {mode}" if benchmark is None else f"in mode {mode} on {benchmark}"
        for entry in self._comparisons.not_compared:
            if entry.mode == mode and entry.benchmark == benchmark and self._sign(entry, a, b):
                return Missing(f"{a} and {b} could not be compared {where}: {entry.reason}")
        return Missing(f"{a} and {b} were not compared {where}")

    def total(self, benchmarks: Sequence[str]) -> int | None:
        """Return how many items some benchmarks have; None when that is not known of all."""
        totals = self._comparisons.items_total
        return sum(totals[name] for name in benchmarks) if set(benchmarks) <= set(totals) else None

    def conversations_total(self, subset: str) -> int | None:
        """Return how many conversations a subset has; None when that is not known."""
        return self._comparisons.conversations_total.get(subset)

    def shortages(self, entries: Sequence[Score | ComparedBenchmark]) -> tuple[str, ...]:
        """Say which benchmarks are not whole."""
        unshared = sum(entry.items_only_in_one for entry in entries if isinstance(entry, ComparedBenchmark))
        sizes = [(entry.benchmark, entry.items, self.total([entry.benchmark])) for entry in entries]
        short = [f"{name} {items:,} of {total:,}" for name, items, total in sizes if total and items < total]
        texts = [f"{unshared} items were answered by one side only"] if unshared else []
        return (*texts, *([f"items measured of those that exist: {', '.join(short)}"] if short else []))

    def conversation_shortages(self, entry: GradedSystem | GradedPair) -> tuple[str, ...]:
        """Say what is missing of a HealthBench subset."""
        total = self.conversations_total(entry.subset)
        texts = []
        if entry.missing:
            texts.append(f"missing grades leave out {entry.missing} of the conversations")
        if isinstance(entry, GradedPair) and entry.items_only_in_one:
            texts.append(f"{entry.items_only_in_one} conversations have a score on one side only")
        if total and entry.items < total:
            texts.append(f"conversations measured of those that exist: {entry.items:,} of {total:,}")
        return tuple(texts)

    def _name(self, system: System) -> str | None:
        """Return MODEL/VARIANT of a system on this target; None for one on another."""
        return system.name if system.target == self.target else None

    def _sign(self, pair: ComparedPair | GradedPair | NotCompared, a: str, b: str) -> int:
        """Return 1 when an entry is about A and B, -1 when it is about B and A, else 0."""
        names = (self._name(pair.a), self._name(pair.b))
        return 1 if names == (a, b) else -1 if names == (b, a) else 0


def targets_of(comparisons: Comparisons) -> list[str]:
    """Return the targets on which anything was measured, in the order of the document."""
    return list(dict.fromkeys(entry.target for entry in (*comparisons.scores, *comparisons.conversations)))


def systems_of(comparisons: Comparisons) -> list[str]:
    """Return every MODEL/VARIANT of which anything was measured, in the order of the document."""
    return list(dict.fromkeys(entry.name for entry in (*comparisons.scores, *comparisons.conversations)))
