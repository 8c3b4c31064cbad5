"""Section 4: HealthBench, graded by a judge."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from medeval.comparisons.document import GradedSystem
from medeval.grades.scoring import LARGEST_MISSING_SHARE, TagMean
from medeval.report.documents import Run
from medeval.report.forest import Forest, Group, Mark, Row, dot, oriented, track
from medeval.report.numbers import (
    Cell,
    cell,
    count,
    interval,
    number_cell,
    p_value,
    percent,
    percent_cell,
    points_cell,
    size_points,
)
from medeval.report.scale import Scale, accuracy_scale, scale_for
from medeval.statistics.estimates import Estimate

OVERALL = (
    "Unclipped % (95 % interval)",
    "Clipped %",
    "Bounds with missing grades %",
    "Missing met / not met %",
    "Conversations",
    "Left out",
    "Grades missing",
)
TAGS = ("Score %", "SE", "Unclipped %", "Conversations", "Left out", "No score defined")
DIFFERENCE = ("Difference (95 % interval)", "Conversations", "Left out", "SE", "MDE", "p")


@dataclass(frozen=True, slots=True)
class Subset:
    """One subset of HealthBench: overall scores, differences, themes and axes."""

    name: str
    judges: tuple[str, ...]
    overall: Forest
    differences: tuple[Forest, ...]
    themes: Forest
    axes: Forest


def subsets(run: Run) -> list[Subset]:
    """Return every graded subset; none when nothing was graded."""
    names = dict.fromkeys(entry.subset for entry in run.comparisons.conversations)
    return [_subset(run, name) for name in names]


def judge_notes(config: Mapping[str, Any]) -> tuple[str, bool | None, str]:
    """Return the judge's name, whether it is credible (None without a judge), and what that means."""
    judge = config["judge"]
    if judge is None:
        return "no judge", None, "HealthBench was not graded: the configuration names no judge."
    name = f"{judge['model']}/{judge['variant']}" if judge["type"] == "local" else f"{judge['model']} at an endpoint"
    if judge["credible"]:
        return name, True, "Its agreement with physicians was measured and found good, as the configuration states."
    return (
        name,
        False,
        (
            "This judge is not credible: its agreement with physicians was not measured, or not found good. "
            "Read the scores below as a test of the machinery, not of a model."
        ),
    )


def _subset(run: Run, name: str) -> Subset:
    entries = [pair for pair in enumerate(run.comparisons.conversations) if pair[1].subset == name]
    entries.sort(key=lambda pair: run.systems.rank(pair[1]))
    pairs = enumerate(run.comparisons.conversation_comparisons)
    compared = [index for index, pair in pairs if pair.subset == name and pair.difference]
    return Subset(
        name=name,
        judges=tuple(dict.fromkeys(entry.judge for _, entry in entries)),
        overall=_overall(run, entries),
        differences=tuple(difference_row_forest(run, index, 1) for index in compared),
        themes=_tags(run, entries, "themes", "Theme", lambda entry: entry.themes),
        axes=_tags(run, entries, "axes", "Axis", lambda entry: entry.axes),
    )


def _overall(run: Run, entries: list[tuple[int, GradedSystem]]) -> Forest:
    found = [entry.overall for _, entry in entries if entry.overall]
    scale = scale_for([*(end for overall in found for end in (overall.value, overall.low, overall.high)), 1.0])
    return Forest(
        caption="Overall score: points met over points possible, averaged over conversations",
        entry="conversations",
        axis="%",
        scale=scale,
        columns=OVERALL,
        groups=(Group("", tuple(_overall_row(run, index, entry, scale) for index, entry in entries)),),
        marks=(Mark(scale.place(0.0), "zero"),) if scale.low < 0 else (),
    )


def _overall_row(run: Run, index: int, entry: GradedSystem, scale: Scale) -> Row:
    overall, bounds = entry.overall, entry.bounds
    tone, shape = run.systems.tone(entry), run.systems.shape(entry)
    return Row(
        label=run.systems.label(entry),
        note=_overall_note(overall, entry.missing_share),
        track=track(overall, scale, tone=tone, shape=shape) if overall else None,
        cells=(
            _estimate(overall),
            number_cell(percent(entry.clipped, absent="no score")),
            cell(*interval(percent(bounds.lowest), percent(bounds.highest), "no bounds")),
            cell(percent(bounds.all_met), " / ", percent(bounds.none_met)),
            number_cell(count(entry.items)),
            number_cell(count(entry.missing), tone="some" if entry.missing else "zero"),
            cell(percent(entry.missing_share), " %"),
        ),
        source=f"[{index}]",
        strong=True,
    )


def _overall_note(overall: Estimate | None, missing_share: float) -> str:
    notes = [overall.method] if overall else []
    if missing_share > LARGEST_MISSING_SHARE:
        notes.append(f"more than {100 * LARGEST_MISSING_SHARE:g} % of the grades are missing: not to be used")
    return "; ".join(notes)


def _estimate(overall: Estimate | None) -> Cell:
    if overall is None:
        return cell("no conversation has all its grades")
    return percent_cell(overall)


def difference_row_forest(run: Run, index: int, sign: int) -> Forest:
    """Plot `conversation_comparisons[index]`, which has a difference, as A minus B (sign -1 turns it around)."""
    entry = run.comparisons.conversation_comparisons[index]
    if entry.difference is None:
        raise ValueError(f"index: expected a comparison with a difference, got {index}")
    estimate = oriented(entry.difference, sign)
    a, b = (entry.a, entry.b) if sign > 0 else (entry.b, entry.a)
    scale = scale_for([estimate.low, estimate.value, estimate.high])
    row = Row(
        label=f"HealthBench {entry.subset}",
        note=estimate.method,
        track=track(estimate, scale, tone=run.systems.tone(a)),
        cells=(
            points_cell(estimate),
            number_cell(count(entry.items)),
            number_cell(count(entry.missing)),
            number_cell(size_points(estimate.se)),
            number_cell(size_points(entry.minimum_detectable_effect, absent="no spread")),
            number_cell(p_value(estimate.p_value)),
        ),
        source=f"[{index}]",
        strong=True,
    )
    return Forest(
        caption=f"A minus B: {run.systems.pair(a, b)}, judged by {entry.judge}",
        entry="conversation_comparisons",
        axis="points, A minus B",
        scale=scale,
        columns=DIFFERENCE,
        groups=(Group("", (row,)),),
        marks=(Mark(scale.place(0.0), "zero"),),
        label="Subset",
    )


def _tags(
    run: Run,
    entries: list[tuple[int, GradedSystem]],
    key: str,
    label: str,
    tags_of: Callable[[GradedSystem], Mapping[str, TagMean]],
) -> Forest:
    """Plot the scores by tag; `key` names the tags in the document."""
    tags = [(index, entry, tags_of(entry)) for index, entry in entries]
    names = sorted({name for _, _, found in tags for name in found})
    groups = [
        Group(
            name.replace("_", " "),
            tuple(
                _tag_row(run, entry, found[name], f"[{index}].{key}") for index, entry, found in tags if name in found
            ),
        )
        for name in names
    ]
    return Forest(
        caption=f"By {label.lower()}; scores clipped to 0 to 100, dots without intervals",
        entry="conversations",
        axis="%",
        scale=accuracy_scale(),
        columns=TAGS,
        groups=tuple(groups),
    )


def _tag_row(run: Run, entry: GradedSystem, tag: TagMean, source: str) -> Row:
    tone, shape = run.systems.tone(entry), run.systems.shape(entry)
    return Row(
        label=run.systems.label(entry),
        track=None if tag.score is None else dot(tag.score, accuracy_scale(), tone=tone, shape=shape),
        cells=(
            number_cell(percent(tag.score, absent="no score")),
            number_cell(size_points(tag.se)),
            number_cell(percent(tag.unclipped, absent="no score")),
            number_cell(count(tag.n)),
            number_cell(count(tag.n_missing), tone="some" if tag.n_missing else "zero"),
            number_cell(count(tag.n_undefined), tone="some" if tag.n_undefined else "zero"),
        ),
        source=source,
    )
