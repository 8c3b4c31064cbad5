"""The Vulkan build on Mesa's lavapipe, a Vulkan device that the processor plays; run by `make check-vulkan` alone.

Not named test_*, so that `make test` does not collect it: it needs .venv-vulkan and takes minutes. It fails, and
does not skip, where a build for Vulkan or lavapipe is missing.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import llama_cpp
import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import log_softmax, rel_entr

from medeval.responses.engines.devices import device_for, devices
from medeval.responses.engines.llama_build import build_info
from medeval.responses.engines.llama_context import LlamaContext
from medeval.responses.engines.llama_model import Allocations, LlamaModel, observed

LAVAPIPE = sorted(Path("/usr/share/vulkan/icd.d").glob("lvp_icd*.json"))
# Read when llama.cpp starts, so set before any fixture: this process sees lavapipe alone, and llama.cpp, which passes
# over software devices, is told to take it.
os.environ["VK_DRIVER_FILES"] = os.pathsep.join(map(str, LAVAPIPE))
os.environ["GGML_VK_VISIBLE_DEVICES"] = "0"

PROMPT = (
    "Insulin is a hormone that is made by the beta cells of the pancreas. It lets the cells of the body take up "
    "glucose from the blood. Without enough of it the glucose in the blood rises, which is called"
)
# llama.cpp sends matrix products of at least this many tokens to a device even if no layer was given to it.
OFFLOADED_BATCH = 32
NEW_TOKENS = 4
# Nats. With 4-bit weights llama.cpp rounds the activations too on the processor, but not on Vulkan without integer
# products, as lavapipe is.
LARGEST_DIVERGENCE = {"f16": 2e-3, "q4_k_m": 0.1}

Report = Callable[[str], None]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    def write(line: str) -> None:
        with capsys.disabled():
            print(f"  {line}", flush=True)  # noqa: T201

    return write


@pytest.fixture(scope="module")
def weights(smollm2_files: dict[str, Path]) -> Path:
    return smollm2_files["q4_k_m"]


@pytest.fixture(scope="module")
def on_processor(weights: Path) -> Iterator[LlamaModel]:
    model = LlamaModel(weights, "cpu")
    yield model
    model.close()


@pytest.fixture(scope="module")
def on_vulkan(weights: Path) -> Iterator[LlamaModel]:
    model = LlamaModel(weights, "vulkan")
    yield model
    model.close()


def read(context: LlamaContext, tokens: list[int], vocabulary: int) -> npt.NDArray[np.float64]:
    """Read tokens in one batch; return the log-probabilities of what follows, shape (vocabulary,)."""
    array = (llama_cpp.llama_token * len(tokens))(*tokens)
    assert llama_cpp.llama_decode(context.pointer, llama_cpp.llama_batch_get_one(array, len(tokens))) == 0
    logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context.pointer, -1), shape=(vocabulary,))
    return np.asarray(log_softmax(logits.astype(np.float64)))


def continuation(
    model: LlamaModel, prescribed: list[int] | None = None
) -> tuple[list[int], npt.NDArray[np.float64], Allocations]:
    """Read the prompt and continue it greedily, or with the prescribed tokens.

    Returns:
        The most probable token at each step, log-probabilities of shape (steps, vocabulary), and the context's buffers.
    """
    context = LlamaContext(model, tokens=512, sequences=1, threads=2, outputs=1)
    tokens = model.tokenize(PROMPT)
    assert len(tokens) >= OFFLOADED_BATCH
    rows = [read(context, tokens, model.vocabulary_size)]
    for step in range(NEW_TOKENS - 1):
        token = int(rows[-1].argmax()) if prescribed is None else prescribed[step]
        rows.append(read(context, [token], model.vocabulary_size))
    context.close()
    return [int(row.argmax()) for row in rows], np.stack(rows), context.allocations


def test_lavapipe_is_the_device_of_the_target(report: Report) -> None:
    assert LAVAPIPE, "lavapipe is not installed: see the Vulkan part of docs/run/targets.md"
    device = device_for("vulkan")
    report(f"{device.name}: {device.description}, {device.memory_total >> 20} MiB; llama.cpp {build_info()['commit']}")
    assert device.name == "Vulkan0"
    assert "llvmpipe" in device.description
    assert [other.backend for other in devices()] == ["Vulkan", "CPU"]
    assert any(name.startswith("libggml-vulkan.") for name in build_info()["libraries"])


def test_the_vulkan_target_keeps_every_layer_and_the_cache_on_the_device(on_vulkan: LlamaModel, report: Report) -> None:
    context = LlamaContext(on_vulkan, tokens=512, sequences=1, threads=2, outputs=1)
    context.close()
    model = on_vulkan.allocations
    report(
        f"layers on the device: {model.layers_offloaded} of {model.layers}; MiB: {model.mib | context.allocations.mib}"
    )
    assert model.layers
    assert model.layers_offloaded == model.layers
    assert model.mib["Vulkan0 model"] > 50
    assert context.allocations.mib["Vulkan0 KV"] > 0
    assert context.allocations.mib["Vulkan0 compute"] > 0
    assert not any(name.startswith("CPU") and name.endswith(" KV") for name in context.allocations.mib)


def test_the_processor_target_of_the_same_build_allocates_nothing_on_the_device(
    on_processor: LlamaModel, report: Report
) -> None:
    _, _, allocations = continuation(on_processor)
    mib = on_processor.allocations.mib | allocations.mib
    report(f"target cpu, MiB: {mib}")
    assert mib
    assert [name for name in mib if "Vulkan" in name] == []
    assert on_processor.allocations.layers_offloaded == 0


def test_without_its_empty_list_of_devices_the_processor_target_would_use_the_device(weights: Path) -> None:
    """That the check before this one can fail: no layer is offloaded here either."""
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    allocations = Allocations()
    with observed(allocations):
        model = llama_cpp.llama_model_load_from_file(str(weights).encode(), params)
        context = llama_cpp.llama_init_from_model(model, llama_cpp.llama_context_default_params())
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)
    assert allocations.mib["Vulkan0 compute"] > 0


@pytest.mark.parametrize("variant", LARGEST_DIVERGENCE)
def test_the_device_predicts_what_the_processor_predicts(
    smollm2_files: dict[str, Path], variant: str, report: Report
) -> None:
    models = {target: LlamaModel(smollm2_files[variant], target) for target in ("cpu", "vulkan")}
    expected, reference, _ = continuation(models["cpu"])
    began = time.perf_counter()
    chosen, logs, _ = continuation(models["vulkan"], prescribed=expected)
    seconds = time.perf_counter() - began
    for model in models.values():
        model.close()
    divergence = rel_entr(np.exp(reference), np.exp(logs)).sum(axis=1)
    likely = reference > np.log(0.01)
    report(
        f"{variant}: {NEW_TOKENS} tokens in {seconds:.0f} s, "
        f"{sum(a == b for a, b in zip(chosen, expected, strict=True))} of {NEW_TOKENS} equal to the processor's; "
        f"KL from its distributions, nats: {', '.join(f'{value:.2g}' for value in divergence)}; "
        f"largest difference in log-probability where it gives 1%: {np.abs(logs - reference)[likely].max():.3g}"
    )
    assert divergence.max() < LARGEST_DIVERGENCE[variant]
    ordered = np.sort(reference, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 0.5
    assert clear.any()
    assert np.array_equal(np.array(chosen)[clear], np.array(expected)[clear])
