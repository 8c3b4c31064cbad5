"""A device is used only when it is the one asked for and computes what the processor computes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.errors import MedevalError
from medeval.responses.engines import probe as probing
from medeval.responses.engines.llama_model import Allocations
from medeval.responses.engines.probe import Gate, Probe, check, chosen_width, gate, probe, require_device


@pytest.fixture(scope="module")
def found(smollm2_files: dict[str, Path]) -> Probe:
    return probe(smollm2_files["q4_k_m"], "cpu", threads=1, sequences=2)


def logits(*shares: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.log(np.array([shares], np.float32))


def test_the_divergence_from_the_processor_is_that_of_its_definition() -> None:
    same = gate(logits(0.7, 0.2, 0.05, 0.05), logits(0.7, 0.2, 0.05, 0.05))
    assert same.kl == (0.0,)
    assert same.passed
    # p = .7 .2 .05 .05 and q = .6 .25 .1 .05: KL .0286194066, total variation .10.
    other = gate(logits(0.7, 0.2, 0.05, 0.05), logits(0.6, 0.25, 0.1, 0.05))
    assert other.kl[0] == pytest.approx(0.0286194066, abs=1e-6)
    assert other.total_variation[0] == pytest.approx(0.10, abs=1e-6)
    assert other.passed


@pytest.mark.parametrize(
    "broken",
    [logits(0.05, 0.7, 0.2, 0.05), logits(0.25, 0.25, 0.25, 0.26), np.full((1, 4), np.nan, np.float32)],
    ids=["another token", "nearly flat", "not a number"],
)
def test_a_device_that_computes_something_else_does_not_pass(
    broken: np.ndarray[tuple[int, int], np.dtype[np.float32]],
) -> None:
    result = gate(logits(0.7, 0.2, 0.05, 0.05), broken)
    assert not result.passed
    json.dumps(result.kl, allow_nan=False)  # can be written down


def test_a_run_on_a_device_that_failed_does_not_start(found: Probe) -> None:
    failed = replace(found, gate=Gate((3.0, 4.0), (0.9, 0.9), 0.5, passed=False))
    with pytest.raises(MedevalError, match="does not compute what the processor computes: mean KL 3.5 nats"):
        check(failed, found.weights_sha256, "cpu", found.engine)


def test_a_probe_of_other_weights_target_or_build_is_refused(found: Probe) -> None:
    check(found, found.weights_sha256, "cpu", found.engine | {"sequences": 8, "schedule": "fast"})
    for arguments, what in (
        (("other", "cpu", found.engine), "weights"),
        ((found.weights_sha256, "vulkan", found.engine), "target"),
        ((found.weights_sha256, "cpu", found.engine | {"commit": "0000000"}), "build or device"),
    ):
        with pytest.raises(MedevalError, match=f"the probe is of another {what} than this run"):
            check(found, *arguments)


def test_work_that_went_elsewhere_than_asked_is_refused() -> None:
    on_card = Allocations({"CPU_Mapped model": 20.0, "Vulkan0 model": 90.0, "Vulkan0 KV": 10.0}, 31, 31)
    require_device("vulkan", on_card)
    with pytest.raises(MedevalError, match="target cpu: llama.cpp allocated memory on Vulkan0"):
        require_device("cpu", on_card)
    with pytest.raises(MedevalError, match="target vulkan: 12 of 31 layers are on the device"):
        require_device("vulkan", Allocations(on_card.mib, 12, 31))
    with pytest.raises(MedevalError, match="target cuda: llama.cpp allocated nothing on it"):
        require_device("cuda", Allocations({"CPU model": 1.0, "CPU_REPACK model": 1.0, "CPU KV": 1.0}))


def test_the_lines_of_a_run_on_a_card_are_read() -> None:
    seen = Allocations()
    for line in (
        "load_tensors: offloaded 31/31 layers to GPU",
        "load_tensors:   CPU_Mapped model buffer size =    28.69 MiB",
        "load_tensors:      Vulkan0 model buffer size =    98.87 MiB",
        "llama_kv_cache:    Vulkan0 KV buffer size =    11.25 MiB",
        "llama_kv_cache:    Vulkan0 KV buffer size =     2.00 MiB",
        "sched_reserve:    Vulkan0 compute buffer size =    13.01 MiB",
        "sched_reserve:    Vulkan0 compute buffer size =    14.00 MiB",
        "a line about something else = 3 MiB",
    ):
        seen.note(line)
    assert (seen.layers_offloaded, seen.layers) == (31, 31)
    assert seen.devices() == {"CPU_Mapped", "Vulkan0"}
    # Two caches of one model add up; a compute buffer that is made again takes the place of the first.
    assert seen.total("KV", "compute") == pytest.approx(27.25)


def test_the_fewest_replies_that_are_about_as_fast_are_taken() -> None:
    assert chosen_width({1: 100.0, 2: 150.0, 4: 191.0, 8: 200.0}) == 4
    assert chosen_width({1: 100.0, 2: 90.0, 4: 80.0}) == 1


def test_widths_are_tried_until_wider_was_slower_twice(
    smollm2_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    class Clock:
        """Stands for a machine that is fastest with two sequences."""

        now = 0.0

    class Context:
        def __init__(self, model: object, *, sequences: int, **_: object) -> None:
            tried.append(sequences)

        def read(self, *_: object) -> None: ...
        def keep(self, *_: object) -> None: ...
        def close(self) -> None: ...

        def decode(
            self, tokens: np.ndarray[tuple[int], np.dtype[np.int32]], *_: object
        ) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
            Clock.now += {1: 1.0, 2: 1.2}.get(len(tokens), float(len(tokens)))
            return np.zeros((len(tokens), 4), np.float32)

    class Model:
        vocabulary_size = 4

    monkeypatch.setattr(probing, "LlamaContext", Context)
    monkeypatch.setattr(probing.time, "perf_counter", lambda: Clock.now)
    _, decode = probing.speeds(Model(), [1, 2, 4, 8, 16, 32], 1)  # type: ignore[arg-type]
    assert tried == [1, 2, 4, 8]
    assert chosen_width(decode) == 2


def test_a_probe_of_the_processor_is_complete_and_reads_back(found: Probe, tmp_path: Path) -> None:
    assert found.gate is None
    assert found.repeatable
    assert (found.sequences, list(found.decode_tokens_per_second)) == (2, [2])
    assert {name.split()[1] for name in found.buffers_mib} >= {"model", "KV", "compute"}
    path = tmp_path / "probe.json"
    found.save(path)
    assert Probe.load(path) == found
    path.write_text("{}")
    with pytest.raises(MedevalError, match="not a probe"):
        Probe.load(path)


def test_a_failed_comparison_is_written_down_and_is_an_error(
    found: Probe, smollm2_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = replace(found, gate=Gate((3.0,), (0.9,), 0.0, passed=False))
    monkeypatch.setattr(probing, "probe", lambda *_, **__: failed)
    out = tmp_path / "probe.json"
    result = CliRunner().invoke(main, ["probe", "--weights", str(smollm2_files["q4_k_m"]), "--out", str(out)])
    assert result.exit_code == 2
    assert "does not compute what the processor computes" in result.output
    assert not json.loads(out.read_text())["gate"]["passed"]
