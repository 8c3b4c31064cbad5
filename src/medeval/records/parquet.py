"""Parquet files read whole; whatever goes wrong names the file and what to do."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from medeval.errors import MedevalError


def read_columns(path: Path, columns: Sequence[str]) -> pa.Table:
    """Read columns of a file; those that it lacks are left out.

    Raises:
        MedevalError: The file is missing, a folder, not Parquet, or damaged.
    """
    with _readable(path):
        there = set(pq.read_schema(path).names)
        return pq.read_table(path, columns=[name for name in columns if name in there])


def read_metadata(path: Path) -> Mapping[bytes, bytes]:
    """Return the key-value metadata of a file's schema.

    Raises:
        MedevalError: The file is missing, a folder, or not Parquet.
    """
    with _readable(path):
        return pq.read_schema(path).metadata or {}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    if path.is_dir():
        raise MedevalError(f"{path}: a folder, expected a Parquet file", f"Name its files, such as {path}/*.parquet.")
    try:
        yield
    except FileNotFoundError:
        raise MedevalError(f"{path}: no such file", "Run the stage that writes it, or correct the path.") from None
    except pa.ArrowInvalid as error:
        raise MedevalError(
            f"{path}: not a Parquet file ({error})", "Delete it and run the stage that writes it again."
        ) from error
    except OSError as error:
        raise MedevalError(
            f"{path}: cannot be read, it may be damaged ({error})",
            "Check that you may read it; if you may, delete it and run the stage that writes it again.",
        ) from error
