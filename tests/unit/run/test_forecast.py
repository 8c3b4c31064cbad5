"""The projected time of a run is arithmetic on stated figures, and says where they are from."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.errors import MedevalError
from medeval.publication.publication import load_publication
from medeval.run.config import load_run
from medeval.run.forecast import Forecast, Speed, Unknown, Work, forecasts, weights_bytes
from medeval.run.plan import Plan

ROOT = Path(__file__).parents[3]
REFERENCE = {
    "target": "cpu",
    "buffers_mib": {"CPU_Mapped model": 90.0, "CPU_REPACK model": 10.0, "CPU KV": 50.0},
    "prefill_tokens_per_second": 600.0,
    "decode_tokens_per_second": {"1": 150.0, "8": 400.0},
    "sequences": 8,
}


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    path = tmp_path / "probe.json"
    path.write_text(json.dumps(REFERENCE))
    return path


def test_time_is_tokens_over_speeds() -> None:
    work = Work("medqa", 10, 20, prompt_tokens=6000.0, replies=30, reply_tokens=27_000.0)
    assert work.seconds(Speed(600.0, 300.0, "")) == 10 + 90
    assert work.seconds(Speed(600.0, 300.0, "").scaled(4, "")) == 4 * (10 + 90)


def test_the_reproduction_is_projected_from_sizes_and_stated_tokens(reference: Path) -> None:
    run = load_run(Path("config/medpsy.yaml"))
    found = {
        (entry.model, entry.variant): entry
        for entry in forecasts(run, load_publication(run.claims), reply_tokens=None, reference=reference)
    }
    small = found["medpsy-1.7b", "bf16"]
    assert isinstance(small, Forecast)
    # 4.07 GB as published against 100 MiB that were measured.
    ratio = 4.07e9 / (100 * 2**20)
    assert small.speed.prefill == pytest.approx(600 / ratio)
    assert small.speed.decode == pytest.approx(400 / ratio)
    assert small.reply_tokens == 1110
    # 1,273 questions: three modes are read, three samples of 1,110 tokens are generated.
    [medqa] = [work for work in small.work if work.benchmark == "medqa"]
    assert (medqa.prompts, medqa.replies, medqa.reply_tokens) == (3819, 3819, 3819 * 1110)
    [healthbench] = [work for work in small.work if work.benchmark == "healthbench"]
    assert (healthbench.prompts, healthbench.replies) == (5000, 15_000)
    assert isinstance(found["medgemma-1.5-4b-it", "bf16"], Unknown)
    capped = found["medgemma-27b-text-it", "published-q4_k_m"]
    assert isinstance(capped, Forecast)
    assert (capped.reply_tokens, capped.reply_basis) == (16384, "the token limit, an upper bound")


def test_a_quantized_file_is_sized_by_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    run = load_run(Path("config/medpsy.yaml"))
    plan = Plan(run, Path("results/absent"))
    size = weights_bytes(plan, load_publication(run.claims), "medpsy-1.7b", "q4_k_m")
    assert size == pytest.approx(4.07e9 * 4.85 / 16)


def test_without_any_speed_the_way_to_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    run = load_run(Path("config/medpsy.yaml"))
    with pytest.raises(MedevalError, match="no speed was measured yet"):
        list(forecasts(run, load_publication(run.claims), reply_tokens=None, reference=None))


def test_speeds_of_another_target_are_not_taken(reference: Path) -> None:
    reference.write_text(json.dumps(REFERENCE | {"target": "vulkan"}))
    run = load_run(Path("config/medpsy.yaml"))
    with pytest.raises(MedevalError, match="a probe of vulkan, not of cpu"):
        list(forecasts(run, load_publication(run.claims), reply_tokens=None, reference=reference))


def test_the_command_prints_hours_and_assumptions(reference: Path) -> None:
    command = ["plan", "config/medpsy.yaml", "--time", "--speed-from", str(reference), "--reply-tokens", "100"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "medpsy-4b/bf16 on cpu" in result.output
    assert "right within a factor of 2 or 3; 100 tokens per reply, as given" in result.output
    plain = CliRunner().invoke(main, ["plan", "config/medpsy.yaml"])
    assert "medqa: 1273 items" in plain.output
