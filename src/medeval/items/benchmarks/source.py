"""Reads the rows of a benchmark's source file, whatever its format, and says exactly where one is wrong."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medeval.errors import MedevalError

_FETCH_AGAIN = "Fetch the file again at its pinned revision, or correct it."


@dataclass(frozen=True)
class SourceRow:
    """One row and where it stands.

    Attributes:
        file: The file that holds it.
        number: 0-based row in that file.
        position: 0-based row over all files of the load, in the order given.
        values: Column -> value, as the file holds it.
    """

    file: Path
    number: int
    position: int
    values: Mapping[str, Any]


def read_files(
    files: Sequence[Path], columns: Sequence[str] = (), *, key_column: str | None = None
) -> Iterator[SourceRow]:
    """Yield the rows of several files in the order given; see `read_rows`.

    Raises:
        MedevalError: No file, one file named twice, or whatever `read_rows` raises.
    """
    if not files:
        raise MedevalError("no source file was given", "Name at least one file of the benchmark.")
    if repeated := [file for file in files if sum(other.resolve() == file.resolve() for other in files) > 1]:
        raise MedevalError(f"{repeated[0]}: given more than once", "Name every source file once.")
    position = 0
    for file in files:
        for number, values in read_rows(file, columns, key_column=key_column):
            yield SourceRow(file, number, position, values)
            position += 1


def read_rows(
    path: Path, columns: Sequence[str] = (), *, key_column: str | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (0-based row number, row) of a JSONL, JSON, CSV, TSV or Parquet file, chosen by its suffix.

    Args:
        path: The file.
        columns: Columns that every row must have; further ones are passed on.
        key_column: For a JSON document that is one object of rows: the column that receives each row's key.

    Raises:
        MedevalError: The file is missing, of another format, broken at a named row, or lacks a column.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise MedevalError(
            f"{path}: no reader for the suffix {path.suffix!r}",
            f"Give one of: {', '.join(sorted(_READERS))}.",
        )
    if not path.is_file():
        raise MedevalError(f"{path}: no such file", "Correct the path, or run the stage that fetches it.")
    try:
        for number, row in enumerate(reader(path, key_column)):
            require_columns(path, number, row, columns)
            yield number, row
    except UnicodeDecodeError as error:
        raise MedevalError(f"{path}: not UTF-8 text ({error})", _FETCH_AGAIN) from error


def first_row(path: Path, *, key_column: str | None = None) -> dict[str, Any]:
    """Return the first row, by whose columns a loader tells two layouts of one benchmark apart.

    Raises:
        MedevalError: The file holds no row, or whatever `read_rows` raises.
    """
    for _, row in read_rows(path, key_column=key_column):
        return row
    raise MedevalError(f"{path}: holds no row", _FETCH_AGAIN)


def require_columns(path: Path, number: int, row: Mapping[str, Any], columns: Sequence[str]) -> None:
    """Check that a row has the columns needed.

    Raises:
        MedevalError: Names the file, the row, the missing columns and those found.
    """
    if missing := [name for name in columns if name not in row]:
        raise MedevalError(
            f"{path}: row {number} lacks the column(s) {', '.join(missing)}; found {', '.join(row)}",
            "Give the benchmark's published file in its own schema, or rename the columns to it.",
        )


def _jsonl(path: Path, key_column: str | None) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as stream:
        for line_number, line in enumerate(stream, start=1):
            if line.strip():
                yield _json_object(path, f"line {line_number}", line)


def _json_object(path: Path, where: str, text: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        raise MedevalError(f"{path}: {where} is not JSON ({error})", _FETCH_AGAIN) from error
    if not isinstance(row, dict):
        raise MedevalError(f"{path}: {where} is a JSON {type(row).__name__}, expected an object", _FETCH_AGAIN)
    return row


def _json(path: Path, key_column: str | None) -> Iterator[dict[str, Any]]:
    text = path.read_text(encoding="utf-8-sig")
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise MedevalError(f"{path}: not a JSON document ({error})", _FETCH_AGAIN) from error
        yield from _jsonl(path, key_column)  # JSON lines under the name of a document, as MedMCQA's dev.json
        return
    yield from _document_rows(path, document, key_column)


def _document_rows(path: Path, document: Any, key_column: str | None) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict) and document and all(isinstance(row, dict) for row in document.values()):
        if key_column is None:
            raise MedevalError(f"{path}: one object of rows, expected a list of rows", _FETCH_AGAIN)
        document = [{key_column: key, **row} for key, row in document.items()]
    elif isinstance(document, dict):
        document = [document]
    if not isinstance(document, list):
        raise MedevalError(f"{path}: a JSON {type(document).__name__}, expected rows", _FETCH_AGAIN)
    for number, row in enumerate(document):
        if not isinstance(row, dict):
            raise MedevalError(f"{path}: row {number} is a {type(row).__name__}, expected an object", _FETCH_AGAIN)
        yield row


def _csv(path: Path, key_column: str | None) -> Iterator[dict[str, Any]]:
    return _delimited(path, ",")


def _tsv(path: Path, key_column: str | None) -> Iterator[dict[str, Any]]:
    return _delimited(path, "\t")


def _delimited(path: Path, delimiter: str) -> Iterator[dict[str, Any]]:
    # newline="" leaves line breaks inside quoted fields as they are; the reader itself ends the rows.
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        try:
            header = next(reader, [])
            if repeated := sorted({name for name in header if header.count(name) > 1}):
                raise MedevalError(f"{path}: column name(s) used twice: {', '.join(repeated)}", _FETCH_AGAIN)
            for number, fields in enumerate(row for row in reader if row):
                if len(fields) != len(header):
                    raise MedevalError(
                        f"{path}: row {number} has {len(fields)} fields, expected {len(header)}", _FETCH_AGAIN
                    )
                yield dict(zip(header, fields, strict=True))
        except csv.Error as error:
            raise MedevalError(f"{path}: broken at line {reader.line_num} ({error})", _FETCH_AGAIN) from error


def _parquet(path: Path, key_column: str | None) -> Iterator[dict[str, Any]]:
    try:
        for batch in pq.ParquetFile(path).iter_batches():
            yield from batch.to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise MedevalError(f"{path}: not a readable Parquet file ({error})", _FETCH_AGAIN) from error


_Reader = Callable[[Path, str | None], Iterator[dict[str, Any]]]

_READERS: dict[str, _Reader] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
}
