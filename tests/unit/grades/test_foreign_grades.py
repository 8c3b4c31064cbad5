"""Grades that others made: read whatever types they come in, refused where they cannot be true."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.errors import MedevalError
from medeval.grades.foreign import read_grades

# A: weights 7, 5, 10, -6 met T, F, T, T: 11/22. B: weights 5, -10 met F, T: -2.
COLUMNS: dict[str, list[Any]] = {
    "prompt_id": ["A"] * 4 + ["B"] * 2,
    "criterion_index": [0, 1, 2, 3, 0, 1],
    "points": [7, 5, 10, -6, 5, -10],
    "met": [True, False, True, True, False, True],
}


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "grades.parquet"
    columns = {name: value for name, value in {**COLUMNS, **changes}.items() if value is not None}
    pq.write_table(pa.table(columns), path)
    return path


def scored(path: Path, *options: str) -> dict[str, Any]:
    out = path.with_name("scores.json")
    result = CliRunner().invoke(main, ["healthbench", "score", "--grades", str(path), "--out", str(out), *options])
    assert result.exit_code == 0, result.output
    return dict(json.loads(out.read_text()))


def refused(path: Path) -> str:
    with pytest.raises(MedevalError) as error:
        read_grades(path)
    assert str(path) in str(error.value)
    return str(error.value)


def test_four_columns_are_enough_and_what_is_filled_in_is_told(tmp_path: Path) -> None:
    document = scored(write(tmp_path))
    (run,) = document["runs"]
    assert (run["overall"]["unclipped"], run["overall"]["score"], run["overall"]["n"]) == (-0.75, 0.0, 2)
    assert (run["model"], run["judge"], run["subset"]) == ("unnamed", "not stated", "not stated")
    assert any(note.startswith("sample: 0 for every row") for note in document["notes"])
    assert document["reasoning"].startswith("not known")
    assert list(document["inputs"]) == [str(tmp_path / "grades.parquet")]


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt_id": pa.array(COLUMNS["prompt_id"]).dictionary_encode()},
        {"prompt_id": [1] * 4 + [2] * 2, "criterion_index": pa.array(COLUMNS["criterion_index"], pa.uint8())},
        {"criterion_index": [float(index) for index in COLUMNS["criterion_index"]]},
        {"criterion_index": list(map(str, COLUMNS["criterion_index"]))},
        {"points": pa.array(COLUMNS["points"], pa.float32()), "met": pa.array(COLUMNS["met"]).cast(pa.int8())},
        {"points": list(map(str, COLUMNS["points"])), "met": ["true", "False", "1", "yes", "0", "TRUE"]},
        {"points": [Decimal(value) for value in COLUMNS["points"]], "met": [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]},
        {"prompt_id": None, "item_id": pa.array(COLUMNS["prompt_id"], pa.large_string())},
        {"tags": pa.array([["axis:x"]] * 6, pa.large_list(pa.string())), "example_tags": ['["theme:a"]'] * 6},
        {"tags": ["['axis:x', 'level:example']"] * 6, "sample": [0.0] * 6},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_the_types_of_columns_do_not_matter(tmp_path: Path, changes: dict[str, Any]) -> None:
    (run,) = scored(write(tmp_path, **changes))["runs"]
    assert run["overall"]["unclipped"] == -0.75
    assert set(run["axes"]) == ({"x"} if "tags" in changes else set())


@pytest.mark.parametrize(
    "met",
    [
        [True, False, True, True, False, None],
        [1.0, 0.0, 1.0, 1.0, 0.0, np.nan],
        ["true", "false", "true", "true", "false", "None"],
        pa.array([1, 0, 1, 1, 0, None], pa.int64()),
    ],
    ids=["null", "nan", "text", "integer"],
)
def test_a_missing_grade_is_missing_in_every_type(tmp_path: Path, met: Any) -> None:
    (run,) = scored(write(tmp_path, met=met))["runs"]
    assert (run["overall"]["score"], run["overall"]["n_missing"]) == (0.5, 1)  # "not met" would give B 0
    assert run["verdicts"] == {"n": 6, "n_missing": 1, "missing_share": 1 / 6}
    assert run["flags"] == ["TOO_MANY_MISSING_VERDICTS"]
    assert run["bounds"] == {"all_met": 0.0, "none_met": 0.25, "highest": 0.25, "lowest": 0.0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"criterion_index": [0, 1, 2, -3, 0, 1]}, "row 3 (prompt 'A'): criterion_index is -3"),
        ({"criterion_index": [0, 1, 2, 2.5, 0, 1]}, "row 3 (prompt 'A'): criterion_index is 2.5"),
        ({"criterion_index": [0, 1, 2, None, 0, 1]}, "row 3 (prompt 'A'): criterion_index is None"),
        ({"criterion_index": [0, 1, 2, 2, 0, 1]}, "rows 2 and 3 both judge criterion 2 of prompt 'A', sample 0"),
        ({"points": [7, 5, 0, -6, 5, -10]}, "row 2 (prompt 'A'): points is 0"),
        ({"points": [7.0, 5.0, np.nan, -6.0, 5.0, -10.0]}, "row 2 (prompt 'A'): points is nan"),
        ({"points": [7, 5, None, -6, 5, -10]}, "row 2 (prompt 'A'): points is None"),
        ({"points": [True] * 6}, "row 0 (prompt 'A'): points is True"),
        ({"met": [1, 0, 2, 1, 0, 1]}, "row 2 (prompt 'A'): met is 2, expected true, false, 1, 0, or null"),
        ({"met": ["met", *["true"] * 5]}, "row 0 (prompt 'A'): met is 'met'"),
        ({"prompt_id": ["A", None, "A", "A", "B", "B"]}, "row 1 (prompt None): prompt_id is None"),
        ({"sample": [0, 0, 0, -1, 0, 0]}, "row 3 (prompt 'A'): sample is -1"),
        ({"tags": ["axis:x"] * 6}, "tags is 'axis:x', expected a list of texts"),
        (
            {"example_tags": [["theme:a"], ["theme:a"], ["theme:b"], ["theme:a"], None, None]},
            "rows 0 and 2: prompt 'A' has the example_tags theme:a and theme:b",
        ),
        (
            {"prompt_id": ["A"] * 6, "sample": [0, 0, 0, 0, 1, 1]},
            "rows 0 and 4: criterion 0 of prompt 'A' has the points 7 and 5",
        ),
        ({"model": ["a", None, "a", "a", "a", "a"]}, "row 1 (prompt 'A') has no model, others have one"),
        ({"subset": ["x"] * 5 + [""]}, "row 5 (prompt 'B') has no subset"),
        ({"met": None}, "has no column met; found prompt_id, criterion_index, points"),
        ({"prompt_id": None}, "has no column prompt_id"),
    ],
    ids=str,
)
def test_what_cannot_be_true_names_the_file_and_the_row(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in refused(write(tmp_path, **changes))


def test_a_table_without_rows_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    assert "no rows" in refused(write(tmp_path, **{name: pa.array([], pa.int64()) for name in COLUMNS}))
    (tmp_path / "grades.parquet").write_text("prompt_id,met\n")
    assert "not a Parquet file" in refused(tmp_path / "grades.parquet")
    (tmp_path / "grades.parquet").unlink()
    assert "no such file" in refused(tmp_path / "grades.parquet")


def test_one_prompt_may_have_other_criteria_in_each_subset(tmp_path: Path) -> None:
    path = write(tmp_path, prompt_id=["A"] * 6, subset=["main"] * 4 + ["hard"] * 2)
    assert {run["subset"]: run["overall"]["unclipped"] for run in scored(path)["runs"]} == {"main": 0.5, "hard": -2.0}


def test_an_examples_tags_may_stand_in_one_of_its_rows(tmp_path: Path) -> None:
    path = write(tmp_path, example_tags=[["theme:a"], None, None, None, ["theme:b", "theme:b"], None])
    (run,) = scored(path)["runs"]
    assert {name: (mean["unclipped"], mean["n"]) for name, mean in run["themes"].items()} == {
        "a": (0.5, 1), "b": (-2.0, 1)
    }  # fmt: skip


def test_rows_that_were_dropped_instead_of_marked_are_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, prompt_id=["A"] * 6, sample=[0] * 4 + [1] * 2, points=[7, 5, 10, -6, 7, 5])
    [note] = [note for note in read_grades(path).notes if "lack rows" in note]
    assert note.startswith("1 answers lack rows") and "prompt A, sample 1 lacks criterion 2, 3" in note


def test_a_column_of_names_without_any_is_as_good_as_none_and_told(tmp_path: Path) -> None:
    document = scored(write(tmp_path, model=pa.nulls(6, pa.string())))
    assert "model: 'unnamed' for every row (no value)" in document["notes"]
    assert [run["model"] for run in document["runs"]] == ["unnamed"]


def test_a_criterion_judged_by_two_needs_one_file_per_judge(tmp_path: Path) -> None:
    twice = {"prompt_id": ["A"] * 6, "criterion_index": [0, 1, 2, 0, 1, 2], "points": [7, 5, 10] * 2}
    words = refused(write(tmp_path, **twice, judge=["x"] * 3 + ["y"] * 3))
    assert "their judges are 'x' and 'y'" in words and "-> Give one file per judge" in words
    assert "with the column `judge`" in refused(write(tmp_path, **twice))


def test_two_judges_in_a_table_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, judge=["one call per criterion"] * 4 + ["one call per conversation"] * 2)
    result = CliRunner().invoke(
        main, ["healthbench", "score", "--grades", str(path), "--out", str(tmp_path / "s.json")]
    )
    assert result.exit_code == 2
    assert "one call per criterion and one call per conversation" in result.output
    assert "one file per judge" in result.output


@pytest.mark.parametrize("command", ["score", "compare"])
def test_a_document_never_replaces_the_grades(tmp_path: Path, command: str) -> None:
    path = write(tmp_path)
    before = path.read_bytes()
    grades = ["--grades", str(path)] * (1 if command == "score" else 2)
    result = CliRunner().invoke(main, ["healthbench", command, *grades, "--out", f"{tmp_path}/./grades.parquet"])
    assert (result.exit_code, "would replace a file that is read" in result.output) == (2, True)
    assert path.read_bytes() == before


def test_the_correlation_with_length_needs_the_responses(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert scored(path)["runs"][0]["length"] is None
    pq.write_table(pa.table({"prompt_id": ["A", "C"], "text": ["12345", "x"]}), tmp_path / "responses.parquet")
    length = scored(path, "--responses", str(tmp_path / "responses.parquet"))["runs"][0]["length"]
    assert length == {
        "correlation": None, "mean_characters": 5.0, "n": 1, "n_without_length": 1, "n_without_score": 0
    }  # fmt: skip
