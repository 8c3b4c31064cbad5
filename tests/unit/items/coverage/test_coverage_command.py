"""`medeval coverage`: what it prints, and that no item is ever quoted."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from coverage_rows import conversation, conversations, item, items

from medeval.cli.app import main
from medeval.records import tables

STEM = "A secretvignette of a woman with fever, a rash on both legs and swollen joints after a sore throat last month"
OPTIONS = ["Rheumatism secretoption", "Measles", "Gout", "Lupus"]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    medmcqa = [
        item("m1", STEM, OPTIONS, benchmark="medmcqa", stratum="Surgery"),
        item("m2", STEM, OPTIONS, 1, benchmark="medmcqa", stratum="Astrology"),
    ]
    medqa = [item("q1", STEM, OPTIONS[::-1], 3, stratum="step1")]
    talk = [conversation("p1", "My secretknee hurts on the stairs"), conversation("p1", "Other", subset="hard")]
    paths = [tmp_path / f"{name}.parquet" for name in ("medmcqa", "medqa", "healthbench")]
    made = [items(medmcqa), items(medqa), conversations(talk)]
    for path, table, kind in zip(paths, made, (tables.ITEMS, tables.ITEMS, tables.CONVERSATIONS), strict=True):
        tables.write(path, table, kind, command="test")
    return [str(path) for path in paths]


def test_the_json_form_holds_the_whole_account(files: list[str]) -> None:
    result = CliRunner().invoke(main, ["coverage", *files, "--json"])
    assert result.exit_code == 0, result.output
    account = json.loads(result.stdout)
    by_name = {entry["benchmark"]: entry for entry in account["benchmarks"]}
    assert {name: entry["items"] for name, entry in by_name.items()} == {"medmcqa": 2, "medqa": 1, "healthbench": 1}
    assert by_name["medmcqa"]["unknown_values"] == {"Astrology": 1}
    assert (by_name["medmcqa"]["clusters"], by_name["medmcqa"]["n_eff"]) == (1, 1.0)
    assert by_name["healthbench"]["baselines"] is None
    duplicates = account["duplicates"]
    assert {tuple(map(tuple, pair["items"])) for pair in duplicates["pairs"]} == {
        (("medmcqa", "m1"), ("medmcqa", "m2")),
        (("medmcqa", "m1"), ("medqa", "q1")),
        (("medmcqa", "m2"), ("medqa", "q1")),
    }
    assert [pair["items"] for pair in duplicates["conflicting_golds"]] == [
        [["medmcqa", "m1"], ["medmcqa", "m2"]],
        [["medmcqa", "m2"], ["medqa", "q1"]],
    ]
    assert (duplicates["clusters"], duplicates["n_eff"]) == (2, 1.6)


def test_the_text_names_items_and_reasons_and_quotes_none(files: list[str]) -> None:
    result = CliRunner().invoke(main, ["coverage", *files])
    assert result.exit_code == 0, result.output
    assert "the value is not in native_fields.tsv: 'Astrology' 1" in result.stdout
    assert "its own field names no specialty" in result.stdout
    assert "same: medmcqa m1 = medqa q1" in result.stdout
    assert "not known, as no item has a specialty: medqa" in result.stdout
    for form in ([], ["--json"]):
        assert "secret" not in CliRunner().invoke(main, ["coverage", *files, *form]).stdout


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    tables.write(path, tables.build(tables.SCORES, []), tables.SCORES, command="test")
    result = CliRunner().invoke(main, ["coverage", str(path)])
    assert result.exit_code == 2
    assert "expected an items or conversations table, found scores" in result.stderr


def test_a_table_without_items_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    tables.write(path, items([]), tables.ITEMS, command="test")
    assert "holds no item" in CliRunner().invoke(main, ["coverage", str(path)]).stderr
