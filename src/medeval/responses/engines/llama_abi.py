"""Whether a build of llama.cpp has the functions and structures that llama-cpp-python declares.

A build that differs in them need not fail: it may read numbers from the wrong places. Each build is therefore loaded
in a process of its own, where it may crash: `python -m medeval.responses.engines.llama_abi FOLDER` prints its
versions and then its structures, as lines of JSON.
"""

import ctypes
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError

LIB_PATH = "LLAMA_CPP_LIB_PATH"  # where llama-cpp-python looks for libllama, if it is set
_UNKNOWN = "unknown"
_LARGEST_STRUCTURE = 4096  # bytes


def packaged_folder() -> Path:
    """Return the folder of the libraries inside llama-cpp-python."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        raise MedevalError("llama-cpp-python is not installed", "Run `make setup`.")
    return (Path(spec.origin).parent / "lib").resolve()


def library_file(folder: Path, name: str) -> Path | None:
    """Return the shared library of a name, such as llama, in a folder, or None."""
    candidates = [folder / f"lib{name}{suffix}" for suffix in (".so", ".dylib")]
    return next((path for path in candidates if path.exists()), None)


def require_fit(folder: Path) -> None:
    """Check a build against the declarations of llama-cpp-python and against the build inside it.

    Every declared function must exist. The structures that llama.cpp returns by value must have the size, and in every
    field the default, that they have in llama-cpp-python's own build; where sizes cannot be measured the commits
    must be equal. A field whose meaning changed, but neither its place nor its default, is not noticed.

    Raises:
        MedevalError: The build does not fit; both builds' versions are named.
    """
    own, other = _probe(packaged_folder()), _probe(folder)
    if own["error"]:
        raise MedevalError(f"llama-cpp-python's own llama.cpp cannot be loaded: {own['error']}", "Run `make setup`.")
    if differences := _differences(own, other):
        raise MedevalError(
            f"{folder}: this llama.cpp ({_name(other)}) does not fit llama-cpp-python "
            f"{importlib.metadata.version('llama-cpp-python')}, which has {_name(own)}: {'; '.join(differences[:4])}",
            f"Build llama.cpp at commit {_commit(own)} with -DBUILD_SHARED_LIBS=ON, and name that build's folder.",
        )


def versions(llama: Any) -> dict[str, str]:
    """Return what an opened libllama says of itself: versions of libllama and libggml, and the commit."""
    functions = {"llama": "llama_version", "ggml": "ggml_version", "commit": "ggml_commit"}
    return {key: _text(llama, function) for key, function in functions.items()}


def _text(llama: Any, function: str) -> str:
    call = getattr(llama, function, None)
    if call is None:
        return _UNKNOWN
    call.restype = ctypes.c_char_p
    text: bytes = call()
    return text.decode()


def _probe(folder: Path) -> dict[str, Any]:
    """Return a build's versions, its structures and, unless all went well, the error that ended its process."""
    described: dict[str, Any] = {"versions": dict.fromkeys(("llama", "ggml", "commit"), _UNKNOWN), "error": None}
    command = [sys.executable, "-P", "-m", __name__, str(folder)]
    environment = os.environ | {LIB_PATH: str(folder)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    for line in result.stdout.splitlines():
        described |= json.loads(line)
    if result.returncode:
        lines = result.stderr.strip().splitlines()
        described["error"] = lines[-1] if lines else f"the process that loaded it ended with {result.returncode}"
    return described


def _differences(own: dict[str, Any], other: dict[str, Any]) -> list[str]:
    if error := other["error"]:
        return [error]
    found = []
    for name, expected in own["structures"].items():
        structure = other["structures"][name]
        if structure["bytes"] != expected["bytes"]:
            found.append(f"{name} has {structure['bytes']} bytes instead of {expected['bytes']}")
        found += [
            f"{name}.{field} is {structure['fields'][field]} instead of {value}"
            for field, value in expected["fields"].items()
            if structure["fields"][field] != value
        ]
    if not _can_measure() and not _same_commit(_commit(own), _commit(other)):
        found.append("the commits differ, and structures cannot be measured on this processor")
    return found


def _name(probe: dict[str, Any]) -> str:
    return "libllama {llama}, ggml {ggml}, commit {commit}".format(**probe["versions"])


def _commit(probe: dict[str, Any]) -> str:
    commit: str = probe["versions"]["commit"]
    return commit.removesuffix("-dirty")


def _same_commit(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return _UNKNOWN not in (one, other) and longer.startswith(shorter)


def _describe(folder: Path) -> None:
    """Write down the versions first, since importing llama_cpp fails when a function is missing."""
    _write({"versions": versions(ctypes.CDLL(str(library_file(folder, "llama"))))})
    llama_cpp = importlib.import_module("llama_cpp.llama_cpp")
    structures = {
        "llama_model_params": _returned(llama_cpp.llama_model_default_params),
        "llama_context_params": _returned(llama_cpp.llama_context_default_params),
        "llama_model_quantize_params": _returned(llama_cpp.llama_model_quantize_default_params),
        "llama_batch": _returned(llama_cpp.llama_batch_init, 1, 0, 1),
    }
    _write({"structures": structures})


def _write(facts: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _returned(function: Any, *arguments: int) -> dict[str, Any]:
    """Describe the structure that a function returns: its size, each number in it, and which pointers are set."""
    structure = function(*arguments)
    fields = {}
    for name, kind, *_ in structure._fields_:
        value = getattr(structure, name)
        is_number = isinstance(value, int | float) and kind is not ctypes.c_void_p
        fields[name] = value if is_number else bool(value)
    return {"bytes": _bytes_returned(function, *arguments), "fields": fields}


def _bytes_returned(function: Any, *arguments: int) -> int | None:
    """Measure the bytes that a function writes when it returns a structure, rounded up to 8; None where that cannot be.

    By the calling convention of x86-64 (System V ABI, 3.2.3) a structure of more than 16 bytes is written to where an
    extra first argument points. What is written shows in buffers filled with two different bytes.
    """
    if not _can_measure():
        return None
    address = ctypes.cast(function, ctypes.c_void_p).value or 0
    call = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int32] * len(arguments))(address)
    written = 0
    for filling in (b"\x5a", b"\xa5"):
        buffer = ctypes.create_string_buffer(filling * _LARGEST_STRUCTURE, _LARGEST_STRUCTURE)
        call(ctypes.addressof(buffer), *arguments)
        written = max(written, len(buffer.raw.rstrip(filling)))
    return -(-written // 8) * 8


def _can_measure() -> bool:
    return platform.machine() == "x86_64"


if __name__ == "__main__":
    _describe(Path(sys.argv[1]))
