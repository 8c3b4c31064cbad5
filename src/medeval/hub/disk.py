"""Room on the disk, looked at before a large file is begun."""

import shutil
from pathlib import Path

from medeval.errors import MedevalError


def require_space(folder: Path, needed: int, what: str) -> None:
    """Refuse to begin a file that the disk of `folder` cannot hold.

    Raises:
        MedevalError: Fewer than `needed` bytes are free.
    """
    free = shutil.disk_usage(_existing(folder)).free
    if free < needed:
        raise MedevalError(
            f"{what}: {folder} needs {needed:,} bytes more and its disk has {free:,} free",
            f"Free {needed - free:,} bytes, or choose another place (HF_HUB_CACHE for the cache of the hub's files).",
        )


def same_disk(first: Path, second: Path) -> bool:
    """Return whether two folders lie on one file system, so that a file linked into both takes no room twice."""
    return _existing(first).stat().st_dev == _existing(second).stat().st_dev


def _existing(folder: Path) -> Path:
    """Return the folder or, before it is made, the nearest one above it."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())
