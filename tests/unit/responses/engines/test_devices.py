"""A model runs on the device that was asked for, or not at all."""

import ctypes
from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from medeval.errors import MedevalError
from medeval.responses.engines import devices as module
from medeval.responses.engines.devices import Device, device_for, devices
from medeval.responses.engines.llama_context import LlamaContext
from medeval.responses.engines.llama_model import LlamaModel


def other(backend: str, name: str) -> Device:
    return Device(backend, name, "a card", "gpu", memory_total=8, memory_free=4, pointer=1)


def test_the_processor_is_a_device_with_the_memory_of_the_machine() -> None:
    device = device_for("cpu")
    assert (device.backend, device.type) == ("CPU", "cpu")
    [total] = [
        line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")
    ]
    assert device.memory_total == int(total) * 1024
    assert 0 < device.memory_free <= device.memory_total


@pytest.mark.parametrize("target", ["vulkan", "metal", "cuda"])
def test_a_target_that_the_build_was_not_compiled_for_is_refused(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setattr(module, "devices", lambda: (other("SYCL", "SYCL0"),))
    monkeypatch.setattr(module, "loaded_libraries", lambda: [Path("/x/libggml-cpu.so.0"), Path("/x/libggml-sycl.so")])
    with pytest.raises(MedevalError, match=rf"'{target}'.* was not compiled for it; it has: SYCL0") as refusal:
        device_for(target)
    assert f"make setup-{target}" in refusal.value.remedy


def test_a_vulkan_build_that_sees_no_card_names_the_way_to_a_software_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "devices", lambda: (other("CPU", "CPU"),))
    monkeypatch.setattr(module, "loaded_libraries", lambda: [Path("/x/libggml-vulkan.so.0")])
    monkeypatch.setenv("GGML_VK_VISIBLE_DEVICES", "7")
    with pytest.raises(MedevalError, match="no such device, with GGML_VK_VISIBLE_DEVICES=7; it has: CPU") as refusal:
        device_for("vulkan")
    assert "lavapipe" in refusal.value.remedy
    assert "GGML_VK_VISIBLE_DEVICES=0" in refusal.value.remedy


def test_a_target_gets_the_device_of_its_own_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    found = (other("CUDA", "CUDA0"), other("Vulkan", "Vulkan0"), other("CPU", "CPU"))
    monkeypatch.setattr(module, "devices", lambda: found)
    assert [device_for(target).name for target in ("cpu", "vulkan", "cuda")] == ["CPU", "Vulkan0", "CUDA0"]


def test_an_unknown_target_is_refused_with_the_known_ones() -> None:
    with pytest.raises(MedevalError, match="cpu, vulkan, metal, cuda"):
        device_for("tpu")


def test_the_handle_of_a_device_is_the_one_that_llama_cpp_uses() -> None:
    get = llama_cpp.llama_cpp._lib.ggml_backend_dev_get
    get.argtypes, get.restype = [ctypes.c_size_t], ctypes.c_void_p
    assert [device.pointer for device in devices()] == [get(index) for index in range(len(devices()))]


class Seen(Exception):
    """Carries the parameters that llama.cpp was called with."""


def seen(*arguments: Any) -> None:
    raise Seen(arguments[-1])


def test_a_model_for_the_processor_is_given_no_other_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is empty: without any, llama.cpp takes every card, even for a model without offloaded layers."""
    monkeypatch.setattr(llama_cpp, "llama_model_load_from_file", seen)
    (tmp_path / "model.gguf").touch()
    with pytest.raises(Seen) as call:
        LlamaModel(tmp_path / "model.gguf", "cpu")
    params = call.value.args[0]
    assert params.n_gpu_layers == 0
    assert params.devices is not None
    assert ctypes.c_void_p.from_address(params.devices).value is None


def test_a_context_for_the_processor_sends_nothing_to_a_device(
    smollm2_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LlamaModel(smollm2_files["q4_1"], "cpu")
    monkeypatch.setattr(llama_cpp, "llama_init_from_model", seen)
    with pytest.raises(Seen) as call:
        LlamaContext(model, tokens=512, sequences=1, threads=1, outputs=1)
    model.close()
    assert (call.value.args[0].op_offload, call.value.args[0].offload_kqv) == (False, False)
