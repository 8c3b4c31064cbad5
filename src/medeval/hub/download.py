"""Download one file at its commit into the shared cache: verified while it streams, or not kept at all."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from medeval.errors import MedevalError
from medeval.hub import retry
from medeval.hub.cache import add_snapshot, blob_file, one_at_a_time, snapshot_file
from medeval.hub.disk import require_space, same_disk
from medeval.hub.huggingface import Remote, answers
from medeval.hub.progress import Transfer
from medeval.hub.retry import Attempts, Patience
from medeval.hub.transfer import PartialFile, Request, WrongSizeError, receive
from medeval.hub.verify import DifferentFileError, Facts, pinned, refuse, require_same
from medeval.records.files import sha256_file
from medeval.run.sources import HubSource, describe

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Arrived:
    """A verified file on this machine.

    Args:
        path: Where it lies; not to be changed.
        facts: Its revision, size and SHA-256.
    """

    path: Path
    facts: Facts


def download(
    source: HubSource,
    look_up: Callable[[HubSource], Remote],
    *,
    cache: Path | None = None,
    target: Path | None = None,
    patience: Patience | None = None,
) -> Arrived:
    """Bring one file into the cache of huggingface_hub and verify it; a file that is there already is only verified.

    A download that is cut or killed leaves its bytes beside the cache's files, and the next one goes on
    from there. Jobs that want the same file at the same time wait for the first of them.

    Args:
        source: The file, with its commit.
        look_up: Says where its bytes are and what is known of them.
        cache: The cache; huggingface_hub's own (HF_HUB_CACHE) when absent.
        target: Folder where the file goes afterwards, whose disk must hold it too.
        patience: How failures are met.

    Raises:
        MedevalError: No commit is pinned, the file differs from what is pinned, there is no room for it,
            or the hub refuses or cannot be reached.
    """
    require_revision(source)
    cache = cache or Path(constants.HF_HUB_CACHE)
    pointer = cache / snapshot_file(source)
    if pointer.is_file():
        return _verified(source, pointer, pinned(source))
    remote = look_up(source)
    require_same(source, remote.facts)
    expected = _joined(pinned(source), remote.facts)
    _require_room(source, expected.size, cache, target)
    blob = blob_file(cache, source, remote.etag)
    with one_at_a_time(cache, source, remote.etag):
        if blob.is_file():  # another job or another revision brought the same bytes
            facts = _verified(source, blob, expected).facts
        else:
            facts = _receive(source, remote, expected, blob, patience or retry.PATIENCE)
        if not pointer.is_file():
            add_snapshot(blob, pointer)
    return Arrived(pointer, facts)


def require_revision(source: HubSource) -> None:
    """Refuse a source without a commit.

    Raises:
        MedevalError: No revision is pinned.
    """
    if source.revision is None:
        raise MedevalError(
            f"{describe(source)}: no revision is pinned",
            f"Run `medeval lock CONFIG`, or set `revision` to a commit of {source.repo}; its page lists them"
            " under Files and versions.",
        )


def _receive(source: HubSource, remote: Remote, expected: Facts, blob: Path, patience: Patience) -> Facts:
    """Stream a file to a path beside its place in the cache and, when every fact agrees, move it there."""
    blob.parent.mkdir(parents=True, exist_ok=True)
    path = blob.with_name(f"{blob.name}.medeval.incomplete")
    request = Request(remote.url, remote.headers, expected.size)
    attempts = Attempts(describe(source), patience)
    log.info("%s: downloading", describe(source))
    with PartialFile(path) as partial:
        resumed = partial.size > 0
        name = Path(source.file).name
        try:
            with answers(source, token=remote.authorized), Transfer(name, expected.size, partial.size) as progress:
                receive(request, partial, attempts, progress)
                if resumed and expected.sha256 not in (None, partial.sha256):
                    log.warning("%s: the bytes of an earlier run were damaged; starting again", describe(source))
                    partial.restart()
                    progress.restart()
                    receive(request, partial, attempts, progress)
            found = Facts(source.revision, partial.size, partial.sha256)
            require_same(source, found, expected)
        except WrongSizeError as error:
            path.unlink(missing_ok=True)
            refuse(source, f"size in bytes is {error.found}, expected {expected.size}")
        except DifferentFileError:
            path.unlink(missing_ok=True)  # so that the next run does not take these bytes for a beginning
            raise
        if not partial.land(blob):
            raise MedevalError(
                f"{describe(source)}: another process took {path} although this one holds its lock",
                "Run the same command again. If this recurs, set HF_HUB_CACHE to a file system that honours locks.",
            )
    return found


def _verified(source: HubSource, path: Path, expected: Facts) -> Arrived:
    """Return a file of the cache after reading it once."""
    found = Facts(source.revision, path.stat().st_size, sha256_file(path))
    try:
        require_same(source, found, expected)
    except DifferentFileError as error:
        raise MedevalError(
            f"{error.problem}; it lies in the cache, as {path.resolve()}",
            "Delete that file and run the same command again; it will be downloaded anew.",
        ) from None
    return Arrived(path, found)


def _joined(pins: Facts, said: Facts) -> Facts:
    """Return what is pinned and, where nothing is, what the hub says."""
    return Facts(pins.revision, said.size if pins.size is None else pins.size, pins.sha256 or said.sha256)


def _require_room(source: HubSource, size: int | None, cache: Path, target: Path | None) -> None:
    if size is None:
        return
    require_space(cache, size, describe(source))
    if target is not None and not same_disk(cache, target):
        require_space(target, size, describe(source))
