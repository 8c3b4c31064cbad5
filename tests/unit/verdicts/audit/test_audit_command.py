"""`medeval audit`: from tables and a record to verdicts."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from audit_rows import conversation_row, grade_row, item_rows, score_row, write
from click.testing import CliRunner

from medeval.cli.audit import audit
from medeval.errors import MedevalError
from medeval.records import tables
from medeval.verdicts.audit.answers import read_answers

ROOT = Path(__file__).parents[4]
BENCHMARKS = ("medqa", "medmcqa", "pubmedqa", "mmlu_health", "mmlu_pro_health", "medxpertqa", "afrimedqa")
MODEL = "smollm2-135m-instruct"


def run(*arguments: object, fails: bool = False) -> str:
    result = CliRunner().invoke(audit, [str(argument) for argument in arguments])
    if fails:
        assert isinstance(result.exception, MedevalError)
        return str(result.exception)
    assert result.exception is None, result.exception
    return result.output


@pytest.fixture
def line(tmp_path: Path) -> dict[str, list[Path]]:
    """Tables of the demo's line: items and scores of F16, right always, and of Q4_K_M, right two times of three."""
    items, scores = [], []
    for name in BENCHMARKS:
        ids = [f"{name}-{i:02}" for i in range(60)]
        items.append(write(tmp_path / "items" / f"{name}.parquet", tables.ITEMS, item_rows(name, ids)))
        for variant, good in (("f16", 1), ("q4_k_m", 3)):
            rows = [
                score_row(variant, name, item, good == 1 or i % good > 0, model=MODEL, mode="cloze")
                for i, item in enumerate(ids)
            ]
            scores.append(write(tmp_path / "scores" / variant / f"{name}.parquet", tables.SCORES, rows))
    prompts = [conversation_row(f"p{i:02}", [5, 5, -5]) for i in range(60)]
    items.append(write(tmp_path / "items" / "healthbench.parquet", tables.CONVERSATIONS, prompts))
    for variant, met in (("f16", True), ("q4_k_m", False)):
        grades = [
            grade_row(variant, f"p{i:02}", index, points, met and points > 0, model=MODEL)
            for i in range(60)
            for index, points in enumerate([5, 5, -5])
        ]
        scores.append(write(tmp_path / "grades" / f"{variant}.parquet", tables.GRADES, grades))
    return {"items": items, "scores": scores}


def test_an_order_is_drawn_verified_and_used(tmp_path: Path, line: dict[str, list[Path]]) -> None:
    order, out = tmp_path / "order.json", tmp_path / "status.json"
    drawn = run("order", *line["items"], "--seed", "2718", "--out", order)
    commitment = json.loads(order.read_text())["commitment"]
    assert f"commitment {commitment}" in drawn
    assert "verified: " in run("order", *line["items"], "--check", order)

    arguments = ("status", ROOT / "config/demo.yaml", *line["items"], *line["scores"], "--order", order, "--out", out)
    text = run(*arguments)
    assert commitment in text
    assert [claim["claim_id"] for claim in json.loads(out.read_text())["claims"]] == ["d01", "d02"]  # the run's own
    run(*arguments, *(f"--claim=d0{number}" for number in (1, 2, 3, 4)))
    document = json.loads(out.read_text())
    found = {claim["claim_id"]: claim for claim in document["claims"]}
    # Q4_K_M loses 33 points: neither below one point nor below ten.
    assert found["d01"]["verdict"] == "NOT_REPRODUCED"
    assert found["d02"]["verdict"] == "NOT_REPRODUCED"
    (part,) = found["d01"]["parts"]
    assert part["items"] == part["items_total"] == 420
    assert part["decided_items"] < 150
    assert part["low"] == pytest.approx(-100 / 3, abs=1e-6)
    assert found["d03"]["verdict"] == "NOT_TESTABLE"
    # The demo's judge is not credible, whatever its verdicts say.
    assert found["d04"]["verdict"] == "INCONCLUSIVE"
    assert found["d04"]["flags"] == ["JUDGE_NOT_CREDIBLE"]
    assert "shown to be above 0" in found["d04"]["parts"][0]["reasons"][1]


def test_the_first_rounds_are_judged_alone_and_a_benchmark_without_answers_holds_them_back(
    tmp_path: Path, line: dict[str, list[Path]]
) -> None:
    order, out = tmp_path / "order.json", tmp_path / "status.json"
    run("order", *line["items"], "--seed", "2718", "--out", order, "--rounds", 20, "--rounds-to", tmp_path / "first")
    first = {
        (row["benchmark"], row["item_id"])
        for name in BENCHMARKS
        for row in tables.read(tmp_path / "first" / f"{name}.parquet", tables.ITEMS).to_pylist()
    }
    partial = []
    for path in line["scores"]:
        if tables.read_record(path)["table"] == "scores":
            rows = [r for r in tables.read(path, tables.SCORES).to_pylist() if (r["benchmark"], r["item_id"]) in first]
            partial.append(write(tmp_path / "partial" / path.parent.name / path.name, tables.SCORES, rows))
    arguments = ("status", ROOT / "config/demo.yaml", *line["items"], "--order", order, "--claim", "d02")
    text = run(*arguments, *partial, "--out", out)
    assert "20 of 60 rounds, 140 of 420 items" in text
    (found,) = json.loads(out.read_text())["claims"]
    assert found["verdict"] == "NOT_REPRODUCED"
    without = [path for path in partial if path.stem != "pubmedqa"]
    text = run(*arguments, *without)
    assert "0 of 60 rounds, 0 of 420 items" in text
    assert "120 answered items are in no complete round and not used" in text


def test_a_record_of_other_items_is_refused(tmp_path: Path, line: dict[str, list[Path]]) -> None:
    order = tmp_path / "order.json"
    run("order", *line["items"][:2], "--seed", "1", "--out", order)
    message = run("status", ROOT / "config/demo.yaml", *line["items"], *line["scores"], "--order", order, fails=True)
    assert "other benchmarks" in message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "one of --seed, --config and --check"),
        (["--seed", "1", "--check", "x.json"], "one of --seed, --config and --check"),
        (["--seed", "1", "--rounds", "3"], "--rounds needs --rounds-to"),
        (["--seed", "1", "--rounds", "3", "--rounds-to", "x"], "--rounds needs --rounds-to and a record"),
    ],
)
def test_options_that_do_not_belong_together_are_refused(
    line: dict[str, list[Path]], options: list[str], words: str
) -> None:
    assert words in run("order", *line["items"], *options, fails=True)


def test_a_plan_is_printed_before_anything_is_run(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    arguments = ("--claim", "c04", "--claim", "c07", "--audits", 50, "--budget", 450, "--out", out)
    text = run("plan", ROOT / "config/medpsy.yaml", *arguments)
    assert "c04 average: MedPsy-1.7B above MedGemma-1.5-4B-it" in text
    assert "of 14,223 items" in text
    assert "within the budget" in text
    assert "not planned: a ratio is no mean over items" in text
    plans = {plan["claim"]: plan for plan in json.loads(out.read_text())["plans"]}
    assert plans["c04"]["median"] <= 300
    # Without a measured speed the tokens are known, the hours are not.
    assert "generated, hours unknown" in text
    assert [cost["seconds"] for cost in plans["c04"]["costs"]] == [None, None]
    assert "not measured on this machine yet: medeval probe; replies mean that the publication states" in text
    assert "not known before the size of its weights is: medeval lock; replies the token limit" in text


def test_a_record_s_terms_bind_the_status(tmp_path: Path, line: dict[str, list[Path]]) -> None:
    order = tmp_path / "order.json"
    run("order", *line["items"], "--config", ROOT / "config/demo.yaml", "--out", order)
    record = json.loads(order.read_text())
    assert record["seed"] == "31415926"
    assert {entry["claim"] for entry in record["terms"]["questions"]} == {"d01", "d02"}
    arguments = ("status", ROOT / "config/demo.yaml", *line["items"], *line["scores"], "--order", order)
    run(*arguments)
    assert "states other terms" in run(*arguments, "--risk", 0.2, fails=True)


def test_tables_and_their_order_are_given_together(line: dict[str, list[Path]]) -> None:
    assert "belong together" in run("status", ROOT / "config/demo.yaml", *line["items"], fails=True)


def test_an_unknown_claim_is_refused() -> None:
    assert "no claim c99" in run("plan", ROOT / "config/medpsy.yaml", "--claim", "c99", fails=True)


def test_a_plan_with_a_speed_says_tokens_and_hours(tmp_path: Path) -> None:
    probe: dict[str, Any] = {
        "target": "cpu",
        "sequences": 8,
        "prefill_tokens_per_second": 600.0,
        "decode_tokens_per_second": {"8": 500.0},
        "buffers_mib": {"CPU model": 100.0},
    }
    (tmp_path / "probe.json").write_text(json.dumps(probe))
    arguments = ("--claim", "c01", "--audits", 2, "--speed-from", tmp_path / "probe.json", "--reply-tokens", 900)
    text = run("plan", ROOT / "config/medpsy.yaml", *arguments)
    assert re.search(r"medpsy-4b/bf16 on cpu: .* generated, [\d,.]+ hours", text)


def test_a_plan_takes_the_probes_among_the_run_s_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {
        "target": "cpu",
        "sequences": 8,
        "prefill_tokens_per_second": 600.0,
        "decode_tokens_per_second": {"8": 500.0},
        "buffers_mib": {"CPU model": 100.0},
    }
    monkeypatch.chdir(tmp_path)
    for name in ("config", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    path = tmp_path / "results/medpsy/probes/medpsy-4b/bf16/cpu.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document))
    text = run("plan", "config/medpsy.yaml", "--claim", "c01", "--audits", 2, "--reply-tokens", 900)
    assert "speed measured: results/medpsy/probes/medpsy-4b/bf16/cpu.json" in text
    # The other's is scaled from it.
    assert re.search(r"medgemma-27b-text-it/published-q4_k_m: speed scaled by 1/\d+ from results/medpsy/probes", text)


def test_samples_are_averaged_and_have_to_be_as_many_for_every_item(tmp_path: Path) -> None:
    rows = [score_row("x", "medqa", item, item == "a", sample=sample) for item in "ab" for sample in (0, 1)]
    rows[1]["correct"] = False
    path = write(tmp_path / "s.parquet", tables.SCORES, rows)
    found = read_answers([path], [], mode="generate", target=None)
    assert found == {"m/x": {"medqa": {"a": 0.5, "b": 0.0}}}
    assert read_answers([path], [], mode="letter", target=None) == {}
    short = write(tmp_path / "t.parquet", tables.SCORES, rows[:3])
    with pytest.raises(MedevalError, match="item b has 1 samples, others have 2"):
        read_answers([short], [], mode="generate", target=None)


def test_a_target_has_to_be_named_where_there_are_several(tmp_path: Path) -> None:
    rows = [score_row("x", "medqa", "a", target == "cpu", target=target) for target in ("cpu", "vulkan")]
    path = write(tmp_path / "s.parquet", tables.SCORES, rows)
    with pytest.raises(MedevalError, match="cpu, vulkan"):
        read_answers([path], [], mode="generate", target=None)
    with pytest.raises(MedevalError, match="asked for cuda"):
        read_answers([path], [], mode="generate", target="cuda")
    assert read_answers([path], [], mode="generate", target="vulkan")["m/x"]["medqa"] == {"a": 0.0}


def test_a_missing_verdict_bounds_the_example_s_score_by_its_own_points(tmp_path: Path) -> None:
    rows = [
        *(grade_row("x", "p", i, points, met) for i, (points, met) in enumerate([(5, True), (5, False), (-10, True)])),
        *(grade_row("x", "q", i, points, met) for i, (points, met) in enumerate([(5, True), (5, None), (-2, None)])),
        *(grade_row("x", "r", i, points, None) for i, points in enumerate([4, -6])),
    ]
    path = write(tmp_path / "g.parquet", tables.GRADES, rows)
    scores = read_answers([], [path], mode="generate", target="cpu")["m/x"]["healthbench"]
    assert scores["p"] == pytest.approx(-0.5)
    assert scores["q"] == pytest.approx((0.3, 1.0))  # 5 - 2 of 10, and 10 of 10
    assert scores["r"] == pytest.approx((-1.5, 1.0))  # all that its rubric allows
