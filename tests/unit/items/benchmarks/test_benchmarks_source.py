"""Reading source rows: every format, and errors that name the file and the row."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medeval.errors import MedevalError
from medeval.items.benchmarks.source import read_files, read_rows

ROWS = [{"id": "a", "text": "one\r\ntwo"}, {"id": "b", "text": "µg, “quoted”"}]


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_the_same_rows_come_out_of_every_format(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(row) for row in ROWS) + "\n\n"
    quoted = '"a","one\r\ntwo"\r\n"b","µg, “quoted”"\r\n'
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    files = [
        write(tmp_path / "rows.jsonl", lines),
        write(tmp_path / "list.json", json.dumps(ROWS)),
        write(tmp_path / "lines.json", lines),
        write(tmp_path / "rows.csv", "\ufeffid,text\r\n" + quoted),
        write(tmp_path / "rows.tsv", "id\ttext\r\n" + quoted.replace('","', '"\t"')),
        tmp_path / "rows.parquet",
    ]
    for file in files:
        assert list(read_rows(file, ("id", "text"))) == list(enumerate(ROWS)), file.name


def test_an_object_of_rows_passes_its_keys_on(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.json", json.dumps({"17": {"x": 1}, "18": {"x": 2}}))
    assert list(read_rows(file, key_column="id")) == [(0, {"id": "17", "x": 1}), (1, {"id": "18", "x": 2})]
    with pytest.raises(MedevalError, match="one object of rows"):
        list(read_rows(file))


def test_a_missing_column_is_named_with_those_found(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", '{"id": 1, "q": 2}\n{"id": 1}\n')
    with pytest.raises(MedevalError, match=r"rows\.jsonl: row 1 lacks the column\(s\) q; found id") as caught:
        list(read_rows(file, ("id", "q")))
    assert "schema" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"x": 1}\n\n{"x": \n', r"a\.jsonl: line 3 is not JSON"),
        ("a.jsonl", "[1]\n", "line 1 is a JSON list, expected an object"),
        ("a.json", "{", "not a JSON document"),
        ("a.json", "3", "a JSON int, expected rows"),
        ("a.json", '[{"x": 1}, 2]', "row 1 is a int"),
        ("a.csv", "x,y\n1,2\n1\n", "row 1 has 1 fields, expected 2"),
        ("a.csv", "x,x\n1,2\n", r"used twice: x"),
        ("a.csv", 'x,y\n"1"2,3\n', "broken at line 2"),
        ("a.parquet", "no parquet", "not a readable Parquet file"),
        ("a.xlsx", "", "no reader for the suffix '.xlsx'"),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(MedevalError, match=message):
        list(read_rows(write(tmp_path / name, text)))


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x\n\xe9\n")
    with pytest.raises(MedevalError, match="not UTF-8"):
        list(read_rows(tmp_path / "a.csv"))


def test_positions_run_on_over_files_and_a_file_given_twice_is_refused(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, '{"x": 1}\n{"x": 2}\n') for name in ("a.jsonl", "b.jsonl"))
    assert [(row.number, row.position) for row in read_files([first, second])] == [
        (0, 0),
        (1, 1),
        (0, 2),
        (1, 3),
    ]
    with pytest.raises(MedevalError, match="more than once"):
        list(read_files([first, second, first]))
    with pytest.raises(MedevalError, match="no source file"):
        list(read_files([]))
    with pytest.raises(MedevalError, match="no such file"):
        list(read_files([tmp_path / "c.jsonl"]))
