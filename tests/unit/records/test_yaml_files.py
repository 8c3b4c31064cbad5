"""YAML files and the errors that they can give."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from medeval.errors import MedevalError
from medeval.records.yaml_files import load_yaml, validate


class _Tokens(BaseModel):
    model_config = ConfigDict(extra="forbid")
    mean: float


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    tokens: _Tokens | None = None


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str
    models: list[_Entry] = []
    by_name: dict[str, _Entry] = {}


def _write(folder: Path, text: str) -> Path:
    path = folder / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_mapping_is_read_with_its_types(tmp_path: Path) -> None:
    path = _write(tmp_path, "title: a\nnumber: 70.50\nnone: null\nlist: [1, two]\n")
    assert load_yaml(path) == {"title": "a", "number": 70.5, "none": None, "list": [1, "two"]}


def test_anchors_and_merge_keys_are_no_duplicates(tmp_path: Path) -> None:
    path = _write(tmp_path, "base: &base {a: 1, b: 2}\nother:\n  <<: *base\n  b: 3\n")
    assert load_yaml(path)["other"] == {"a": 1, "b": 3}


def test_a_repeated_key_names_both_lines(tmp_path: Path) -> None:
    path = _write(tmp_path, "models:\n  medqa: 84.39\n  other: 1\n  medqa: 80.00\n")
    with pytest.raises(MedevalError, match=r"file\.yaml, line 4.*'medqa' is given twice, first on line 2"):
        load_yaml(path)


def test_broken_yaml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match=r"file\.yaml, line 2"):
        load_yaml(_write(tmp_path, "title: a\nother: b: c\n"))


@pytest.mark.parametrize(("text", "found"), [("", "nothing"), ("- 1\n", "list"), ("word\n", "str")])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(MedevalError, match=f"found {found}"):
        load_yaml(_write(tmp_path, text))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match=r"absent\.yaml: no such file"):
        load_yaml(tmp_path / "absent.yaml")
    with pytest.raises(MedevalError, match="cannot be read as text"):
        load_yaml(tmp_path)


def test_no_python_object_can_be_made_by_a_file(tmp_path: Path) -> None:
    with pytest.raises(MedevalError):
        load_yaml(_write(tmp_path, "a: !!python/object/apply:os.getcwd []\n"))


def test_an_unknown_key_suggests_the_nearest_at_its_own_level() -> None:
    document = {
        "title": "t",
        "models": [{"id": "m", "tokens": {"mean": 1}}, {"id": "n", "tokens": {"maen": 1}}],
    }
    with pytest.raises(MedevalError) as caught:
        validate(_Document, document, Path("f.yaml"))
    text = str(caught.value)
    assert text.startswith("f.yaml: 2 problems")
    assert "models[1](n).tokens.maen: unknown key; did you mean `mean`?" in text
    assert "models[1](n).tokens.mean: this key is missing" in text


def test_an_unknown_key_unlike_any_lists_the_valid_ones() -> None:
    with pytest.raises(MedevalError, match=r"by_name\.x\.zzz: unknown key; valid here: id, tokens"):
        validate(_Document, {"title": "t", "by_name": {"x": {"id": "x", "zzz": 1}}}, Path("f.yaml"))


def test_a_wrong_value_says_what_was_expected_and_found() -> None:
    with pytest.raises(MedevalError, match=r"tokens\.mean: .*valid number.*found 'many'"):
        validate(_Document, {"title": "t", "models": [{"id": "m", "tokens": {"mean": "many"}}]}, Path("f.yaml"))
