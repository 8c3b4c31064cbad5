"""An append-only, hash-chained record of finished work: a stage continues, and nothing is lost unseen.

A journal is a text file of JSON objects, one a line. Each ends with `sha256`, the hash of the line's text before it,
and begins with `previous`, that of the line before; so a changed line is known by itself, and a line that was removed,
moved or put in by the two beside it. `kind` says what a line is:

    run      what determined the results below: the first line, and again where it has changed
    start    a process went on under the same run
    result   finished work: `key`, `value`
    retry    work that is done again although it was finished: `key`, `why`
    discard  a file of results that belong to another run, and are left as they are: `file`, `why`
    damage   a line that could not be read when the journal was opened: `line`, `why`
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

from medeval.errors import MedevalError
from medeval.records.files import sha256_text

log = logging.getLogger(__name__)

FORMAT = "journal.v2"
_SEAL = len(', "sha256": ""}') + 64  # characters that close a line
_UNDONE = "it counts as not done"
# What of a line is read again, by its kind.
_KEYS: Mapping[Any, Mapping[str, type]] = {
    "run": {"record": dict},
    "result": {"key": str, "value": dict},
    "damage": {"line": int},
    "discard": {"file": str},
}


class Journal:
    """Finished work by key, on disk before the next is begun. The file is never emptied, and stays.

    Whether a result may be used again is for its key to say, not for the run that it was found in. A last line that a
    crash cut short is removed; any other that is damaged is named and counts as not done.

    Args:
        path: The journal file. One of the format before this is renamed FILE.v1.
        record: What determines the results, as JSON values.
        run_id: Id of that, by which results of the format before this are known: `get` finds them by their keys.
        earlier: A journal of the format before this that has another name.

    Raises:
        MedevalError: Another process is writing this journal, or it cannot be written.
    """

    def __init__(self, path: Path, record: Mapping[str, Any], run_id: str, earlier: Path | None = None) -> None:
        self.path = path
        self._results: dict[str, list[dict[str, Any]]] = {}
        self._discarded: set[str] = set()
        self._last: str | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = _locked(path)
        old = earlier or path.with_name(path.name + ".v1")
        if not old.exists() and _is_of_the_first_format(path):
            path.rename(old)
            self._stream.close()
            self._stream = _locked(path)
        self._open(record)
        self._earlier = self._take_up(old, run_id) if old.exists() else {}
        if self._results or self._earlier:
            count = len(self._results.keys() | self._earlier.keys())
            log.info("%s: continuing after %d finished items", path, count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the result of finished work, the first if there are several; None when it is still to do."""
        found = self.all(key)
        return found[0] if found else self._earlier.get(key)

    def all(self, key: str) -> list[dict[str, Any]]:
        """Return every result of this key, in the order in which they came."""
        return self._results.get(key, [])

    def add(self, key: str, value: dict[str, Any]) -> None:
        """Record finished work durably: when this returns, a crash cannot lose it.

        Raises:
            MedevalError: The journal cannot be written.
        """
        self._write("result", key=key, value=value)
        self._results.setdefault(key, []).append(value)

    def retry(self, key: str, why: str) -> None:
        """Record that finished work is done again.

        Raises:
            MedevalError: The journal cannot be written.
        """
        self._write("retry", key=key, why=why)

    def _open(self, record: Mapping[str, Any]) -> None:
        """Read what is there, and add what this process finds and begins with."""
        noted: set[int] = set()
        faults: dict[int, str] = {}
        latest: object = None
        for number, entry in _lines(self._stream, self.path):
            if "damaged" in entry:
                faults[number] = entry["damaged"]
                self._last = None
                continue
            follows = number == 1 or self._last is None or entry.get("previous") == self._last
            self._last = entry["sha256"]
            if not follows:
                faults[number] = (
                    "does not follow the line before, since lines were removed, moved or put in: " + _UNDONE
                )
                continue
            match entry.get("kind"):
                case "run":
                    latest = entry["record"]
                case "result":
                    self._results.setdefault(entry["key"], []).append(entry["value"])
                case "damage":
                    noted.add(entry["line"])
                case "discard":
                    self._discarded.add(entry["file"])
        for line, why in faults.items():
            log.warning("%s: line %d %s", self.path, line, why)
            if line not in noted:
                self._write("damage", line=line, why=why)
        wanted = json.loads(json.dumps(record))
        if latest == wanted:
            self._write("start")
        else:
            self._write("run", format=FORMAT, record=wanted)

    def _take_up(self, old: Path, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the results of a journal of the format before this, when they are of this run."""
        lines = [entry for entry in map(_json, old.read_bytes().splitlines()) if entry is not None]
        if lines and lines[0].get("run_id") == run_id:
            return {entry["key"]: entry["value"] for entry in lines[1:] if {"key", "value"} <= entry.keys()}
        log.warning("%s: of other weights, prompts or settings; it is kept, and not used", old)
        if old.name not in self._discarded:
            self._write("discard", file=old.name, why="of another run")
        return {}

    def _write(self, kind: str, **content: Any) -> None:
        line, self._last = sealed({"previous": self._last, "kind": kind, **content})
        descriptor = self._stream.fileno()
        try:
            # Past Python's buffer, which would try again when the file is closed.
            while line:
                line = line[os.write(descriptor, line) :]
            os.fsync(descriptor)
        except OSError as error:
            raise MedevalError(
                f"{self.path}: cannot be written ({error.strerror})",
                "Make room on that disk, then run the same command again: what is finished is kept.",
            ) from error


def sealed(entry: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return an entry as a line of a journal, and its hash."""
    # Escaped, since a reply may hold half of a surrogate pair, which UTF-8 cannot.
    text = json.dumps(entry, allow_nan=False)[:-1]
    digest = sha256_text(text)
    return f'{text}, "sha256": "{digest}"}}\n'.encode("ascii"), digest


def results(path: Path) -> Iterator[tuple[Any, str, dict[str, Any]]]:
    """Yield the run, the key and the value of every whole result of a journal, which may be being written."""
    run: Any = None
    with path.open("rb") as stream:
        for _, entry in _lines(stream, path, heal=False):
            if entry.get("kind") == "run":
                run = entry["record"]
            elif entry.get("kind") == "result":
                yield run, entry["key"], entry["value"]


def _locked(path: Path) -> BinaryIO:
    """Open a journal and keep other processes out: a scheduler that was killed may leave a job that still runs."""
    stream = path.open("a+b")
    try:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise MedevalError(
            f"{path}: another process is writing this journal",
            "Wait for the other `medeval` process, or end it; then run the same command again.",
        ) from error
    return stream


def _lines(stream: BinaryIO, path: Path, *, heal: bool = True) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and entry of every complete line; of a damaged one only what is wrong, as `damaged`."""
    stream.seek(0)
    end = 0
    for number, line in enumerate(stream, start=1):
        if not line.endswith(b"\n"):
            if heal:
                log.warning("%s: removing a line that was cut short (%d bytes)", path, len(line))
                stream.truncate(end)
            return
        end += len(line)
        yield number, _checked(line)


def _checked(line: bytes) -> dict[str, Any]:
    text, entry = line[: -_SEAL - 1].decode("latin-1"), _json(line) or {}
    sealed_well = line[-_SEAL - 1 :].decode("latin-1") == f', "sha256": "{sha256_text(text)}"}}\n'
    if sealed_well and all(
        isinstance(entry.get(name), kind) for name, kind in _KEYS.get(entry.get("kind"), {}).items()
    ):
        return entry
    key = entry.get("key")
    about = f", the result of {key!r}" if isinstance(key, str) else ""
    return {"damaged": f"was changed after it was written{about}: {_UNDONE}"}


def _json(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _is_of_the_first_format(path: Path) -> bool:
    with path.open("rb") as stream:
        first = _json(stream.readline())
    return first is not None and "run_id" in first and "sha256" not in first
