"""Graded conversations: scores per system, and two systems on the same conversations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from medeval.comparisons.document import Bounds, ConversationRuns, GradedPair, GradedSystem
from medeval.grades.scoring import example_score, score_grades
from medeval.records import tables
from medeval.records.system import SYSTEM, System
from medeval.statistics.intervals import mean_interval
from medeval.statistics.paired import paired_difference
from medeval.statistics.power import minimum_detectable_effect
from medeval.statistics.runs import one_run_variance


@dataclass(frozen=True)
class GradedConversations:
    """One system's graded conversations of one subset.

    Attributes:
        summary: The scores of `grades.scoring`.
        examples: Unclipped score per conversation (samples averaged), indexed by item id, without those
            that have a missing grade.
        missing: Conversations left out for that reason.
        runs: Replies to each of these conversations; None when they differ in it.
        one_run_variance: What run noise alone gives the mean of one run; None with one run, or when `runs` is.
    """

    system: System
    subset: str
    summary: Mapping[str, Any]
    examples: pd.Series
    missing: int
    runs: int | None
    one_run_variance: float | None


def read_grades(paths: Sequence[Path], seed: int) -> dict[tuple[System, str], GradedConversations]:
    """Read grade tables and score each system's conversations, by system and subset."""
    grades = tables.read_all(paths, tables.GRADES)
    columns = [*SYSTEM, "subset", "item_id", "sample", "points", "met"]
    frame = grades.select(columns).to_pandas()
    found = {}
    for run in score_grades(grades, seed=seed)["runs"]:
        system, subset = System(*(run[name] for name in SYSTEM)), run["subset"]
        names = {**vars(system), "subset": subset}
        rows = frame[(frame[list(names)] == pd.Series(names)).all(axis="columns")]
        scores = pd.Series(
            {
                key: example_score(group["points"].tolist(), [None if pd.isna(m) else bool(m) for m in group["met"]])
                for key, group in rows.groupby(["item_id", "sample"], sort=False)
            },
            dtype=float,
        )
        examples = scores.groupby(level=0, sort=False).apply(lambda s: s.mean(skipna=False))
        whole = examples.dropna()
        found[system, subset] = GradedConversations(
            system, subset, run, whole, int(examples.isna().sum()), *_run_noise(scores.unstack().loc[whole.index])
        )
    return found


def _run_noise(replies: pd.DataFrame) -> tuple[int | None, float | None]:
    """Return the runs of a frame of examples by sample, and what their noise alone gives the mean of one run."""
    if replies.isna().to_numpy().any() or not len(replies):
        return None, None
    runs = replies.shape[1]
    return runs, one_run_variance(replies.to_numpy()) if runs > 1 else None


def conversation_entry(graded: GradedConversations) -> GradedSystem:
    """Describe one system's score; `overall` is the unclipped mean with its interval, `clipped` the clipped one."""
    counts = graded.summary["verdicts"]
    return GradedSystem(
        **vars(graded.system),
        subset=graded.subset,
        items=len(graded.examples),
        missing=graded.missing,
        missing_share=counts["n_missing"] / counts["n"],
        judge=graded.summary["judge"],
        runs=ConversationRuns(graded.runs, graded.one_run_variance),
        overall=mean_interval(graded.examples.to_numpy()) if len(graded.examples) else None,
        clipped=graded.summary["overall"]["score"],
        bounds=Bounds(**graded.summary["bounds"]),
        themes=graded.summary["themes"],
        axes=graded.summary["axes"],
    )


def conversation_pair(a: GradedConversations, b: GradedConversations, seed: int) -> GradedPair:
    """Compare two systems on the conversations that both have a score for; the difference is A minus B.

    Without such a conversation the difference is None.
    """
    shared = a.examples.index.intersection(b.examples.index, sort=False)
    estimate = None
    if len(shared):
        estimate = paired_difference(a.examples.loc[shared].to_numpy(), b.examples.loc[shared].to_numpy(), seed=seed)
    return GradedPair(
        a=a.system,
        b=b.system,
        subset=a.subset,
        items=len(shared),
        items_only_in_one=len(a.examples) + len(b.examples) - 2 * len(shared),
        missing=a.missing + b.missing,
        judge=a.summary["judge"],
        difference=estimate,
        minimum_detectable_effect=minimum_detectable_effect(estimate.se) if estimate and estimate.se else None,
    )
