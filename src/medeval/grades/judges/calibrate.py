"""Judged scores with the judge's errors taken out, and how sure that is."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from medeval.errors import MedevalError
from medeval.grades.judges.grades import GradedCriteria, Points, points_of
from medeval.grades.judges.labelled import Labelled, prediction_powered
from medeval.grades.judges.meta_grades import MetaGrades
from medeval.grades.judges.rows import MetaRows
from medeval.records.documents import as_json
from medeval.statistics.estimates import DEFAULT_SEED
from medeval.statistics.judged_scores import (
    RESAMPLES,
    CorrectedRate,
    MetaSet,
    corrected_mean,
    corrected_rates,
    error_rates,
    predictive_values,
    unbiased_values,
)
from medeval.statistics.prevalence import LEAST_INFORMEDNESS

SCHEMA = "judge-calibration.v1"
By = Literal["theme", "category", "none"]
ASSUMPTIONS = (
    "Transport: the judge is taken to err on these responses as it does on the meta-evaluation's, which other models "
    "wrote and physicians labelled; nothing here can test that.",
    "Corrected scores take P(met | grade, stratum) from the meta-evaluation, which also takes it that as much is met "
    "here as there, and shrinks differences between models that differ in it. Scores and rates by error rates take "
    "sensitivity and specificity instead. Where the two disagree, the judge's errors do not transport.",
    "Neither knows the sign of a criterion's points, which the meta-evaluation does not tell; its questions to the "
    "judge leave the points out, those of grading do not.",
    "What is estimated is what a physician drawn at random would have said, not a truth that all agree on.",
)
_WHOLE = "all"
_SCORES = ("raw", "corrected", "shift", "by_error_rates")

IntArray = npt.NDArray[np.int64]


def calibrate(
    graded: GradedCriteria,
    rows: MetaRows,
    meta_grades: MetaGrades,
    *,
    by: By = "theme",
    labelled: Labelled | None = None,
    resamples: int = RESAMPLES,
    seed: int = DEFAULT_SEED,
) -> dict[str, Any]:
    """Correct the scores of every run in a table of grades.

    Args:
        graded: Graded criteria of one judge.
        rows: Meta-evaluation rows.
        meta_grades: The same judge's grades on them.
        by: Strata of the error rates: the theme, the physicians' category of a criterion, or none.
        labelled: Human labels of some of the graded criteria; adds estimates by PPI++.
        resamples: Number of bootstrap resamples of either set.
        seed: Seed of the bootstraps.

    Returns:
        The document, JSON-ready: the strata's error rates; per run the score as judged and corrected, and rates of
        criteria met; per pair of runs of one subset the difference; assumptions. Shares are fractions.

    Raises:
        MedevalError: The grades come from several judges, or a criterion has no stratum.
    """
    if graded.frame["judge"].nunique() > 1:
        raise MedevalError(f"{graded.path}: mixes the judges {graded.judge}", "Calibrate one judge at a time.")
    meta, names = _meta_set(rows, meta_grades, by, set(_strata_of(graded.frame, by, graded)))
    runs = []
    for run, frame in graded.runs():
        codes = np.searchsorted(names, _strata_of(frame, by, graded)).astype(np.int64)
        points = points_of(frame, codes, len(names))
        runs.append((run, frame, codes, points))
    strata = _strata(meta, names)
    return {
        "schema": SCHEMA,
        "judge": graded.judge,
        "meta_judge": meta_grades.judge,
        "notes": _notes(graded, meta_grades, rows),
        "assumptions": list(ASSUMPTIONS),
        "by": by,
        "meta": rows.description(),
        "strata": strata,
        "seed": seed,
        "resamples": resamples,
        "runs": [
            {
                **run,
                **_score(points, meta, strata, resamples, seed),
                **_rates(frame, codes, meta, names, resamples, seed),
                "prediction_powered": prediction_powered(frame, run, labelled) if labelled else None,
            }
            for run, frame, codes, points in runs
        ],
        "differences": [
            _difference(a[0], a[3], b[0], b[3], meta, strata, resamples, seed)
            for a, b in combinations(runs, 2)
            if a[0]["subset"] == b[0]["subset"]
        ],
    }


def _meta_set(
    rows: MetaRows, meta_grades: MetaGrades, by: By, wanted: set[str]
) -> tuple[MetaSet, npt.NDArray[np.str_]]:
    """Return the meta set by stratum, and the strata's names in order: its own and those of the grades."""
    met, not_met, answered = meta_grades.shares()
    judged = rows.selected(answered)
    of_row = {"theme": judged.themes, "category": judged.categories, "none": np.full(len(judged), _WHOLE)}[by]
    names = np.array(sorted(set(of_row.tolist()) | wanted))
    codes = np.searchsorted(names, of_row).astype(np.int64)
    return MetaSet(judged.cells(met, not_met), codes, judged.prompts, len(names)), names


def _strata_of(frame: pd.DataFrame, by: By, graded: GradedCriteria) -> list[str]:
    if by == "none":
        return [_WHOLE] * len(frame)
    names = frame["stratum"].tolist() if by == "theme" else [_category(tags) for tags in frame["tags"]]
    if "" in names:
        row = frame.iloc[names.index("")]
        raise MedevalError(
            f"{graded.path}: criterion {row['criterion_index']} of {row['item_id']} has no {by}",
            "Choose another --by; `none` takes all criteria together.",
        )
    return [str(name) for name in names]


def _category(tags: Sequence[str]) -> str:
    return next((tag.removeprefix("cluster:") for tag in tags if tag.startswith("cluster:")), "")


def _strata(meta: MetaSet, names: npt.NDArray[np.str_]) -> list[dict[str, Any]]:
    totals = meta.totals()
    sensitivity, specificity = error_rates(totals)
    after_met, after_not_met = predictive_values(totals)
    entries: list[dict[str, Any]] = []
    for s, name in enumerate(names.tolist()):
        informedness = float(sensitivity[s] + specificity[s] - 1)
        entries.append(
            {
                "stratum": name,
                "pairs": float(totals[s].sum()),
                "sensitivity": float(sensitivity[s]),
                "specificity": float(specificity[s]),
                "informedness": informedness,
                "identified": informedness >= LEAST_INFORMEDNESS,
                "met_after_met": float(after_met[s]),
                "met_after_not_met": float(after_not_met[s]),
            }
        )
    cleaned: list[dict[str, Any]] = as_json(entries)
    return cleaned


def _score(points: Points, meta: MetaSet, strata: list[dict[str, Any]], resamples: int, seed: int) -> dict[str, Any]:
    counts = {"examples": len(points.keys), "missing": points.missing, "undefined": points.undefined}
    if not len(points.keys):
        return {**counts, **dict.fromkeys(_SCORES), "reason": "no example has all its grades"}
    found, unbiased = (
        corrected_mean(points.met, points.not_met, points.prompts, meta, worth=worth, resamples=resamples, seed=seed)
        for worth in (predictive_values, unbiased_values)
    )
    reason = _why_not(points, strata, found.undefined)
    return {
        **counts,
        "raw": as_json(found.raw),
        "corrected": None if reason else as_json(found.corrected),
        "shift": None if reason else as_json(found.shift),
        "by_error_rates": None if reason else as_json(unbiased.corrected),
        "reason": reason,
    }


def _why_not(points: Points, strata: list[dict[str, Any]], undefined: Sequence[int]) -> str | None:
    """Say why a score is not identified; None when it is."""
    used = (points.met != 0).any(axis=0) | (points.not_met != 0).any(axis=0)
    blind = [entry["stratum"] for entry, there in zip(strata, used, strict=True) if there and not entry["identified"]]
    unseen = [strata[s]["stratum"] for s in undefined if strata[s]["stratum"] not in blind]
    parts = []
    if blind:
        parts.append(f"sensitivity + specificity - 1 is below {LEAST_INFORMEDNESS}, or unknown, in {', '.join(blind)}")
    if unseen:
        parts.append(f"the meta-evaluation has no grade of one kind in {', '.join(unseen)}")
    return f"not identified: {'; '.join(parts)}" if parts else None


def _rates(
    frame: pd.DataFrame, codes: IntArray, meta: MetaSet, names: npt.NDArray[np.str_], resamples: int, seed: int
) -> dict[str, Any]:
    met = frame["met"].to_numpy(float)
    usable = ~np.isnan(met)
    if not usable.any():
        return {"rates": [], "rate": None, "rate_judged": None}
    prompts = frame["item_id"].to_numpy(str)
    parts, overall = corrected_rates(met[usable], codes[usable], prompts[usable], meta, resamples=resamples, seed=seed)
    return {
        "rates": [_rate(str(name), part) for name, part in zip(names, parts, strict=True) if part is not None],
        "rate": as_json(overall),
        "rate_judged": float(met[usable].mean()),
    }


def _rate(name: str, part: CorrectedRate) -> dict[str, Any]:
    reason = None
    if part.share is None:
        reason = "the meta-evaluation has no label of one kind"
    elif not part.share.identified:
        reason = f"sensitivity + specificity - 1 is {part.share.informedness:.3f}, below {LEAST_INFORMEDNESS}"
    entry: dict[str, Any] = {"stratum": name, **as_json(part), "reason": reason}
    return entry


def _difference(
    a: dict[str, str],
    points_a: Points,
    b: dict[str, str],
    points_b: Points,
    meta: MetaSet,
    strata: list[dict[str, Any]],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Compare two runs on the prompts of both; an error of the calibration that both share cancels."""
    (met_a, not_a), (met_b, not_b) = points_a.by_prompt(), points_b.by_prompt()
    shared = met_a.index.intersection(met_b.index)
    entry: dict[str, Any] = {"a": a, "b": b, "prompts": len(shared)}
    if not len(shared):
        return {**entry, **dict.fromkeys(_SCORES), "reason": "no prompt has scores of both"}
    met = met_a.loc[shared].to_numpy() - met_b.loc[shared].to_numpy()
    not_met = not_a.loc[shared].to_numpy() - not_b.loc[shared].to_numpy()
    found, unbiased = (
        corrected_mean(met, not_met, shared.to_numpy(str), meta, worth=worth, resamples=resamples, seed=seed)
        for worth in (predictive_values, unbiased_values)
    )
    reason = _why_not(points_a, strata, found.undefined) or _why_not(points_b, strata, found.undefined)
    return {
        **entry,
        "raw": as_json(found.raw),
        "corrected": None if reason else as_json(found.corrected),
        "shift": None if reason else as_json(found.shift),
        "by_error_rates": None if reason else as_json(unbiased.corrected),
        "reason": reason,
    }


def _notes(graded: GradedCriteria, meta_grades: MetaGrades, rows: MetaRows) -> list[str]:
    notes = list(graded.notes)
    if graded.judge != meta_grades.judge:
        notes.append(f"the grades are by {graded.judge!r}, the error rates are of {meta_grades.judge!r}: are they one?")
    if not rows.whole:
        notes.append(f"the error rates come from {len(rows):,} rows, not from the published meta-evaluation")
    return notes
