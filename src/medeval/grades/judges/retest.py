"""One judge grades the same responses twice: how many grades flip, and what that does to the scores."""

from typing import Any

import numpy as np

from medeval.grades.judges.aligned import align
from medeval.grades.judges.grades import GradedCriteria
from medeval.records.documents import as_json
from medeval.statistics.agreement import flips
from medeval.statistics.clustered import cluster_mean
from medeval.statistics.estimates import DEFAULT_SEED

SCHEMA = "judge-retest.v1"


def retest(first: GradedCriteria, second: GradedCriteria, *, seed: int = DEFAULT_SEED) -> dict[str, Any]:
    """Compare two gradings by one judge; the change is second minus first.

    Args:
        first: The first grading.
        second: The second grading of the same responses.
        seed: Seed of the bootstraps that few prompts need.

    Returns:
        The document, JSON-ready: flips over all criteria and by the sign of their points, and each run's score in both
        gradings over the examples that both scored. Shares are fractions.

    Raises:
        MedevalError: The judges differ, or no criterion is in both.
    """
    aligned = align([first, second], again=True)
    points, usable = aligned.frame["points"].to_numpy(float), ~np.isnan(aligned.met).any(axis=1)
    prompts = aligned.frame["item_id"].to_numpy(str)
    parts = {"all criteria": usable, "positive points": usable & (points > 0), "negative points": usable & (points < 0)}
    runs = []
    for run, wanted in aligned.runs():
        scores = [aligned.scores(wanted, said) for said in aligned.met.T]
        shared = scores[0].index.intersection(scores[1].index)
        change = (scores[1].loc[shared] - scores[0].loc[shared]).to_numpy(float)
        of_prompt = shared.get_level_values("item_id").to_numpy(str)
        runs.append(
            {
                **run,
                "examples": len(shared),
                "first": float(scores[0].loc[shared].mean()) if len(shared) else None,
                "second": float(scores[1].loc[shared].mean()) if len(shared) else None,
                "change": as_json(cluster_mean(change, of_prompt, seed=seed)) if len(shared) else None,
            }
        )
    return {
        "schema": SCHEMA,
        "judge": first.judge,
        "criteria": len(aligned.frame),
        "missing_in_one": int((~usable).sum()),
        "only_in_one": sum(aligned.left_out),
        "flips": [
            {"part": name, **as_json(flips(aligned.met[part, 0], aligned.met[part, 1], prompts[part], seed=seed))}
            for name, part in parts.items()
            if part.any()
        ],
        "runs": runs,
        "seed": seed,
    }
