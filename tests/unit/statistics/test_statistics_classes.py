"""Precision, recall and F1 against scikit-learn, and what it does not know: predictions that are missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medeval.statistics.classes import class_scores

metrics = pytest.importorskip("sklearn.metrics")


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_classes_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = zip(*pairs, strict=True)
    found = class_scores(gold, predicted, 4)
    labels = [0, 1, 2, 3]
    expected = metrics.precision_recall_fscore_support(gold, predicted, labels=labels, zero_division=0)
    for mine, theirs in zip((found.precision, found.recall, found.f1, found.support), expected, strict=True):
        assert np.allclose(mine, theirs)
    assert found.macro_f1 == pytest.approx(
        metrics.f1_score(gold, predicted, labels=labels, average="macro", zero_division=0)
    )
    assert found.accuracy == pytest.approx(metrics.accuracy_score(gold, predicted))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 2)), min_size=1, max_size=40))
def test_a_missing_prediction_is_one_of_a_class_that_never_occurs(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = zip(*pairs, strict=True)
    found = class_scores(gold, predicted, 3)
    as_fourth = [3 if guess < 0 else guess for guess in predicted]
    expected = metrics.f1_score(gold, as_fourth, labels=[0, 1, 2], average="macro", zero_division=0)
    assert found.macro_f1 == pytest.approx(expected)


def test_always_yes_on_552_338_110_has_a_macro_f1_of_0_2371() -> None:
    gold = [0] * 552 + [1] * 338 + [2] * 110
    assert class_scores(gold, [0] * 1000, 3).macro_f1 == pytest.approx(0.23711340206, abs=1e-9)


@pytest.mark.parametrize(
    ("gold", "predicted", "words"),
    [([], [], "at least one"), ([0], [0, 1], "gold and predicted"), ([3], [0], "gold"), ([0], [-2], "predicted")],
)
def test_wrong_classes_are_refused(gold: list[int], predicted: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        class_scores(np.array(gold, dtype=int), np.array(predicted, dtype=int), 3)
