"""How many tokens two systems generate for the same items, and what they score within the same budget of tokens."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pandas as pd

from medeval.comparisons.document import Budget, RightReplies, Sides, Tokens
from medeval.comparisons.item_scores import ItemScores
from medeval.statistics.macro import macro_average
from medeval.statistics.ratios import ratio_of_means

# Replies longer than a budget count as wrong.
BUDGETS = (256, 512, 1024, 2048, 4096, 8192, 16384)


def token_ratio(a: Sequence[ItemScores], b: Sequence[ItemScores], seed: int) -> tuple[Tokens | None, str | None]:
    """Compare the generated tokens of two systems, B over A, over the items that both replied to.

    Items of which a reply failed on either side are left out and counted: an error says nothing of length.

    Returns:
        The ratio with what qualifies it; or None, and why.
    """
    if unknown := sum(int((part.rows["generated_tokens"] < 0).sum()) for part in (*a, *b)):
        return None, f"the tokens of {unknown} replies are not known"
    both = _replies(a).add_suffix("_a").join(_replies(b).add_suffix("_b"), how="inner")
    failed = (both["failed_a"] | both["failed_b"]).to_numpy(dtype=bool)
    tokens_a, tokens_b = (both.loc[~failed, f"tokens_{side}"].to_numpy(dtype=float) for side in ("a", "b"))
    if failed.all():
        return None, "every item has a reply that failed"
    if not tokens_a.any() or not tokens_b.any():
        return None, "nothing was generated"
    try:
        ratio = ratio_of_means(tokens_b, tokens_a, seed=seed)
    except ValueError as error:  # so few replies with a token that a resample of the bootstrap has none
        return None, f"too few replies have any token ({error})"
    found = Tokens(
        **{field.name: getattr(ratio, field.name) for field in fields(ratio)},
        items_with_errors=int(np.count_nonzero(failed)),
        mean=Sides(float(tokens_a.mean()), float(tokens_b.mean())),
        truncated=Sides(*(float(both[f"truncated_{side}"].mean()) for side in ("a", "b"))),
        both_correct=_both_correct(a, b, seed),
        budgets=_budgets(a, b),
    )
    return found, None


def _rows(parts: Sequence[ItemScores]) -> pd.DataFrame:
    columns = ["benchmark", "item_id", "generated_tokens", "status", "correct"]
    return pd.concat([part.rows[columns] for part in parts])


def _replies(parts: Sequence[ItemScores]) -> pd.DataFrame:
    """Mean tokens of an item's replies, whether one failed, and their truncated share, by benchmark and item id."""
    rows = _rows(parts)
    rows = rows.assign(failed=rows["status"] == "error", truncated=rows["status"] == "truncated")
    return rows.groupby(["benchmark", "item_id"], sort=False).agg(
        tokens=("generated_tokens", "mean"), failed=("failed", "max"), truncated=("truncated", "mean")
    )


def _both_correct(a: Sequence[ItemScores], b: Sequence[ItemScores], seed: int) -> RightReplies:
    """Compare the correct replies alone, on the items of which both systems have one: shorter because right, or not?"""
    rows_a, rows_b = (_rows(parts) for parts in (a, b))
    means = [
        rows[rows["correct"]].groupby(["benchmark", "item_id"], sort=False)["generated_tokens"].mean()
        for rows in (rows_a, rows_b)
    ]
    both = pd.concat(means, axis="columns", join="inner", keys=["a", "b"])
    if not len(both):
        return RightReplies(None, 0, "no item was answered correctly by both")
    try:
        ratio = ratio_of_means(both["b"].to_numpy(dtype=float), both["a"].to_numpy(dtype=float), seed=seed)
    except ValueError as error:
        return RightReplies(None, len(both), f"too few correct replies have any token ({error})")
    return RightReplies(ratio.bootstrap, len(both), None)


def _budgets(a: Sequence[ItemScores], b: Sequence[ItemScores]) -> tuple[Budget, ...]:
    """Return both averages and their difference when a reply counts only within a budget, up to the longest reply."""
    longest = max(int(part.rows["generated_tokens"].max()) for part in (*a, *b))
    above = next((budget for budget in BUDGETS if budget >= longest), BUDGETS[-1])
    entries = []
    for budget in (budget for budget in BUDGETS if budget <= above):
        sides = [[_within(part, budget) for part in parts] for parts in (a, b)]
        shared = [one.index.intersection(two.index, sort=False) for one, two in zip(*sides, strict=True)]
        means = [
            macro_average([part.component(s.loc[i]) for part, s, i in zip(parts, side, shared, strict=True)]).value
            for parts, side in zip((a, b), sides, strict=True)
        ]
        differences = [one.loc[i] - two.loc[i] for one, two, i in zip(*sides, shared, strict=True)]
        found = macro_average([part.component(d) for part, d in zip(a, differences, strict=True)], shared_clusters=True)
        entries.append(Budget(budget, means[0], means[1], found))
    return tuple(entries)


def _within(part: ItemScores, budget: int) -> pd.Series:
    right: pd.Series = part.rows["correct"] & (part.rows["generated_tokens"] <= budget)
    scores: pd.Series = right.astype(float).groupby(part.rows["item_id"], sort=False).mean()
    return scores
