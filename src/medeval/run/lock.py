"""The lock file: commit, size and SHA-256 of every hub file of a run, in an order that makes small diffs."""

from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from medeval.errors import MedevalError
from medeval.records.files import atomic_path
from medeval.records.yaml_files import load_yaml, validate
from medeval.run.sources import Commit, HubSource, InnerPath, Sha256, describe

_HEADER = """\
# Every hub file that runs may read. `medeval lock CONFIG` fills what is null; `--update` moves revisions.
"""


class LockedFile(BaseModel):
    """One file of one repository at one commit; null stands for what is not known yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repo: str = Field(pattern=r"^[^/]+/[^/]+$", description="Repository, `owner/name`.")
    kind: Literal["model", "dataset"] = Field(description="Kind of repository.")
    file: InnerPath = Field(description="Path of the file in the repository.")
    revision: Commit | None = Field(description="Commit of the repository.")
    size: int | None = Field(ge=0, description="Size in bytes.")
    sha256: Sha256 | None = Field(description="SHA-256 of the file.")
    note: str | None = Field(None, description="What is known beyond that.")

    @property
    def complete(self) -> bool:
        """Whether revision, size and SHA-256 are all known."""
        return None not in (self.revision, self.size, self.sha256)

    def of(self, source: HubSource) -> bool:
        """Return whether this is the source's file, at whatever revision."""
        return (self.repo, self.kind, self.file) == (source.repo, source.kind, source.file)


class Lock(BaseModel):
    """A lock file's content."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: list[LockedFile] = Field(description="Locked files; one file may be locked at several revisions.")

    @model_validator(mode="after")
    def _each_file_once(self) -> Self:
        keys = [_key(entry) for entry in self.files]
        if repeated := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"`files` holds {', '.join('@'.join(key) for key in repeated)} more than once")
        return self

    def find(self, source: HubSource, path: Path) -> LockedFile | None:
        """Return the entry for a source: the one at its revision or, if it has none, the only one.

        Raises:
            MedevalError: Several revisions of the file are locked and the source names none.
        """
        entries = [entry for entry in self.files if entry.of(source)]
        if source.revision is not None:
            at_revision = [entry for entry in entries if entry.revision == source.revision]
            # An entry without revision is open to the source's; one at another revision shows the contradiction.
            entries = at_revision or [entry for entry in entries if entry.revision is None] or entries[:1]
        if len(entries) > 1:
            revisions = " and ".join(str(entry.revision) for entry in entries)
            raise MedevalError(
                f"{describe(source)}: {path} holds this file at revisions {revisions}",
                "Set `revision` of this source in the configuration to one of them.",
            )
        return entries[0] if entries else None


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        MedevalError: The file is missing or malformed.
    """
    if not path.is_file():
        raise MedevalError(f"{path}: no such lock file", "Run `medeval lock CONFIG` to write it, or correct `lock`.")
    return validate(Lock, load_yaml(path), path)


def write_lock(path: Path, lock: Lock) -> None:
    """Write a lock file atomically, sorted by repository, file and revision."""
    entries = [_document(entry) for entry in sorted(lock.files, key=_key)]
    text = yaml.safe_dump({"files": entries}, sort_keys=False, allow_unicode=True, width=10_000)
    with atomic_path(path) as temporary:
        temporary.write_text(_HEADER + text, encoding="utf-8")


def locked(source: HubSource, lock: Lock, path: Path) -> HubSource:
    """Return the source with revision, size and SHA-256 of its entry in the lock; what is unknown stays null.

    Raises:
        MedevalError: The lock has no entry for the source, or the two contradict each other.
    """
    entry = lock.find(source, path)
    if entry is None:
        raise MedevalError(
            f"{path} has no entry for {describe(source)}, which the configuration names",
            "Run `medeval lock CONFIG` to add it, review the change and commit it.",
        )
    facts = entry.model_dump(include={"revision", "size", "sha256"})
    for name, value in facts.items():
        given = getattr(source, name)
        if None not in (given, value) and given != value:
            title = f"{source.kind} {source.repo}:{source.file}"
            raise MedevalError(
                f"{title}: the configuration says {name} {given}, {path} says {value}",
                f"Correct whichever is wrong; if the file was replaced on purpose, remove `{name}` from the"
                " configuration and run `medeval lock CONFIG --update`.",
            )
    return source.model_copy(update={name: value for name, value in facts.items() if value is not None})


def require_complete(source: HubSource, path: Path) -> None:
    """Refuse a locked source of which revision, size or SHA-256 is not known.

    Raises:
        MedevalError: One of them is null.
    """
    unknown = [name for name in ("revision", "size", "sha256") if getattr(source, name) is None]
    if unknown:
        raise MedevalError(
            f"{describe(source)}: {path} does not state its {' and '.join(unknown)}",
            "Run `medeval lock CONFIG` where the hub can be reached, review the change and commit it.",
        )


def _key(entry: LockedFile) -> tuple[str, str, str, str]:
    return (entry.repo, entry.kind, entry.file, entry.revision or "")


def _document(entry: LockedFile) -> dict[str, object]:
    document = entry.model_dump()
    if document["note"] is None:
        del document["note"]
    return document
