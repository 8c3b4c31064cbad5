"""Ratios: how many times fewer tokens, how much smaller a file."""

from dataclasses import replace

from medeval.comparisons.document import Budget, Sides
from medeval.statistics.ratios import inverse
from medeval.verdicts.basis import BudgetRow, SizeBasis, TokensBasis
from medeval.verdicts.evidence import Evidence
from medeval.verdicts.measured import POINTS, Missing, TokenRatio
from medeval.verdicts.replies import truncated_share
from medeval.verdicts.verdict import CutShares, Decision, Estimand, Flag, Verdict

# Two protocols may differ this much in mean answer length without contradicting a ratio.
RATIO_TOLERANCE = 0.05
# A ratio of lengths says nothing of the models when this share of the replies, or more, was cut.
MOST_CUT = 0.01


def decide_size(a: str, b: str, bytes_a: int, bytes_b: int, stated_reduction: float) -> Decision:
    """Decide a stated reduction in file size, in whole percent; nothing random is involved."""
    reduction = 100.0 * (1.0 - bytes_a / bytes_b)
    verdict = Verdict.REPRODUCED if round(reduction) == round(stated_reduction) else Verdict.NOT_REPRODUCED
    reason = f"{bytes_a:,} of {bytes_b:,} bytes is {reduction:.1f} % smaller, stated {stated_reduction:g} %"
    return Decision(
        "size",
        a,
        b,
        verdict,
        (reason,),
        unit="percent",
        estimate=reduction,
        method="file sizes",
        basis=SizeBasis(bytes_a=bytes_a, bytes_b=bytes_b, stated_reduction=stated_reduction),
    )


def measured_ratio(evidence: Evidence, a: str, b: str) -> TokenRatio | Missing:
    """Return the ratio of generated tokens of B over A."""
    found = evidence.pair(a, b, mode="generate")
    if isinstance(found, Missing):
        return found
    pair, sign = found
    tokens = pair.tokens
    if tokens is None:
        return Missing(f"the tokens of {a} and {b} cannot be compared: {pair.tokens_missing}")
    estimate, median, mean, right = tokens.bootstrap, tokens.median_of_ratios, tokens.mean, tokens.both_correct
    # The document has the second over the first, which is B over A unless the pair stands the other way.
    if sign < 0:
        estimate, median, mean = inverse(estimate), 1.0 / median if median else median, Sides(mean.b, mean.a)
        right = replace(right, ratio=right.ratio and inverse(right.ratio))
    failed = tokens.items_with_errors
    partial = [f"{failed} items with a failed reply are left out"] if failed else []
    return TokenRatio(
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        se=estimate.se,
        method=estimate.method,
        items=tokens.n,
        truncated=CutShares(*(truncated_share(evidence.scores(name, mode="generate")) for name in (a, b))),
        mean_tokens=mean,
        median_of_ratios=median,
        both_correct=right,
        budgets=tuple(_budget(entry, sign) for entry in tokens.budgets),
        partial=(*partial, *evidence.shortages(pair.benchmarks)),
        items_total=evidence.total([entry.benchmark for entry in pair.benchmarks]),
    )


def _budget(entry: Budget, sign: int) -> BudgetRow:
    """Return accuracies within a budget in points, as A and B of the claim."""
    a, b = (entry.a, entry.b) if sign > 0 else (entry.b, entry.a)
    difference, se = entry.difference.value, entry.difference.se
    return BudgetRow(
        tokens=entry.tokens,
        a=POINTS * a,
        b=POINTS * b,
        difference=sign * POINTS * difference,
        se=None if se is None else POINTS * se,
    )


def decide_token_ratio(a: str, b: str, ratio: TokenRatio, stated: float, decimals: int) -> Decision:
    """Decide "A uses `stated` times fewer tokens than B" by the bootstrap interval of the ratio B over A.

    Args:
        a: The system the claim is about.
        b: What it is compared with.
        ratio: The measured ratio.
        stated: The stated multiple.
        decimals: Its printed decimals.
    """
    half = 0.5 * 10.0**-decimals
    low, high = (stated - half) * (1 - RATIO_TOLERANCE), (stated + half) * (1 + RATIO_TOLERANCE)
    measured = f"the ratio is {ratio.value:.2f}"
    flags = {Flag.PARTIAL_COVERAGE} if ratio.partial else set()
    if ratio.low is None or ratio.high is None:
        verdict, reason = Verdict.INCONCLUSIVE, f"{measured}, without an interval"
    elif ratio.truncated.largest >= MOST_CUT:
        share = f"{100 * ratio.truncated.largest:.1f} %"
        verdict, reason = Verdict.INCONCLUSIVE, f"{share} of the replies were cut by the token limit"
        flags.add(Flag.TRUNCATED)
    elif ratio.low <= high and ratio.high >= low:
        verdict, reason = Verdict.REPRODUCED, f"{measured}, its interval meets {low:.2f} to {high:.2f}"
    else:
        verdict, reason = Verdict.NOT_REPRODUCED, f"{measured}, its interval misses {low:.2f} to {high:.2f}"
    return Decision(
        "tokens",
        a,
        b,
        verdict,
        (reason, *_right_replies(ratio), *ratio.partial),
        unit="ratio",
        estimate=ratio.value,
        low=ratio.low,
        high=ratio.high,
        se=ratio.se,
        method=ratio.method,
        items=ratio.items,
        items_total=ratio.items_total,
        flags=frozenset(flags),
        estimand=Estimand.SAMPLED,
        basis=TokensBasis(
            stated_ratio=stated,
            meets=(low, high),
            largest_truncated=ratio.truncated.largest,
            mean_tokens=ratio.mean_tokens,
            median_of_ratios=ratio.median_of_ratios,
            both_correct=ratio.both_correct,
            budgets=ratio.budgets,
        ),
        truncated=ratio.truncated,
    )


def _right_replies(ratio: TokenRatio) -> list[str]:
    found, items = ratio.both_correct.ratio, ratio.both_correct.n
    if found is None:
        return []
    interval = "" if found.low is None else f" ({found.low:.2f} to {found.high:.2f})"
    return [f"among correct replies it is {found.value:.2f}{interval}, on {items:,} items both answer correctly"]
