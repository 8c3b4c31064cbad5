"""Results to MLflow, in one go at the end: no compute job needs a server or a database."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from medeval.comparisons.document import Comparisons, Score
from medeval.records import tables
from medeval.records.files import sha256_file, write_json
from medeval.records.system import SYSTEM
from medeval.statistics.estimates import Estimate
from medeval.verdicts.document import Verdicts

log = logging.getLogger(__name__)


def track(
    *,
    experiment: str,
    store: Path,
    artifacts: Path,
    config: Mapping[str, Any],
    comparisons_path: Path,
    verdicts_path: Path,
    report: Path,
    row_tables: Sequence[Path],
    out: Path,
) -> dict[str, Any]:
    """Log one parent run for this invocation and a child run per system and benchmark.

    Parameters, metrics with their intervals, verdicts as tags, and the tables as artifacts go to a
    local SQLite store, each run's metrics in one batch.

    Args:
        experiment: Name of the MLflow experiment.
        store: SQLite file.
        artifacts: Folder for artifacts.
        config: The run's configuration.
        comparisons_path: The comparisons document.
        verdicts_path: The verdicts document.
        report: The HTML report.
        row_tables: Score and grade tables.
        out: JSON document to write, with the ids of the runs.

    Raises:
        MedevalError: A document or table is missing, unreadable or of another kind.
    """
    from mlflow.tracking import MlflowClient

    # Everything is read before anything is logged, so that a wrong file leaves no half a run behind.
    comparisons, verdicts = Comparisons.read(comparisons_path), Verdicts.read(verdicts_path)
    files = {key: path for path in row_tables if (key := _table_key(path)) is not None}
    store.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    client = MlflowClient(f"sqlite:///{store}")
    found = client.get_experiment_by_name(experiment)
    experiment_id = (
        found.experiment_id
        if found
        else client.create_experiment(experiment, artifact_location=artifacts.resolve().as_uri())
    )
    parent = _log_parent(
        client, experiment_id, config, comparisons, verdicts, [comparisons_path, verdicts_path, report]
    )
    children = [
        _log_child(client, experiment_id, parent, name, params, metrics, files.get(key))
        for name, key, params, metrics in _children(comparisons)
    ]
    document = {"experiment": experiment, "store": str(store), "parent_run": parent, "child_runs": children}
    write_json(out, document)
    return document


def _log_parent(
    client: Any,
    experiment_id: str,
    config: Mapping[str, Any],
    comparisons: Comparisons,
    verdicts: Verdicts,
    files: Sequence[Path],
) -> str:
    from mlflow.entities import Metric, Param, RunTag

    run = client.create_run(experiment_id, run_name=str(config["name"]))
    params = {
        "seed": config["seed"],
        "headline": comparisons.headline,
        "margin_points": comparisons.margin_points,
        "models": ", ".join(model["id"] for model in config["models"]),
        "benchmarks": ", ".join(benchmark["id"] for benchmark in config["benchmarks"]),
        "protocol": json.dumps(config["protocol"]),
    }
    metrics: dict[str, float] = {}
    for entry in comparisons.averages:
        metrics |= _interval(f"{entry.model}.{entry.variant}.{entry.target}.{entry.mode}.average", entry.normal)
    tags = {f"verdict.{decided.claim_id}": decided.verdict for decided in verdicts.verdicts}
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(key, value, run.info.start_time, 0) for key, value in metrics.items()],
        params=[Param(key, str(value)[:6000]) for key, value in params.items()],
        tags=[RunTag(key, str(value)) for key, value in tags.items()],
    )
    for file in files:
        client.log_artifact(run.info.run_id, str(file))
    client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def _log_child(
    client: Any,
    experiment_id: str,
    parent: str,
    name: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    table: Path | None,
) -> str:
    from mlflow.entities import Metric, Param

    run = client.create_run(experiment_id, run_name=name, tags={"mlflow.parentRunId": parent})
    recorded = dict(params)
    if table is not None:
        recorded["table_sha256"] = sha256_file(table)
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(key, value, run.info.start_time, 0) for key, value in metrics.items()],
        params=[Param(key, str(value)) for key, value in recorded.items()],
    )
    if table is not None:
        client.log_artifact(run.info.run_id, str(table))
    client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def _children(
    comparisons: Comparisons,
) -> Iterator[tuple[str, tuple[str, ...], dict[str, str], dict[str, float]]]:
    """Yield name, table key, parameters and metrics of every child run; all modes of a benchmark share one."""
    grouped: dict[tuple[str, ...], dict[str, float]] = {}
    key: tuple[str, ...]
    for entry in comparisons.scores:
        key = (entry.model, entry.variant, entry.target, entry.benchmark)
        grouped.setdefault(key, {}).update(_score_metrics(entry))
    for graded in comparisons.conversations:
        key = (graded.model, graded.variant, graded.target, "healthbench")
        # Without a conversation that has all its grades there is no score to log, and 0 would be a lie.
        metrics = _interval(f"{graded.subset}.score", graded.overall) if graded.overall else {}
        metrics[f"{graded.subset}.missing_share"] = graded.missing_share
        grouped.setdefault(key, {}).update(metrics)
    for key, metrics in grouped.items():
        params = dict(zip((*SYSTEM, "benchmark"), key, strict=True))
        yield "/".join(key), key, params, metrics


def _score_metrics(entry: Score) -> dict[str, float]:
    mode = entry.mode
    metrics = _interval(f"{mode}.accuracy", entry.accuracy)
    metrics |= {f"{mode}.{status}": float(count) for status, count in vars(entry.statuses).items()}
    if entry.mean_generated_tokens is not None:
        metrics[f"{mode}.mean_generated_tokens"] = entry.mean_generated_tokens
    return metrics


def _interval(name: str, estimate: Estimate) -> dict[str, float]:
    ends = {name: estimate.value, f"{name}.low": estimate.low, f"{name}.high": estimate.high}
    return {key: float(value) for key, value in ends.items() if value is not None}


def _table_key(path: Path) -> tuple[str, ...] | None:
    """Name the system and benchmark of a score or grade table by its first row; None for a table without rows."""
    kind = tables.SCORES if tables.read_record(path).get("table") == tables.SCORES.name else tables.GRADES
    rows = tables.read(path, kind, [*SYSTEM, "benchmark"]).slice(0, 1).to_pylist()
    if not rows:
        log.warning("%s: has no rows, so it belongs to no system and is not logged", path)
        return None
    return tuple(rows[0].values())
