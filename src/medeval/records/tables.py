"""The data contract: the Arrow schema of every table that passes between stages.

A table is one Parquet file. Its metadata says which schema and version it follows, which command
wrote it, the SHA-256 of every input and the versions of the packages involved, so that any row can
be traced back. Nothing in a file depends on the time of day: the same inputs give the same bytes.
"""

import importlib.metadata
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medeval import __version__
from medeval.errors import MedevalError
from medeval.records.files import atomic_path, refuse_to_replace, sha256_file, sha256_text
from medeval.records.parquet import read_columns, read_metadata
from medeval.records.system import SYSTEM

_METADATA_KEY = b"medeval"
_RECORDED_PACKAGES = ("llama-cpp-python", "lm-eval", "numpy", "pyarrow", "scipy")


@dataclass(frozen=True)
class TableType:
    """A kind of table.

    Attributes:
        name: Its name.
        version: Version of its schema.
        schema: Its columns.
        key: The columns that identify a row.
        oldest: First version whose rows mean the same: such tables are read, optional columns that they lack as null.
    """

    name: str
    version: int
    schema: pa.Schema
    key: tuple[str, ...]
    oldest: int = 1


def _schema(required: Mapping[str, pa.DataType], optional: Mapping[str, pa.DataType]) -> pa.Schema:
    fields = [pa.field(name, kind, nullable=False) for name, kind in required.items()]
    return pa.schema(fields + [pa.field(name, kind) for name, kind in optional.items()])


_TEXT, _TEXTS, _PLACES = pa.string(), pa.list_(pa.string()), pa.list_(pa.int32())

ITEMS = TableType(
    "items",
    1,
    _schema(
        {
            "benchmark": _TEXT,
            "item_id": _TEXT,  # canonical_id(question, options); "-2" and so on mark repeats in one file
            "question": _TEXT,
            "options": _TEXTS,  # 2 to 10 texts in source order
            "answer": pa.int32(),  # 0-based index of the (first) correct option
            "answers": pa.list_(pa.int32()),  # every correct option, ascending
            "stratum": _TEXT,  # subject, specialty or the like; "" when the source names none
            "cluster_id": _TEXT,  # unit of independence: items that share it are not separate draws
            "source_row": pa.int64(),  # 0-based row in the source file(s)
            "source_revision": _TEXT,  # commit of the source, or the SHA-256 of a local file
        },
        {"context": _TEXT, "source_id": _TEXT},
    ),
    ("benchmark", "item_id"),
)

CONVERSATIONS = TableType(
    "conversations",
    1,
    _schema(
        {
            "benchmark": _TEXT,
            "subset": _TEXT,  # main, hard or consensus: one prompt_id may carry other rubrics in each
            "item_id": _TEXT,  # HealthBench's prompt_id
            "messages": pa.list_(pa.struct({"role": _TEXT, "content": _TEXT})),
            "rubrics": pa.list_(pa.struct({"criterion": _TEXT, "points": pa.float64(), "tags": _TEXTS})),
            "example_tags": _TEXTS,
            "stratum": _TEXT,  # the theme
            "cluster_id": _TEXT,
            "source_row": pa.int64(),
            "source_revision": _TEXT,
        },
        {"canary": _TEXT},
    ),
    ("benchmark", "subset", "item_id"),
)

_RUN = {
    "model": _TEXT,
    "variant": _TEXT,  # f16, bf16, q4_k_m, published-q4_k_m, ...
    "target": _TEXT,  # what it was answered on, such as cpu, cuda or vllm
    "benchmark": _TEXT,
    "item_id": _TEXT,
    "sample": pa.int32(),  # 0-based index of the seed
    "mode": _TEXT,  # generate, letter, cloze or choices_only
}

RESPONSES = TableType(
    "responses",
    3,
    _schema(
        {
            "run_id": _TEXT,  # hash of everything that determines the responses
            **_RUN,
            "prompt_sha256": _TEXT,
            "finish_reason": _TEXT,  # stop, length, scored or error
            "prompt_tokens": pa.int32(),
            "generated_tokens": pa.int32(),
        },
        {
            "text": _TEXT,  # as generated, reasoning removed; null when the reasoning was never closed
            "reasoning": _TEXT,
            "prompt_ids_sha256": _TEXT,  # of the prompt's token ids; null when a server made them
            "shown_order": _PLACES,  # per place shown the option of the item, -1 for none; null: in its own order
            "option_logprobs": pa.list_(pa.float64()),  # nats, one per place shown
            "labels_shown": pa.bool_(),  # whether the prompt showed the options behind letters; null: not known
            "token_ids": pa.list_(pa.int32()),  # with `protocol.token_logprobs`: reasoning and answer
            "token_logprobs": pa.list_(pa.float32()),  # nats, one per token
            "error": _TEXT,
        },
    ),
    (*SYSTEM, "benchmark", "item_id", "sample", "mode"),
)

# Beside each table of responses, since the same run gives the same responses and never the same times.
TIMINGS = TableType(
    "timings",
    1,
    _schema({**_RUN, "seconds_prefill": pa.float64(), "seconds_decode": pa.float64()}, {}),
    RESPONSES.key,
)

SCORES = TableType(
    "scores",
    2,
    _schema(
        {
            **_RUN,
            "stratum": _TEXT,
            "cluster_id": _TEXT,
            "status": _TEXT,  # answered, no_answer, ambiguous, truncated, refused or error
            "stage": _TEXT,  # strict, lenient, content, logprob or none
            "correct": pa.bool_(),
            "method": _TEXT,  # name and version of what read the answer
            "generated_tokens": pa.int32(),
        },
        {
            "extracted": _TEXT,  # as the reply says it, so a label is that of a place shown
            "choice": pa.int32(),  # of the item's options
            "shown_order": _PLACES,  # as in the response
        },
    ),
    RESPONSES.key,
)

GRADES = TableType(
    "grades",
    1,
    _schema(
        {
            "model": _TEXT,
            "variant": _TEXT,
            "target": _TEXT,
            "benchmark": _TEXT,
            "subset": _TEXT,
            "item_id": _TEXT,
            "sample": pa.int32(),
            "criterion_index": pa.int32(),
            "points": pa.float64(),
            "tags": _TEXTS,
            "example_tags": _TEXTS,
            "stratum": _TEXT,
            "judge": _TEXT,
            "judge_prompt_sha256": _TEXT,  # of the template that every judging prompt is rendered from
            "status": _TEXT,  # graded, unusable or error
        },
        {"met": pa.bool_(), "explanation": _TEXT},
    ),
    (*SYSTEM, "subset", "item_id", "sample", "criterion_index"),
)


JUDGEMENTS = TableType(
    "judgements",  # HealthBench's meta-evaluation: physicians on one criterion of one answer
    1,
    _schema(
        {
            "benchmark": _TEXT,
            "item_id": _TEXT,
            "category": _TEXT,  # the criterion's cluster
            "stratum": _TEXT,  # the theme
            "messages": pa.list_(pa.struct({"role": _TEXT, "content": _TEXT})),
            "completion": _TEXT,
            "criterion": _TEXT,
            "labels": pa.list_(pa.bool_()),  # one per physician: is the criterion met?
            "physicians": _TEXTS,  # in the order of the labels
            "source_row": pa.int64(),
            "source_revision": _TEXT,
        },
        {"prompt_id": _TEXT, "completion_id": _TEXT, "canary": _TEXT},
    ),
    ("benchmark", "item_id"),
)


def canonical_text(text: str) -> str:
    """Fold a text to the form that identifies it: Unicode NFKC, runs of white space as one blank."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def canonical_id(question: str, options: Sequence[str]) -> str:
    """Return 16 hexadecimal digits that name a question in every copy of a benchmark.

    Letter case is kept, since some questions have options that differ in nothing else.
    """
    return sha256_text("\n".join(canonical_text(part) for part in (question, *options)))[:16]


def build(table_type: TableType, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Turn rows into an Arrow table of the given type; absent optional columns become null.

    Raises:
        MedevalError: A value does not fit its column, a required value is missing, or two rows
            have the same key.
    """
    try:
        table = pa.Table.from_pylist([dict(row) for row in rows], schema=table_type.schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise MedevalError(
            f"cannot build a {table_type.name} table: {error}", "Correct the row that holds the named value."
        ) from error
    _check_rows(table, table_type, "the rows to write")
    return table


def write(
    path: Path, table: pa.Table, table_type: TableType, *, command: str, inputs: Mapping[str, Path] | None = None
) -> None:
    """Write a table atomically, with where it came from in the Parquet metadata.

    Args:
        path: The file to write.
        table: Rows in the schema of `table_type`.
        table_type: The contract that the file follows.
        command: The command line that would write the same file again.
        inputs: Role -> file, for every file that was read; their hashes are recorded.

    Raises:
        MedevalError: The file is one of its own inputs, or cannot be written.
    """
    refuse_to_replace(path, (inputs or {}).values())
    record = {
        "table": table_type.name,
        "version": table_type.version,
        "command": command,
        "inputs": {role: sha256_file(file) for role, file in (inputs or {}).items()},
        "packages": {"medeval": __version__, **_package_versions()},
    }
    stamped = table.cast(table_type.schema).replace_schema_metadata(
        {_METADATA_KEY: json.dumps(record, sort_keys=True).encode()}
    )
    with atomic_path(path) as temporary:
        pq.write_table(stamped, temporary, compression="zstd")


def read(path: Path, table_type: TableType, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table and check that it follows its contract; a table without rows does.

    Raises:
        MedevalError: The file is missing, damaged, another kind or version of table, or lacks a required column.
    """
    record = read_record(path)
    versions = range(table_type.oldest, table_type.version + 1)
    if record.get("table") != table_type.name or record.get("version") not in versions:
        found = f"{record.get('table', 'no medeval table')} version {record.get('version', '?')}"
        raise MedevalError(
            f"{path}: expected a {table_type.name} table of version {table_type.version}, found {found}",
            "Run the stage that writes this file again with the installed medeval.",
        )
    wanted = list(columns) if columns else table_type.schema.names
    table = read_columns(path, wanted)
    missing = [table_type.schema.field(name) for name in wanted if name not in table.schema.names]
    if required := [field.name for field in missing if not field.nullable]:
        raise MedevalError(f"{path}: column(s) missing: {', '.join(required)}", "Run the stage that writes it again.")
    for field in missing:
        table = table.append_column(field, pa.nulls(len(table), field.type))
    table = table.select(wanted)
    if not columns:
        _check_rows(table, table_type, str(path))
    return table


def read_all(paths: Sequence[Path], table_type: TableType) -> pa.Table:
    """Read several tables of one kind as one; none of them gives a table without rows.

    Raises:
        MedevalError: As for :func:`read`, or two of the files hold the same row.
    """
    parts = [read(path, table_type) for path in paths]
    table = pa.concat_tables([part.select(table_type.schema.names) for part in parts] or [build(table_type, [])])
    if len(parts) > 1:
        _check_rows(table, table_type, ", ".join(map(str, paths)))
    return table


def read_record(path: Path) -> dict[str, Any]:
    """Return what a table's metadata says of its origin: table, version, command, inputs, packages; empty if foreign.

    Raises:
        MedevalError: The file is missing or is not Parquet.
    """
    try:
        record: dict[str, Any] = json.loads(read_metadata(path).get(_METADATA_KEY, b"{}"))
    except ValueError as error:
        raise MedevalError(f"{path}: its record of origin is damaged ({error})", "Write the table again.") from error
    return record


def first_of_each_item(table: pa.Table) -> pa.Table:
    """Keep the first row of each item id: one conversation may stand in several subsets, with other rubrics."""
    ids = table["item_id"].to_pylist()
    first = {item_id: row for row, item_id in reversed(list(enumerate(ids)))}
    return table.take(pa.array(sorted(first.values()), pa.int64()))


def _check_rows(table: pa.Table, table_type: TableType, where: str) -> None:
    for field in table_type.schema:
        if not field.nullable and table[field.name].null_count:
            row = table[field.name].is_null().to_pylist().index(True)
            raise MedevalError(
                f"{where}: row {row} has no {field.name!r}, which every {table_type.name} row needs",
                "Correct the source of that row.",
            )
    keys = table.select(list(table_type.key))
    if keys.group_by(list(table_type.key)).aggregate([]).num_rows != keys.num_rows:
        counts: dict[tuple[Any, ...], int] = {}
        for row in keys.to_pylist():
            counts[tuple(row.values())] = counts.get(tuple(row.values()), 0) + 1
        repeated = next(key for key, count in counts.items() if count > 1)
        raise MedevalError(
            f"{where}: {table_type.name} rows share the key {dict(zip(table_type.key, repeated, strict=True))}",
            "Remove the repeated row, or run the stage that writes this file again.",
        )


@cache
def _package_versions() -> dict[str, str]:
    """Return the versions of what is installed: the environment of a target need not have every engine."""
    installed = {distribution.name for distribution in importlib.metadata.distributions()}
    return {name: importlib.metadata.version(name) for name in _RECORDED_PACKAGES if name in installed}
