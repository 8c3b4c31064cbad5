"""Two GGUF files, tensor by tensor: the same names, shapes and bytes, and how far apart where they differ."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from medeval.records.gguf_file import GgufFile
from medeval.weights.imatrix import ImportanceMatrix, read_imatrix
from medeval.weights.inspect import TOKENIZER_PARTS, describe_quantization
from medeval.weights.sizes import compare_sizes
from medeval.weights.tensor_error import TensorError, relative, same_bytes, tensor_error

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_LINES = 10.0


def diff_gguf(
    path_a: Path, path_b: Path, *, importance_matrix: Path | None = None, claimed_reduction: float | None = None
) -> dict[str, Any]:
    """Compare two GGUF files in bounded memory; `path_a` is the reference of every relative error.

    Args:
        path_a: The reference, such as the BF16 file.
        path_b: The other file.
        importance_matrix: GGUF importance matrix; adds errors weighted by the importance of each column.
        claimed_reduction: A published reduction in size as a fraction, to be compared with the real one.

    Returns:
        A document, for `as_json`: `same_tensors` (names and shapes), `same_weights` (types and bytes too), what is only
        in one file, metadata that differs, errors pooled by pair of types, every tensor that differs, and sizes.

    Raises:
        MedevalError: A file cannot be read, or has a type that cannot be dequantized.
    """
    a, b = GgufFile(path_a), GgufFile(path_b)
    matrix = None if importance_matrix is None else read_imatrix(importance_matrix)
    shared = [name for name in a.tensors if name in b.tensors]
    shapes = [name for name in shared if a.tensors[name].shape != b.tensors[name].shape]
    comparable = [name for name in shared if a.tensors[name].shape == b.tensors[name].shape]
    rows = list(_compare(a, b, comparable, matrix))
    only_a, only_b = sorted(a.tensors.keys() - b.tensors.keys()), sorted(b.tensors.keys() - a.tensors.keys())
    same_tensors = not (only_a or only_b or shapes)
    return {
        "a": _identity(a),
        "b": _identity(b),
        "same_tensors": same_tensors,
        "same_weights": same_tensors and all(row["identical"] for row in rows),
        "compared": len(rows),
        "identical": sum(row["identical"] for row in rows),
        "only_in_a": only_a,
        "only_in_b": only_b,
        "shape_differs": [_shapes(a, b, name) for name in shapes],
        "metadata_differs": _metadata_differences(a, b),
        "tokenizer_equal": all(_same(a, b, f"tokenizer.ggml.{part}") for part in TOKENIZER_PARTS),
        "chat_template_equal": _same(a, b, "tokenizer.chat_template"),
        "by_type": _pool(rows),
        "differing": [{k: v for k, v in row.items() if k != "error"} for row in rows if not row["identical"]],
        "sizes": compare_sizes(a, b, claimed_reduction),
    }


def _compare(
    a: GgufFile, b: GgufFile, names: Iterable[str], matrix: ImportanceMatrix | None
) -> Iterable[dict[str, Any]]:
    names, said = list(names), time.monotonic()
    for count, name in enumerate(names):
        if time.monotonic() - said > _SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            log.info("comparing: %d of %d tensors", count, len(names))
        yield compare_tensor(a, b, name, matrix)


def compare_tensor(a: GgufFile, b: GgufFile, name: str, matrix: ImportanceMatrix | None) -> dict[str, Any]:
    """Compare one tensor that both files have in the same shape; `error` is None when the bytes are identical."""
    x, y = a.tensors[name], b.tensors[name]
    row: dict[str, Any] = {"name": name, "type_a": x.type.name, "type_b": y.type.name}
    if same_bytes(a, b, x, y):
        return {**row, "identical": True, "error": None}
    importance = None if matrix is None else matrix.importance(name)
    if importance is not None and len(importance) != x.shape[-1]:
        importance = None
    error = tensor_error(a, b, name, importance)
    return {
        **row,
        "identical": False,
        "relative_error": error.relative,
        "weighted_relative_error": error.weighted_relative,
        "largest_error": error.largest_error,
        "not_finite": error.not_finite,
        "error": error,
    }


def _pool(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Errors over the tensors that differ, for each pair of types; 0 where all are identical."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["type_a"], row["type_b"]].append(row)
    return [_pooled(pair, group) for pair, group in sorted(groups.items())]


def _pooled(pair: tuple[str, str], group: list[dict[str, Any]]) -> dict[str, Any]:
    errors: list[TensorError] = [row["error"] for row in group if row["error"] is not None]
    weighted = [error for error in errors if error.weighted_error is not None]
    worst = max((row for row in group if row["error"]), key=lambda row: row["relative_error"] or 0.0, default=None)
    return {
        "type_a": pair[0],
        "type_b": pair[1],
        "tensors": len(group),
        "identical": sum(row["identical"] for row in group),
        "relative_error": _pooled_relative([(e.squared_error, e.squared_norm) for e in errors]) if errors else 0.0,
        "weighted_tensors": len(weighted),
        "weighted_relative_error": _pooled_relative(
            [(e.weighted_error or 0.0, e.weighted_norm or 0.0) for e in weighted]
        ),
        "not_finite": sum(error.not_finite for error in errors),
        "worst": worst and {"name": worst["name"], "relative_error": worst["relative_error"]},
    }


def _pooled_relative(squares: list[tuple[float, float]]) -> float | None:
    return relative(sum(e for e, _ in squares), sum(n for _, n in squares)) if squares else None


def _identity(file: GgufFile) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "bytes": file.size,
        "architecture": file.text("general.architecture"),
        "name": file.text("general.name"),
        "quantization": describe_quantization(file),
    }


def _shapes(a: GgufFile, b: GgufFile, name: str) -> dict[str, Any]:
    return {"name": name, "shape_a": list(a.tensors[name].shape), "shape_b": list(b.tensors[name].shape)}


def _same(a: GgufFile, b: GgufFile, key: str) -> bool:
    x, y = a.metadata.get(key), b.metadata.get(key)
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return np.array_equal(x, y)
    return type(x) is type(y) and bool(x == y)


def _metadata_differences(a: GgufFile, b: GgufFile) -> dict[str, dict[str, Any]]:
    keys = [key for key in sorted(a.metadata.keys() | b.metadata.keys()) if not _same(a, b, key)]
    return {key: {"a": _short(a.metadata.get(key)), "b": _short(b.metadata.get(key))} for key in keys}


def _short(value: Any) -> Any:
    """A value that fits a report: long texts and arrays by their length, absent keys as None."""
    if isinstance(value, list | np.ndarray):
        return f"array of {len(value):,}"
    return f"text of {len(value):,} characters" if isinstance(value, str) and len(value) > 120 else value
