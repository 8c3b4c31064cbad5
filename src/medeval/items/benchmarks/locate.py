"""Finds a benchmark's files in a folder: a Hugging Face cache, one of its snapshots, or a folder with the files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medeval.errors import MedevalError

_SHOWN_FILES = 12


@dataclass(frozen=True)
class KnownFiles:
    """Where a benchmark's rows stand at its source.

    Attributes:
        repositories: Data sets on the hub that hold it, as "owner/name".
        layouts: Alternatives; each is the glob patterns that together make the benchmark, one file or the shards of
            one file per pattern.
        splits: Split or subset -> alternatives for it, where that means other files.
    """

    repositories: Sequence[str]
    layouts: Sequence[Sequence[str]]
    splits: Mapping[str, Sequence[Sequence[str]]] | None = None

    def of_split(self, split: str | None) -> Sequence[Sequence[str]]:
        """Return the alternatives for a split; None and splits of rows within the files mean the usual ones."""
        return (self.splits or {}).get(split or "", self.layouts)


def locate(benchmark: str, known: KnownFiles, source: Path, split: str | None = None) -> list[Path]:
    """Return the files that a source means: itself if it is a file, else the benchmark's files in that folder.

    Args:
        benchmark: Benchmark id, for messages.
        known: The benchmark's repositories and file names.
        source: A file or a folder.
        split: Split or subset to look for.

    Raises:
        MedevalError: The source does not exist, or its files are missing, ambiguous or from several snapshots.
    """
    if not source.exists():
        raise MedevalError(f"{source}: no such file or folder", "Correct the path, or fetch the benchmark first.")
    if source.is_file():
        return [source]
    root = _snapshot(known, source)
    alternatives = known.of_split(split)
    complete = [files for files in (_matches(root, layout) for layout in alternatives) if all(files)]
    wanted = " or ".join(" with ".join(layout) for layout in alternatives)
    if not complete:
        raise MedevalError(
            f"{source}: no files of {benchmark} (looked for {wanted}); the folder holds {_listing(root)}",
            "Give the file itself with --source, or the folder that has it.",
        )
    groups = [group for files in complete for group in files]
    if len(complete) > 1 or not all(map(_one_file, groups)):
        candidates = ", ".join(str(path.relative_to(root)) for group in groups for path in group)
        raise MedevalError(
            f"{source}: not exactly one file, or not every shard of it, for each part of {benchmark}: {candidates}",
            "Name the files that are meant with --source, or complete the shards.",
        )
    return [path for group in groups for path in group]


def revision_of(file: Path) -> str | None:
    """Return the commit that a file in a Hugging Face cache belongs to, or None for any other file."""
    parts = file.absolute().parts
    return next((parts[i + 1] for i in range(len(parts) - 2, 0, -1) if parts[i] == "snapshots"), None)


def _snapshot(known: KnownFiles, folder: Path) -> Path:
    """Return the snapshot in a cache or in a data set's folder of one; any other folder is returned as it is."""
    names = ["datasets--" + repository.replace("/", "--") for repository in known.repositories]
    cached = [folder / name for name in names if (folder / name).is_dir()]
    if not cached and any(folder.glob("datasets--*")):
        raise MedevalError(
            f"{folder}: a cache without {' or '.join(known.repositories)}; it holds {_listing(folder)}",
            "Fetch the data set into this cache, or give another --source.",
        )
    if len(cached) > 1:
        raise MedevalError(
            f"{folder}: several data sets hold this benchmark: {', '.join(path.name for path in cached)}",
            "Give the folder of one of them.",
        )
    repository = cached[0] if cached else folder
    return _checked_out(repository) if (repository / "snapshots").is_dir() else repository


def _checked_out(repository: Path) -> Path:
    snapshots = sorted(path for path in (repository / "snapshots").iterdir() if path.is_dir())
    if len(snapshots) == 1:
        return snapshots[0]
    found = ", ".join(path.name for path in snapshots) or "none"
    raise MedevalError(
        f"{repository}: expected one snapshot, found {found}", "Give the folder of the snapshot that is meant."
    )


def _matches(root: Path, layout: Sequence[str]) -> list[list[Path]]:
    """Return, per pattern, the files that match it; those at the place of the source come before deeper ones."""
    return [
        sorted(path for path in root.glob(pattern) if path.is_file())
        or sorted(path for path in root.rglob(pattern) if path.is_file())
        for pattern in layout
    ]


def _one_file(paths: Sequence[Path]) -> bool:
    """Whether paths are one file, or all shards of one ("test-00000-of-00002.parquet")."""
    if len(paths) == 1:
        return "-of-" not in paths[0].stem or int(paths[0].stem.rsplit("-of-", 1)[1]) == 1
    stems = [path.stem.rsplit("-of-", 1) for path in paths]
    return (
        len({path.parent for path in paths}) == 1
        and all(len(stem) == 2 and stem[1].isdigit() for stem in stems)
        and {int(stem[1]) for stem in stems} == {len(paths)}
    )


def _listing(folder: Path) -> str:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    more = len(names) - _SHOWN_FILES
    return (", ".join(names[:_SHOWN_FILES]) or "no files") + (f" and {more} more" if more > 0 else "")
