"""How well a yes-or-no judge agrees with human raters of whom several may have looked at each row.

Every grade is compared with every rater's label of its row; such a comparison is a pair. The counts of pairs by
kind, the cells, add up over rows, so that any part of the rows and any resample of them is scored from their sums.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import FloatArray, IntArray, finite_matrix, finite_vector, label_codes, same_length
from medeval.statistics.bootstrap import resampled_totals, summarise
from medeval.statistics.clustered import FEW_CLUSTERS
from medeval.statistics.division import divide_or_nan
from medeval.statistics.estimates import (
    DEFAULT_CONFIDENCE,
    DEFAULT_RESAMPLES,
    DEFAULT_SEED,
    BootstrapEstimate,
)

# Pairs by (grade, label): met/met, met/not, not/met, not/not, and labels met or not met without a usable grade.
TP, FP, FN, TN, LOST_MET, LOST_NOT_MET = range(6)
CELLS = 6
LEAST_CLUSTERS = 10  # for an interval from resamples


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """Agreement of a judge's grades with raters' labels, pooled over pairs.

    Attributes:
        macro_f1: Mean of both classes' F1; None where either is undefined.
        precision_met: Share of "met" grades whose label is met; None without such a grade.
        recall_met: Share of labels met (usable grade or not) with grade met; None without such a label.
        f1_met: 2 TP / (2 TP + FP + FN + lost); None where nothing is or is called met.
        precision_not_met: The same of "not met".
        recall_not_met: The same of "not met".
        f1_not_met: The same of "not met".
        pairs: Number of pairs; a whole number with one grade per row.
        lost: Pairs without a usable grade: a miss of the label's class, and a claim of none.
        weight: ``n+ + n-``, the pairs that enter each class's F1, with which criteria weigh in a mean.
    """

    macro_f1: float | None
    precision_met: float | None
    recall_met: float | None
    f1_met: float | None
    precision_not_met: float | None
    recall_not_met: float | None
    f1_not_met: float | None
    pairs: float
    lost: float
    weight: float


def pair_cells(
    met: npt.ArrayLike, not_met: npt.ArrayLike, labels_met: npt.ArrayLike, labels_not_met: npt.ArrayLike
) -> FloatArray:
    """Count the pairs of each row by kind.

    Args:
        met: Share of a row's grades that say met, shape (n,); 0 or 1 with one grade per row.
        not_met: Share that say not met, shape (n,); what is left of 1 is unusable.
        labels_met: Raters who say met, shape (n,).
        labels_not_met: Raters who say not met, shape (n,).

    Returns:
        Cells, shape (n, 6), in the order of the constants of this module.

    Raises:
        ValueError: Wrong shapes, negative counts, or shares that do not lie in 0..1 together.
    """
    said, denied = finite_vector(met, "met"), finite_vector(not_met, "not_met")
    yes, no = finite_vector(labels_met, "labels_met"), finite_vector(labels_not_met, "labels_not_met")
    for other, name in ((denied, "not_met"), (yes, "labels_met"), (no, "labels_not_met")):
        same_length(said, other, f"met and {name}")
    if min(said.min(), denied.min(), yes.min(), no.min()) < 0.0 or (said + denied).max() > 1.0 + 1e-12:
        raise ValueError("met, not_met: expected shares of at most 1 together, and counts of at least 0")
    lost = (1.0 - said - denied).clip(min=0.0)
    return np.column_stack([said * yes, said * no, denied * yes, denied * no, lost * yes, lost * no])


def agreement(cells: npt.ArrayLike) -> JudgeAgreement:
    """Score a judge on rows, pooled: every pair counts the same.

    Args:
        cells: Pairs by kind, shape (n, 6).

    Raises:
        ValueError: Wrong shape, or values that are not finite.
    """
    totals = _checked(cells).sum(axis=0)
    tp, fp, fn, tn, lost_met, lost_not_met = totals.tolist()
    f1_met, f1_not_met = (_number(value) for value in class_f1(totals))
    return JudgeAgreement(
        macro_f1=_number(macro_f1(totals)),
        precision_met=_share(tp, tp + fp),
        recall_met=_share(tp, tp + fn + lost_met),
        f1_met=f1_met,
        precision_not_met=_share(tn, tn + fn),
        recall_not_met=_share(tn, tn + fp + lost_not_met),
        f1_not_met=f1_not_met,
        pairs=float(totals.sum()),
        lost=lost_met + lost_not_met,
        weight=float(class_weight(totals)),
    )


def class_f1(totals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """F1 of met and of not met from cells, shape (..., 6) to (...); NaN where a class neither is nor is claimed."""
    cell = np.moveaxis(totals, -1, 0)
    missed = cell[FP] + cell[FN]
    met, not_met = missed + cell[LOST_MET], missed + cell[LOST_NOT_MET]
    return divide_or_nan(2 * cell[TP], 2 * cell[TP] + met), divide_or_nan(2 * cell[TN], 2 * cell[TN] + not_met)


def macro_f1(totals: FloatArray) -> FloatArray:
    """Mean of both classes' F1 from cells, shape (..., 6) to (...); NaN where either is undefined."""
    met, not_met = class_f1(totals)
    return np.asarray((met + not_met) / 2)


def class_weight(totals: FloatArray) -> FloatArray:
    """Pairs that enter each class's F1, added: ``n+ + n-``, shape (..., 6) to (...)."""
    cell = np.moveaxis(totals, -1, 0)
    return np.asarray(cell.sum(axis=0) + cell[FP] + cell[FN])


def mean_macro_f1(totals: FloatArray) -> FloatArray:
    """Mean macro-F1 of criteria weighted by ``n+ + n-``, shape (..., criteria, 6) to (...).

    Criteria without a macro-F1 are left out; NaN where none has one.
    """
    values = macro_f1(totals)
    weights = np.where(np.isnan(values), 0.0, class_weight(totals))
    return divide_or_nan((np.nan_to_num(values) * weights).sum(axis=-1), weights.sum(axis=-1))


def group_totals(cells: npt.ArrayLike, codes: IntArray, groups: int) -> FloatArray:
    """Sum cells, shape (n, 6), over the rows of each group; shape (groups, 6)."""
    totals = np.zeros((groups, CELLS))
    np.add.at(totals, codes, _checked(cells))
    return totals


def bootstrap_totals(
    cells: npt.ArrayLike,
    clusters: npt.ArrayLike,
    codes: IntArray,
    groups: int,
    *,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = DEFAULT_SEED,
) -> FloatArray:
    """Cells of each group in resamples of whole clusters, shape (resamples, groups, 6).

    Args:
        cells: Pairs by kind, shape (n, 6).
        clusters: One label per row, shape (n,): rows that share it are not separate draws.
        codes: Group of each row, from 0, shape (n,).
        groups: Number of groups.
        resamples: Number of resamples.
        seed: Seed of the generator.
    """
    values = _checked(cells)
    numbers = label_codes(clusters, len(values), "clusters")
    rows = np.zeros((int(numbers.max()) + 1, groups, CELLS))
    np.add.at(rows, (numbers, codes), values)
    drawn = resampled_totals(rows.reshape(len(rows), -1), resamples, np.random.default_rng(seed))
    return drawn.reshape(resamples, groups, CELLS)


def replicate_interval(
    replicates: FloatArray,
    *,
    value: float,
    pairs: float,
    clusters: int,
    seed: int = DEFAULT_SEED,
    confidence: float = DEFAULT_CONFIDENCE,
) -> BootstrapEstimate:
    """Interval of a figure from its values in the resamples; those in which it is undefined are left out.

    Below 10 clusters the percentiles say too little to be given, and from there to 30 they are said to be too short.
    """
    defined = replicates[~np.isnan(replicates)]
    if clusters < LEAST_CLUSTERS:
        words = f"no interval: {clusters} clusters, fewer than {LEAST_CLUSTERS}"
        return BootstrapEstimate(value, None, None, None, round(pairs), words, confidence, seed, clusters, len(defined))
    method = "percentile bootstrap of clusters"
    if clusters < FEW_CLUSTERS:
        method += f" ({clusters} clusters, fewer than {FEW_CLUSTERS}: too short)"
    if len(defined) < len(replicates):
        method += f" ({len(replicates) - len(defined)} resamples without a value left out)"
    return summarise(
        defined,
        value=value,
        n=round(pairs),
        clusters=clusters,
        null=None,
        confidence=confidence,
        seed=seed,
        method=method,
    )


def labels_of_others(rows: IntArray, labels: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Count, for each label, the other raters of its row who say met and who say not met.

    Args:
        rows: Row of each label, from 0, shape (m,).
        labels: 1 for met and 0 for not met, shape (m,).

    Returns:
        Counts of met and of not met, each of shape (m,).
    """
    values = finite_vector(labels, "labels")
    met = np.bincount(rows, weights=values)[rows] - values
    not_met = np.bincount(rows, weights=1.0 - values)[rows] - (1.0 - values)
    return met, not_met


def _checked(cells: npt.ArrayLike) -> FloatArray:
    values = finite_matrix(cells, "cells")
    if values.shape[1] != CELLS:
        raise ValueError(f"cells: expected shape (n, {CELLS}), got {values.shape}")
    return values


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _number(value: FloatArray) -> float | None:
    return None if np.isnan(value) else float(value)
