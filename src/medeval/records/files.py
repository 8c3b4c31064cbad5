"""Files that are either complete or absent, and their hashes."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError

_CHUNK_BYTES = 1 << 20
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits; each version of a file is read once per process.

    Any write to a file, and any change of its name or times, makes another version of it.
    """
    status = path.stat()
    version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _sha256_of_version(path, version)


@lru_cache(maxsize=4096)
def _sha256_of_version(path: Path, _version: tuple[int, ...]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_text(text: str) -> str:
    """Return the SHA-256 of a text's UTF-8 bytes as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; move it into place only if the block succeeds.

    A reader therefore never sees half a file, and a failed command leaves nothing that a later
    run could take for a result.

    Raises:
        MedevalError: The target cannot be written: its folder cannot, it is a folder itself, or no room is left.
    """
    temporary = _temporary_beside(target)
    try:
        yield temporary
        _put_in_place(temporary, target)
    except OSError as error:
        if error.errno in _NO_ROOM:  # other errors may be of what the block reads
            raise _unwritable(target, error) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _temporary_beside(target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    except OSError as error:
        raise _unwritable(target, error) from error
    os.close(handle)
    return Path(name)


def _put_in_place(temporary: Path, target: Path) -> None:
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    if temporary.stat().st_nlink == 1:  # a hard link shares its permissions with the file it was made from
        temporary.chmod(0o644)
    try:
        temporary.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> MedevalError:
    return MedevalError(
        f"{target}: cannot be written ({error.strerror})", "Make room, or name a file in a folder that can be written."
    )


def refuse_to_replace(out: Path, inputs: Iterable[Path]) -> None:
    """Refuse to write over a file that is read, by whatever name it is called.

    Args:
        out: The file to write.
        inputs: The files that are read.

    Raises:
        MedevalError: One of them is the file to write.
    """
    if _resolved(out) in {_resolved(path) for path in inputs}:
        raise MedevalError(f"{out}: would replace a file that is read", "Write to another file.")


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise MedevalError(f"{path}: cannot be followed ({error})", "Correct the path, or its links.") from error


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write one JSON document atomically, with keys in the order given."""
    with atomic_path(path) as temporary:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read one JSON document.

    Raises:
        MedevalError: The file is missing, cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_not_finite)
    except FileNotFoundError:
        raise MedevalError(f"{path}: no such file", "Run the stage that writes it, or correct the path.") from None
    except (ValueError, RecursionError) as error:  # of JSON, UTF-8, numbers of thousands of digits
        raise MedevalError(
            f"{path}: not a JSON document ({error})", "Delete it and run the stage that writes it again."
        ) from error
    except OSError as error:
        raise MedevalError(f"{path}: cannot be read ({error.strerror})", "Correct the path, or its rights.") from error


def _not_finite(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
