"""One door for every file from elsewhere: fetch it, verify it, and put it in place or nowhere."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from medeval.errors import MedevalError
from medeval.hub.cache import place
from medeval.hub.disk import require_space, same_disk
from medeval.hub.download import download, require_revision
from medeval.hub.huggingface import Remote, look_up
from medeval.hub.mirror import find_in_folder, is_address, mirrored_path, read_checksums
from medeval.hub.pypi import download_from_pypi
from medeval.hub.retry import Patience
from medeval.hub.verify import Facts, pinned, require_same
from medeval.hub.web_mirror import download_member, look_up_in
from medeval.records.files import atomic_path, sha256_file, write_json
from medeval.run.lock import locked, read_lock, require_complete
from medeval.run.sources import AnySource, FileSource, HubSource, PypiSource, describe


def fetch(
    source: AnySource,
    out: Path,
    *,
    lock: Path | None = None,
    mirror: str | None = None,
    patience: Patience | None = None,
) -> dict[str, object]:
    """Bring one file to `out`, with a record of its origin in `out` + `.source.json`.

    The record is written last, so that its presence means that the file is complete and verified.

    Args:
        source: The file.
        out: Where it goes.
        lock: Lock file that a hub file must be in, with revision, size and SHA-256.
        mirror: Folder or address to read from, instead of the hub and the package index.
        patience: How failures of a network are met.

    Returns:
        The record: the source, one line that describes it, its mirror, revision, SHA-256 and size in bytes.

    Raises:
        MedevalError: The source is not pinned or not there, there is no room for it, or its bytes are not
            the expected ones.
    """
    if isinstance(source, HubSource) and lock is not None:
        source = locked(source, read_lock(lock), lock)
        require_complete(source, lock)
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(out) as temporary:
        facts = _bring(source, temporary, mirror, patience)
    record: dict[str, object] = {
        "source": source.model_dump(mode="json"),
        "description": describe(source),
        "mirror": None if isinstance(source, FileSource) else mirror,
        "revision": source.revision if isinstance(source, HubSource) else facts.sha256,
        "sha256": facts.sha256,
        "bytes": facts.size,
    }
    write_json(out.with_name(out.name + ".source.json"), record)
    return record


def _bring(source: AnySource, target: Path, mirror: str | None, patience: Patience | None) -> Facts:
    """Put a verified file at `target` and return its size and SHA-256."""
    match source:
        case FileSource():
            return _copy(source, _existing(source), target, pinned(source))
        case HubSource() | PypiSource() if mirror is not None and not is_address(mirror):
            return _from_folder(source, Path(mirror), target)
        case HubSource():
            arrived = download(source, _finder(mirror, patience), target=target.parent, patience=patience)
            place(arrived.path, target)
            return arrived.facts
        case PypiSource():
            return _from_index(source, target, mirror, patience)


def _finder(mirror: str | None, patience: Patience | None) -> Callable[[HubSource], Remote]:
    if mirror is None:
        return partial(look_up, patience=patience)
    return partial(look_up_in, mirror, patience=patience)


def _from_folder(source: HubSource | PypiSource, folder: Path, target: Path) -> Facts:
    """Take a file from a mirror folder; where the source pins no hash, the mirror's own list must agree."""
    if isinstance(source, HubSource):
        require_revision(source)
    expected = pinned(source)
    if expected.sha256 is None:
        expected = replace(expected, sha256=read_checksums(folder).get(mirrored_path(source).as_posix()))
    return _copy(source, find_in_folder(source, folder), target, expected)


def _from_index(source: PypiSource, target: Path, mirror: str | None, patience: Patience | None) -> Facts:
    if mirror is None:
        download_from_pypi(source, target)
    else:
        download_member(mirror, source, target, patience)
    found = Facts(size=target.stat().st_size, sha256=sha256_file(target))
    require_same(source, found)
    return found


def _copy(source: AnySource, origin: Path, target: Path, expected: Facts) -> Facts:
    """Place a file of this machine at `target` and verify what has arrived there.

    A mirror's files do not change, so they are linked. The user's own file is copied: it may be edited
    in place, and what was verified must not change with it.
    """
    size = origin.stat().st_size
    own = isinstance(source, FileSource)
    if own or not same_disk(origin, target.parent):
        require_space(target.parent, size, describe(source))
    if own:
        shutil.copyfile(origin, target)
    else:
        place(origin, target)
    found = Facts(expected.revision, size, sha256_file(target))
    require_same(source, found, expected)
    return found


def _existing(source: FileSource) -> Path:
    if not source.path.is_file():
        raise MedevalError(f"{source.path}: no such file", "Correct the path of this source in the configuration.")
    return source.path
