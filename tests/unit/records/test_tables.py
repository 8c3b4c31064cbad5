"""The data contract: what can be written, and what is refused when read."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medeval.errors import MedevalError
from medeval.records import tables


def item(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "benchmark": "medqa",
        "item_id": "a" * 16,
        "question": "Which organ makes bile?",
        "options": ["Liver", "Heart"],
        "answer": 0,
        "answers": [0],
        "stratum": "",
        "cluster_id": "a" * 16,
        "source_row": 0,
        "source_revision": "r",
    }
    return row | changes


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    tables.write(path, tables.build(tables.ITEMS, rows), tables.ITEMS, command="medeval items", inputs={})


def test_a_written_table_reads_back_with_its_origin(tmp_path: Path) -> None:
    path, source = tmp_path / "items.parquet", tmp_path / "source.jsonl"
    source.write_text("{}\n")
    tables.write(
        path, tables.build(tables.ITEMS, [item()]), tables.ITEMS, command="medeval items", inputs={"source 0": source}
    )
    assert tables.read(path, tables.ITEMS).to_pylist() == [item() | {"context": None, "source_id": None}]
    record = tables.read_record(path)
    assert (record["table"], record["command"]) == ("items", "medeval items")
    # sha256sum of "{}\n"
    assert record["inputs"] == {"source 0": "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"}


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.parquet", "two.parquet"):
        write(tmp_path / name, [item()])
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_missing_value_names_the_row_and_column() -> None:
    with pytest.raises(MedevalError, match=r"row 1 has no 'question'"):
        tables.build(tables.ITEMS, [item(), item(item_id="b" * 16, question=None)])


def test_two_rows_with_one_key_are_refused() -> None:
    with pytest.raises(MedevalError, match=r"share the key \{'benchmark': 'medqa'"):
        tables.build(tables.ITEMS, [item(), item()])


def test_a_value_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(MedevalError, match="cannot build a items table"):
        tables.build(tables.ITEMS, [item(answer="A")])


def test_a_table_of_another_kind_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "items.parquet", [item()])
    with pytest.raises(
        MedevalError, match=f"expected a scores table of version {tables.SCORES.version}, found items version 1"
    ):
        tables.read(tmp_path / "items.parquet", tables.SCORES)


def write_as(path: Path, kind: tables.TableType, version: int, table: pa.Table) -> None:
    record = json.dumps({"table": kind.name, "version": version}).encode()
    pq.write_table(table.replace_schema_metadata({b"medeval": record}), path)


PAID_FOR = [tables.RESPONSES, tables.TIMINGS, tables.GRADES]


@pytest.mark.parametrize("kind", PAID_FOR, ids=lambda kind: kind.name)
def test_what_was_paid_for_is_read_in_every_version_that_there_was(tmp_path: Path, kind: tables.TableType) -> None:
    """Optional columns came later than others, and columns that are gone were moved elsewhere."""
    required = [field for field in kind.schema if not field.nullable]
    values = {pa.string(): "x", pa.int32(): 1, pa.float64(): 0.5, pa.list_(pa.string()): ["x"]}
    row = {field.name: values[field.type] for field in required}
    earlier = pa.Table.from_pylist([row | {"seconds": 0.5}], pa.schema([*required, pa.field("seconds", pa.float64())]))
    for version in range(1, kind.version + 1):
        write_as(tmp_path / "t.parquet", kind, version, earlier)
        found = tables.read(tmp_path / "t.parquet", kind)
        assert found.schema.names == kind.schema.names
        assert found.to_pylist() == [dict.fromkeys(kind.schema.names) | row]
    write_as(tmp_path / "t.parquet", kind, kind.version + 1, earlier)
    with pytest.raises(MedevalError, match=f"of version {kind.version}, found {kind.name} version {kind.version + 1}"):
        tables.read(tmp_path / "t.parquet", kind)
    write_as(tmp_path / "t.parquet", kind, 1, earlier.drop_columns(["item_id"]))
    with pytest.raises(MedevalError, match="missing: item_id"):
        tables.read(tmp_path / "t.parquet", kind)


def test_foreign_parquet_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "foreign.parquet")
    with pytest.raises(MedevalError, match="found no medeval table"):
        tables.read(tmp_path / "foreign.parquet", tables.ITEMS)


def test_a_truncated_file_is_refused_with_a_remedy(tmp_path: Path) -> None:
    write(tmp_path / "items.parquet", [item()])
    data = (tmp_path / "items.parquet").read_bytes()
    (tmp_path / "items.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(MedevalError, match=r"items.parquet: not a Parquet file[\s\S]*-> Delete it"):
        tables.read(tmp_path / "items.parquet", tables.ITEMS)


def test_damaged_data_pages_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    write(tmp_path / "items.parquet", [item()])
    data = bytearray((tmp_path / "items.parquet").read_bytes())
    data[4:400] = b"\xff" * 396  # the first pages; the footer with the schema stays whole
    (tmp_path / "items.parquet").write_bytes(data)
    with pytest.raises(MedevalError, match=r"items.parquet: (cannot be read|not a Parquet)[\s\S]*-> .*delete"):
        tables.read(tmp_path / "items.parquet", tables.ITEMS)


def test_a_folder_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match=r"a folder, expected a Parquet file[\s\S]*\*\.parquet"):
        tables.read_record(tmp_path)


def test_a_damaged_record_of_origin_is_an_error(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("a", pa.int64())], metadata={b"medeval": b"{"})
    pq.write_table(pa.table({"a": [1]}, schema=schema), tmp_path / "items.parquet")
    with pytest.raises(MedevalError, match="record of origin is damaged"):
        tables.read(tmp_path / "items.parquet", tables.ITEMS)


def test_a_table_without_rows_is_a_table(tmp_path: Path) -> None:
    write(tmp_path / "items.parquet", [])
    assert tables.read(tmp_path / "items.parquet", tables.ITEMS).num_rows == 0
    assert tables.read_all([], tables.ITEMS).num_rows == 0


def test_one_row_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("one.parquet", "two.parquet"):
        write(tmp_path / name, [item()])
    with pytest.raises(MedevalError, match=r"one.parquet, .*two.parquet: items rows share the key"):
        tables.read_all([tmp_path / "one.parquet", tmp_path / "two.parquet"], tables.ITEMS)


def test_the_id_of_a_question_ignores_white_space_and_compatibility_forms() -> None:
    assert tables.canonical_id("A  b\nc", ["x"]) == tables.canonical_id("A b c", ["x "])
    assert tables.canonical_id("37 ℃", ["x"]) == tables.canonical_id("37 °C", ["x"])


def test_the_id_of_a_question_keeps_letter_case_and_option_order() -> None:
    assert tables.canonical_id("q", ["BB", "Bb"]) != tables.canonical_id("q", ["Bb", "BB"])


def test_a_conversation_in_several_subsets_is_asked_once() -> None:
    table = pa.table({"item_id": ["x", "y", "x"], "subset": ["main", "main", "hard"]})
    assert tables.first_of_each_item(table).to_pylist() == [
        {"item_id": "x", "subset": "main"},
        {"item_id": "y", "subset": "main"},
    ]


def test_a_file_that_lacks_a_column_says_which(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    tables.write(path, tables.build(tables.ITEMS, []), tables.ITEMS, command="test")
    stored = pq.read_table(path)
    pq.write_table(stored.drop_columns(["answer"]).replace_schema_metadata(stored.schema.metadata), path)
    with pytest.raises(MedevalError, match=r"items.parquet: column\(s\) missing: answer"):
        tables.read(path, tables.ITEMS)


def test_a_table_never_replaces_what_it_is_made_from(tmp_path: Path) -> None:
    path = tmp_path / "source.csv"
    path.write_text("kept")
    with pytest.raises(MedevalError, match="would replace a file that is read"):
        tables.write(path, tables.build(tables.ITEMS, []), tables.ITEMS, command="test", inputs={"source": path})
    assert path.read_text() == "kept"
