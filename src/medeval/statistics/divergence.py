"""How far apart two distributions over answer options are, item by item and on average. Natural logarithms."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from medeval.statistics.agreement import share_of_items
from medeval.statistics.arrays import FloatArray, closed_fraction, finite_matrix, label_codes
from medeval.statistics.clustered import cluster_mean
from medeval.statistics.estimates import DEFAULT_CONFIDENCE, DEFAULT_SEED, Estimate

SUM_TOLERANCE = 1e-6
# A reference that prefers one option by more than this is not on the fence; its choice should survive.
CLEAR_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class LetterAgreement:
    """Agreement of two distributions over answer options at the answer position.

    Attributes:
        kl: Mean Kullback-Leibler divergence from reference to test, in nats; infinite, without error and interval,
            when an item's test probability is 0 where the reference's is not.
        js: Mean Jensen-Shannon divergence, in nats (at most log 2).
        tv: Mean total variation distance (0 to 1).
        max_log_ratio: Largest absolute difference of log-probabilities over options and items; infinite when only one
            side gives an option probability 0.
        top1: Share of items with the same most likely option (the first, at a tie), with a Wilson interval.
        clear_top1: The same over items where the reference's first two options differ by more than 0.05; None
            when there are none.
        n: Number of items.
    """

    kl: Estimate
    js: Estimate
    tv: Estimate
    max_log_ratio: float
    top1: Estimate
    clear_top1: Estimate | None
    n: int


def letter_probabilities(log_probabilities: npt.ArrayLike) -> FloatArray:
    """Distribution over options from the log-probabilities of their letters, shape (n, m), each row scaled to sum to 1.

    Minus infinity stands for an option that an item does not have, and becomes 0.

    Raises:
        ValueError: Not 2-D, empty, NaN or plus infinity, or a row without any finite entry.
    """
    logs = np.asarray(log_probabilities, dtype=np.float64)
    if logs.ndim != 2 or logs.size == 0:
        raise ValueError(f"log_probabilities: expected a non-empty 2-D array, got shape {logs.shape}")
    if np.isnan(logs).any() or np.isposinf(logs).any() or np.isneginf(logs).all(axis=1).any():
        raise ValueError("log_probabilities: expected numbers or -inf, and one finite number in each row")
    return np.asarray(special.softmax(logs, axis=1), dtype=np.float64)


def kl_divergence(p: npt.ArrayLike, q: npt.ArrayLike) -> FloatArray:
    """Kullback-Leibler divergence ``sum p log(p / q)`` of each item, in nats, shape (n,); p is the reference.

    Infinite where q is 0 and p is not. ``p`` and ``q`` have shape (n items, m options); pad items with
    fewer options with 0 on both sides.

    Raises:
        ValueError: Wrong or unequal shapes, or a row that is not a distribution.
    """
    first, second = _distributions(p, q)
    return np.asarray(special.rel_entr(first, second).sum(axis=1), dtype=np.float64)


def js_divergence(p: npt.ArrayLike, q: npt.ArrayLike) -> FloatArray:
    """Jensen-Shannon divergence of each item, in nats, shape (n,); arguments as for :func:`kl_divergence`."""
    first, second = _distributions(p, q)
    middle = (first + second) / 2.0
    terms = special.rel_entr(first, middle) + special.rel_entr(second, middle)
    return np.asarray(terms.sum(axis=1) / 2.0, dtype=np.float64)


def total_variation(p: npt.ArrayLike, q: npt.ArrayLike) -> FloatArray:
    """Total variation distance of each item, 0 to 1, shape (n,); arguments as for :func:`kl_divergence`."""
    first, second = _distributions(p, q)
    return np.asarray(np.abs(first - second).sum(axis=1) / 2.0, dtype=np.float64)


def letter_agreement(
    reference: npt.ArrayLike,
    test: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    clear_margin: float = CLEAR_MARGIN,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = DEFAULT_SEED,
) -> LetterAgreement:
    """Summarise the divergence of two systems' option probabilities over the same items.

    Args:
        reference: Option probabilities of the reference, shape (n items, m options at least 2), rows summing to 1.
        test: The same for the test system.
        clusters: One label per item, shape (n,), for the intervals; None when items are independent.
        clear_margin: Lead of the reference's first option over its second above which an item is clear.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap that few clusters need.

    Raises:
        ValueError: Wrong or unequal shapes, a single option, or a row that is not a distribution.
    """
    p, q = _distributions(reference, test)
    if p.shape[1] < 2:
        raise ValueError("reference: expected at least two options, got one")
    closed_fraction(clear_margin, "clear_margin")
    codes = label_codes(clusters, len(p), "clusters")
    ranked = np.sort(p, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > clear_margin
    same = p.argmax(axis=1) == q.argmax(axis=1)
    kl, js, tv = (
        _mean(measure(p, q), codes, confidence, seed) for measure in (kl_divergence, js_divergence, total_variation)
    )
    return LetterAgreement(
        kl=kl,
        js=js,
        tv=tv,
        max_log_ratio=_max_log_ratio(p, q),
        top1=share_of_items(same, codes, confidence),
        clear_top1=share_of_items(same[clear], codes[clear], confidence) if clear.any() else None,
        n=len(p),
    )


def _mean(values: FloatArray, clusters: npt.ArrayLike | None, confidence: float, seed: int) -> Estimate:
    if np.isinf(values).any():
        reason = "no interval: infinite for at least one item"
        return Estimate(float("inf"), None, None, None, values.size, reason, confidence)
    return cluster_mean(values, clusters, confidence=confidence, seed=seed)


def _max_log_ratio(p: FloatArray, q: FloatArray) -> float:
    present = (p > 0.0) | (q > 0.0)
    with np.errstate(divide="ignore"):
        return float(np.abs(np.log(p[present]) - np.log(q[present])).max())


def _distributions(p: npt.ArrayLike, q: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = finite_matrix(p, "p"), finite_matrix(q, "q")
    if first.shape != second.shape:
        raise ValueError(f"p and q: expected the same shape, got {first.shape} and {second.shape}")
    for matrix, name in ((first, "p"), (second, "q")):
        totals = matrix.sum(axis=1)
        wrong = (matrix.min(axis=1) < 0.0) | (np.abs(totals - 1.0) > SUM_TOLERANCE)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ValueError(f"{name}: row {row} is not a distribution (sum {totals[row]}, values {matrix[row]})")
    return first, second
