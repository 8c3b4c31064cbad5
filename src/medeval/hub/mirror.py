"""Read from a mirror: a folder, which needs no network, or a web server that serves such a folder."""

from pathlib import Path

from medeval.errors import MedevalError
from medeval.hub.cache import snapshot_file
from medeval.run.sources import HubSource, PypiSource, describe

CHECKSUMS = "SHA256SUMS"
_MADE_BY = "Make it again where the hub can be reached: `medeval mirror CONFIG --out FOLDER`, and copy all of it."


def mirrored_path(source: HubSource | PypiSource) -> Path:
    """Return a file's path below a mirror: that of the hub's cache, or `pypi/PACKAGE-VERSION/MEMBER`."""
    if isinstance(source, HubSource):
        return snapshot_file(source)
    return Path("pypi", f"{source.package}-{source.version}", *source.member.split("/"))


def is_address(mirror: str) -> bool:
    """Return whether a mirror is an address and not a folder."""
    return mirror.startswith(("http://", "https://"))


def find_in_folder(source: HubSource | PypiSource, folder: Path) -> Path:
    """Return the path of a file in a mirror that is a folder; nothing is sent anywhere.

    Raises:
        MedevalError: The folder or the file is not there.
    """
    if not folder.is_dir():
        raise MedevalError(f"{folder}: no such mirror folder", "Correct `hub.mirror`, or mount or copy the mirror.")
    path = folder / mirrored_path(source)
    if not path.is_file():
        raise MedevalError(f"{describe(source)}: the mirror {folder} has no {mirrored_path(source)}", _MADE_BY)
    return path


def parse_checksums(text: str, origin: str) -> dict[str, str]:
    """Read a checksum list as sha256sum writes it, and return the hash of each path.

    Raises:
        MedevalError: A line is of another form.
    """
    sums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        digest, separator, path = line.partition("  ")
        if not separator or len(digest) != 64:
            raise MedevalError(f"{origin}, line {number}: expected `SHA256  PATH`, found {line!r}", _MADE_BY)
        sums[path] = digest
    return sums


def read_checksums(folder: Path) -> dict[str, str]:
    """Return the checksums of a mirror folder; none if it has no list, as a plain cache of the hub has none."""
    path = folder / CHECKSUMS
    return parse_checksums(path.read_text(encoding="utf-8"), str(path)) if path.is_file() else {}
