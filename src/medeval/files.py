"""Files that are either complete or absent, and their hashes."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError

_CHUNK_BYTES = 1 << 20


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, reading it in chunks."""
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
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        if temporary.stat().st_nlink == 1:  # a hard link shares its permissions with the file it was made from
            temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write one JSON document atomically, with keys in the order given."""
    with atomic_path(path) as temporary:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read one JSON document.

    Raises:
        MedevalError: The file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MedevalError(f"{path}: no such file", "Run the stage that writes it, or correct the path.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise MedevalError(
            f"{path}: not a JSON document ({error})", "Delete it and run the stage that writes it again."
        ) from error
