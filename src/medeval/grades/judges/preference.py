"""Self-preference in a panel: what judges add to models of their own family."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from medeval.grades.judges.aligned import Aligned
from medeval.grades.judges.families import Families
from medeval.records.documents import as_json
from medeval.statistics.estimates import DEFAULT_SEED
from medeval.statistics.self_preference import own_family_odds, self_preference

FloatArray = npt.NDArray[np.float64]


def preferences(
    aligned: Aligned, families: Families, scores: Sequence[Sequence[pd.Series]], *, seed: int = DEFAULT_SEED
) -> list[dict[str, Any]]:
    """Return each subset's self-preference of judges, and the odds of a favourable grade within a family.

    Args:
        aligned: The grades.
        families: Families of judges and models.
        scores: Example scores of every run under every judge.
        seed: Seed of the bootstrap that few prompts need.

    Returns:
        One entry per subset: `judges` with the self-preference of each (null with a `reason`), and `odds`, from the
        grades where both families are known; null where they cannot tell.
    """
    runs = [run for run, _ in aligned.runs()]
    return [
        {
            "subset": subset,
            "judges": _of_judges(
                aligned.judges,
                families,
                [run["model"] for run in runs if run["subset"] == subset],
                _cube([by_judge for run, by_judge in zip(runs, scores, strict=True) if run["subset"] == subset]),
                seed,
            ),
            "odds": _odds(aligned, families, subset),
        }
        for subset in dict.fromkeys(run["subset"] for run in runs)
    ]


def _of_judges(
    judges: Sequence[str], families: Families, models: Sequence[str], cube: FloatArray, seed: int
) -> list[dict[str, Any]]:
    of_model = [families.of_model(model) for model in models]
    of_judge = [families.of_judge(judge) for judge in judges]
    entries = []
    for j, judge in enumerate(judges):
        family = of_judge[j]
        own = [family is not None and its == family for its in of_model]
        other = [family is not None and its not in (None, family) for its in of_model]
        beside = [family is not None and its not in (None, family) for its in of_judge]
        found = self_preference(cube, j, own, other, beside, seed=seed)
        reason = None if found else _reason(family, own, other, beside)
        entries.append({"judge": judge, "family": family, "preference": as_json(found), "reason": reason})
    return entries


def _reason(family: str | None, own: list[bool], other: list[bool], beside: list[bool]) -> str:
    if family is None:
        return "no family is stated of this judge"
    if not any(own):
        return "no model is of its family"
    if not any(other):
        return "no model is of another stated family"
    if not any(beside):
        return "no judge is of another stated family"
    return "no prompt has all scores"


def _cube(scores: Sequence[Sequence[pd.Series]]) -> FloatArray:
    """Return scores averaged over samples, NaN where missing, shape (prompts, runs, judges)."""
    means = [[series.groupby(level="item_id").mean() for series in by_judge] for by_judge in scores]
    prompts = sorted({item for by_judge in means for series in by_judge for item in series.index})
    return np.stack(
        [np.stack([series.reindex(prompts).to_numpy(float) for series in by_judge], axis=1) for by_judge in means],
        axis=1,
    )


def _odds(aligned: Aligned, families: Families, subset: str) -> dict[str, Any] | None:
    frame = aligned.frame
    of_model = np.array([families.of_model(model) or "" for model in frame["model"]])
    points = frame["points"].to_numpy(float)
    parts = []
    for j, judge in enumerate(aligned.judges):
        family = families.of_judge(judge)
        said = aligned.met[:, j]
        kept = ~np.isnan(said) & (frame["subset"] == subset).to_numpy() & (points != 0) & (of_model != "")
        if family is None or not kept.any():
            continue
        rows = frame[kept]
        systems = rows["model"] + "/" + rows["variant"] + "/" + rows["target"]
        favourable = np.where(points[kept] > 0, said[kept], 1.0 - said[kept])
        parts.append(
            pd.DataFrame(
                {
                    "y": favourable,
                    "system": systems,
                    "judge": j,
                    "own": of_model[kept] == family,
                    "item": rows["item_id"],
                }
            )
        )
    if not parts:
        return None
    data = pd.concat(parts)
    found: dict[str, Any] | None = as_json(
        own_family_odds(
            data["y"].to_numpy(float),
            data["system"].to_numpy(str),
            data["judge"].to_numpy(),
            data["own"].to_numpy(float),
            data["item"].to_numpy(str),
        )
    )
    return found
