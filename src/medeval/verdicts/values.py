"""What was measured against a stated value: our value minus the stated one, with the error of a repetition."""

import math
from collections.abc import Sequence
from dataclasses import replace

from medeval.comparisons.document import ConversationRuns, Runs, Score
from medeval.publication.publication import Publication
from medeval.statistics.estimates import Estimate
from medeval.statistics.quantiles import two_sided
from medeval.statistics.runs import replication_se
from medeval.verdicts.average import mean_of
from medeval.verdicts.basis import Repetition, ValueRow
from medeval.verdicts.differences import absence, absent
from medeval.verdicts.evidence import Evidence
from medeval.verdicts.measured import POINTS, Missing, Published, ValueDifference
from medeval.verdicts.replies import alternatives, truncated_share
from medeval.verdicts.verdict import CutShares, Estimand

# Two counts of a benchmark's items may differ by this share and still be the same items.
SAME_ITEMS = 0.01


def against_stated(
    evidence: Evidence, publication: Publication, a: str, name: str, benchmarks: Sequence[str], stated: float
) -> ValueDifference | Missing:
    """Return our value of some benchmarks minus a stated one.

    Where benchmarks of an average were not measured, the stated value is replaced by the mean of what is printed for
    those that were, so that like is compared with like; `absent` names the others.

    Args:
        evidence: What was measured.
        publication: The publication, with the runs, digits and item counts behind the stated value.
        a: MODEL/VARIANT.
        name: The publication's name for it.
        benchmarks: One benchmark, or those of an average.
        stated: The stated value in points.
    """
    entries = [entry for entry in evidence.scores(a) if entry.benchmark in benchmarks]
    if not entries:
        return Missing(f"{' and '.join(benchmarks)} of {a} was not measured in this run")
    missing = absent(benchmarks, entries)
    printed = [publication.value(name, entry.benchmark) for entry in entries]
    if missing:
        known = [value for value in printed if value is not None]
        if len(known) < len(entries):
            reason = f"the average of {a} lacks {', '.join(missing)}, and no figures are printed for the others alone"
            return Missing(reason)
        stated = sum(known) / len(known)
    partial = (*absence(missing), *evidence.shortages(entries))
    same_items = not partial and all(_same_items(evidence, publication, entry) for entry in entries)
    parts = [_score_row(entry, value) for entry, value in zip(entries, printed, strict=True)]
    estimate = _estimate(evidence, a, entries)
    found = repetition(estimate, parts, _published(publication, stated), same_items=same_items)
    return replace(
        found,
        items_total=evidence.total(benchmarks),
        absent=missing,
        partial=partial,
        truncated=CutShares(truncated_share(entries)),
        alternatives=alternatives(found.value, entries),
        notes=(*found.notes, *_unsteady(entries)),
    )


def conversations_against_stated(
    evidence: Evidence, publication: Publication, a: str, metric: str, subset: str, stated: float
) -> ValueDifference | Missing:
    """Return our HealthBench score, clipped to 0 to 100 as the published ones are, minus a stated one."""
    entry = evidence.conversation(a, subset)
    if entry is None:
        return Missing(f"no conversation of {a} was graded in this run")
    if entry.overall is None:
        return Missing(f"no conversation of {a} has all its verdicts")
    estimate = replace(entry.overall, value=min(max(entry.overall.value, 0.0), 1.0))
    partial, total = evidence.conversation_shortages(entry), evidence.conversations_total(subset)
    expected = _expected_items(publication, metric)
    same_items = not partial and total == entry.items and (expected is None or _close(entry.items, expected))
    part = _row(metric, estimate, stated, entry.items, entry.runs)
    found = repetition(estimate, [part], _published(publication, stated), same_items=same_items)
    return replace(found, items_total=total, partial=partial, judge=entry.judge)


def repetition(
    estimate: Estimate, parts: Sequence[ValueRow], published: Published, *, same_items: bool
) -> ValueDifference:
    """Return our value minus a stated one, with the error of a repetition under both estimands.

    On the same items, item sampling cancels and only the noise between runs counts, of both sides. Where it is not
    known, or the items are not the same, the error is that of two samples of items, each with our own error.

    Args:
        estimate: Our value, as a fraction.
        parts: Each benchmark behind it.
        published: The stated value and how it was made.
        same_items: Whether we measured the items that the stated value is about.
    """
    value, half_unit = POINTS * estimate.value - published.value, published.half_unit
    own_se = None if estimate.se is None else POINTS * estimate.se
    sampled = None if own_se is None else math.sqrt(2.0 * own_se**2 + half_unit**2 / 3)
    noise = [part.one_run_variance for part in parts if part.one_run_variance is not None]
    runs = min((part.runs for part in parts if part.runs), default=None)
    fixed = None
    if len(noise) == len(parts) and runs:
        fixed = replication_se(noise, [1.0] * len(noise), runs, published.runs, half_unit)
    estimand = Estimand.FIXED if same_items and fixed is not None else Estimand.SAMPLED
    # Without any spread the rounding alone would stand for the error of a sample of items.
    se = fixed if estimand is Estimand.FIXED else (sampled if own_se else None)
    half = None if se is None else two_sided(0.95) * se
    low, high = (None, None) if half is None else (value - half, value + half)
    return ValueDifference(
        value=value,
        se=se,
        low=low,
        high=high,
        p_value=None,
        items=sum(part.items for part in parts),
        method=_method(estimand, runs, published.runs, estimate.method),
        notes=() if estimand is Estimand.FIXED else (_why_sampled(same_items, fixed),),
        estimand=estimand,
        fixed_se=fixed,
        repetition=Repetition(
            stated=published.value,
            ours=POINTS * estimate.value,
            half_unit=half_unit,
            published_runs=published.runs,
            our_runs=runs,
            own_se=own_se,
            sampled_se=sampled if own_se else None,
            same_items=same_items,
            benchmarks=tuple(parts),
        ),
    )


def _method(estimand: Estimand, ours: int | None, theirs: int, own: str) -> str:
    if estimand is Estimand.FIXED:
        return f"error of a repetition on the same items: noise of {ours} runs of ours and {theirs} published, rounding"
    return f"error of a repetition on other items of the kind, our own twice over and rounding: {own}"


def _why_sampled(same_items: bool, fixed: float | None) -> str:
    why = "the items are not known to be the published ones" if not same_items else "the noise between runs is unknown"
    more = f"; from run noise alone the error would be {fixed:.2f}" if fixed is not None else ""
    return f"{why}, so items count as a sample{more}"


def _published(publication: Publication, stated: float) -> Published:
    return Published(stated, publication.evaluation.runs or 1, 0.5 * 10.0**-publication.decimals)


def _score_row(entry: Score, stated: float | None) -> ValueRow:
    return _row(entry.benchmark, entry.accuracy, stated, entry.items, entry.runs)


def _row(benchmark: str, own: Estimate, stated: float | None, items: int, runs: Runs | ConversationRuns) -> ValueRow:
    return ValueRow(
        benchmark=benchmark,
        ours=POINTS * own.value,
        stated=stated,
        se=None if own.se is None else POINTS * own.se,
        items=items,
        runs=runs.runs,
        one_run_variance=None if runs.one_run_variance is None else POINTS**2 * runs.one_run_variance,
    )


def _estimate(evidence: Evidence, a: str, entries: Sequence[Score]) -> Estimate:
    if len(entries) == 1:
        return entries[0].accuracy
    return evidence.own_average(a, len(entries)) or mean_of([entry.accuracy for entry in entries])


def _same_items(evidence: Evidence, publication: Publication, entry: Score) -> bool:
    expected = _expected_items(publication, entry.benchmark)
    return evidence.total([entry.benchmark]) == entry.items and (expected is None or _close(entry.items, expected))


def _expected_items(publication: Publication, benchmark: str) -> int | None:
    """Return how many items the publication is taken to have used; None when it gives no hint."""
    found = publication.benchmark(benchmark)
    if found.strata:
        return sum(found.strata.values())
    return found.candidates[0].n if found.candidates else None


def _close(items: int, expected: int) -> bool:
    return abs(items - expected) <= SAME_ITEMS * expected


def _unsteady(entries: Sequence[Score]) -> tuple[str, ...]:
    found = [entry.benchmark for entry in entries if entry.runs.analysis and entry.runs.analysis.systematic]
    return (f"whole runs differ by more than the noise of items explains on {', '.join(found)}",) if found else ()
