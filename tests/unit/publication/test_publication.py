"""The schema of publication files: references must exist, and gaps must be explicit."""

import copy
from pathlib import Path
from typing import Any

import pytest

from medeval.errors import MedevalError
from medeval.publication.publication import Publication
from medeval.records.yaml_files import validate

SOURCED = {"source": ["card"], "status": "exact"}
SMALL: dict[str, Any] = {
    "title": "A small publication",
    "decimals": 1,
    "sources": [{"key": "card", "what": "a card", "kind": "primary"}],
    "evaluation": {**SOURCED, "spread_published": False},
    "benchmarks": [{"id": "quiz", "label": "Quiz"}, {"id": "exam", "label": "Exam"}],
    "average": {"label": "Mean", "over": ["quiz", "exam"]},
    "models": [
        {"id": "big", "label": "Big", "role": "comparator"},
        {
            "id": "small",
            "label": "Small",
            "role": "audited",
            "base": "big",
            "choice": {**SOURCED, "average": 55.0, "values": {"quiz": 60.0, "exam": 50.0}},
            "tokens": {**SOURCED, "mean": 120},
        },
    ],
    "weights": [{**SOURCED, "id": "small-q4", "model": "small", "quantization": "Q4_K_M", "bytes": 2_000_000_000}],
    "claims": [
        {
            **SOURCED,
            "id": "c1",
            "type": "T2",
            "sentence": "s",
            "comparisons": [{"metric": "average", "a": "small", "b": "big"}],
        }
    ],
}


def _changed(*keys: str | int, value: Any) -> dict[str, Any]:
    """Return the small publication with one place changed."""
    document = copy.deepcopy(SMALL)
    place: Any = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return document


def test_a_publication_without_tokens_files_or_rubrics_is_complete() -> None:
    document = copy.deepcopy(SMALL)
    del document["weights"], document["average"]
    publication = validate(Publication, document, Path("p.yaml"))
    assert publication.value("small", "quiz") == 60.0


def test_figures_are_found_by_subject_and_metric_and_absence_is_none() -> None:
    publication = validate(Publication, SMALL, Path("p.yaml"))
    assert publication.value("small", "average") == 55.0
    assert publication.value("small", "tokens") == 120
    assert publication.value("small-q4", "size") == 2.0
    for subject, metric in (
        ("big", "average"),
        ("big", "tokens"),
        ("small-q4", "average"),
        ("small", "size"),
        ("?", "quiz"),
    ):
        assert publication.value(subject, metric) is None


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("evaluation", "source"), ["web"], "evaluation names unknown source 'web'; known: card"),
        (("models", 1, "choice", "values"), {"quizz": 1.0}, "model small names unknown benchmark 'quizz'"),
        (("models", 1, "base"), "huge", "base of model small names unknown model 'huge'"),
        (("weights", 0, "model"), "huge", "weight file small-q4 names unknown model 'huge'"),
        (("average", "over"), ["quiz", "test"], "average names unknown benchmark 'test'"),
        (("claims", 0, "comparisons", 0, "b"), "huge", "claim c1 names unknown model or weight file 'huge'"),
        (("claims", 0, "comparisons", 0, "metric"), "speed", "claim c1 names unknown metric 'speed'"),
        (("claims", 0, "source"), ["web"], "claim c1 names unknown source 'web'"),
        (("claims", 0, "type"), "T3", "a claim of type T3 needs `margin`"),
        (("claims", 0, "comparisons", 0, "b"), None, "each of its comparisons needs `b`"),
        (("benchmarks", 1, "id"), "quiz", "benchmarks hold .'quiz'. more than once"),
        (("benchmarks", 0, "aggregate"), "mean_of_strata", "needs `strata`"),
        (("models", 1, "choice", "values", "quiz"), 160.0, "less than or equal to 100, found 160.0"),
        (("unit",), "fraction", "unit"),
    ],
)
def test_what_does_not_fit_is_named(keys: tuple[str | int, ...], value: Any, message: str) -> None:
    with pytest.raises(MedevalError, match=message):
        validate(Publication, _changed(*keys, value=value), Path("p.yaml"))


def test_an_own_figure_that_differs_says_why() -> None:
    figure = {**SOURCED, "model": "big", "benchmark": "quiz", "value": 70.0, "definition": "different"}
    with pytest.raises(MedevalError, match="needs `why_not`"):
        validate(Publication, _changed("own_figures", value=[figure]), Path("p.yaml"))


def test_a_publication_does_not_change_after_reading() -> None:
    publication = validate(Publication, SMALL, Path("p.yaml"))
    with pytest.raises(ValueError, match="frozen"):
        publication.title = "other"  # type: ignore[misc]
