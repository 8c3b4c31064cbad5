"""Which devices the loaded build of llama.cpp can use, and refusal of any that was not asked for."""

import ctypes
import os
from dataclasses import dataclass, field
from typing import Any, Literal

from medeval.errors import MedevalError
from medeval.responses.engines.llama_build import library, loaded_libraries, require_one_build

DeviceType = Literal["cpu", "gpu", "igpu", "accel", "meta"]

# The name under which each target's backend registers itself in ggml.
_BACKENDS = {"cpu": "CPU", "vulkan": "Vulkan", "metal": "MTL", "cuda": "CUDA"}
# In the order of ggml_backend_dev_type.
_TYPES: tuple[DeviceType, ...] = ("cpu", "gpu", "igpu", "accel", "meta")


@dataclass(frozen=True)
class Device:
    """One device as ggml reports it.

    Attributes:
        backend: Name of its backend: CPU, Vulkan, MTL, CUDA and others.
        name: Short name, such as Vulkan0.
        description: What the driver calls it.
        type: What ggml takes it for; integrated cards are `igpu`, and helpers of the processor `accel`.
        memory_total: Bytes of its memory; 0 when the driver does not tell.
        memory_free: Bytes of it that were free when it was asked.
        pointer: ggml's handle, for `llama_model_params.devices`.
    """

    backend: str
    name: str
    description: str
    type: DeviceType
    memory_total: int
    memory_free: int
    pointer: int = field(repr=False)


def devices() -> tuple[Device, ...]:
    """List the devices of the loaded build; the processor is always among them.

    Raises:
        MedevalError: Parts of two builds of llama.cpp are loaded together.
    """
    require_one_build()
    library().llama_backend_init()
    count = _ggml("ggml_backend_dev_count", ctypes.c_size_t)()
    get = _ggml("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    return tuple(_device(get(index)) for index in range(count))


def device_for(target: str) -> Device:
    """Return the first device that a target runs on.

    Args:
        target: cpu, vulkan, metal or cuda.

    Raises:
        MedevalError: The loaded build has no such device, or the target is not one of llama.cpp's.
    """
    if target not in _BACKENDS:
        raise MedevalError(f"target {target!r} is none of llama.cpp's", f"Name one of: {', '.join(_BACKENDS)}.")
    found = devices()
    for device in found:
        if device.backend == _BACKENDS[target]:
            return device
    names = ", ".join(f"{device.name} ({device.description})" for device in found)
    if not any(path.name.startswith(f"libggml-{target}.") for path in loaded_libraries()):
        raise MedevalError(
            f"target {target!r}: the llama.cpp in use was not compiled for it; it has: {names}",
            f"Run `make setup-{target}` and use .venv-{target}/bin/medeval, or choose a target that this build has.",
        )
    raise MedevalError(
        f"target {target!r}: llama.cpp was compiled for it but finds no such device{_visible()}; it has: {names}",
        _NO_DEVICE_REMEDIES[target],
    )


_NO_DEVICE_REMEDIES = {
    "vulkan": (
        "Install the Vulkan driver of your card; `vulkaninfo --summary` lists what the drivers offer. llama.cpp passes "
        "over devices of type CPU, such as llvmpipe from Mesa's lavapipe, which is too slow for more than checks: to "
        "use it all the same, set GGML_VK_VISIBLE_DEVICES=0."
    ),
    "metal": "Run on a Mac whose card supports Metal; virtual machines usually have none.",
    "cuda": "Install NVIDIA's driver; `nvidia-smi` must list the card, and CUDA_VISIBLE_DEVICES must not hide it.",
}


def _visible() -> str:
    """Name the variables that are set and hide devices."""
    names = ("GGML_VK_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")
    return "".join(f", with {name}={os.environ[name]}" for name in names if name in os.environ)


def _device(pointer: int) -> Device:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    size = ctypes.POINTER(ctypes.c_size_t)
    _ggml("ggml_backend_dev_memory", None, ctypes.c_void_p, size, size)(pointer, free, total)
    register = _ggml("ggml_backend_dev_backend_reg", ctypes.c_void_p, ctypes.c_void_p)(pointer)
    return Device(
        backend=_text("ggml_backend_reg_name", register),
        name=_text("ggml_backend_dev_name", pointer),
        description=_text("ggml_backend_dev_description", pointer),
        type=_TYPES[_ggml("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)(pointer)],
        memory_total=total.value,
        memory_free=free.value,
        pointer=pointer,
    )


def _text(function: str, pointer: int) -> str:
    text: bytes = _ggml(function, ctypes.c_char_p, ctypes.c_void_p)(pointer)
    return text.decode()


def _ggml(function: str, result: Any, *arguments: Any) -> Any:
    """Return a function of ggml with the types of its result and arguments declared."""
    call = getattr(library(), function)
    call.restype, call.argtypes = result, arguments
    return call
