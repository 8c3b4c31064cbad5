"""Two systems on the same items: the forest plot of their differences, and what qualifies the average."""

from medeval.comparisons.document import ComparedAverage, ComparedBenchmark, ComparedPair, CountedChurn, UncountedChurn
from medeval.report.documents import Run
from medeval.report.forest import Forest, Group, Mark, Row, fact, oriented, track
from medeval.report.names import benchmark_name
from medeval.report.numbers import (
    Cell,
    Figure,
    cell,
    count,
    interval,
    number_cell,
    p_value,
    percent,
    points,
    points_cell,
    size_points,
)
from medeval.report.scale import Scale, scale_for
from medeval.statistics.across import LeaveOneOut
from medeval.statistics.agreement import Flips
from medeval.statistics.equivalence import Equivalence
from medeval.statistics.estimates import Estimate

Fact = tuple[str, Cell, str]
COLUMNS = (
    "Difference (95 % interval)",
    "Items",
    "SE",
    "MDE",
    "p (Holm)",
    "Only A right",
    "Only B right",
    "Flips (95 % interval)",
)


def difference_forest(
    run: Run, index: int, sign: int, *, margin: float | None = None, strong: str = "average"
) -> Forest:
    """Plot `comparisons[index]` per benchmark and on average, as A minus B of the caller.

    Args:
        run: The documents.
        index: Place of the comparison in the document.
        sign: 1 to keep the document's order, -1 to turn it around.
        margin: Difference (fraction) to draw a line at.
        strong: The benchmark, or `average`, to stress.
    """
    entry = run.comparisons.comparisons[index]
    benchmarks = sorted(enumerate(entry.benchmarks), key=lambda pair: run.benchmark_rank(pair[1].benchmark))
    shown: list[Estimate] = [entry.average.normal, *(benchmark.difference for _, benchmark in benchmarks)]
    turned = [oriented(estimate, sign) for estimate in shown]
    scale = scale_for([*(end for one in turned for end in (one.value, one.low, one.high)), margin])
    a, b = (entry.a, entry.b) if sign > 0 else (entry.b, entry.a)
    side = run.systems.tone(a)
    rows = [
        _benchmark_row(benchmark, sign, scale, side, f"benchmarks[{place}]", strong == benchmark.benchmark)
        for place, benchmark in benchmarks
    ]
    rows.append(_average_row(entry.average, sign, scale, side, "average", strong == "average"))
    return Forest(
        caption=f"A minus B: {run.systems.pair(a, b)}",
        entry=f"comparisons[{index}]",
        axis="points, A minus B",
        scale=scale,
        columns=COLUMNS,
        groups=(Group("", tuple(rows)),),
        marks=(Mark(scale.place(0.0), "zero"), *(() if margin is None else (Mark(scale.place(margin), "margin"),))),
        label="Benchmark",
    )


def _benchmark_row(entry: ComparedBenchmark, sign: int, scale: Scale, tone: int, source: str, strong: bool) -> Row:
    difference = oriented(entry.difference, sign)
    unshared = entry.items_only_in_one
    items = cell(count(entry.items), *((" (", count(unshared), " in one only)") if unshared else ()))
    return Row(
        label=benchmark_name(entry.benchmark),
        note=difference.method,
        track=track(difference, scale, tone=tone),
        cells=(
            points_cell(difference),
            items,
            number_cell(size_points(difference.se)),
            number_cell(size_points(entry.minimum_detectable_effect, absent="no spread")),
            cell(p_value(difference.p_value), " (", p_value(entry.holm_p_value), ")"),
            *_flip_cells(entry.flips, entry.churn, sign),
        ),
        source=source,
        strong=strong,
    )


def _flip_cells(flips: Flips | None, churn: CountedChurn | UncountedChurn, sign: int) -> tuple[Cell, Cell, Cell]:
    """Flips are counted where every item was answered once, right or wrong; else averaged over pairs of runs."""
    if flips is None:
        several = cell("several runs")
        return several, several, cell("not defined") if churn.rate is None else _share(churn.rate)
    only_a, only_b = (flips.lost, flips.gained) if sign > 0 else (flips.gained, flips.lost)
    return number_cell(count(only_a)), number_cell(count(only_b)), _share(flips.rate)


def _share(rate: Estimate) -> Cell:
    ends = interval(percent(rate.low), percent(rate.high))
    return cell(percent(rate.value), " % (", *ends, ")", tone="line")


def _average_row(average: ComparedAverage, sign: int, scale: Scale, tone: int, source: str, strong: bool) -> Row:
    normal = oriented(average.normal, sign)
    none = cell("")
    return Row(
        label="Average",
        note=normal.method,
        track=track(normal, scale, tone=tone),
        cells=(
            points_cell(normal),
            number_cell(count(normal.n)),
            number_cell(size_points(normal.se)),
            number_cell(size_points(average.minimum_detectable_effect, absent="no spread")),
            number_cell(p_value(normal.p_value)),
            none,
            none,
            none,
        ),
        source=source,
        strong=strong,
    )


def average_facts(run: Run, index: int, sign: int) -> list[Fact]:
    """Say what qualifies the average of `comparisons[index]`: other errors, weightings and selections."""
    entry = run.comparisons.comparisons[index]
    average = entry.average
    facts = [*_errors(average, sign), *_weightings(entry, sign), *_churn(entry)]
    if average.leave_one_out is not None:
        facts.append(_leave_one_out(entry, average.leave_one_out, sign))
    if average.over_benchmarks is not None:
        over = oriented(average.over_benchmarks, sign)
        note = f"{over.method}: what the data say of benchmarks that were not run"
        facts.append(fact("Benchmarks as a sample", *points_cell(over).parts, note=note))
    if average.equivalence is not None:
        facts.append(_equivalence(average.equivalence, sign))
    return facts


def _churn(entry: ComparedPair) -> list[Fact]:
    """Say the flips on average over the benchmarks, beside those of the first system with itself."""
    parts = [benchmark.churn for benchmark in entry.benchmarks]
    rates = [part.rate.value for part in parts if part.rate is not None]
    floors = [part.floor.value for part in parts if part.floor is not None]
    if len(rates) < len(parts):
        return []
    rate = sum(rates) / len(rates)
    if len(floors) < len(parts):
        why = "; ".join(sorted({part.missing for part in parts if part.missing}))
        return [fact("Flips", percent(rate), " % of the items change between right and wrong", note=why)]
    floor = sum(floors) / len(floors)
    note = "the excess over what two runs of the first system differ in is what the second adds"
    figures = (
        percent(rate),
        " %, ",
        percent(floor),
        " % between two runs of one system: excess ",
        points(rate - floor),
    )
    return [fact("Flips", *figures, " %", note=note)]


def _errors(average: ComparedAverage, sign: int) -> list[Fact]:
    bootstrap = oriented(average.bootstrap, sign)
    smallest = size_points(average.minimum_detectable_effect, absent="unknown for want of spread")
    return [
        fact(
            "Resolution",
            "SE ",
            size_points(average.normal.se),
            ", smallest difference found with 80 % power (MDE) ",
            smallest,
            " points",
        ),
        fact("Bootstrap", *points_cell(bootstrap).parts, note=bootstrap.method),
    ]


def _weightings(entry: ComparedPair, sign: int) -> list[Fact]:
    average = entry.average
    values = [sign * benchmark.difference.value for benchmark in entry.benchmarks]
    ahead, behind = sum(value > 0 for value in values), sum(value < 0 for value in values)
    order = f"A ahead on {ahead} of {len(values)}, behind on {behind}, level on {len(values) - ahead - behind}"
    return [
        fact(
            "Macro v micro",
            points(sign * average.normal.value),
            " v ",
            points(sign * average.micro),
            note="each benchmark weighs the same v each item weighs the same",
        ),
        fact("Order by benchmark", order),
    ]


def _leave_one_out(entry: ComparedPair, left: LeaveOneOut, sign: int) -> Fact:
    names = [benchmark_name(benchmark.benchmark) for benchmark in entry.benchmarks]
    ends = [(left.low, names[left.low_index]), (left.high, names[left.high_index])]
    (low, without_low), (high, without_high) = ends if sign > 0 else ends[::-1]
    turns = "the sign turns" if left.sign_changes else "the sign stays"
    return fact(
        "Leave one out",
        points(sign * low),
        f" (without {without_low}) to ",
        points(sign * high),
        f" (without {without_high})",
        note=turns,
    )


def _equivalence(test: Equivalence, sign: int) -> Fact:
    low, high = (test.low, test.high) if sign > 0 else (test.high, test.low)
    outcome = {
        True: "equal within the margin is shown",
        False: "equal within the margin is not shown",
        None: "untested",
    }
    return fact(
        "Equivalence",
        points(sign * low),
        " to ",
        points(sign * high),
        " (90 % interval) against ±",
        size_points(test.margin),
        " points",
        note=outcome[test.equivalent],
    )


def non_inferiority_parts(average: ComparedAverage) -> tuple[str, tuple[Figure | str, ...], str]:
    """Return outcome, sentence and tone of the test that a loss stays under the margin."""
    test = average.non_inferiority
    if test is None or test.within is None:
        return "Cannot be tested", ("No spread was seen, so the bound cannot be tested.",), "none"
    outcome, tone = (
        ("Loss shown below the margin", "good")
        if test.within
        else ("Loss shown to exceed the margin", "bad")
        if test.exceeded
        else ("Undecided", "open")
    )
    sentence: tuple[Figure | str, ...] = (
        "The average loss is ",
        points(test.value),
        f" points; its one-sided {100 * (1 - test.alpha):g} % bound is ",
        points(test.high),
        ", the margin ",
        size_points(test.margin),
        ". p = ",
        p_value(test.p_value),
        ".",
    )
    return outcome, sentence, tone
