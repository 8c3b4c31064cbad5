"""How many tokens two systems generate for the same items."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from medeval.compare.document import as_json
from medeval.compare.item_scores import ItemScores
from medeval.statistics.ratios import ratio_of_means


def token_ratio(a: Sequence[ItemScores], b: Sequence[ItemScores], seed: int) -> dict[str, Any]:
    """Compare the generated tokens of two systems, B over A, over the items that both replied to.

    Items of which a reply failed on either side are left out and counted: an error says nothing of length.

    Returns:
        `tokens`, the ratio with its intervals and the items that were left out, or null; and
        `tokens_missing`, why it is null, else null.
    """
    both = _replies(a).add_suffix("_a").join(_replies(b).add_suffix("_b"), how="inner")
    failed = (both["failed_a"] | both["failed_b"]).to_numpy(dtype=bool)
    tokens_a, tokens_b = (both.loc[~failed, f"tokens_{side}"].to_numpy(dtype=float) for side in ("a", "b"))
    if failed.all():
        return _missing("every item has a reply that failed")
    if not tokens_a.any() or not tokens_b.any():
        return _missing("nothing was generated")
    try:
        ratio = as_json(ratio_of_means(tokens_b, tokens_a, seed=seed))
    except ValueError as error:  # so few replies with a token that a resample of the bootstrap has none
        return _missing(f"too few replies have any token ({error})")
    return {"tokens": {**ratio, "items_with_errors": int(np.count_nonzero(failed))}, "tokens_missing": None}


def _missing(reason: str) -> dict[str, Any]:
    return {"tokens": None, "tokens_missing": reason}


def _replies(parts: Sequence[ItemScores]) -> pd.DataFrame:
    """Mean tokens of an item's replies and whether one failed, indexed by benchmark and item id."""
    rows = pd.concat([part.rows[["benchmark", "item_id", "generated_tokens", "status"]] for part in parts])
    rows = rows.assign(failed=rows["status"] == "error")
    return rows.groupby(["benchmark", "item_id"], sort=False).agg(
        tokens=("generated_tokens", "mean"), failed=("failed", "max")
    )
