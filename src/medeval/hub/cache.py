"""The Hugging Face cache on disk: where a file lies, and how one is added that every other tool finds too."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medeval.run.sources import HubSource


def repository_folder(source: HubSource) -> str:
    """Return the folder name of a repository, such as `datasets--owner--name`."""
    return f"{source.kind}s--{source.repo.replace('/', '--')}"


def snapshot_file(source: HubSource) -> Path:
    """Return the path of a file below the cache: `REPOSITORY/snapshots/COMMIT/FILE`."""
    return Path(repository_folder(source), "snapshots", str(source.revision), *source.file.split("/"))


def blob_file(cache: Path, source: HubSource, etag: str) -> Path:
    """Return the path of the bytes with this ETag, which is a SHA-256 or a git hash."""
    return cache / repository_folder(source) / "blobs" / etag


@contextmanager
def one_at_a_time(cache: Path, source: HubSource, etag: str) -> Iterator[None]:
    """Hold the lock that huggingface_hub itself takes for this file, so that one job downloads and others wait."""
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]  # exported lazily

    path = cache / ".locks" / repository_folder(source) / f"{etag}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(path):
        yield


def add_snapshot(blob: Path, pointer: Path) -> None:
    """Make a snapshot's file point to its bytes, by a relative link or, where links are impossible, by a copy."""
    pointer.parent.mkdir(parents=True, exist_ok=True)
    temporary = pointer.with_name(f".{pointer.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(os.path.relpath(blob, pointer.parent))
    except OSError:
        shutil.copyfile(blob, temporary)
    temporary.replace(pointer)


def place(origin: Path, target: Path) -> None:
    """Hard-link a file to a path where the file system allows it, since weights are large; copy it otherwise."""
    target.unlink(missing_ok=True)
    try:
        os.link(origin.resolve(), target)
    except OSError:
        shutil.copyfile(origin, target)
