"""Section 2: accuracy of every system on every benchmark, with every failure counted beside it."""

from dataclasses import dataclass

from medeval.comparisons.document import Average, Score, StratumScore
from medeval.report.documents import Run
from medeval.report.forest import Forest, Group, Mark, Row, track
from medeval.report.names import FAILURES, MODES, POLICIES, benchmark_name, known
from medeval.report.numbers import Cell, cell, count, failure_cell, figure, number_cell, percent, percent_cell
from medeval.report.scale import accuracy_scale

COLUMNS = (
    "Accuracy % (95 % interval)",
    "Items",
    "Replies",
    *FAILURES.values(),
    *POLICIES.values(),
)
AVERAGE_COLUMNS = ("Average % (95 % interval)", "Bootstrap %", "SE ratio", "Trusted")


@dataclass(frozen=True, slots=True)
class ModeScores:
    """All scores of one mode: averages, benchmarks, and strata by system."""

    mode: str
    title: str
    meaning: str
    headline: bool
    averages: Forest
    benchmarks: Forest
    strata: tuple["Strata", ...]


@dataclass(frozen=True, slots=True)
class Strata:
    """Accuracy of every system in the strata of one benchmark; a row has the stratum, its items, and the cells."""

    benchmark: str
    systems: tuple[str, ...]
    rows: tuple[tuple[str, Cell, tuple[Cell, ...]], ...]


def mode_scores(run: Run) -> list[ModeScores]:
    """Return the scores of every mode, the headline mode first."""
    return [_mode(run, mode) for mode in run.modes]


def _mode(run: Run, mode: str) -> ModeScores:
    title, meaning = known(MODES, mode, "mode")
    headline = mode == run.headline
    return ModeScores(
        mode=mode,
        title=title,
        meaning=meaning,
        headline=headline,
        averages=_averages(run, mode),
        benchmarks=_benchmarks(run, mode),
        strata=tuple(_strata(run, mode)) if headline else (),
    )


def entries_of(run: Run, mode: str) -> dict[str, list[tuple[int, Score]]]:
    """Return the scores of a mode by benchmark, both in the order of the report, with their place in the document."""
    chosen = [pair for pair in enumerate(run.comparisons.scores) if pair[1].mode == mode]
    chosen.sort(key=lambda pair: (run.benchmark_rank(pair[1].benchmark), run.systems.rank(pair[1])))
    groups: dict[str, list[tuple[int, Score]]] = {}
    for index, entry in chosen:
        groups.setdefault(entry.benchmark, []).append((index, entry))
    return groups


def _averages(run: Run, mode: str) -> Forest:
    entries = [pair for pair in enumerate(run.comparisons.averages) if pair[1].mode == mode]
    entries.sort(key=lambda pair: run.systems.rank(pair[1]))
    return Forest(
        caption=_caption(run, "Average, each benchmark weighing the same"),
        entry="averages",
        axis="%",
        scale=accuracy_scale(),
        columns=AVERAGE_COLUMNS,
        groups=(Group("", tuple(_average_row(run, index, entry) for index, entry in entries)),),
    )


def _average_row(run: Run, index: int, entry: Average) -> Row:
    return Row(
        label=run.systems.label(entry),
        note=f"{len(entry.benchmarks)} benchmarks{_withheld(run, entry)}",
        track=track(entry.normal, accuracy_scale(), tone=run.systems.tone(entry), shape=run.systems.shape(entry)),
        cells=(
            percent_cell(entry.normal),
            percent_cell(entry.bootstrap),
            number_cell(figure(entry.error_agreement.ratio, 2)),
            cell(entry.error_agreement.trusted),
        ),
        source=f"[{index}]",
        strong=True,
    )


def _withheld(run: Run, average: Average) -> str:
    """Say which benchmarks of an average have no headline, so that it has none either."""
    own = [
        e for e in run.comparisons.scores if (e.name, e.target, e.mode) == (average.name, average.target, average.mode)
    ]
    names = [benchmark_name(entry.benchmark) for entry in own if entry.no_headline]
    return f"; no headline: truncated on {', '.join(names)}" if names else ""


def _benchmarks(run: Run, mode: str) -> Forest:
    groups = []
    for benchmark, entries in entries_of(run, mode).items():
        rows = tuple(score_row(run, index, entry) for index, entry in entries)
        groups.append(Group(benchmark_name(benchmark), rows, _group_note(entries)))
    return Forest(
        caption=_caption(run, "Accuracy by benchmark"),
        entry="scores",
        axis="%",
        scale=accuracy_scale(),
        columns=COLUMNS,
        groups=tuple(groups),
    )


def _caption(run: Run, text: str) -> str:
    return f"{text}: {run.systems.only_model}" if run.systems.only_model else text


def _group_note(entries: list[tuple[int, Score]]) -> str:
    chances = {chance_of(entry) for _, entry in entries}
    known_chances = sorted(percent(chance).text for chance in chances if chance is not None)
    chance = f"chance {' or '.join(known_chances)} %" if known_chances else "chance level not in the document"
    kinds = " / ".join(sorted({entry.aggregate for _, entry in entries}))
    return f"{kinds}; {chance}"


def chance_of(entry: Score) -> float | None:
    """Return the accuracy of a guess: stated by the document, or seen where nothing at all was answered.

    Without a single answer the policy "as a guess" gives every response its chance, so it is the chance level.
    """
    if entry.chance is None and entry.statuses.answered == 0:
        return entry.policies.random
    return entry.chance


def score_row(run: Run, index: int, entry: Score) -> Row:
    """Return the row of `scores[index]`."""
    scale, chance = accuracy_scale(), chance_of(entry)
    statuses, policies = vars(entry.statuses), vars(entry.policies)
    return Row(
        label=run.systems.label(entry),
        note=f"no headline: {entry.no_headline}" if entry.no_headline else "",
        track=track(
            entry.accuracy,
            scale,
            tone=run.systems.tone(entry),
            shape=run.systems.shape(entry),
            marks=() if chance is None else (Mark(scale.place(chance), "chance"),),
        ),
        cells=(
            percent_cell(entry.accuracy),
            number_cell(count(entry.items)),
            number_cell(count(entry.responses)),
            *(failure_cell(statuses[status], entry.responses) for status in FAILURES),
            *(number_cell(percent(policies[policy], absent="n/a")) for policy in POLICIES),
        ),
        source=f"[{index}]",
    )


def _strata(run: Run, mode: str) -> list[Strata]:
    tables = []
    for benchmark, pairs in entries_of(run, mode).items():
        entries = [entry for _, entry in pairs]
        names = sorted({stratum.stratum for entry in entries for stratum in entry.strata})
        if len(names) < 2:
            continue
        found = [{stratum.stratum: stratum for stratum in entry.strata} for entry in entries]
        rows = tuple((name or "not named", *_stratum_cells([by_name.get(name) for by_name in found])) for name in names)
        tables.append(Strata(benchmark_name(benchmark), tuple(run.systems.label(entry) for entry in entries), rows))
    return tables


def _stratum_cells(strata: list[StratumScore | None]) -> tuple[Cell, tuple[Cell, ...]]:
    items = sorted({stratum.items for stratum in strata if stratum is not None})
    sizes = cell(*(count(size) if not place else f" / {size:,}" for place, size in enumerate(items)))
    return sizes, tuple(_stratum_cell(stratum) for stratum in strata)


def _stratum_cell(stratum: StratumScore | None) -> Cell:
    if stratum is None:
        return cell("not run")
    if stratum.rule == "suppressed":
        return cell("too few items")
    return number_cell(percent(stratum.accuracy))
