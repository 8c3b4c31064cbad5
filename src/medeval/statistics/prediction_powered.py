"""Prediction-powered inference: the mean of labels that few items have, helped by a judge's grades on all of them."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import (
    FloatArray,
    closed_fraction,
    finite_vector,
    label_codes,
    open_fraction,
    same_length,
)
from medeval.statistics.clustered import cluster_error
from medeval.statistics.estimates import DEFAULT_CONFIDENCE, Estimate
from medeval.statistics.quantiles import two_sided


@dataclass(frozen=True, slots=True)
class PredictionPowered(Estimate):
    """A mean of labels; ``n`` counts the labelled items.

    Attributes:
        power: Weight of the grades, 0 (labels alone) to 1.
        classical: Mean of the labels alone with its normal interval, for contrast.
        unlabelled: Number of items with a grade and no label.
    """

    power: float = 0.0
    classical: Estimate | None = None
    unlabelled: int = 0


def ppi_mean(
    labels: npt.ArrayLike,
    grades: npt.ArrayLike,
    unlabelled: npt.ArrayLike,
    *,
    power: float | None = None,
    clusters: npt.ArrayLike | None = None,
    unlabelled_clusters: npt.ArrayLike | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
) -> PredictionPowered:
    """Mean label by PPI++ (arXiv 2311.01453): valid for any judge if the labelled items are a random part.

    The estimate is ``power * mean(unlabelled) + mean(labels - power * grades)``. Its variance adds those of both
    means; items that share a cluster are allowed for by the cluster-robust error (CR0). The two sets must not share
    clusters.

    Args:
        labels: Labels of the labelled items, shape (n,).
        grades: The judge's values for the same items, shape (n,).
        unlabelled: The judge's values for the other items, shape (N,).
        power: Weight of the grades; None for the one of least variance, ``cov / ((1 + n/N) var)`` kept in 0..1.
        clusters: One label per labelled item; None when they are independent.
        unlabelled_clusters: One label per other item; None when they are independent.
        confidence: Coverage of the normal interval.

    Returns:
        The estimate; error and interval are None with a single cluster on either side.

    Raises:
        ValueError: Wrong shapes, no items, or values that are not finite.
    """
    truth, guess = finite_vector(labels, "labels"), finite_vector(grades, "grades")
    others = finite_vector(unlabelled, "unlabelled")
    same_length(truth, guess, "labels and grades")
    open_fraction(confidence, "confidence")
    codes = label_codes(clusters, truth.size, "clusters")
    other_codes = label_codes(unlabelled_clusters, others.size, "unlabelled_clusters")
    weight = _power(truth, guess, others) if power is None else closed_fraction(power, "power")
    value = float(weight * others.mean() + (truth - weight * guess).mean())
    errors = cluster_error(truth - weight * guess, codes), cluster_error(others, other_codes)
    se = None if None in errors else math.hypot(errors[0] or 0.0, weight * (errors[1] or 0.0))
    return PredictionPowered(
        *_ends(value, se, confidence),
        n=truth.size,
        method="PPI++, normal" if power is None else f"PPI with weight {weight:g}, normal",
        confidence=confidence,
        power=weight,
        classical=Estimate(
            *_ends(float(truth.mean()), cluster_error(truth, codes), confidence), truth.size, "normal", confidence
        ),
        unlabelled=others.size,
    )


def _power(labels: FloatArray, grades: FloatArray, unlabelled: FloatArray) -> float:
    if labels.size + unlabelled.size < 2:
        return 0.0
    spread = float(np.concatenate([grades, unlabelled]).var(ddof=1))
    if spread == 0.0:
        return 0.0
    shared = float(((labels - labels.mean()) * (grades - grades.mean())).mean())
    return float(np.clip(shared / ((1.0 + labels.size / unlabelled.size) * spread), 0.0, 1.0))


def _ends(value: float, se: float | None, confidence: float) -> tuple[float, float | None, float | None, float | None]:
    if se is None:
        return value, None, None, None
    half = two_sided(confidence) * se
    return value, se, value - half, value + half
