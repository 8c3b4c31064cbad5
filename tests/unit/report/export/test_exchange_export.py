"""Every Eval Ever files, held against that project's own JSON schemas (tests/unit/report/export/every_eval_ever)."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.scores.imports.exchange_items import RECORDED, item, write_items

from medeval.errors import MedevalError
from medeval.records.files import sha256_file
from medeval.records.system import System
from medeval.report.export.every_eval_ever import SCHEMA_VERSION, Record, ResultsPublication, _model_info
from medeval.report.export.exporting import export_every_eval_ever
from medeval.scores.imports.importing import Import, import_responses
from medeval.scores.layout import Stated
from medeval.scores.stream import score_files

jsonschema = pytest.importorskip("jsonschema")
SCHEMAS = Path(__file__).parent / "every_eval_ever"
PUBLICATION = ResultsPublication("Our Institute", "third_party", {"toy": "maker/Toy-1"}, "open_weights", 1_800_000_000)


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return found


def scored(folder: Path, items: list[dict[str, Any]] | None = None) -> tuple[Path, list[Path], Path]:
    """Return the scores, items and responses of what lm-eval recorded."""
    given = [write_items(folder / "items.parquet", items)]
    logs = sorted((RECORDED / "lm_eval").glob("samples_*.jsonl"))
    stated = Stated(model="toy", variant="q4_k_m", target="cpu")
    import_responses(logs, given, folder / "responses.parquet", Import("lm-eval", stated=stated), command="")
    score_files(given, folder / "responses.parquet", folder / "scores.parquet", command="")
    return folder / "scores.parquet", given, folder / "responses.parquet"


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, dict[str, Any], list[dict[str, Any]]]:
    scores, items, responses = scored(tmp_path)
    (path,) = export_every_eval_ever(scores, items, responses, tmp_path / "out", PUBLICATION)
    lines = path.with_name(f"{path.stem}_samples.jsonl").read_text().splitlines()
    return tmp_path / "out", json.loads(path.read_text()), [json.loads(line) for line in lines]


def test_the_schemas_are_of_the_version_that_is_written() -> None:
    assert schema("eval")["version"] == schema("instance_level_eval")["version"] == SCHEMA_VERSION


def test_documents_and_lines_follow_the_schemas(written: tuple[Path, dict[str, Any], list[dict[str, Any]]]) -> None:
    _, document, lines = written
    jsonschema.Draft7Validator(schema("eval")).validate(document)
    for line in lines:
        jsonschema.Draft7Validator(schema("instance_level_eval")).validate(line)


def test_the_schemas_would_notice_a_missing_or_a_wrong_field(
    written: tuple[Path, dict[str, Any], list[dict[str, Any]]],
) -> None:
    _, document, lines = written
    validator = jsonschema.Draft7Validator(schema("eval"))
    for name in ("model_info", "evaluation_results", "source_metadata"):
        assert not validator.is_valid({key: value for key, value in document.items() if key != name})
    assert not jsonschema.Draft7Validator(schema("instance_level_eval")).is_valid({**lines[0], "output": "Answer: B"})


def test_a_document_says_who_measured_what_and_every_failure(
    written: tuple[Path, dict[str, Any], list[dict[str, Any]]],
) -> None:
    _, document, _ = written
    assert document["model_info"]["id"] == "maker/Toy-1"
    assert document["source_metadata"]["evaluator_relationship"] == "third_party"
    results = {one["evaluation_result_id"]: one["score_details"] for one in document["evaluation_results"]}
    assert set(results) == {f"medeval.toy.{mode}.accuracy" for mode in ("generate", "letter", "cloze")}
    # "Answer: B", "(A)", "Answer: A", "Answer: C", silence, cut: 2 of 6 right
    generated = results["medeval.toy.generate.accuracy"]
    assert generated["score"] == pytest.approx(2 / 6)
    assert generated["details"]["responses_truncated"] == "1"
    assert "cut by the token limit" in generated["details"]["no_headline"]
    assert generated["details"]["accuracy_unanswered_excluded"] == "0.5"
    assert generated["uncertainty"]["num_samples"] == 3


def test_the_lines_are_bound_to_their_document(written: tuple[Path, dict[str, Any], list[dict[str, Any]]]) -> None:
    out, document, lines = written
    reference = document["detailed_evaluation_results"]
    path = out / reference["file_path"]
    assert (reference["checksum"], reference["total_rows"], len(lines)) == (sha256_file(path), 12, 12)
    assert {line["evaluation_id"] for line in lines} == {document["evaluation_id"]}
    assert {line["evaluation_result_id"] for line in lines} == {
        one["evaluation_result_id"] for one in document["evaluation_results"]
    }
    first = next(line for line in lines if line["metadata"]["mode"] == "generate")
    assert first["input"]["reference"] == ["Liver"]
    assert first["output"] == {"raw": ["Answer: B"], "reasoning_trace": ["The spleen? No."]}
    assert first["evaluation"] == {"score": 1.0, "is_correct": True}


def test_the_same_scores_give_the_same_files(tmp_path: Path) -> None:
    scores, items, responses = scored(tmp_path)
    found = []
    for name in ("one", "two"):
        export_every_eval_ever(scores, items, responses, tmp_path / name, PUBLICATION)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        found.append([(path.relative_to(tmp_path / name), path.read_bytes()) for path in files])
    assert found[0] == found[1]


def test_classes_have_their_macro_f1(tmp_path: Path) -> None:
    items = [item(n, options=["A", "B", "C", "D"], question=f"Q{n}") for n in range(3)]
    given = [write_items(tmp_path / "items.parquet", items)]
    rows = tmp_path / "r.csv"
    rows.write_text("item_id,text\ni0,Answer: B\ni1,Answer: B\ni2,Answer: C\n")
    import_responses([rows], given, tmp_path / "r.parquet", Import("csv", stated=Stated(model="a/b")), command="")
    score_files(given, tmp_path / "r.parquet", tmp_path / "s.parquet", command="")
    publication = ResultsPublication("o", "other", {}, "unknown", 0)
    (path,) = export_every_eval_ever(tmp_path / "s.parquet", given, None, tmp_path / "out", publication)
    document = json.loads(path.read_text())
    jsonschema.Draft7Validator(schema("eval")).validate(document)
    (f1,) = [one for one in document["evaluation_results"] if one["evaluation_result_id"].endswith("f1_macro")]
    # B: 2*1/(2*1+1), C: 1, A and D: 0
    assert f1["score_details"]["score"] == pytest.approx((2 / 3 + 1) / 4)


def test_a_model_needs_an_id_of_the_hub(tmp_path: Path) -> None:
    scores, items, _ = scored(tmp_path)
    publication = ResultsPublication("o", "other", {}, "unknown", 0)
    with pytest.raises(MedevalError, match="the model 'toy' has no id") as refused:
        export_every_eval_ever(scores, items, None, tmp_path / "out", publication)
    assert "--model-id toy=ORGANIZATION/NAME" in refused.value.remedy
    assert not (tmp_path / "out").exists()


def test_responses_must_be_those_that_were_scored(tmp_path: Path) -> None:
    scores, items, _ = scored(tmp_path)
    rows = tmp_path / "r.csv"
    rows.write_text("item_id,text\ni0,Answer: B\n")
    import_responses([rows], items, tmp_path / "other.parquet", Import("csv"), command="")
    with pytest.raises(MedevalError, match="its rows are not those of"):
        export_every_eval_ever(scores, items, tmp_path / "other.parquet", tmp_path / "out", PUBLICATION)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("target", "engine"), [("cuda", "llama.cpp"), ("vllm", "vLLM"), ("api", None), ("other", None)]
)
def test_the_engine_is_named_where_it_is_known(target: str, engine: str | None) -> None:
    record = Record.of(System("toy", "q4_k_m", target), "maker/Toy-1", "0" * 64)
    assert _model_info(record, PUBLICATION).get("inference_engine") == (engine and {"name": engine})


def test_names_of_records_are_of_the_form_that_the_schema_asks_for() -> None:
    record = Record.of(System("toy", "q4_k_m", "cpu"), "maker/Toy-1", "0" * 64)
    pattern = schema("eval")["properties"]["detailed_evaluation_results"]["properties"]["file_path"]["pattern"]
    assert re.fullmatch(pattern, record.samples_path)
    assert record.uuid != Record.of(System("toy", "f16", "cpu"), "maker/Toy-1", "0" * 64).uuid
