"""What is logged of a run, and what is left out."""

import logging
from pathlib import Path
from typing import Any

import pytest
import report_documents as documents

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.report.tracking import track

pytest.importorskip("mlflow")
SYSTEM = {"model": "tiny", "variant": "f16", "target": "cpu"}


def run_track(folder: Path, **changes: Any) -> dict[str, Any]:
    comparisons, verdicts = documents.write_run(folder, documents.comparisons(**changes.pop("compared", {})))
    report = folder / "report.html"
    report.write_text("<html></html>")
    options: dict[str, Any] = {
        "experiment": "test",
        "store": folder / "mlflow.db",
        "artifacts": folder / "artifacts",
        "config": documents.config(),
        "comparisons_path": comparisons,
        "verdicts_path": verdicts,
        "report": report,
        "row_tables": [],
        "out": folder / "mlflow.json",
    }
    return track(**options | changes)


def metrics_of(folder: Path, run_id: str) -> dict[str, float]:
    from mlflow.tracking import MlflowClient

    return dict(MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").get_run(run_id).data.metrics)


def test_a_system_without_a_healthbench_score_has_no_metric_of_it(tmp_path: Path) -> None:
    empty = {"scores": [], "averages": [], "comparisons": []}
    found = run_track(tmp_path, compared={**empty, "conversations": [documents.graded(SYSTEM, None)]})
    [child] = found["child_runs"]
    assert metrics_of(tmp_path, child) == {"main.missing_share": 0.0625}


def test_another_document_is_refused_before_anything_is_logged(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(MedevalError, match="expected a document of schema 'comparisons.v3', found None"):
        run_track(tmp_path, comparisons_path=other)
    assert not (tmp_path / "mlflow.db").exists()


def test_a_table_without_rows_is_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "scores.parquet"
    tables.write(path, tables.build(tables.SCORES, []), tables.SCORES, command="test")
    empty = {"scores": [], "averages": [], "comparisons": []}
    with caplog.at_level(logging.WARNING):
        run_track(tmp_path, compared={**empty, "conversations": []}, row_tables=[path])
    assert "has no rows" in caplog.text
