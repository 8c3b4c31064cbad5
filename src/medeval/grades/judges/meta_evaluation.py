"""The meta-evaluation document: how well one judge agrees with physicians, and whether that makes it credible."""

from dataclasses import replace
from typing import Any

import numpy as np

from medeval.grades.judges.acceptance import accept
from medeval.grades.judges.agreement import JudgeFigures
from medeval.grades.judges.meta_grades import MetaGrades
from medeval.grades.judges.physicians import among_themselves, judge_against_each
from medeval.grades.judges.rows import MetaRows
from medeval.grades.judges.stability import stability
from medeval.grades.judges.strata import error_rates_by_stratum
from medeval.records.documents import as_json
from medeval.statistics.agreement import share_of_items
from medeval.statistics.estimates import DEFAULT_SEED
from medeval.statistics.judge_agreement import agreement

SCHEMA = "judge-meta-evaluation.v1"
RESAMPLES = 4000


def meta_evaluation(
    rows: MetaRows, meta_grades: MetaGrades, *, resamples: int = RESAMPLES, seed: int = DEFAULT_SEED
) -> dict[str, Any]:
    """Measure a judge against physicians.

    With several replies per row, a row's pairs are those of one reply drawn at random. An unusable reply misses the
    class of every label of its row and claims none, so it can only lower an F1; `answered_only` leaves such rows out.

    Args:
        rows: All rows that there are.
        meta_grades: The judge's grades, on all of the rows or on some.
        resamples: Number of bootstrap resamples of prompts.
        seed: Seed of the bootstrap.

    Returns:
        The document, JSON-ready: `verdict` (is the judge credible?), reasons and conditions, figures overall, by theme,
        by category and of each physician, error rates by stratum, stability and unusable replies. Shares are fractions.
    """
    met, not_met, answered = meta_grades.shares()
    judged = rows.selected(answered)
    cells = judged.cells(met, not_met)
    figures = JudgeFigures(judged, cells, resamples=resamples, seed=seed)
    of_judged = replace(meta_grades, said=meta_grades.said[answered], asked=meta_grades.asked[answered])
    document = {
        "schema": SCHEMA,
        "judge": meta_grades.judge,
        "judge_prompt_sha256": meta_grades.prompt_sha256,
        "rows": rows.description(),
        "judged_rows": len(judged),
        "replies_missing": int((~meta_grades.asked).sum()),
        "samples": meta_grades.samples,
        "seed": seed,
        "resamples": resamples,
        "overall": figures.overall(),
        "mean_over_categories": figures.mean_over_categories(),
        "answered_only": _answered_only(judged, of_judged),
        "themes": figures.themes(),
        "categories": figures.categories(),
        "physicians": {
            **among_themselves(judged),
            "judge_against_each": judge_against_each(judged, met, not_met),
        },
        "strata": error_rates_by_stratum(judged, of_judged.said),
        "unusable": _unusable(judged, of_judged),
        "stability": stability(judged, of_judged),
    }
    return accept(document) | document


def _answered_only(rows: MetaRows, meta_grades: MetaGrades) -> dict[str, Any] | None:
    usable = ~np.isnan(meta_grades.said)
    kept = np.asarray(usable.any(axis=1), dtype=bool)
    if not kept.any():
        return None
    said, replies = meta_grades.said[kept], usable[kept].sum(axis=1)
    cells = rows.selected(kept).cells((said == 1).sum(axis=1) / replies, (said == 0).sum(axis=1) / replies)
    entry: dict[str, Any] = as_json(agreement(cells))
    return entry


def _unusable(rows: MetaRows, meta_grades: MetaGrades) -> dict[str, Any]:
    """Return the share of replies that are unusable, and how many of how many."""
    owner, _ = np.nonzero(meta_grades.asked)
    flags = np.isnan(meta_grades.said[meta_grades.asked])
    entry: dict[str, Any] = as_json(share_of_items(flags, rows.prompts[owner]))
    return entry | {"count": int(flags.sum())}
