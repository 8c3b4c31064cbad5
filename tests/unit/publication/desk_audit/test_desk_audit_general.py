"""The desk audit on an invented publication that is wrong on purpose: nothing depends on one publisher."""

import copy
from pathlib import Path
from typing import Any

import pytest

from medeval.publication.desk_audit.audit import desk_audit
from medeval.publication.desk_audit.findings import CheckOutcome, ClaimAudit, Conclusion, Reservation
from medeval.publication.desk_audit.render import to_text
from medeval.publication.publication import Publication
from medeval.records.yaml_files import validate

ROOT = Path(__file__).resolve().parents[4]
SOURCED = {"source": ["p"], "status": "exact"}


def _model(name: str, average: float, **values: float) -> dict[str, Any]:
    return {
        "id": name,
        "label": name,
        "role": "audited",
        "choice": {**SOURCED, "average": average, "values": values},
    }


def _claim(kind: str, metric: str, b: str | None = "beta", **more: Any) -> dict[str, Any]:
    margin = {"margin": more.pop("margin")} if "margin" in more else {}
    part = {"metric": metric, "a": more.pop("a", "alpha"), "b": b, **more}
    return {**SOURCED, **margin, "id": "x", "type": kind, "sentence": "s", "comparisons": [part]}


def _publication(*claims: dict[str, Any], **changes: Any) -> Publication:
    document = {
        "title": "Invented",
        "decimals": 2,
        "sources": [{"key": "p", "what": "a paper", "kind": "primary"}],
        "evaluation": {**SOURCED, "runs": 1, "spread_published": True},
        "benchmarks": [
            {"id": "one", "label": "One", "candidates": [{"n": 400, "reason": "test set"}]},
            {"id": "two", "label": "Two", "candidates": [{"n": 800, "reason": "test set"}]},
            {"id": "new", "label": "New"},
        ],
        "average": {"label": "Mean", "over": ["one", "two"]},
        "models": [
            _model("alpha", 71.00, one=72.00, two=70.00, new=50.0),
            _model("beta", 60.00, one=60.00, two=62.00, new=40.0),
        ],
        "weights": [
            {
                **SOURCED,
                "id": "alpha-small",
                "model": "alpha",
                "quantization": "Q8_0",
                "gigabytes": 4.0,
                "stated_loss": -0.1,
            },
            {**SOURCED, "id": "alpha-full", "model": "alpha", "quantization": "BF16", "gigabytes": 8.0},
        ],
        "claims": [copy.deepcopy(claim) for claim in claims] or [_claim("T2", "average")],
        **changes,
    }
    return validate(Publication, document, Path("invented.yaml"))


def _audit(claim: dict[str, Any], **changes: Any) -> ClaimAudit:
    return desk_audit(_publication(claim, **changes)).claims[0]


def test_an_average_that_is_not_the_mean_does_not_add_up() -> None:
    found = _audit(_claim("T2", "average"))
    assert found.conclusion is Conclusion.DOES_NOT_ADD_UP
    assert Reservation.ARITHMETIC in found.flags
    shared = desk_audit(_publication()).shared
    assert shared[0].sentence.startswith("1 of 2 stated averages")
    assert shared[0].outcome is CheckOutcome.FAILS


def test_a_single_benchmark_is_judged_on_its_own_items() -> None:
    found = _audit(_claim("T2", "one", stated_a=72.0, stated_b=60.0, stated_difference=12.0))
    assert found.conclusion is Conclusion.RESOLVED
    assert Reservation.FRAGILE not in found.flags
    assert Reservation.PROTOCOL_MISMATCH not in found.flags
    error = found.findings[-1].numbers["standard_error"]
    assert error == pytest.approx(((72 * 28 + 60 * 40) / 400) ** 0.5)


@pytest.mark.parametrize(
    ("claim", "conclusion"),
    [
        (_claim("T2", "one", a="beta", b="alpha"), Conclusion.CONTRADICTED),
        (_claim("T2", "one", stated_a=73.0), Conclusion.DOES_NOT_ADD_UP),
        (_claim("T2", "one", stated_difference=5.0), Conclusion.DOES_NOT_ADD_UP),
        (_claim("T5", "one"), Conclusion.EQUALITY_NOT_SHOWN),
        (_claim("T5", "one", margin=20.0), Conclusion.EQUALITY_SHOWN),
        (_claim("T2", "new"), Conclusion.NOT_TESTABLE),
        (_claim("T4", "tokens", stated_ratio=2.0), Conclusion.NOT_TESTABLE),
        (
            _claim("T4", "size", a="alpha-small", b="alpha-full", stated_reduction=50),
            Conclusion.ARITHMETIC_HOLDS,
        ),
        (
            _claim("T4", "size", a="alpha-small", b="alpha-full", stated_reduction=60),
            Conclusion.DOES_NOT_ADD_UP,
        ),
        (_claim("T1", "one", b=None, stated_a=72.0), Conclusion.NOT_TESTABLE),
        (_claim("T1", "one", b=None, stated_a=72.4), Conclusion.DOES_NOT_ADD_UP),
    ],
)
def test_each_kind_of_claim_has_its_conclusion(claim: dict[str, Any], conclusion: Conclusion) -> None:
    assert _audit(claim).conclusion is conclusion


@pytest.mark.parametrize(
    ("stated", "margin", "conclusion"),
    [
        (-0.1, 5.0, Conclusion.CERTIFIED),
        (-0.1, 0.5, Conclusion.NOT_CERTIFIED),
        (-0.1, 0.05, Conclusion.CONTRADICTED),
        (-0.3, 5.0, Conclusion.DOES_NOT_ADD_UP),
    ],
)
def test_a_bounded_loss_is_certified_by_its_bound_alone(stated: float, margin: float, conclusion: Conclusion) -> None:
    claim = _claim("T3", "average", a="alpha-small", b="alpha-full", stated_difference=stated, margin=margin)
    assert _audit(claim).conclusion is conclusion


def test_unstated_runs_are_inferred_from_the_digits() -> None:
    """66.67 of 100 items needs three runs; one, two, four and five runs cannot print all of these."""
    models = [_model("alpha", 60.0, one=66.67, two=70.0), _model("beta", 60.0, one=58.33, two=62.0)]
    benchmarks = [
        {"id": "one", "label": "One", "candidates": [{"n": 100, "reason": "test set"}]},
        {"id": "two", "label": "Two", "candidates": [{"n": 800, "reason": "test set"}]},
    ]
    evaluation = {**SOURCED, "spread_published": True}
    found = desk_audit(_publication(models=models, benchmarks=benchmarks, evaluation=evaluation))
    digits = next(finding for finding in found.shared if finding.sentence.startswith("One:"))
    assert "100 items x 3 runs fits 2 of 2" in digits.sentence


def test_digits_that_fit_no_count_fail() -> None:
    models = [_model("alpha", 71.0, one=72.01, two=70.0), _model("beta", 61.0, one=60.0, two=62.0)]
    found = desk_audit(_publication(models=models))
    digits = next(finding for finding in found.shared if finding.sentence.startswith("One:"))
    assert digits.outcome is CheckOutcome.FAILS
    assert "no count fits: 400 (test set) fits 1 of 2" in digits.sentence


def test_the_smallest_publication_renders() -> None:
    audit = desk_audit(_publication())
    assert "Invented" in to_text(audit)
    assert audit.as_json()["claims"][0]["flags"] == ["ARITHMETIC"]


def test_no_audited_name_is_written_in_the_code() -> None:
    """Everything about a publication comes from its file."""
    for path in (ROOT / "src" / "medeval" / "desk_audit").glob("*.py"):
        text = path.read_text(encoding="utf-8").lower()
        assert not [name for name in ("medpsy", "medgemma", "qvac", "google", "pubmedqa", "mmlu") if name in text], path
