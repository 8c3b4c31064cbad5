"""What was measured of a pair of systems: the difference of their scores, and what qualifies it."""

import math
from collections.abc import Sequence
from dataclasses import replace

from medeval.comparisons.document import ComparedBenchmark, Score
from medeval.statistics.estimates import ClusteredEstimate
from medeval.verdicts.average import constant_of, mean_of
from medeval.verdicts.basis import ChurnShares
from medeval.verdicts.evidence import Evidence
from medeval.verdicts.measured import POINTS, Difference, Missing, Tested, in_points
from medeval.verdicts.replies import alternatives, truncated_share
from medeval.verdicts.robustness import benchmark_rows, robustness
from medeval.verdicts.verdict import CutShares

ALPHA = 0.05


def average_difference(evidence: Evidence, a: str, b: str, over: Sequence[str]) -> Difference | Missing:
    """Return the measured difference of the averages over the benchmarks `over`.

    `absent` and `partial` name those of them that were not compared; others that were do not enter.
    """
    if not over:
        return Missing("the publication does not say what its average is taken over")
    found = evidence.pair(a, b)
    if isinstance(found, Missing):
        return found
    pair, sign = found
    entries = [entry for entry in pair.benchmarks if entry.benchmark in over]
    if not entries:
        return Missing(f"no benchmark of the average was compared for {a} and {b}")
    average, extra = pair.average, len(pair.benchmarks) - len(entries)
    chosen: Tested = average.bootstrap if average.normal.se is None else average.normal
    estimate = mean_of([entry.difference for entry in entries]) if extra else chosen
    missing = absent(over, entries)
    return replace(
        _difference(evidence, a, b, entries, estimate, sign),
        items_total=evidence.total(over),
        absent=missing,
        partial=(*absence(missing), *evidence.shortages(entries)),
        notes=(f"the average is over the claim's {len(over)} benchmarks, not over all that were run",) if extra else (),
    )


def benchmark_difference(evidence: Evidence, a: str, b: str, benchmark: str) -> Difference | Missing:
    """Return the measured difference on one benchmark."""
    found = evidence.pair(a, b, benchmark=benchmark)
    if isinstance(found, Missing):
        return found
    pair, sign = found
    for entry in pair.benchmarks:
        if entry.benchmark == benchmark:
            return _difference(evidence, a, b, [entry], entry.difference, sign)
    return evidence.not_compared(a, b, evidence.headline, benchmark)


def conversation_difference(evidence: Evidence, a: str, b: str, subset: str) -> Difference | Missing:
    """Return the measured difference on a HealthBench subset."""
    found = evidence.conversation_pair(a, b, subset)
    if isinstance(found, Missing):
        return found
    pair, sign = found
    if pair.difference is None:
        return Missing(f"no conversation has a score for both {a} and {b}")
    return replace(
        in_points(pair.difference, sign, pair.items),
        items_total=evidence.conversations_total(subset),
        partial=evidence.conversation_shortages(pair),
        judge=pair.judge,
    )


def absent(over: Sequence[str], entries: Sequence[Score | ComparedBenchmark]) -> tuple[str, ...]:
    """Return the benchmarks that were not measured."""
    return tuple(sorted(set(over) - {entry.benchmark for entry in entries}))


def absence(missing: Sequence[str]) -> tuple[str, ...]:
    """Say which benchmarks were not measured."""
    return (f"benchmarks not measured: {', '.join(missing)}",) if missing else ()


def _difference(
    evidence: Evidence, a: str, b: str, entries: Sequence[ComparedBenchmark], estimate: Tested, sign: int
) -> Difference:
    names = [entry.benchmark for entry in entries]
    sides = [[entry for entry in evidence.scores(name) if entry.benchmark in names] for name in (a, b)]
    rows = benchmark_rows(entries, sign, ALPHA)
    found = in_points(estimate, sign, sum(entry.items for entry in entries))
    return replace(
        found,
        items_total=evidence.total(names),
        partial=evidence.shortages(entries),
        constant=constant_of(entries, sign),
        fixed_se=_fixed_se(sides, len(entries)),
        truncated=CutShares(*map(truncated_share, sides)),
        alternatives=alternatives(found.value, *sides),
        benchmarks=rows,
        robustness=robustness(rows),
        churn=_churn(entries, sign),
    )


def _fixed_se(sides: Sequence[Sequence[Score]], benchmarks: int) -> float | None:
    """Return the error of the difference on exactly these items, from the noise between runs, in points."""
    noise = [
        entry.runs.one_run_variance / entry.runs.runs
        for scores in sides
        for entry in scores
        if entry.runs.one_run_variance is not None and entry.runs.runs
    ]
    return POINTS * math.sqrt(sum(noise)) / benchmarks if len(noise) == 2 * benchmarks else None


def _churn(entries: Sequence[ComparedBenchmark], sign: int) -> ChurnShares:
    """Average flips, the reference's own flips and their excess over the benchmarks, in percent of the items.

    The floor is of the system that stands first in the document, a model's reference where there is one.
    """
    parts = [entry.churn for entry in entries]
    reasons = {part.missing for part in parts if part.missing is not None}
    return ChurnShares(
        rate=_mean_percent([part.rate for part in parts]),
        floor=_mean_percent([part.floor for part in parts]),
        excess=_mean_percent([part.excess for part in parts]),
        floor_of="b" if sign < 0 else "a",
        missing="; ".join(sorted(reasons)) or None,
    )


def _mean_percent(shares: Sequence[ClusteredEstimate | None]) -> float | None:
    values = [share.value for share in shares if share is not None]
    return POINTS * sum(values) / len(values) if len(values) == len(shares) else None
