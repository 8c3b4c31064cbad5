"""Which devices the installed build of llama.cpp can use, and refusal of any that was not asked for."""

import ctypes
from dataclasses import dataclass
from functools import cache

import llama_cpp
from llama_cpp._ggml import libggml

from medeval.errors import MedevalError

# The name under which each target's backend registers itself in ggml.
_BACKENDS = {"cpu": "CPU", "vulkan": "Vulkan", "metal": "MTL", "cuda": "CUDA"}


@dataclass(frozen=True)
class Device:
    """One device as ggml reports it: its backend, short name and description."""

    backend: str
    name: str
    description: str


@cache
def devices() -> tuple[Device, ...]:
    """List the devices of the installed build; the processor is always among them."""
    llama_cpp.llama_backend_init()
    get, register = libggml.ggml_backend_dev_get, libggml.ggml_backend_dev_backend_reg
    get.argtypes, get.restype = [ctypes.c_size_t], ctypes.c_void_p
    register.argtypes, register.restype = [ctypes.c_void_p], ctypes.c_void_p
    libggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    found = []
    for index in range(libggml.ggml_backend_dev_count()):
        pointer = get(index)
        found.append(
            Device(
                backend=_string("ggml_backend_reg_name", register(pointer)),
                name=_string("ggml_backend_dev_name", pointer),
                description=_string("ggml_backend_dev_description", pointer),
            )
        )
    return tuple(found)


def device_for(target: str) -> Device:
    """Return the device that a target runs on.

    Raises:
        MedevalError: The installed build has no such device.
    """
    wanted = _BACKENDS.get(target)
    for device in devices():
        if wanted is not None and device.backend.upper().startswith(wanted.upper()):
            return device
    found = ", ".join(f"{device.name} ({device.backend})" for device in devices())
    raise MedevalError(
        f"target {target!r}: the installed llama.cpp has no such device; it has: {found}",
        f"Install a build of llama-cpp-python for {target}, or choose a target that is listed.",
    )


def _string(function: str, pointer: int) -> str:
    call = getattr(libggml, function)
    call.argtypes, call.restype = [ctypes.c_void_p], ctypes.c_char_p
    text: bytes = call(pointer)
    return text.decode()
