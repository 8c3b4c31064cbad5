"""Reading a GGUF file in bounded memory: the header at once, tensors in blocks of rows.

`gguf.GGUFReader` makes several objects per vocabulary entry: a Gemma-sized vocabulary (262,144 tokens and as many
merges) costs it 12 s and 1 GB. Its tables of types and its dequantization are used here; its reading is not.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

from medeval.errors import MedevalError

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
# Elements dequantized at a time; the dequantization needs about ten times their 4 bytes for a moment.
_BLOCK_ELEMENTS = 1 << 20
_BLOCK_BYTES = 1 << 22


@dataclass(frozen=True)
class Tensor:
    """One tensor of a GGUF file.

    `shape` is in numpy's order, so that the last number is the width of a row; `offset` counts bytes from the start of
    the file.
    """

    name: str
    shape: tuple[int, ...]
    type: GGMLQuantizationType
    offset: int

    @property
    def elements(self) -> int:
        """Number of weights."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def rows(self) -> int:
        """Number of rows over all leading dimensions."""
        return self.elements // int(self.shape[-1])

    @property
    def row_bytes(self) -> int:
        """Bytes of one row as stored."""
        block, size = GGML_QUANT_SIZES[self.type]
        return int(self.shape[-1] // block * size)

    @property
    def bytes(self) -> int:
        """Bytes of the whole tensor as stored."""
        return self.rows * self.row_bytes


class GgufFile:
    """The header of a GGUF file, and its tensors on demand.

    Args:
        path: The file. Only its header is read here.

    Attributes:
        metadata: Every key; texts as str, arrays of texts as lists of bytes, arrays of numbers as numpy arrays.
        tensors: Every tensor by name, in the file's order.

    Raises:
        MedevalError: The file is missing, cut short, or not a GGUF that this program can read.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise MedevalError(f"{path}: no such file", "Run the stage that makes these weights, or correct the path.")
        self.path = path
        self.size = path.stat().st_size
        try:
            with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
                header = _Header(view)
                self.metadata, self.tensors = header.metadata, header.tensors
            self._check_extent()
        except (ValueError, IndexError, KeyError, OverflowError, struct.error) as error:
            raise MedevalError(
                f"{path}: not a complete GGUF file ({self.size:,} bytes): {error}",
                "The file is probably cut short: delete it and run the stage that makes it again.",
            ) from error

    def _check_extent(self) -> None:
        if not self.tensors:
            raise ValueError("no tensors")
        for tensor in self.tensors.values():
            if tensor.offset + tensor.bytes > self.size:
                raise ValueError(f"{tensor.name} ends at byte {tensor.offset + tensor.bytes:,}, beyond the end")

    def text(self, key: str) -> str | None:
        """Return a text of the metadata, or None when the key is absent or is no text."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        """Return a whole number of the metadata, or None when the key is absent or is no whole number."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) else None

    def raw(self, tensor: Tensor) -> Iterator[bytes]:
        """Yield a tensor's bytes as stored, some megabytes at a time."""
        left = tensor.bytes
        with self.path.open("rb") as stream:
            stream.seek(tensor.offset)
            while left:
                part = stream.read(min(left, _BLOCK_BYTES))
                if not part:
                    raise MedevalError(f"{self.path}: cut short while it was read", "Let it be written to its end.")
                left -= len(part)
                yield part

    def blocks(self, tensor: Tensor) -> Iterator[npt.NDArray[np.float32]]:
        """Yield a tensor's weights as float32 [rows, width], about a million at a time.

        Raises:
            MedevalError: The tensor's type cannot be dequantized here.
        """
        step = max(1, _BLOCK_ELEMENTS // tensor.shape[-1])
        with self.path.open("rb") as stream:
            stream.seek(tensor.offset)
            for start in range(0, tensor.rows, step):
                rows = min(step, tensor.rows - start)
                data = np.frombuffer(stream.read(rows * tensor.row_bytes), np.uint8).reshape(rows, tensor.row_bytes)
                try:
                    yield np.asarray(dequantize(data, tensor.type), dtype=np.float32)
                except NotImplementedError as error:
                    raise MedevalError(
                        f"{self.path}: {tensor.name} is of type {tensor.type.name}, which cannot be dequantized here",
                        "Compare a file of another type.",
                    ) from error


class _Header:
    """Parses the header; a cursor over the bytes."""

    def __init__(self, view: mmap.mmap) -> None:
        self._view, self._at = view, 0
        if view[:4] != b"GGUF":
            raise ValueError("it does not begin with `GGUF`")
        self._at = 4
        version = self._scalar("I")
        if version not in (2, 3):
            raise ValueError(f"version {version} of the format, or the other byte order; 2 and 3 are known")
        tensor_count, key_count = self._scalar("Q"), self._scalar("Q")
        self.metadata: dict[str, Any] = {}
        for _ in range(key_count):
            key = self._bytes().decode()
            self.metadata[key] = self._value(self._scalar("I"))
        infos = [self._tensor_info() for _ in range(tensor_count)]
        alignment = self.metadata.get("general.alignment", 32)
        start = -(-self._at // alignment) * alignment
        self.tensors = {name: Tensor(name, shape, kind, start + offset) for name, shape, kind, offset in infos}
        if len(self.tensors) != len(infos):
            raise ValueError("two tensors have the same name")

    def _scalar(self, code: str) -> Any:
        (value,) = struct.unpack_from("<" + code, self._view, self._at)
        self._at += struct.calcsize("<" + code)
        return value

    def _bytes(self) -> bytes:
        length = self._scalar("Q")
        if self._at + length > len(self._view):
            raise ValueError("a text runs beyond the end")
        self._at += length
        return self._view[self._at - length : self._at]

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._bytes().decode(errors="replace")
        if kind == _ARRAY:
            return self._array(self._scalar("I"), self._scalar("Q"))
        if kind not in _SCALARS:
            raise ValueError(f"unknown type {kind} of a metadata value")
        return self._scalar(_SCALARS[kind])

    def _array(self, kind: int, count: int) -> Any:
        if kind == _STRING:
            return [self._bytes() for _ in range(count)]
        if kind == _ARRAY:
            return [self._value(_ARRAY) for _ in range(count)]
        dtype = np.dtype(_SCALARS[kind]).newbyteorder("<")
        if self._at + count * dtype.itemsize > len(self._view):
            raise ValueError("an array runs beyond the end")
        values = np.frombuffer(self._view[self._at : self._at + count * dtype.itemsize], dtype)
        self._at += values.nbytes
        return values

    def _tensor_info(self) -> tuple[str, tuple[int, ...], GGMLQuantizationType, int]:
        name = self._bytes().decode()
        dimensions = [self._scalar("Q") for _ in range(self._scalar("I"))]
        kind = GGMLQuantizationType(self._scalar("I"))
        return name, tuple(reversed(dimensions)), kind, self._scalar("Q")
