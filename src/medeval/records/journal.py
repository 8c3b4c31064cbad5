"""An append-only record of finished work, so that an interrupted stage continues where it stopped."""

import fcntl
import json
import logging
import os
from pathlib import Path
from typing import Any, Self

from medeval.errors import MedevalError

log = logging.getLogger(__name__)


class Journal:
    """One JSON line per finished piece of work, on disk before the next is begun.

    The first line names the run. A journal of another run (other weights, prompts, settings or
    engine) is discarded, since its results are not comparable. A last line that a crash cut short
    is removed.

    Args:
        path: The journal file.
        run_id: Hash of everything that determines the results.

    Raises:
        MedevalError: Another process is writing this journal.
    """

    def __init__(self, path: Path, run_id: str) -> None:
        self.path = path
        self._records: dict[str, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("a", encoding="utf-8")
        _lock(self._stream.fileno(), path)
        lines = _complete_lines(path)
        if not lines or lines[0].get("run_id") != run_id:
            if lines:
                log.warning("%s belongs to a run with other weights, prompts or settings: starting afresh", path)
            lines = [{"run_id": run_id}]
            self._stream.truncate(0)
            self._write(lines[0])
        self._records = {record["key"]: record["value"] for record in lines[1:]}
        if self._records:
            log.info("%s: continuing after %d finished items", path, len(self._records))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the record of finished work, or None when it is still to do."""
        return self._records.get(key)

    def add(self, key: str, value: dict[str, Any]) -> None:
        """Record finished work durably: when this returns, a crash cannot lose it."""
        self._records[key] = value
        self._write({"key": key, "value": value})

    def _write(self, record: dict[str, Any]) -> None:
        # Escaped, since a reply may hold half of a surrogate pair, which UTF-8 cannot.
        self._stream.write(json.dumps(record, allow_nan=False) + "\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def remove(self) -> None:
        """Delete the journal; call it once the finished table is in place."""
        self._stream.close()
        self.path.unlink(missing_ok=True)


def _lock(descriptor: int, path: Path) -> None:
    """Keep other processes out: one killed scheduler may leave a job running that a second one starts again."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise MedevalError(
            f"{path}: another process is writing this journal",
            "Wait for the other `medeval` process, or end it; then run the same command again.",
        ) from error


def _complete_lines(path: Path) -> list[dict[str, Any]]:
    """Read the complete records and cut off what a crash left of a last one."""
    if not path.exists():
        return []
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        log.warning("%s: removing a record that was cut short (%d bytes)", path, len(data) - end)
        with path.open("r+b") as stream:
            stream.truncate(end)
    return [json.loads(line) for line in data[:end].splitlines()]
