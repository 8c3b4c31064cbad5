"""Resolve a run's hub files to commit, size and SHA-256, for its lock file."""

import hashlib
import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from medeval.errors import MedevalError
from medeval.hub.download import download
from medeval.hub.huggingface import Remote, look_up
from medeval.hub.retry import Patience
from medeval.hub.verify import Facts, refuse, require_same
from medeval.run.config import RunConfig
from medeval.run.lock import Lock, LockedFile, locked, read_lock, write_lock
from medeval.run.shipped import located, project_of
from medeval.run.sources import HubSource, describe

log = logging.getLogger(__name__)

_BRANCH = "main"
_GIT_HASH_DIGITS = 40


@dataclass(frozen=True)
class LockResolution:
    """What came of resolving a run.

    Args:
        lock: The new lock, with everything that could be resolved.
        changes: A line for each entry that is new or differs.
        failures: An error for each source that could not be resolved; its entry is as before.
    """

    lock: Lock
    changes: list[str]
    failures: list[MedevalError]


def lock_run(run: RunConfig, config: Path, *, update: bool, patience: Patience | None = None) -> list[str]:
    """Resolve a run's hub files and write its lock: the one it names, or `config/locks/NAME.yaml`.

    What could be resolved is written even if something else could not. A lock that comes with the project is read from
    there, when the working directory has none at that path, and written to the working directory.

    Returns:
        Lines that say what changed.

    Raises:
        MedevalError: Something could not be resolved; the message names every such file.
    """
    path = run.lock or Path("config/locks", f"{run.name}.yaml")
    present = located(path, project_of(config))
    lock = read_lock(present) if present.is_file() else Lock(files=[])
    resolution = resolve_run(run, lock, path, update=update, patience=patience)
    if resolution.changes or not present.is_file():
        write_lock(path, resolution.lock)
    lines = resolution.changes or ["nothing changed"]
    if resolution.failures:
        problems = "\n".join(f"  {error.problem}\n    -> {error.remedy}" for error in resolution.failures)
        changed = "\n".join(lines)
        raise MedevalError(
            f"{path}: {changed}\nnot resolved:\n{problems}", "Do what each of them needs, then run the command again."
        )
    incomplete = sum(not entry.complete for entry in resolution.lock.files)
    lines = [*lines, f"{path}: {len(resolution.lock.files)} files, {incomplete} of them incomplete and not of this run"]
    return lines if run.lock else [*lines, f"add `lock: {path}` to {config}, so that runs read only locked files"]


def resolve_run(
    run: RunConfig, lock: Lock, path: Path, *, update: bool, patience: Patience | None = None
) -> LockResolution:
    """Resolve every hub source of a run. Entries that the run does not use stay as they are.

    Args:
        run: The run, read without its lock.
        lock: The present lock.
        path: Its file, which errors name.
        update: Move to the repositories' present commits where the configuration pins none, and follow
            the configuration where it pins another than the lock.
        patience: How failures of the network are met.
    """
    resolver = _Resolver(lock, path, update, patience)
    entries, changes, failures = list(lock.files), list[str](), list[MedevalError]()
    for source in dict.fromkeys(source for source in run.sources() if isinstance(source, HubSource)):
        try:
            old, new = resolver.resolve(source)
        except MedevalError as error:
            failures.append(error)
            continue
        if new != old:
            entries = [entry for entry in entries if entry is not old and entry != new] + [new]
            changes.append(_change(old, new))
    return LockResolution(Lock(files=entries), changes, failures)


class _Resolver:
    """Fills lock entries from the hub, with one commit for all open files of a repository."""

    def __init__(self, lock: Lock, path: Path, update: bool, patience: Patience | None) -> None:
        self._lock, self._path, self._update, self._patience = lock, path, update, patience
        self._commits: dict[tuple[str, str], str] = {}

    def resolve(self, source: HubSource) -> tuple[LockedFile | None, LockedFile]:
        """Return the present entry of a source and its entry with nothing unknown.

        Raises:
            MedevalError: The configuration, the lock and the hub contradict each other, or the hub refuses.
        """
        entry = self._lock.find(source, self._path)
        wanted = source if entry is None or self._may_move(source, entry) else locked(source, self._lock, self._path)
        if entry is not None and entry.complete and wanted is not source:
            return entry, entry
        wanted = wanted.model_copy(update={"revision": wanted.revision or self._present_commit(source)})
        remote = look_up(wanted, patience=self._patience)
        require_same(wanted, remote.facts)
        facts = self._complete(wanted, remote)
        kept_note = entry.note if entry is not None and entry.revision in (None, wanted.revision) else None
        new = LockedFile(
            repo=source.repo, kind=source.kind, file=source.file, note=kept_note,
            revision=wanted.revision, size=facts.size, sha256=facts.sha256,
        )  # fmt: skip
        return entry, new

    def _may_move(self, source: HubSource, entry: LockedFile) -> bool:
        return self._update and (source.revision is None or entry.revision not in (None, source.revision))

    def _present_commit(self, source: HubSource) -> str:
        key = (source.kind, source.repo)
        if key not in self._commits:
            self._commits[key] = str(look_up(source, patience=self._patience, moving=_BRANCH).facts.revision)
        return self._commits[key]

    def _complete(self, source: HubSource, remote: Remote) -> Facts:
        """Return size and SHA-256: as the hub states them for a large file, else from the bytes themselves."""
        if None not in (remote.facts.size, remote.facts.sha256):
            return remote.facts
        log.info("%s: the hub states no SHA-256 of so small a file; downloading it", describe(source))
        arrived = download(source, partial(look_up, patience=self._patience), patience=self._patience)
        if len(remote.etag) == _GIT_HASH_DIGITS and (found := _git_hash(arrived.path)) != remote.etag:
            refuse(source, f"git hash is {found}, expected {remote.etag}")
        return arrived.facts


def _git_hash(path: Path) -> str:
    """Return the name that git gives a file's bytes, which is also the hub's ETag of a small file."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _change(old: LockedFile | None, new: LockedFile) -> str:
    title = f"{new.kind} {new.repo}:{new.file}"
    if old is None:
        return f"new: {title}: revision {new.revision}, {new.size:,} bytes, SHA-256 {new.sha256}"
    differences = [
        f"{name} {before if before is not None else 'unknown'} -> {after}"
        for name in ("revision", "size", "sha256")
        if (before := getattr(old, name)) != (after := getattr(new, name))
    ]
    note = f" (note: {old.note})" if old.note else ""
    return f"changed: {title}: {', '.join(differences)}{note}"
