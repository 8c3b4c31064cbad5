"""The tables that the compare stage reads, told apart by what they say of themselves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.files import sha256_file

_KINDS = (tables.SCORES, tables.GRADES, tables.ITEMS, tables.CONVERSATIONS)


def by_kind(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Sort files by the kind of table that they hold; every kind is a key.

    Raises:
        MedevalError: A file is unreadable, or holds no table that can be compared.
    """
    found: dict[str, list[Path]] = {kind.name: [] for kind in _KINDS}
    for path in paths:
        kind = tables.read_record(path).get("table")
        if kind not in found:
            raise MedevalError(
                f"{path}: expected a table of {', '.join(found)}, found {kind or 'a file that medeval did not write'}",
                "Leave it out: `medeval compare` reads these kinds of tables only.",
            )
        found[kind].append(path)
    return found


def tables_below(paths: Sequence[Path]) -> list[Path]:
    """Replace each folder by the tables below it that can be compared; others in it are passed over.

    A folder may hold a file twice, as a run's results do with the artifacts that MLflow keeps: a copy counts once.

    Raises:
        MedevalError: A folder holds none, or a Parquet file in it is unreadable.
    """
    kinds, found = {kind.name for kind in _KINDS}, dict[str, Path]()
    for path in paths:
        files = sorted(path.rglob("*.parquet"), key=_copies_last) if path.is_dir() else [path]
        inside = [file for file in files if not path.is_dir() or tables.read_record(file).get("table") in kinds]
        if not inside:
            raise MedevalError(
                f"{path}: holds no table of {', '.join(sorted(kinds))}", "Name another folder, or files."
            )
        for file in inside:
            found.setdefault(sha256_file(file) if path.is_dir() else str(file), file)
    return list(found.values())


def _copies_last(path: Path) -> tuple[bool, Path]:
    """Put MLflow's copies last, so that the originals are the ones that are named."""
    return "mlflow-artifacts" in path.parts, path


def package_versions(paths: Sequence[Path]) -> dict[str, list[str]]:
    """Return the package versions that wrote the tables; several of one package are all listed."""
    found: dict[str, set[str]] = {}
    for path in paths:
        for name, version in tables.read_record(path).get("packages", {}).items():
            found.setdefault(name, set()).add(version)
    return {name: sorted(versions) for name, versions in sorted(found.items())}


def sizes(table: pa.Table, column: str) -> Mapping[str, int]:
    """Count the items by benchmark, or the conversations by subset, as `column` says."""
    counted = table.group_by(column, use_threads=False).aggregate([([], "count_all")])
    return dict(zip(counted[column].to_pylist(), counted["count_all"].to_pylist(), strict=True))
