"""Stream one file to disk: hashed as it arrives, resumed after a cut, within a bounded number of attempts."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, Self

import httpx2
from huggingface_hub import constants, get_session, hf_raise_for_status
from huggingface_hub.errors import HfHubHTTPError

from medeval.hub.retry import Attempts, passes

_READ_BYTES = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Progress(Protocol):
    """Where a transfer reports what has arrived."""

    def advance(self, count: int) -> None:
        """Count more bytes."""

    def restart(self) -> None:
        """Count from zero again."""


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Args:
        url: Address; redirects are followed, and the hub's client sends the token to no other host.
        headers: Headers of every request, with the token if there is one.
        size: Bytes of the whole file; None when unknown.
    """

    url: str
    headers: Mapping[str, str]
    size: int | None


class WrongSizeError(Exception):
    """The server's file is of another size than the one expected.

    Args:
        found: The size in bytes that the server states or exceeds.
    """

    def __init__(self, found: int) -> None:
        super().__init__(found)
        self.found = found


class PartialFile:
    """The first bytes of a file, on disk, with their SHA-256; what an earlier run brought is hashed and kept.

    Where a file system does not honour locks, two processes may have the same one open. Each writes the
    same bytes at its own position, and neither moves a file into place that the other has replaced.

    Args:
        path: File that grows; it outlives the process, so that a killed download resumes.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, 0
        self._digest = hashlib.sha256()

    def __enter__(self) -> Self:
        self._stream = self._open()
        while chunk := self._stream.read(_READ_BYTES):
            self._count(chunk)
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def write(self, chunk: bytes) -> None:
        """Add bytes."""
        self._stream.write(chunk)
        self._count(chunk)

    def restart(self) -> None:
        """Drop every byte, and begin a new file."""
        self._stream.close()
        self.path.unlink(missing_ok=True)
        self._stream = self._open()
        self.size, self._digest = 0, hashlib.sha256()

    def land(self, target: Path) -> bool:
        """Move the file to its place, once the disk holds every byte; return whether it was still this one's."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        mine = os.fstat(self._stream.fileno())
        try:
            if mine.st_size != self.size or not os.path.samestat(mine, self.path.stat()):
                return False
            self.path.replace(target)
        except FileNotFoundError:
            return False
        return True

    def _open(self) -> BinaryIO:
        return os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes so far."""
        return self._digest.hexdigest()

    def _count(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._digest.update(chunk)


def receive(request: Request, partial: PartialFile, attempts: Attempts, progress: Progress) -> None:
    """Ask for what is missing of a file until it is whole.

    Raises:
        WrongSizeError: The server's file is larger or smaller than expected.
        HfHubHTTPError: The hub refuses in a way that asking again will not change.
        MedevalError: Too many attempts in a row brought nothing.
    """
    if request.size is not None and partial.size > request.size:
        partial.restart()
        progress.restart()
    whole = request.size == partial.size and partial.size > 0
    while not whole:
        before = partial.size
        try:
            whole = _ask(request, partial, progress)
            continue
        except (HfHubHTTPError, httpx2.TransportError) as error:
            if not passes(error):
                raise
            failure = error
        if partial.size > before:
            attempts.progressed()
        attempts.failed(failure)


def _ask(request: Request, partial: PartialFile, progress: Progress) -> bool:
    """Append what one reply brings, and return whether the file is whole then."""
    headers = dict(request.headers)
    if partial.size:
        headers["Range"] = f"bytes={partial.size}-"
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", request.url, headers=headers, timeout=timeout) as response:
        if response.status_code == 416:  # the file ends before the bytes that are missing
            raise WrongSizeError(partial.size)
        hf_raise_for_status(response)
        size = _size_of_whole(response, partial, progress)
        if None not in (size, request.size) and size != request.size:
            raise WrongSizeError(size or 0)
        expected = request.size if request.size is not None else size
        for chunk in response.iter_bytes():
            partial.write(chunk)
            progress.advance(len(chunk))
            if expected is not None and partial.size > expected:
                raise WrongSizeError(partial.size)
    if expected is not None and partial.size < expected:
        raise httpx2.RemoteProtocolError("the reply ended early")
    return True


def _size_of_whole(response: httpx2.Response, partial: PartialFile, progress: Progress) -> int | None:
    """Return the size that a reply states for the whole file; start again if it does not begin where asked."""
    content_range = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status_code == 206 and content_range and int(content_range[1]) == partial.size:
        return None if content_range[2] == "*" else int(content_range[2])
    if response.status_code == 206:
        raise httpx2.RemoteProtocolError("the server sent another part than the one asked for")
    if partial.size:  # the server knows no ranges and sends everything
        partial.restart()
        progress.restart()
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return None  # the stated length is that of the compressed bytes
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None
