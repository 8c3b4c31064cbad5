"""Importance matrices: how strongly each column of each weight matrix is used, in llama.cpp's GGUF form.

For every weight matrix the file holds `NAME.in_sum2`, the sum over tokens of the squared inputs of each column, and
`NAME.counts`, the number of tokens summed (one count per expert where a tensor holds several matrices).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gguf import GGUFWriter

from medeval.errors import MedevalError
from medeval.records.files import atomic_path
from medeval.records.gguf_file import GgufFile

logging.getLogger("gguf.gguf_writer").setLevel(logging.WARNING)  # it reports every file that it writes

FloatArray = npt.NDArray[np.float32]
_SUMS, _COUNTS = ".in_sum2", ".counts"


@dataclass(frozen=True)
class ImportanceMatrix:
    """Sums of squared inputs [matrices, columns] and token counts [matrices] by the name of the weight tensor.

    `datasets` names the calibration texts; `chunks` of `chunk_tokens` tokens each were read.
    """

    sums: Mapping[str, FloatArray]
    counts: Mapping[str, FloatArray]
    datasets: tuple[str, ...]
    chunks: int
    chunk_tokens: int

    def importance(self, name: str) -> FloatArray | None:
        """Return the mean squared input of each column, flat [matrices * columns]; None for a tensor never seen.

        A matrix that no token reached, such as an unused expert, gets 1 for every column, as in llama.cpp's quantizer.
        """
        if name not in self.sums:
            return None
        sums, counts = self.sums[name], self.counts[name].reshape(-1, 1)
        mean = np.divide(sums.reshape(len(counts), -1), counts, out=np.ones_like(sums), where=counts > 0)
        return mean.reshape(-1).astype(np.float32)


def write_imatrix(path: Path, matrix: ImportanceMatrix, architecture: str) -> None:
    """Write an importance matrix as the GGUF file that llama.cpp's own quantizer reads; tensors in order of name."""
    with atomic_path(path) as temporary:
        writer = GGUFWriter(temporary, architecture)
        writer.add_type("imatrix")
        writer.add_array("imatrix.datasets", list(matrix.datasets))
        writer.add_uint32("imatrix.chunk_count", matrix.chunks)
        writer.add_uint32("imatrix.chunk_size", matrix.chunk_tokens)
        for name in sorted(matrix.sums):
            writer.add_tensor(name + _SUMS, matrix.sums[name])
            writer.add_tensor(name + _COUNTS, matrix.counts[name].reshape(-1, 1))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def read_imatrix(path: Path) -> ImportanceMatrix:
    """Read an importance matrix in GGUF form.

    Raises:
        MedevalError: The file is missing, is another kind of file, or lacks a half of an entry.
    """
    file = GgufFile(path)
    chunks, chunk_tokens = file.number("imatrix.chunk_count"), file.number("imatrix.chunk_size")
    if file.text("general.type") != "imatrix" or chunks is None or chunk_tokens is None:
        raise MedevalError(
            f"{path}: a GGUF file, but not an importance matrix",
            "Make one with `medeval imatrix`; write a matrix of the old `.dat` form as GGUF with llama.cpp's tool.",
        )
    sums = {name.removesuffix(_SUMS): _values(file, name) for name in file.tensors if name.endswith(_SUMS)}
    counts = {
        name.removesuffix(_COUNTS): _values(file, name).ravel() for name in file.tensors if name.endswith(_COUNTS)
    }
    if sums.keys() != counts.keys():
        odd = sorted(sums.keys() ^ counts.keys())[0]
        raise MedevalError(f"{path}: {odd} has sums or counts, but not both", "Make the file again.")
    datasets = tuple(text.decode(errors="replace") for text in file.metadata.get("imatrix.datasets", []))
    return ImportanceMatrix(sums, counts, datasets, chunks, chunk_tokens)


def _values(file: GgufFile, name: str) -> FloatArray:
    return np.concatenate(list(file.blocks(file.tensors[name])))
