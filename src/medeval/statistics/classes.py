"""Precision, recall and F1 of each class of a classification in which some predictions may be missing."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import FloatArray, count, same_length


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How well classes were told apart.

    Attributes:
        accuracy: Share of right predictions; one that is missing is wrong.
        macro_f1: Unweighted mean of the classes' F1.
        precision: Per class, right predictions of it over all predictions of it; 0 where there is none.
        recall: Per class, right predictions of it over its occurrences; 0 where it does not occur.
        f1: Per class, 2 TP / (2 TP + FP + FN); 0 where the class neither occurs nor is predicted.
        support: Per class, its occurrences.
        n: Number of predictions, missing ones among them.
    """

    accuracy: float
    macro_f1: float
    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    support: npt.NDArray[np.int64]
    n: int


def class_scores(gold: npt.ArrayLike, predicted: npt.ArrayLike, classes: int) -> ClassScores:
    """Score predictions of classes, all of which count in the mean whether they occur or not.

    Args:
        gold: The class of each item, shape (n,), from 0.
        predicted: The predicted class of each item, shape (n,); -1 where there is none, which is a missed
            occurrence of the item's class and no prediction of any.
        classes: Number of classes, at least 2.

    Raises:
        ValueError: There is no item, the lengths differ, or a class is not one of 0 to `classes` - 1.
    """
    count(classes, "classes", least=2)
    truth, guess = np.asarray(gold), np.asarray(predicted)
    same_length(truth, guess, "gold and predicted")
    if not truth.size:
        raise ValueError("gold: expected at least one item, got none")
    for values, name, least in ((truth, "gold", 0), (guess, "predicted", -1)):
        if values.dtype.kind not in "iu" or values.min() < least or values.max() >= classes:
            raise ValueError(f"{name}: expected whole numbers from {least} to {classes - 1}")
    right = np.bincount(truth[truth == guess], minlength=classes)
    support = np.bincount(truth, minlength=classes)
    claimed = np.bincount(guess[guess >= 0], minlength=classes)
    f1 = _ratio(2 * right, support + claimed)
    return ClassScores(
        accuracy=float(right.sum() / truth.size),
        macro_f1=float(f1.mean()),
        precision=_ratio(right, claimed),
        recall=_ratio(right, support),
        f1=f1,
        support=support,
        n=int(truth.size),
    )


def _ratio(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> FloatArray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
