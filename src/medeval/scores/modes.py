"""Two ways of asking side by side: what a model writes, and which option it finds the most probable.

They are separate metrics and are never mixed; where they part says how much a score owes to the way of asking.
"""

from typing import Any

import pandas as pd
import pyarrow as pa

from medeval.records.system import SYSTEM

_GROUP = [*SYSTEM, "benchmark"]
_COLUMNS = [*_GROUP, "item_id", "sample", "mode", "choice", "correct"]
_GENERATED, _SCORED = "generate", ("letter", "cloze")  # choices_only does not ask the question


def modes_side_by_side(scores: pa.Table) -> list[dict[str, Any]]:
    """Compare every system's generated answers with its answers by log-probability, benchmark by benchmark.

    Every generated response is held against the one response by log-probability to the same item, so items with more
    samples weigh more only if the samples of others are missing.

    Args:
        scores: Rows of `tables.SCORES`.

    Returns:
        One dict per system, benchmark and log-probability mode: model, variant, target, benchmark, mode; `items` and
        `pairs` of responses that were compared, `only_generated` and `only_scored` (items that the other lacks);
        the accuracies `generated` and `scored` over the pairs; and shares of the pairs: `both_right`,
        `only_generated_right`, `only_scored_right`, `both_wrong`, and `different` (they chose other options, or one
        chose none). Shares are None when there is no pair.
    """
    frame = scores.select(_COLUMNS).to_pandas()
    entries = []
    for system, rows in frame.groupby(_GROUP, observed=True):
        generated = rows[rows["mode"] == _GENERATED]
        for mode in _SCORED:
            scored = rows[rows["mode"] == mode]
            if len(generated) and len(scored):
                names = dict(zip(_GROUP, map(str, system), strict=True))
                entries.append({**names, "mode": mode, **_compared(generated, scored)})
    return sorted(entries, key=lambda entry: [entry[name] for name in (*_GROUP, "mode")])


def _compared(generated: pd.DataFrame, scored: pd.DataFrame) -> dict[str, Any]:
    first = scored.drop_duplicates("item_id")  # nothing is drawn at random, so further samples say the same
    pairs = generated.merge(first, on="item_id", suffixes=("_generated", "_scored"))
    items = set(pairs["item_id"])
    right, also = pairs["correct_generated"].astype(bool), pairs["correct_scored"].astype(bool)
    different = pairs["choice_generated"].fillna(-1) != pairs["choice_scored"].fillna(-1)
    return {
        "items": len(items),
        "pairs": len(pairs),
        "only_generated": len(set(generated["item_id"]) - items),
        "only_scored": len(set(first["item_id"]) - items),
        "generated": _share(right),
        "scored": _share(also),
        "both_right": _share(right & also),
        "only_generated_right": _share(right & ~also),
        "only_scored_right": _share(~right & also),
        "both_wrong": _share(~right & ~also),
        "different": _share(different),
    }


def _share(values: pd.Series) -> float | None:
    return float(values.mean()) if len(values) else None
