"""Tables too large to be held: written part by part, whole or not at all."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from medeval.records import tables
from medeval.records.files import atomic_path
from medeval.records.tables import TableType

# Rows of a row group. Parts are cut to it, so the file's bytes do not depend on how the rows came.
_GROUP_ROWS = 1 << 16


class PartWriter:
    """Writes the parts of one table, in the order in which they are added."""

    def __init__(self, file: pq.ParquetWriter, schema: pa.Schema) -> None:
        self.rows = 0
        self._file, self._schema = file, schema
        self._waiting: list[pa.Table] = []
        self._held = 0

    def add(self, part: pa.Table) -> None:
        """Add rows that have the columns of the table."""
        self._waiting.append(part.cast(self._schema))
        self._held += len(part)
        self.rows += len(part)
        if self._held >= _GROUP_ROWS:
            self._write(self._held - self._held % _GROUP_ROWS)

    def flush(self) -> None:
        """Write what is still held."""
        self._write(self._held)

    def _write(self, rows: int) -> None:
        if not rows:
            return
        held = pa.concat_tables(self._waiting)
        # In one piece, for pages end where pieces end.
        self._file.write_table(held.slice(0, rows).combine_chunks(), row_group_size=_GROUP_ROWS)
        self._waiting = [held.slice(rows)]
        self._held -= rows


@contextmanager
def written_in_parts(
    path: Path, table_type: TableType, *, command: str, inputs: Mapping[str, Path]
) -> Iterator[PartWriter]:
    """Yield a writer of a table; the file is moved into place only if the block succeeds.

    The keys of the rows are not compared: whoever adds them knows whether they can repeat.

    Args:
        path: The file to write.
        table_type: The contract that the file follows.
        command: The command line that would write the same file again.
        inputs: Role -> file, for every file that was read; their hashes are recorded.
    """
    schema = _stamped(table_type, command, inputs)
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as file:
        writer = PartWriter(file, schema)
        yield writer
        writer.flush()


def _stamped(table_type: TableType, command: str, inputs: Mapping[str, Path]) -> pa.Schema:
    """Return the schema with the record of origin that `tables.write` puts into it, taken from a table without rows."""
    with TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.parquet"
        tables.write(empty, tables.build(table_type, []), table_type, command=command, inputs=inputs)
        return pq.read_schema(empty)
