"""Quantization by llama.cpp, through llama-cpp-python's low-level API."""

import ctypes
import importlib.metadata
import logging
from pathlib import Path
from typing import Any

import llama_cpp

from medeval.errors import MedevalError
from medeval.files import atomic_path, write_json
from medeval.weights.inspect import inspect_gguf

log = logging.getLogger(__name__)

# llama.cpp's numbers for "mostly this type" files (llama_ftype in llama.h).
FILE_TYPES = {
    "F32": 0,
    "F16": 1,
    "Q8_0": 7,
    "Q4_K_S": 14,
    "Q4_K_M": 15,
    "Q5_K_M": 17,
    "Q6_K": 18,
    "IQ3_M": 27,
    "IQ4_XS": 30,
    "BF16": 32,
}


def quantize(
    source: Path, out: Path, file_type: str, *, threads: int = 1, allow_requantize: bool = False
) -> dict[str, Any]:
    """Write `source` as a GGUF of another type, with its provenance in `out` + `.provenance.json`.

    Types with blocks of 256 fall back to other types for tensors whose width is not a multiple of
    256, so the record lists what each tensor really became.

    Args:
        source: A GGUF file.
        out: The file to write.
        file_type: One of `FILE_TYPES`.
        threads: Threads; the result does not depend on them.
        allow_requantize: Permit a source that is itself quantized.

    Raises:
        MedevalError: The source is unreadable or already quantized, or llama.cpp refuses.
    """
    before = inspect_gguf(source)
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread, params.allow_requantize = FILE_TYPES[file_type], threads, allow_requantize
    messages: list[str] = []

    def on_log(level: int, text: bytes, _: ctypes.c_void_p) -> None:
        line = text.decode(errors="replace").strip()
        if level >= 4:  # GGML_LOG_LEVEL_ERROR
            messages.append(line)
        if line:
            log.info("llama.cpp: %s", line)

    callback = llama_cpp.llama_log_callback(on_log)
    llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    with atomic_path(out) as temporary:
        code = llama_cpp.llama_model_quantize(str(source).encode(), str(temporary).encode(), ctypes.byref(params))
        if code:
            raise MedevalError(
                f"{source}: llama.cpp cannot quantize this file to {file_type} (code {code}): "
                + ("; ".join(messages[:3]) or "it gave no reason"),
                "If the source is itself quantized, start from the unquantized file or set `allow_requantize`.",
            )
        after = inspect_gguf(temporary)
    record = {
        "made_by": f"llama_model_quantize of llama-cpp-python {importlib.metadata.version('llama-cpp-python')}",
        "file_type": file_type,
        "importance_matrix": None,
        "requantized": allow_requantize,
        "source_sha256": before["sha256"],
        "source_tensors_by_type": before["tensors_by_type"],
        **{key: after[key] for key in ("sha256", "bytes", "bits_per_weight", "tensors_by_type", "bytes_by_type")},
    }
    write_json(out.with_name(out.name + ".provenance.json"), record)
    return record
