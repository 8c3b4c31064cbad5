"""Several judges of the same responses: how far the scores depend on who judges."""

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from medeval.grades.judges.aligned import Aligned, align
from medeval.grades.judges.families import Families
from medeval.grades.judges.grades import GradedCriteria
from medeval.grades.judges.preference import preferences
from medeval.records.documents import as_json
from medeval.statistics.clustered import cluster_mean
from medeval.statistics.estimates import DEFAULT_SEED
from medeval.statistics.raters import category_counts, rater_agreement

SCHEMA = "judge-panel.v1"
LEAST_JUDGES = 3  # and families, for a primary number

BoolArray = npt.NDArray[np.bool_]


def panel(graded: Sequence[GradedCriteria], families: Families, *, seed: int = DEFAULT_SEED) -> dict[str, Any]:
    """Compare judges on the criteria that all of them were asked about.

    Args:
        graded: Graded criteria, one judge each.
        families: Families of judges and models, as far as they are known.
        seed: Seed of the bootstraps.

    Returns:
        The document, JSON-ready: judges, notes, agreement, per run the score under every judge (on the examples that
        all of them scored) and under their majority, orderings of runs, and self-preference. Shares and scores are
        fractions, and scores are not clipped.

    Raises:
        MedevalError: The files do not fit together; see ``align``.
    """
    aligned = align(graded)
    runs = aligned.runs()
    of_judge = {judge: families.of_judge(judge) for judge in aligned.judges}
    scores = [_shared([aligned.scores(wanted, said) for said in aligned.met.T]) for _, wanted in runs]
    return {
        "schema": SCHEMA,
        "judges": [
            {
                "judge": judge,
                "family": of_judge[judge],
                "met": float(np.nanmean(aligned.met[:, j])) if (~np.isnan(aligned.met[:, j])).any() else None,
                "missing": int(np.isnan(aligned.met[:, j]).sum()),
                "left_out": aligned.left_out[j],
            }
            for j, judge in enumerate(aligned.judges)
        ],
        "criteria": len(aligned.frame),
        "notes": [
            *(note for one in graded for note in one.notes),
            *_notes(of_judge, {run["model"]: families.of_model(run["model"]) for run, _ in runs}),
        ],
        "agreement": _agreement(aligned, runs, seed),
        "runs": [
            {**run, **_run(aligned, wanted, by_judge, seed)}
            for (run, wanted), by_judge in zip(runs, scores, strict=True)
        ],
        "orderings": _orderings([run for run, _ in runs], scores, aligned.judges, seed),
        "preferences": preferences(aligned, families, scores, seed=seed),
        "seed": seed,
    }


def _shared(by_judge: Sequence[pd.Series]) -> list[pd.Series]:
    """Keep the examples that have a score under every judge, so that no judge has easier ones."""
    shared = reduce(pd.MultiIndex.intersection, (scores.index for scores in by_judge))
    return [scores.loc[shared] for scores in by_judge]


def _agreement(aligned: Aligned, runs: Sequence[tuple[dict[str, str], BoolArray]], seed: int) -> list[dict[str, Any]]:
    points = aligned.frame["points"].to_numpy(float)
    parts = {
        "all criteria": np.ones(len(points), dtype=bool),
        "positive points": points > 0,
        "negative points": points < 0,
    }
    parts |= {"/".join(run.values()): wanted for run, wanted in runs}
    counts, prompts = category_counts(aligned.met, 2), aligned.frame["item_id"].to_numpy(str)
    return [
        {"part": name, **as_json(rater_agreement(counts[wanted], prompts[wanted], seed=seed))}
        for name, wanted in parts.items()
        if (counts[wanted].sum(axis=1) >= 2).any()
    ]


def _run(aligned: Aligned, wanted: BoolArray, by_judge: Sequence[pd.Series], seed: int) -> dict[str, Any]:
    everyone = range(len(aligned.judges))
    values = [float(scores.mean()) if len(scores) else None for scores in by_judge]
    known = [value for value in values if value is not None]
    ensemble = aligned.scores(wanted, aligned.majority(everyone))
    without = [aligned.majority([k for k in everyone if k != j]) for j in everyone] if len(everyone) > 2 else []
    of_others = [aligned.scores(wanted, met) for met in without]
    kept = [
        float(np.mean([values[k] for k in everyone if k != j]))
        for j in everyone
        if None not in [values[k] for k in everyone if k != j] and len(everyone) > 1
    ]
    return {
        "by_judge": {judge: _mean(scores, seed) for judge, scores in zip(aligned.judges, by_judge, strict=True)},
        "mean": float(np.mean(known)) if known else None,
        "lowest": min(known, default=None),
        "highest": max(known, default=None),
        "majority": _mean(ensemble, seed),
        "ties": int(np.isnan(aligned.majority(everyone)[wanted]).sum()),
        "mean_without_one": [min(kept), max(kept)] if kept else None,
        "majority_without_one": [None if not len(scores) else float(scores.mean()) for scores in of_others],
    }


def _mean(scores: pd.Series, seed: int) -> dict[str, Any] | None:
    if not len(scores):
        return None
    prompts = scores.index.get_level_values("item_id").to_numpy(str)
    found: dict[str, Any] = as_json(cluster_mean(scores.to_numpy(float), prompts, seed=seed))
    return found | {"clipped": float(np.clip(scores.mean(), 0.0, 1.0))}


def _orderings(
    runs: Sequence[Mapping[str, str]], scores: Sequence[Sequence[pd.Series]], judges: Sequence[str], seed: int
) -> list[dict[str, Any]]:
    """Compare every two runs of one subset under every judge, on the prompts that have scores of both."""
    entries = []
    for a, b in combinations(range(len(runs)), 2):
        if runs[a]["subset"] != runs[b]["subset"]:
            continue
        under = {judge: _difference(scores[a][j], scores[b][j], seed) for j, judge in enumerate(judges)}
        signs = {None if entry is None else int(np.sign(entry["value"])) for entry in under.values()}
        resolved = [judge for judge, entry in under.items() if _excludes_zero(entry)]
        entries.append(
            {
                "a": dict(runs[a]),
                "b": dict(runs[b]),
                "under": under,
                "same_sign": len(signs) == 1 and signs <= {-1, 1},
                "resolved_under": resolved,
            }
        )
    return entries


def _difference(a: pd.Series, b: pd.Series, seed: int) -> dict[str, Any] | None:
    first, second = (scores.groupby(level="item_id").mean() for scores in (a, b))
    shared = first.index.intersection(second.index)
    if not len(shared):
        return None
    found: dict[str, Any] = as_json(cluster_mean((first.loc[shared] - second.loc[shared]).to_numpy(float), seed=seed))
    return found


def _excludes_zero(entry: Mapping[str, Any] | None) -> bool:
    return entry is not None and entry["low"] is not None and (entry["low"] > 0 or entry["high"] < 0)


def _notes(judges: Mapping[str, str | None], models: Mapping[str, str | None]) -> list[str]:
    notes = []
    known = {family for family in judges.values() if family is not None}
    if len(judges) < LEAST_JUDGES:
        notes.append(f"{len(judges)} judges; a panel has at least {LEAST_JUDGES}, of as many families")
    if unknown := [judge for judge, family in judges.items() if family is None]:
        notes.append(f"no family is stated of the judge(s) {'; '.join(unknown)}")
    elif len(known) < LEAST_JUDGES <= len(judges):
        notes.append(f"{len(judges)} judges of {len(known)} families; a panel has at least {LEAST_JUDGES} families")
    for family in sorted(known & {family for family in models.values() if family is not None}):
        of_it = [judge for judge, its in judges.items() if its == family]
        notes.append(f"judge and judged share the family {family}: {'; '.join(of_it)} may favour its own")
    return notes
