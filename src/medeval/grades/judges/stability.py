"""Does a judge say the same again? Flips between replies to the same question."""

from itertools import combinations
from typing import Any

import numpy as np

from medeval.grades.judges.meta_grades import MetaGrades
from medeval.grades.judges.rows import MetaRows
from medeval.records.documents import as_json
from medeval.statistics.agreement import share_of_items
from medeval.statistics.clustered import cluster_mean
from medeval.statistics.estimates import Estimate
from medeval.statistics.judge_agreement import agreement


def stability(rows: MetaRows, meta_grades: MetaGrades) -> dict[str, Any] | None:
    """Return how often two replies to one question differ, and the macro-F1 of each sample; None with one sample.

    Args:
        rows: The judged rows.
        meta_grades: The grades on these rows.
    """
    if meta_grades.samples < 2:
        return None
    said = meta_grades.said
    pairs = [(said[:, a], said[:, b]) for a, b in combinations(range(meta_grades.samples), 2)]
    usable = np.stack([~np.isnan(a) & ~np.isnan(b) for a, b in pairs])
    differ = np.stack([a != b for a, b in pairs]) & usable
    compared = usable.any(axis=0)
    return {
        "samples": meta_grades.samples,
        "rows_compared": int(compared.sum()),
        "flip_rate": as_json(
            _flip_rate(
                differ[:, compared].sum(axis=0) / usable[:, compared].sum(axis=0), rows.prompts[compared].tolist()
            )
        ),
        "macro_f1_by_sample": [_macro_f1(rows, meta_grades.of_sample(k)) for k in range(meta_grades.samples)],
    }


def _flip_rate(shares: np.ndarray[Any, np.dtype[np.float64]], prompts: list[str]) -> Estimate | None:
    """Share of differing pairs of replies, averaged over rows."""
    if not shares.size:
        return None
    if np.isin(shares, (0.0, 1.0)).all():
        return share_of_items(shares, prompts)
    return cluster_mean(shares, prompts)


def _macro_f1(rows: MetaRows, sample: MetaGrades) -> float | None:
    if not sample.asked.any():
        return None
    met, not_met, answered = sample.shares()
    return agreement(rows.selected(answered).cells(met, not_met)).macro_f1
