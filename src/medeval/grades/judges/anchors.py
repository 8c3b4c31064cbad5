"""Anchors: systems with official HealthBench scores that our judge grades, to carry its other scores over."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medeval.errors import MedevalError
from medeval.grades.judges.grades import GradedCriteria, points_of
from medeval.records.documents import as_json
from medeval.records.files import read_json
from medeval.statistics.anchors import LEAST_ANCHORS, AnchorOffset, Transported, anchor_offset, transport
from medeval.statistics.clustered import cluster_mean
from medeval.statistics.equivalence import tost
from medeval.statistics.estimates import DEFAULT_SEED

SCHEMA = "judge-anchors.v1"
OVERALL = "overall"
SCALE = (
    "judged scores are means of example scores that are not clipped; official scores above 0 are on this scale, and "
    "one of 0 may be a negative mean that was clipped, so it says only that the mean is 0 or less"
)
DRIFT = 0.02  # how far two faithful runs of one benchmark may drift apart

Official = Mapping[str, Mapping[str, float]]


def read_official(path: Path) -> Official:
    """Read official scores: JSON such as {"gpt-4.1": {"overall": 0.4778, "hedging": 0.5}}, as fractions.

    Raises:
        MedevalError: The file is missing or of another form, or a score is no fraction.
    """
    document = read_json(path)
    remedy = 'Write {"MODEL": {"overall": 0.4778, "THEME": 0.5}}, scores as fractions.'
    if not isinstance(document, dict) or not all(isinstance(scores, dict) and scores for scores in document.values()):
        raise MedevalError(f"{path}: expected an object of models with their scores", remedy)
    for model, scores in document.items():
        for stratum, score in scores.items():
            if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1:
                raise MedevalError(f"{path}: {model}, {stratum}: {score!r} is no fraction", remedy)
    return document


def anchors(
    graded: GradedCriteria,
    official: Official,
    judged: GradedCriteria | None = None,
    *,
    published: float | None = None,
    margin: float = DRIFT,
    seed: int = DEFAULT_SEED,
) -> dict[str, Any]:
    """Compare a judge with the official one by stratum, and carry other scores over.

    Args:
        graded: Anchors as graded by our judge; their `model` is the name in `official`.
        official: Official scores by model and stratum: `overall` or a theme.
        judged: Grades by the same judge to carry over.
        published: Published overall score, a fraction, to hold the only run of `judged` against. One of 0 can be
            refuted by a higher score, never reproduced.
        margin: How far a score may differ and still be the published one.
        seed: Seed of the bootstrap that few prompts need.

    Returns:
        The document, JSON-ready: offsets by stratum, the anchors behind them, and the carried scores with a verdict.

    Raises:
        MedevalError: Judges differ, an anchor has no official score, one of 0, or several runs, or what is published
            cannot be told from the runs.
    """
    _one_judge(graded, judged)
    pairs = list(_pairs(graded, official, seed))
    offsets = {
        stratum: anchor_offset([pair["judged"] for pair in group], [pair["official"] for pair in group])
        for stratum in dict.fromkeys(pair["stratum"] for pair in pairs)
        if (group := [pair for pair in pairs if pair["stratum"] == stratum])
    }
    runs = _carried(judged, offsets, seed) if judged else []
    if published is not None:
        runs = [_decided(runs, published, margin, offsets)]
    return {
        "schema": SCHEMA,
        "judge": graded.judge,
        "scale": SCALE,
        "anchors": pairs,
        "offsets": {stratum: as_json(offset) for stratum, offset in offsets.items()},
        "least_anchors": LEAST_ANCHORS,
        "runs": runs,
        "seed": seed,
    }


def _one_judge(graded: GradedCriteria, judged: GradedCriteria | None) -> None:
    for one in (graded, judged):
        if one is not None and one.frame["judge"].nunique() > 1:
            raise MedevalError(f"{one.path}: mixes the judges {one.judge}", "Give the grades of one judge.")
    if judged is not None and judged.judge != graded.judge:
        raise MedevalError(
            f"{graded.path} is graded by {graded.judge!r}, {judged.path} by {judged.judge!r}",
            "Grade the anchors with the judge whose scores are to be carried over.",
        )


def _pairs(graded: GradedCriteria, official: Official, seed: int) -> Iterator[dict[str, Any]]:
    models = [run["model"] for run, _ in graded.runs()]
    if twice := sorted({model for model in models if models.count(model) > 1}):
        raise MedevalError(f"{graded.path}: {twice[0]} has several runs", "Give one run per anchor.")
    for run, rows in graded.runs():
        if run["model"] not in official:
            raise MedevalError(
                f"{graded.path}: no official score of {run['model']}", "Add it, or leave the anchor out."
            )
        for stratum, score in official[run["model"]].items():
            if not score > 0:
                raise MedevalError(
                    f"{graded.path}: the official score of {run['model']}, {stratum}, is 0, perhaps a negative mean "
                    "that was clipped, so its distance from a judged mean is not known",
                    "Leave this score out.",
                )
            ours = _score(rows, stratum, seed)
            if ours is None:
                raise MedevalError(
                    f"{graded.path}: {run['model']} has no scored example of {stratum}", "Correct the official scores."
                )
            names = {"anchor": run["model"], "stratum": stratum}
            yield {**names, "judged": ours["value"], "official": score, "n": ours["n"]}


def _score(rows: pd.DataFrame, stratum: str, seed: int) -> dict[str, Any] | None:
    """Return the mean example score of a stratum with its error over prompts, not clipped."""
    part = rows if stratum == OVERALL else rows[rows["stratum"] == stratum]
    if not len(part):
        return None
    points = points_of(part, np.zeros(len(part), dtype=np.int64), 1)
    if not len(points.keys):
        return None
    found: dict[str, Any] = as_json(cluster_mean(points.met[:, 0], points.prompts, seed=seed))
    return found


def _carried(judged: GradedCriteria, offsets: Mapping[str, AnchorOffset], seed: int) -> list[dict[str, Any]]:
    found = []
    for run, rows in judged.runs():
        scores: dict[str, Transported] = {}
        for stratum, offset in offsets.items():
            score = _score(rows, stratum, seed)
            if score is not None and score["se"] is not None:
                scores[stratum] = transport(score["value"], score["se"], offset)
        found.append({**run, "scores": as_json(scores)})
    return found


def _decided(
    runs: list[dict[str, Any]], published: float, margin: float, offsets: Mapping[str, AnchorOffset]
) -> dict[str, Any]:
    """Hold the only run's carried score against a published one."""
    if len(runs) != 1 or OVERALL not in runs[0]["scores"]:
        raise MedevalError(
            f"--published needs one run with an overall score and anchors with one; there are {len(runs)} runs",
            "Give the grades of one run, and overall scores of the anchors.",
        )
    carried, offset = runs[0]["scores"][OVERALL], offsets[OVERALL]
    decision: dict[str, Any] = {"published": published, "margin": margin}
    if carried["total_se"] is None or not carried["total_se"] > 0 or not math.isfinite(carried["total_se"]):
        return {**runs[0], **decision, "verdict": "INCONCLUSIVE", "reason": "one anchor shows no spread"}
    test = tost(carried["corrected"] - published, carried["total_se"], margin)
    verdict = "REPRODUCED" if test.equivalent else "NOT_REPRODUCED" if test.below or test.above else "INCONCLUSIVE"
    reason = (
        f"corrected minus published is {test.value:+.4f}, 90 % {test.low:+.4f} to {test.high:+.4f}, "
        f"against a margin of {margin:g}"
    )
    if published == 0 and not test.above:
        verdict = "INCONCLUSIVE"
        reason += "; a published 0 may be a negative mean that was clipped, which only a higher score refutes"
    if not offset.enough and verdict != "INCONCLUSIVE":
        verdict = "INCONCLUSIVE"
        reason += f"; {offset.n} anchors decide nothing, at least {LEAST_ANCHORS} are needed"
    return {**runs[0], **decision, "verdict": verdict, "reason": reason}
