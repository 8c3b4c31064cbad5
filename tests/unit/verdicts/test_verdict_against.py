"""`medeval verdict --against`: a scheduled job learns which verdict changed, and what went in otherwise."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from claim_tables import claim, comparison, publication, write_tables
from click.testing import CliRunner, Result

from medeval.cli.app import main

CLAIMS = [
    claim("lead", "T2", comparison("average", stated_difference=20.0)),
    claim("loss", "T3", comparison("average", "alpha-q4", "Alpha-1B"), margin=3.0),
]
SIZES = {"medqa": 40, "pubmedqa": 30, "mmlu_health": 300}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tables of scores and the verdicts on them."""
    folder = tmp_path_factory.mktemp("before")
    publication(folder, CLAIMS)
    write_tables(folder / "scores")
    assert decide(folder, "earlier.json").exit_code == 0
    return folder


@pytest.fixture
def folder(before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a test may change; commands run in it, so that tables keep their names."""
    copy = tmp_path / "copy"
    shutil.copytree(before, copy)
    monkeypatch.chdir(copy)
    return copy


def decide(folder: Path, out: str = "now.json", *options: str) -> Result:
    arguments = ["verdict", "--claims", str(folder / "publication.yaml"), "--out", str(folder / out)]
    return CliRunner().invoke(main, [*arguments, "--scores", str(folder / "scores"), *options])


def test_the_same_tables_give_the_same_verdicts_and_exit_code_0(folder: Path) -> None:
    result = decide(folder, "now.json", "--against", "earlier.json")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "Every verdict is the same.")


def test_a_changed_verdict_exits_3_and_names_the_claim_its_verdicts_and_the_table(folder: Path) -> None:
    systems = ("alpha-1b-bf16", "beta-2b-bf16")
    tables = [folder / "scores" / f"{name}.parquet" for name in systems]
    alpha = tables[0].read_bytes()
    # The better model's replies under the other's name, and the reverse.
    read = [pq.read_table(path) for path in tables]
    for path, table, name in zip(tables, reversed(read), ("alpha-1b", "beta-2b"), strict=True):
        position = table.schema.get_field_index("model")
        renamed = table.set_column(position, table.schema.field("model"), [[name] * len(table)])
        pq.write_table(renamed.replace_schema_metadata(read[0].schema.metadata), path)
    assert tables[0].read_bytes() != alpha
    result = decide(folder, "now.json", "--against", "earlier.json")
    assert result.exit_code == 3, result.output
    assert "lead  REPRODUCED -> NOT_REPRODUCED" in result.output
    assert "average, alpha-1b/bf16 and beta-2b/bf16 on cpu: +" in result.output
    changed = result.output.partition("What went in otherwise:")[2]
    assert [name for name in (*systems, "items", "published") if f"{name}.parquet: " in changed] == list(systems)
    assert json.loads((folder / "now.json").read_text())["verdicts"][0]["verdict"] == "NOT_REPRODUCED"


def test_a_changed_claim_is_laid_to_the_publication_file(folder: Path) -> None:
    publication(folder, [CLAIMS[0], CLAIMS[1] | {"margin": 0.01}])
    result = decide(folder, "now.json", "--against", "earlier.json")
    assert result.exit_code == 3
    assert "loss  REPRODUCED -> " in result.output
    assert "claims: " in result.output.partition("What went in otherwise:")[2]
    assert ".parquet" not in result.output.partition("What went in otherwise:")[2]


@pytest.mark.parametrize(
    ("claims", "line"), [(CLAIMS[:1], "loss  gone: was"), ([*CLAIMS, CLAIMS[0] | {"id": "x"}], "x  new:")]
)
def test_a_claim_that_came_or_went_is_a_change(folder: Path, claims: list[dict[str, object]], line: str) -> None:
    publication(folder, claims)
    result = decide(folder, "now.json", "--against", "earlier.json")
    assert result.exit_code == 3
    assert line in result.output


def test_tables_that_only_moved_are_the_same(folder: Path) -> None:
    document = json.loads((folder / "earlier.json").read_text())
    document["measured"]["inputs"] = {f"elsewhere/{k}": v for k, v in document["measured"]["inputs"].items()}
    (folder / "earlier.json").write_text(json.dumps(document))
    result = decide(folder, "now.json", "--against", "earlier.json")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "Every verdict is the same.")


def test_a_setting_that_changed_is_named_with_both_values(folder: Path) -> None:
    result = decide(folder, "now.json", "--against", "earlier.json", "--seed", "7", "--credible-judge")
    assert result.exit_code == 0
    assert "  seed: 20260101 -> 7" in result.output
    assert "  credible judge: no -> yes" in result.output


def broken(folder: Path, kind: str) -> Path:
    path = folder / "earlier.json"
    document = json.loads(path.read_text())
    match kind:
        case "absent":
            path.unlink()
        case "cut short":
            path.write_text(path.read_text()[:-20])
        case "a list":
            path.write_text("[]")
        case "an older schema":
            path.write_text(json.dumps(document | {"schema": "verdicts.v3"}))
        case "no verdicts":
            path.write_text(json.dumps({key: value for key, value in document.items() if key != "verdicts"}))
        case "an unknown verdict":
            document["verdicts"][0]["verdict"] = "PERHAPS"
            path.write_text(json.dumps(document))
        case "another publication":
            path.write_text(json.dumps(document | {"publication": "Another"}))
        case "a claim twice":
            path.write_text(json.dumps(document | {"verdicts": document["verdicts"] * 2}))
        case "not a number":
            path.write_text(path.read_text().replace('"alpha": 0.05', '"alpha": NaN', 1))
        case "nested too deeply":
            path.write_text("[" * 100_000)
        case "a link to itself":
            path.unlink()
            path.symlink_to(path)
        case "a folder":
            path.unlink()
            path.mkdir()
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "absent",
        "cut short",
        "a list",
        "an older schema",
        "no verdicts",
        "an unknown verdict",
        "another publication",
        "a claim twice",
        "not a number",
        "nested too deeply",
        "a link to itself",
        "a folder",
    ],
)
def test_earlier_verdicts_that_cannot_be_used_exit_2_before_anything_is_written(folder: Path, kind: str) -> None:
    path = broken(folder, kind)
    result = decide(folder, "now.json", "--against", str(path))
    assert result.exit_code == 2
    assert f"medeval: {path}: " in result.output
    assert "-> " in result.output
    assert not (folder / "now.json").exists()


@pytest.mark.parametrize("earlier", ["earlier.json", "earlier.comparisons.json"])
def test_the_earlier_verdicts_are_never_replaced(folder: Path, earlier: str) -> None:
    kept = (folder / "earlier.json").read_bytes()
    (folder / earlier).write_bytes(kept)
    result = decide(folder, "earlier.json", "--against", earlier)
    assert result.exit_code == 2
    assert "would replace a file that is read" in result.output
    assert (folder / earlier).read_bytes() == kept


def test_a_part_that_went_and_a_name_with_an_escape_are_shown_as_text(folder: Path) -> None:
    document = json.loads((folder / "earlier.json").read_text())
    lead = document["verdicts"][0]
    lead["verdict"] = "INCONCLUSIVE"
    lead["parts"].append(lead["parts"][0] | {"target": "vulkan"})
    document["measured"]["inputs"]["\x1b[2Jgone.parquet"] = "0" * 64
    (folder / "earlier.json").write_text(json.dumps(document))
    result = decide(folder, "now.json", "--against", "earlier.json")
    assert result.exit_code == 3
    assert "on vulkan: +" in result.output
    assert "-> not a part of the claim" in result.output
    assert "\\x1b[2Jgone.parquet: gone" in result.output


def test_the_document_holds_the_hash_of_every_file_behind_it(before: Path) -> None:
    document = json.loads((before / "earlier.json").read_text())
    titles = yaml.safe_load((before / "publication.yaml").read_text())["title"]
    assert document["publication"] == titles
    assert {Path(name).name for name in document["measured"]["inputs"]} == {
        path.name for path in (before / "scores").glob("*.parquet")
    }
