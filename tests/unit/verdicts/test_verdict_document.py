"""The verdicts document is typed: what one side writes and the other does not know is an error, never a gap."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from claim_tables import publication, write_tables
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.errors import MedevalError
from medeval.verdicts.document import Verdicts


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A document with a claim of every type, as the stage wrote it."""
    folder = tmp_path_factory.mktemp("run")
    claims, out = publication(folder), folder / "verdicts.json"
    write_tables(folder / "scores")
    arguments = ["verdict", "--claims", str(claims), "--scores", str(folder / "scores"), "--out", str(out)]
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    document: dict[str, Any] = json.loads(out.read_text())
    return document


def read(folder: Path, document: dict[str, Any]) -> Verdicts:
    (folder / "verdicts.json").write_text(json.dumps(document))
    return Verdicts.read(folder / "verdicts.json")


def test_what_was_written_is_read_and_written_again_byte_for_byte(tmp_path: Path, written: dict[str, Any]) -> None:
    read(tmp_path, written).write(tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == written


def test_what_is_written_fits_the_generated_schema(written: dict[str, Any]) -> None:
    jsonschema.validate(written, Verdicts.json_schema())


def keys(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every typed key of a document with the place of its object: one entry of each list stands for all."""
    if isinstance(value, list):
        yield from keys(value[0], (*place, 0)) if value else ()
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield place, key
            if key not in ("numbers", "inputs", "packages", "schema"):  # free mappings, and the version
                yield from keys(inner, (*place, key))


def test_a_renamed_or_missing_key_anywhere_is_refused_by_name(tmp_path: Path, written: dict[str, Any]) -> None:
    found = [(place, key) for place, key in keys(written) if key != "schema"]
    assert len(found) >= 55
    for place, key in found:
        document = json.loads(json.dumps(written))
        owner = document
        for step in place:
            owner = owner[step]  # type: ignore[index]
        owner[f"{key}_renamed"] = owner.pop(key)
        with pytest.raises(MedevalError, match=rf"(?s)verdicts.json: .*{key}.*Write it again"):
            read(tmp_path, document)
