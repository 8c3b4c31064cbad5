"""Does a published quantization follow from a published unquantized file?"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.records.gguf_file import GgufFile
from medeval.weights.diff import compare_tensor
from medeval.weights.imatrix import ImportanceMatrix, read_imatrix
from medeval.weights.inspect import describe_quantization
from medeval.weights.quantize import FILE_TYPES, quantize

# What must stay free on the disk beside the file that is made for the comparison.
_SPARE_BYTES = 1 << 28


def requantize_and_compare(
    path_a: Path, path_b: Path, *, importance_matrix: Path | None = None, threads: int = 1
) -> dict[str, Any]:
    """Quantize `path_a` to the file type that `path_b` states, and compare the two tensor by tensor.

    Args:
        path_a: The unquantized file.
        path_b: The quantized file in question.
        importance_matrix: The matrix that `path_b` was made with, where it is known.
        threads: Threads of the quantization.

    Returns:
        A JSON-ready document: `bit_for_bit`, the number of equal tensors, `importance_matrix` (how the file in question
        stands to one), `explanation`, and for every other tensor its types and three relative errors: between the two
        quantizations, of ours against `path_a`, and of theirs against `path_a`.

    Raises:
        MedevalError: `path_b` states no file type that llama.cpp can make, the disk is too full, or llama.cpp refuses.
    """
    a, b = GgufFile(path_a), GgufFile(path_b)
    file_type = _file_type(b)
    matrix = None if importance_matrix is None else read_imatrix(importance_matrix)
    _check_room(b)
    with tempfile.TemporaryDirectory(dir=path_b.parent, prefix=".requantize-") as folder:
        ours_path = Path(folder) / "ours.gguf"
        quantize(path_a, ours_path, file_type, threads=threads, importance_matrix=importance_matrix)
        ours = GgufFile(ours_path)
        names = [name for name in b.tensors if name in ours.tensors and _same_shape(b, ours, name)]
        missing = sorted(b.tensors.keys() ^ ours.tensors.keys() | (b.tensors.keys() - set(names)))
        rows = [_row(a, b, ours, name, matrix) for name in names]
    equal = sum(row["identical"] for row in rows)
    stated = describe_quantization(b).importance_matrix
    exact = equal == len(rows) and not missing
    return {
        "file_type": file_type,
        "bit_for_bit": exact,
        "compared": len(rows),
        "identical": equal,
        "not_in_both": missing,
        "types_differ": sum(row["type_ours"] != row["type_theirs"] for row in rows),
        "importance_matrix": {"stated_by_b": stated, "given": importance_matrix and importance_matrix.name},
        "explanation": _explanation(exact, stated is not None, importance_matrix is not None),
        "differing": [row for row in rows if not row["identical"]],
    }


def _file_type(b: GgufFile) -> str:
    number = b.number("general.file_type")
    names = {value: name for name, value in FILE_TYPES.items()}
    if number not in names:
        stated = describe_quantization(b).file_type
        raise MedevalError(
            f"{b.path}: its header states "
            + (f"file type {stated}, which cannot be made here" if stated else "no file type"),
            f"Compare without --requantize. Types that can be made: {', '.join(FILE_TYPES)}.",
        )
    return names[number]


def _check_room(b: GgufFile) -> None:
    folder = b.path.parent
    free, needed = shutil.disk_usage(folder).free, b.size + _SPARE_BYTES
    if free < needed:
        raise MedevalError(
            f"{folder}: {free:,} bytes are free, and quantizing again takes {needed:,} for a while",
            "Free some space there, or move the file to another disk.",
        )


def _same_shape(b: GgufFile, ours: GgufFile, name: str) -> bool:
    return b.tensors[name].shape == ours.tensors[name].shape


def _row(a: GgufFile, b: GgufFile, ours: GgufFile, name: str, matrix: ImportanceMatrix | None) -> dict[str, Any]:
    between = compare_tensor(ours, b, name, matrix)
    row = {
        "name": name,
        "type_ours": between["type_a"],
        "type_theirs": between["type_b"],
        "identical": between["identical"],
    }
    if between["identical"]:
        return row
    in_a = name in a.tensors and a.tensors[name].shape == b.tensors[name].shape
    return {
        **row,
        "relative_error_between": between["relative_error"],
        "relative_error_ours": _error(a, ours, name) if in_a else None,
        "relative_error_theirs": _error(a, b, name) if in_a else None,
    }


def _error(a: GgufFile, other: GgufFile, name: str) -> float | None:
    row = compare_tensor(a, other, name, None)
    error: float | None = 0.0 if row["identical"] else row["relative_error"]
    return error


def _explanation(exact: bool, stated: bool, given: bool) -> str:
    if exact:
        return "Every tensor is equal, bit for bit: the file follows from the unquantized one."
    if stated and not given:
        return (
            "The file states that it was made with an importance matrix, which is not at hand: equal bits cannot be "
            "expected. The errors show whether it lies as near to the unquantized file as ours."
        )
    if given:
        return "Not equal even with the given importance matrix: another matrix, another llama.cpp, or other weights."
    return (
        "Not equal. The header states no importance matrix, but not every tool writes that down. An importance matrix, "
        "another version of llama.cpp, or other weights would each explain it; the errors tell the last from the rest."
    )
