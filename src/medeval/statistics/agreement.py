"""Do two backends, or a model and its quantised copy, give the same answers and the same option probabilities?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from statsmodels.stats.proportion import proportion_confint

from medeval.statistics.arrays import FloatArray, finite_vector, is_binary, label_codes, same_length
from medeval.statistics.clustered import FEW_CLUSTERS, cluster_error
from medeval.statistics.estimates import DEFAULT_CONFIDENCE, DEFAULT_RESAMPLES, DEFAULT_SEED, Estimate
from medeval.statistics.intervals import wilson
from medeval.statistics.paired import PairedDifference, paired_difference


@dataclass(frozen=True, slots=True)
class Flips:
    """Items whose correctness differs between a reference and a test system, both run once.

    Attributes:
        rate: Share of items that flip, with the Wilson interval of :func:`share_of_items`.
        lost: Items right in the reference only.
        gained: Items right in the test only.
        change: Test minus reference accuracy, with McNemar's test and the paired interval.
        n: Number of items.
    """

    rate: Estimate
    lost: int
    gained: int
    change: PairedDifference
    n: int


def flips(
    reference: npt.ArrayLike,
    test: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = DEFAULT_SEED,
) -> Flips:
    """Count correctness flips (arXiv 2407.09141): equal accuracy can hide large churn.

    Args:
        reference: Correctness of the reference, 0 or 1, shape (n,).
        test: Correctness of the test system on the same items, shape (n,).
        clusters: One label per item, shape (n,); None when items are independent.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap that clustered items need.

    Raises:
        ValueError: Wrong or unequal shapes, no items, or values other than 0 and 1.
    """
    first, second = _correctness(reference, "reference"), _correctness(test, "test")
    same_length(first, second, "reference and test")
    lost, gained = int(np.count_nonzero(first > second)), int(np.count_nonzero(first < second))
    rate = share_of_items(first != second, clusters, confidence)
    change = paired_difference(second, first, clusters, confidence=confidence, seed=seed)
    return Flips(rate, lost, gained, change, first.size)


def answer_changes(
    reference: Sequence[str | None],
    test: Sequence[str | None],
    clusters: npt.ArrayLike | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """Share of items whose chosen option changes; never below the flip rate of the same items.

    No answer (None) counts as a choice of its own: None on both sides is no change, None on one side is one.

    Args:
        reference: Option key chosen by the reference for each item, None where it gave no answer.
        test: The same for the test system.
        clusters: One label per item, shape (n,); None when items are independent.
        confidence: Coverage of the interval.

    Raises:
        ValueError: No items or unequal lengths.
    """
    if len(reference) != len(test) or not reference:
        raise ValueError(
            f"reference and test: expected answers to the same items, got {len(reference)} and {len(test)}"
        )
    changed = [before != after for before, after in zip(reference, test, strict=True)]
    return share_of_items(changed, clusters, confidence)


def excess_flips(
    base: npt.ArrayLike,
    base_again: npt.ArrayLike,
    test: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = DEFAULT_SEED,
) -> PairedDifference:
    """Flip rate of the test system against ``base`` beyond the rate at which ``base`` flips against itself.

    Args:
        base: Correctness in one run of the base, 0 or 1, shape (n,).
        base_again: Correctness in an independent second run of the base.
        test: Correctness of the test system on the same items.
        clusters: One label per item, shape (n,); None when items are independent.
        confidence: Coverage of the interval.
        resamples: Resamples of the bootstrap that clustered items need.
        seed: Its seed.

    Raises:
        ValueError: Wrong or unequal shapes, no items, or values other than 0 and 1.
    """
    first, again = _correctness(base, "base"), _correctness(base_again, "base_again")
    other = _correctness(test, "test")
    same_length(first, again, "base and base_again")
    same_length(first, other, "base and test")
    return paired_difference(
        np.abs(other - first),
        np.abs(again - first),
        clusters,
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )


def share_of_items(
    holds: npt.ArrayLike, clusters: npt.ArrayLike | None = None, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """Share of items of which something holds, with a Wilson interval also where items share clusters.

    Clustered items count as ``n / design effect`` items, which keeps the interval inside [0, 1] and sensible near its
    ends (compared with others by Franco and colleagues, PMC6690503). That number is at most n; it is at most the number
    of clusters where these are fewer than 30, as the design effect is then hardly known, or where all items agree.

    Args:
        holds: Whether it holds, per item, shape (n,).
        clusters: One label per item, shape (n,); None when items are independent.
        confidence: Coverage of the interval.

    Returns:
        The share; error and interval are None with a single cluster of several items.

    Raises:
        ValueError: Wrong shapes, no items, or values other than 0 and 1.
    """
    values = _zero_or_one(holds, "holds")
    codes = label_codes(clusters, values.size, "clusters")
    groups = int(codes.max()) + 1
    if groups == values.size:
        return wilson(int(values.sum()), values.size, confidence)
    error = cluster_error(values, codes)
    share = float(values.mean())
    if error is None:
        return Estimate(share, None, None, None, values.size, "no interval: needs two clusters", confidence)
    se = error * math.sqrt(groups / (groups - 1))
    effective = _effective_items(values, se, groups)
    low, high = proportion_confint(share * effective, effective, alpha=1.0 - confidence, method="wilson")
    # Rounding can push an end a hair outside [0, 1] or off the estimate at 0 and 1.
    low, high = min(max(0.0, float(low)), share), max(min(1.0, float(high)), share)
    words = f"Wilson score, {effective:.1f} effective items in {groups} clusters"
    return Estimate(share, se, low, high, values.size, words, confidence)


def _effective_items(values: FloatArray, se: float, groups: int) -> float:
    naive = float(values.std(ddof=1)) / math.sqrt(values.size)
    if naive == 0.0:
        return float(groups)
    effective = values.size if se == 0.0 else min(values.size, values.size * (naive / se) ** 2)
    return float(min(effective, groups) if groups < FEW_CLUSTERS else effective)


def _zero_or_one(values: npt.ArrayLike, name: str) -> FloatArray:
    array = finite_vector(values, name)
    if not is_binary(array):
        raise ValueError(f"{name}: expected only 0 and 1")
    return array


def _correctness(values: npt.ArrayLike, name: str) -> FloatArray:
    array = finite_vector(values, name)
    if not is_binary(array):
        raise ValueError(f"{name}: expected only 0 and 1; flips are defined for single runs")
    return array
