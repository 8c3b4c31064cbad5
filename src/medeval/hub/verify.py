"""Whether bytes are those that were pinned, and which of revision, size and SHA-256 differs if not."""

from dataclasses import dataclass
from typing import NoReturn

from medeval.errors import MedevalError
from medeval.run.sources import AnySource, HubSource, describe


class DifferentFileError(MedevalError):
    """A file is not the one that was pinned."""


@dataclass(frozen=True)
class Facts:
    """What is known of a file; None stands for what is not.

    Args:
        revision: Commit of its repository.
        size: Bytes.
        sha256: SHA-256 of its bytes.
    """

    revision: str | None = None
    size: int | None = None
    sha256: str | None = None


def pinned(source: AnySource) -> Facts:
    """Return what a source pins."""
    if isinstance(source, HubSource):
        return Facts(source.revision, source.size, source.sha256)
    return Facts(sha256=source.sha256)


def require_same(source: AnySource, found: Facts, expected: Facts | None = None) -> None:
    """Refuse facts that differ from the pinned ones, as far as both are known.

    Args:
        source: The source, which the error names.
        found: Facts of the file at hand, or what the hub says of it.
        expected: What to compare with; what the source pins when absent.

    Raises:
        DifferentFileError: Revision, size or SHA-256 differs; the message names each one that does.
    """
    expected = expected or pinned(source)
    differences = [
        f"{title} is {getattr(found, name)}, expected {getattr(expected, name)}"
        for name, title in (("revision", "revision"), ("size", "size in bytes"), ("sha256", "SHA-256"))
        if None not in (getattr(found, name), getattr(expected, name))
        and getattr(found, name) != getattr(expected, name)
    ]
    if differences:
        refuse(source, "; ".join(differences))


def refuse(source: AnySource, difference: str) -> NoReturn:
    """Raise the error for a file that is not the pinned one.

    Raises:
        DifferentFileError: Always.
    """
    raise DifferentFileError(
        f"{describe(source)}: this is not the pinned file: {difference}",
        "Do not use it. If it was replaced on purpose, review what changed and pin the new revision, size and hash"
        " (`medeval lock CONFIG --update`).",
    )
