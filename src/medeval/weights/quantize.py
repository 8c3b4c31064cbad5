"""Quantization by llama.cpp, through llama-cpp-python's low-level API."""

import ctypes
import logging
from pathlib import Path
from typing import Any

import llama_cpp

from medeval.errors import MedevalError
from medeval.records.files import atomic_path, read_json, sha256_file, write_json
from medeval.records.gguf_file import GgufFile
from medeval.weights.imatrix import ImportanceMatrix, read_imatrix
from medeval.weights.inspect import inspect_gguf
from medeval.weights.versions import llama_cpp_versions

log = logging.getLogger(__name__)

# llama.cpp's numbers for "mostly this type" files (llama_ftype in llama.h).
FILE_TYPES = {
    "F32": 0,
    "F16": 1,
    "Q4_0": 2,
    "Q4_1": 3,
    "Q8_0": 7,
    "Q5_0": 8,
    "Q5_1": 9,
    "Q2_K": 10,
    "Q3_K_S": 11,
    "Q3_K_M": 12,
    "Q3_K_L": 13,
    "Q4_K_S": 14,
    "Q4_K_M": 15,
    "Q5_K_S": 16,
    "Q5_K_M": 17,
    "Q6_K": 18,
    "IQ2_XXS": 19,
    "IQ2_XS": 20,
    "Q2_K_S": 21,
    "IQ3_XS": 22,
    "IQ3_XXS": 23,
    "IQ4_NL": 25,
    "IQ3_S": 26,
    "IQ3_M": 27,
    "IQ2_S": 28,
    "IQ2_M": 29,
    "IQ4_XS": 30,
    "BF16": 32,
}
_ERROR_LEVEL = 4  # GGML_LOG_LEVEL_ERROR
_UNWEIGHTED = "did not find weights for "
_messages: list[tuple[int, str]] = []


def _on_log(level: int, text: bytes, _: ctypes.c_void_p) -> None:
    line = text.decode(errors="replace").strip(" \n=")
    if line:
        _messages.append((level, line))
        log.debug("llama.cpp: %s", line)


# Kept for the life of the program, since llama.cpp goes on using it after a call has returned.
_LOG_CALLBACK = llama_cpp.llama_log_callback(_on_log)


def quantize(
    source: Path,
    out: Path,
    file_type: str,
    *,
    threads: int = 1,
    allow_requantize: bool = False,
    importance_matrix: Path | None = None,
) -> dict[str, Any]:
    """Write `source` as a GGUF of another type, with its provenance in `out` + `.provenance.json`.

    Types with blocks of 256 fall back to other types for tensors whose width is not a multiple of
    256, so the record lists what each tensor really became.

    Args:
        source: A GGUF file; of split weights, the first part. What is made is one file.
        out: The file to write.
        file_type: One of `FILE_TYPES`.
        threads: Threads; the result does not depend on them.
        allow_requantize: Permit a source that is itself quantized.
        importance_matrix: GGUF file of an importance matrix, such as `medeval imatrix` writes.

    Raises:
        MedevalError: The source or the matrix is unreadable, they do not fit, the source is already quantized, or
            llama.cpp refuses; some types need an importance matrix.
    """
    if file_type not in FILE_TYPES:
        raise MedevalError(f"unknown type {file_type!r}", f"Use one of {', '.join(FILE_TYPES)}.")
    before = inspect_gguf(source)
    matrix = None if importance_matrix is None else _fitting_matrix(importance_matrix, source)
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread, params.allow_requantize = FILE_TYPES[file_type], threads, allow_requantize
    kept = [] if matrix is None or importance_matrix is None else _attach(params, matrix, importance_matrix)
    with atomic_path(out) as temporary:
        _run(source, temporary, params, file_type)
        after = inspect_gguf(temporary)
    del kept  # llama.cpp read it until here
    record = {
        "made_by": {"program": "llama_model_quantize", **llama_cpp_versions()},
        "file_type": file_type,
        "importance_matrix": importance_matrix and _describe(importance_matrix, matrix),
        "requantized": allow_requantize,
        "source_sha256": before.sha256,
        "source_tensors_by_type": before.tensors_by_type,
        "sha256": after.sha256,
        "bytes": after.bytes,
        "bits_per_weight": after.bits_per_weight,
        "tensors_by_type": after.tensors_by_type,
        "bytes_by_type": after.bytes_by_type,
    }
    write_json(out.with_name(out.name + ".provenance.json"), record)
    return record


def _run(source: Path, out: Path, params: Any, file_type: str) -> None:
    _messages.clear()
    llama_cpp.llama_log_set(_LOG_CALLBACK, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    code = llama_cpp.llama_model_quantize(str(source).encode(), str(out).encode(), ctypes.byref(params))
    if not code:
        return
    errors = [text for level, text in _messages if level >= _ERROR_LEVEL]
    remedy = "If the source is itself quantized, start from the unquantized file or set `allow_requantize`."
    if any("importance matrix" in text or "imatrix" in text for text in errors):
        remedy = "Make a matrix from the same model with `medeval imatrix` and pass it with `--imatrix`."
    raise MedevalError(
        f"{source}: llama.cpp cannot quantize this file to {file_type} (code {code}): "
        + (" ".join("; ".join(errors[:3]).split()) or "it gave no reason"),
        remedy,
    )


def _fitting_matrix(path: Path, source: Path) -> ImportanceMatrix:
    """Read a matrix and refuse one from another model: llama.cpp would quantize without it and say nothing."""
    matrix = read_imatrix(path)
    tensors = GgufFile(source).tensors
    strange = [
        name for name in matrix.sums if name not in tensors or tensors[name].shape[-1] != matrix.sums[name].shape[-1]
    ]
    if strange:
        raise MedevalError(
            f"{path}: {len(strange)} of {len(matrix.sums)} entries do not fit {source}, the first being {strange[0]}",
            "Use a matrix that was made from this model.",
        )
    return matrix


def _attach(params: Any, matrix: ImportanceMatrix, path: Path) -> list[Any]:
    """Hang the matrix and the keys that describe it into llama.cpp's parameters; return what must stay alive."""
    entries = (llama_cpp.llama_model_imatrix_data * (len(matrix.sums) + 1))()  # the last, empty one ends the list
    kept: list[Any] = [entries]
    for entry, name in zip(entries, sorted(matrix.sums), strict=False):
        values = matrix.importance(name)
        assert values is not None  # noqa: S101 -- names come from the matrix itself
        kept.append(values)
        entry.name, entry.size = name.encode(), len(values)
        entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    params.imatrix = entries
    described: dict[str, str | int] = {
        "file": path.name,
        "dataset": matrix.datasets[0] if matrix.datasets else "",
        "entries_count": len(matrix.sums),
        "chunks_count": matrix.chunks,
    }
    overrides = (llama_cpp.llama_model_kv_override * (len(described) + 1))()
    for override, (key, value) in zip(overrides, described.items(), strict=False):
        override.key = f"quantize.imatrix.{key}".encode()
        if isinstance(value, int):
            override.tag, override.value.val_i64 = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_INT, value
        else:
            override.tag, override.value.val_str = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_STR, value.encode()[:127]
    params.kv_overrides = overrides
    return [*kept, overrides]


def _describe(path: Path, matrix: ImportanceMatrix | None) -> dict[str, Any]:
    """What the record says of the matrix; its calibration text is known only from its own record."""
    sidecar = path.with_name(path.name + ".provenance.json")
    unweighted = [text.partition(_UNWEIGHTED)[2].strip() for _, text in _messages if _UNWEIGHTED in text]
    return {
        "file": path.name,
        "sha256": sha256_file(path),
        "entries": len(matrix.sums) if matrix else None,
        "chunks": matrix.chunks if matrix else None,
        "chunk_tokens": matrix.chunk_tokens if matrix else None,
        "datasets": list(matrix.datasets) if matrix else None,
        "calibration": read_json(sidecar)["calibration"] if sidecar.is_file() else None,
        "calibration_missing_because": None if sidecar.is_file() else f"there is no {sidecar.name} beside the matrix",
        "tensors_quantized_without_it": unweighted,
    }
