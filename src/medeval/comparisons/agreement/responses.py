"""One side of the comparison: a responses table, and what is known of the run that wrote it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.documents import as_json
from medeval.records.files import sha256_file
from medeval.records.shards import record_path
from medeval.records.system import SYSTEM, System
from medeval.responses.record import EvaluationRecord, Identity

log = logging.getLogger(__name__)

KEY = ["benchmark", "item_id", "sample", "mode"]
SamplingKind = Literal["greedy", "sampled", "unknown"]


@dataclass(frozen=True)
class Responses:
    """The responses of one system.

    Attributes:
        path: The table's file.
        rows: Its rows; at least one, none of which share a key (`KEY`).
        system: The system that gave them.
        run_ids: Every run id among the rows, sorted.
        record: What the file says of its origin.
        settings: What determined the responses; None when it is not known.
    """

    path: Path
    rows: pa.Table
    system: System
    run_ids: tuple[str, ...]
    record: Mapping[str, Any]
    settings: Identity | None

    @property
    def weights_sha256(self) -> str | None:
        """SHA-256 of the weights, a file or a checkpoint; None when it is not known, such as behind a server."""
        stated = self.settings and self.settings.weights_sha256
        recorded = stated or self.record.get("inputs", {}).get("weights")
        return None if recorded is None else str(recorded)

    @property
    def sampling(self) -> SamplingKind:
        """Whether generated replies were drawn at random; several samples of an item only exist if they were."""
        if pc.max(self.rows["sample"]).as_py() > 0:
            return "sampled"
        if self.settings is None:
            return "unknown"
        return "sampled" if self.settings.protocol.temperature > 0 else "greedy"

    def describe(self) -> dict[str, Any]:
        """Return what identifies this side, for the document."""
        return {
            "path": str(self.path),
            "sha256": sha256_file(self.path),
            **vars(self.system),
            "run_ids": list(self.run_ids),
            "responses": len(self.rows),
            "errors": pc.sum(pc.equal(self.rows["finish_reason"], "error")).as_py(),
            "sampling": self.sampling,
            "weights_sha256": self.weights_sha256,
            "command": self.record.get("command"),
        }


def read_responses(path: Path) -> Responses:
    """Read a responses table of one system, and the settings in the file that `medeval evaluate` writes beside it.

    Raises:
        MedevalError: The table is unusable, has no row, or is of several systems.
    """
    rows = tables.read(path, tables.RESPONSES)
    if not len(rows):
        raise MedevalError(f"{path}: holds no response", "Give the table of a run that answered something.")
    found = rows.select(list(SYSTEM)).group_by(list(SYSTEM), use_threads=False).aggregate([])
    systems = [System(**row) for row in found.to_pylist()]
    if len(systems) > 1:
        raise MedevalError(
            f"{path}: holds responses of {len(systems)} systems: {', '.join(map(str, sorted(systems)))}",
            "Give a table of one system, as `medeval evaluate` writes it.",
        )
    run_ids = tuple(sorted(rows["run_id"].unique().to_pylist()))
    return Responses(path, rows, systems[0], run_ids, tables.read_record(path), _settings(path, run_ids))


def setting_differences(a: Responses, b: Responses) -> dict[str, dict[str, Any]] | None:
    """Return every setting that differs, by its dotted name, with both values; None when either side's are unknown."""
    if a.settings is None or b.settings is None:
        return None
    of_a, of_b = _flat(as_json(a.settings)), _flat(as_json(b.settings))
    names = [name for name in {**of_a, **of_b} if of_a.get(name) != of_b.get(name)]
    return {name: {"a": of_a.get(name), "b": of_b.get(name)} for name in names}


def _settings(path: Path, run_ids: tuple[str, ...]) -> Identity | None:
    """Read the settings beside a table, if they are those of its one run: a run id is the hash of its settings."""
    beside = record_path(path)
    if not beside.exists() or len(run_ids) != 1:
        return None
    try:
        settings = EvaluationRecord.read(beside).identity
    except MedevalError as error:
        log.warning("%s; the settings of the run count as unknown", error.problem)
        return None
    return settings if settings.run_id == run_ids[0] else None


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
