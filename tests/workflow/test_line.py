"""The whole line, run by Snakemake on real weights."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.compute as pc
import pytest

from medeval.records import tables
from tests.workflow.conftest import ROOT, run_snakemake, small_config, workflow_copy


def results(folder: Path) -> Path:
    return folder / "results" / "small"


def test_the_run_could_reach_nothing_but_this_machine(finished_run: Path) -> None:
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"  # an address reserved for documents
    environment = os.environ | {"PYTHONPATH": str(finished_run / "guard")}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "OSError: no network: ('192.0.2.1', 80)" in result.stderr


def test_every_stage_leaves_its_file(finished_run: Path) -> None:
    for name in ("comparisons.json", "verdicts.json", "report.html", "mlflow.json", "mlflow.db"):
        assert (results(finished_run) / name).stat().st_size > 0, name


def test_every_item_has_one_score_per_mode(finished_run: Path) -> None:
    for variant in ("f16", "q4_k_m"):
        scores = tables.read(results(finished_run) / f"scores/smollm2/{variant}/cpu/medqa.parquet", tables.SCORES)
        counts = {entry["values"]: entry["counts"] for entry in scores["mode"].value_counts().to_pylist()}
        assert counts == {"generate": 24, "letter": 24, "cloze": 24, "choices_only": 24}


def test_our_scores_equal_those_that_lm_eval_computed(finished_run: Path) -> None:
    document = json.loads((results(finished_run) / "comparisons.json").read_text())
    assert len(document["scores"]) == 16
    for entry in document["scores"]:
        name = f"responses/smollm2/{entry['variant']}/cpu/{entry['benchmark']}.parquet.lm_eval.json"
        lm_eval = json.loads((results(finished_run) / name).read_text())["accuracy"]
        assert entry["accuracy"]["value"] == pytest.approx(lm_eval[entry["mode"]], abs=1e-12)


def test_both_planted_items_are_found_and_no_other(finished_run: Path) -> None:
    for benchmark in ("medqa", "medxpertqa"):
        document = json.loads((results(finished_run) / f"contamination/overlap/{benchmark}.json").read_text())
        assert document["benchmarks"][benchmark]["question"]["gpt3"]["dirty"] == 1


def test_every_claim_has_a_verdict_with_its_numbers(finished_run: Path) -> None:
    verdicts = {
        entry["claim_id"]: entry
        for entry in json.loads((results(finished_run) / "verdicts.json").read_text())["verdicts"]
    }
    assert set(verdicts) == {"d01", "d02", "d03", "d04"}
    assert "PARTIAL_COVERAGE" in verdicts["d01"]["flags"]  # two of the claim's seven benchmarks were run
    assert verdicts["d03"]["verdict"] == "NOT_REPRODUCED"  # 61.1 % smaller, not 69 %
    assert verdicts["d04"]["verdict"] == "INCONCLUSIVE"  # the judge is not credible
    part = verdicts["d01"]["parts"][0]
    assert part["low"] < part["estimate"] < part["high"]
    assert part["items"] == 42


def test_mlflow_holds_a_parent_and_a_child_per_system_and_benchmark(finished_run: Path) -> None:
    from mlflow.tracking import MlflowClient

    record = json.loads((results(finished_run) / "mlflow.json").read_text())
    assert len(record["child_runs"]) == 2 * 3  # two variants, three benchmarks
    client = MlflowClient(f"sqlite:///{results(finished_run) / 'mlflow.db'}")
    parent = client.get_run(record["parent_run"])
    assert parent.data.tags["verdict.d03"] == "NOT_REPRODUCED"
    child = client.get_run(record["child_runs"][0])
    assert child.data.tags["mlflow.parentRunId"] == record["parent_run"]
    assert child.data.metrics["cloze.accuracy.low"] < child.data.metrics["cloze.accuracy"]
    assert client.list_artifacts(record["child_runs"][0])[0].path.endswith(".parquet")


def test_a_second_run_does_nothing(finished_run: Path) -> None:
    result = run_snakemake(finished_run, "--configfile", "small.yaml")
    assert "Nothing to be done" in result.stdout + result.stderr


def test_a_comment_in_a_rule_file_reruns_nothing(finished_run: Path) -> None:
    rules = sorted((finished_run / "workflow/rules").glob("*.smk"))
    before = [rule.read_text() for rule in rules]
    for rule, text in zip(rules, before, strict=True):
        rule.write_text("# A comment.\n" + text)
    result = run_snakemake(finished_run, "-n", "--configfile", "small.yaml")
    for rule, text in zip(rules, before, strict=True):
        rule.write_text(text)
    assert "Nothing to be done" in result.stdout + result.stderr


def test_a_newer_medeval_makes_its_documents_again_and_asks_no_model(finished_run: Path, tmp_path: Path) -> None:
    newer = workflow_copy(tmp_path / "newer")
    for path in (newer / "workflow/rules").glob("*.smk"):
        path.write_text(path.read_text().replace("keep_log ", "keep_log  "))
    environment = newer / "workflow/envs/cpu.yaml"
    environment.write_text(environment.read_text() + "# newer\n")
    schema = newer / "workflow/schemas/comparisons.schema.json"
    schema.write_text(schema.read_text().replace('"comparisons.v', '"comparisons.v9'))
    options = ("--snakefile", str(newer / "Snakefile"), "--configfile", "small.yaml", "--dry-run", "--quiet", "rules")
    result = run_snakemake(finished_run, *options)
    jobs = re.findall(r"^(\w+) +\d+$", result.stdout + result.stderr, re.MULTILINE)
    assert sorted(set(jobs)) == ["all", "compare", "report", "total", "track", "verdict"], result.stderr[-3000:]


def test_snakemake_writes_its_own_report(finished_run: Path) -> None:
    result = run_snakemake(finished_run, "--configfile", "small.yaml", "--report", "snakemake.html")
    assert result.returncode == 0, result.stderr[-2000:]
    assert (finished_run / "snakemake.html").stat().st_size > 100_000


def test_the_stock_lm_eval_command_line_gives_the_same_accuracy(finished_run: Path) -> None:
    tasks = ROOT / "src/medeval/tasks"
    command = [
        str(Path(sys.executable).with_name("lm_eval")), "run", "--model", "medeval",
        "--model_args", f"pretrained={results(finished_run)}/weights/smollm2/q4_k_m.gguf,sequences=4",
        "--include_path", str(tasks),
        "--tasks", *(str(tasks / f"medqa/{mode}.yaml") for mode in ("cloze", "generate", "letter")),
        "--metadata", json.dumps({"items": str(results(finished_run) / "items")}),
        "--apply_chat_template", "--gen_kwargs", "max_gen_toks=12", "--output_path", "stock.json",
    ]  # fmt: skip
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    result = subprocess.run(command, cwd=finished_run, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    [path] = finished_run.glob("stock*.json")
    stock = {name: entry["acc,none"] for name, entry in json.loads(path.read_text())["results"].items()}
    ours = json.loads((results(finished_run) / "responses/smollm2/q4_k_m/cpu/medqa.parquet.lm_eval.json").read_text())[
        "accuracy"
    ]
    assert stock == {f"medeval_medqa_{mode}": ours[mode] for mode in ("cloze", "generate", "letter")}


def test_shards_at_a_measured_width_are_merged_into_one_table(
    finished_run: Path, tmp_path: Path, smollm2_files: dict[str, Path]
) -> None:
    folder = workflow_copy(tmp_path / "sharded")
    protocol = {"modes": ["letter"], "headline": "letter"}
    small_config(folder, smollm2_files["f16"], engine={"sequences": "auto", "shards": 2}, protocol=protocol)
    target = "results/small/responses/smollm2/f16/cpu/medqa.parquet"
    result = run_snakemake(folder, "--configfile", "small.yaml", "--", target)
    assert result.returncode == 0, result.stderr[-3000:]
    probe = json.loads((results(folder) / "probes/smollm2/f16/cpu.json").read_text())
    record = json.loads((folder / f"{target}.lm_eval.json").read_text())
    assert record["identity"]["engine"]["sequences"] == probe["sequences"]
    assert set(record["shards"]) == {"1-of-2", "2-of-2"}
    merged = tables.read(folder / target, tables.RESPONSES)
    whole = tables.read(results(finished_run) / "responses/smollm2/f16/cpu/medqa.parquet", tables.RESPONSES)
    # Option scores do not depend on the width, so they are those of the undivided run at another one.
    letters = whole.filter(pc.equal(whole["mode"], "letter"))
    assert merged["item_id"].equals(letters["item_id"])
    assert merged["option_logprobs"].equals(letters["option_logprobs"])


def test_a_file_is_quantized_with_an_importance_matrix_of_a_stated_text(finished_run: Path) -> None:
    target = "results/small/weights/smollm2/q4_k_m-imat.gguf"
    result = run_snakemake(finished_run, "--configfile", "small.yaml", "--", target)
    assert result.returncode == 0, result.stderr[-3000:]
    with_matrix, plain = (
        json.loads((results(finished_run) / f"weights/smollm2/{name}.gguf.provenance.json").read_text())
        for name in ("q4_k_m-imat", "q4_k_m")
    )
    assert with_matrix["importance_matrix"] is not None
    assert plain["importance_matrix"] is None
    assert with_matrix["sha256"] != plain["sha256"]


def test_the_reproduction_of_the_publication_plans(tmp_path: Path) -> None:
    folder = workflow_copy(tmp_path)
    result = run_snakemake(folder, "-n", "--configfile", "config/medpsy.yaml")
    assert result.returncode == 0, result.stderr[-2000:]
    assert re.search(r"^evaluate_shard\s+320$", result.stdout + result.stderr, re.MULTILINE)


def test_an_unknown_key_stops_the_run_before_any_job(tmp_path: Path, smollm2_files: dict[str, Path]) -> None:
    folder = workflow_copy(tmp_path)
    small_config(folder, smollm2_files["f16"], targetz=["cpu"])
    result = run_snakemake(folder, "--configfile", "small.yaml")
    assert result.returncode != 0
    assert "unknown key; did you mean `targets`?" in result.stdout + result.stderr
    assert not (folder / "results").exists()


def test_truncated_weights_stop_the_run_and_leave_nothing_that_looks_done(
    tmp_path: Path, smollm2_files: dict[str, Path]
) -> None:
    cut = tmp_path / "cut.gguf"
    with smollm2_files["f16"].open("rb") as stream:
        cut.write_bytes(stream.read(1_000_000))
    folder = workflow_copy(tmp_path / "run")
    small_config(folder, cut)
    result = run_snakemake(folder, "--configfile", "small.yaml", "--", "results/small/weights/smollm2/q4_k_m.gguf")
    assert result.returncode != 0
    assert "not a complete GGUF file (1,000,000 bytes)" in result.stdout + result.stderr
    assert not list((folder / "results/small/weights/smollm2").glob("*q4_k_m*"))
