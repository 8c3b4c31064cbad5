"""Reading weights in GGUF in bounded memory: the header at once, tensors in blocks of rows.

Weights are what llama.cpp loads when it is given a file: that file or, where its header says that it is the first part
of split weights, all parts, which lie beside it (`medeval.records.gguf_parts`).

`gguf.GGUFReader` makes several objects per vocabulary entry: a Gemma-sized vocabulary (262,144 tokens and as many
merges) costs it 12 s and 1 GB. Its tables of types and its dequantization are used here; its reading is not.
"""

import mmap
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

from medeval.errors import MedevalError
from medeval.records.files import sha256_file, sha256_text
from medeval.records.gguf_parts import PartName

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
# Elements dequantized at a time; the dequantization needs about ten times their 4 bytes for a moment.
_BLOCK_ELEMENTS = 1 << 20
_BLOCK_BYTES = 1 << 22
_DAMAGE = (ValueError, IndexError, KeyError, OverflowError, struct.error)


@dataclass(frozen=True)
class Tensor:
    """One tensor of a GGUF file.

    `shape` is in numpy's order, so that the last number is the width of a row; `offset` counts bytes from the start of
    `file`.
    """

    name: str
    shape: tuple[int, ...]
    type: GGMLQuantizationType
    file: Path
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


def weights_parts(path: Path) -> list[Path]:
    """Return the files that llama.cpp loads when it is given this one: every part of split weights, or it alone.

    What cannot be read as a GGUF counts as one file.

    Raises:
        MedevalError: It is another part than the first, or other parts are missing, damaged or of other weights.
    """
    try:
        split = _read_header(path).split_count > 1
    except _DAMAGE:
        return [path]
    return GgufFile(path).parts if split else [path]


def weights_sha256(path: Path) -> str:
    """Return the SHA-256 that weights are known by: of a single file, its own.

    That of split weights is of one line for each part, in order and joined by line feeds: its number and count as they
    stand in its name, a space, and the SHA-256 of the file, such as `00001-of-00003 9f86d0...`.

    Raises:
        MedevalError: As for :func:`weights_parts`.
    """
    parts = weights_parts(path)
    if len(parts) == 1:
        return sha256_file(path)
    lines = [f"{number:05}-of-{len(parts):05} {sha256_file(part)}" for number, part in enumerate(parts, start=1)]
    return sha256_text("\n".join(lines))


class GgufFile:
    """The header of weights in GGUF, and their tensors on demand.

    Args:
        path: The file; of split weights, the first part. Only headers are read here.

    Attributes:
        parts: Every file of the weights, in order.
        size: Bytes of all of them.
        metadata: Every key of the first part; texts as str, arrays of texts as lists of bytes, arrays of numbers as
            numpy arrays.
        tensors: Every tensor of all parts by name, in the files' order.

    Raises:
        MedevalError: A file is missing, cut short, or not a GGUF that this program can read; it is another part than
            the first; a part is of other weights.
    """

    def __init__(self, path: Path) -> None:
        first = _read_part(path)
        headers = {path: first} if first.split_count < 2 else _read_split(path, first)
        self.path, self.metadata, self.parts = path, first.metadata, list(headers)
        self.size = sum(part.stat().st_size for part in self.parts)
        self.tensors = {name: tensor for header in headers.values() for name, tensor in header.tensors.items()}

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
        with tensor.file.open("rb") as stream:
            stream.seek(tensor.offset)
            while left:
                part = stream.read(min(left, _BLOCK_BYTES))
                if not part:
                    raise MedevalError(f"{tensor.file}: cut short while it was read", "Let it be written to its end.")
                left -= len(part)
                yield part

    def blocks(self, tensor: Tensor) -> Iterator[npt.NDArray[np.float32]]:
        """Yield a tensor's weights as float32 [rows, width], about a million at a time.

        Raises:
            MedevalError: The tensor's type cannot be dequantized here.
        """
        step = max(1, _BLOCK_ELEMENTS // tensor.shape[-1])
        with tensor.file.open("rb") as stream:
            stream.seek(tensor.offset)
            for start in range(0, tensor.rows, step):
                rows = min(step, tensor.rows - start)
                data = np.frombuffer(stream.read(rows * tensor.row_bytes), np.uint8).reshape(rows, tensor.row_bytes)
                try:
                    yield np.asarray(dequantize(data, tensor.type), dtype=np.float32)
                except NotImplementedError as error:
                    raise MedevalError(
                        f"{tensor.file}: {tensor.name} is of type {tensor.type.name}, which cannot be dequantized here",
                        "Compare a file of another type.",
                    ) from error


def _read_part(path: Path) -> "_Header":
    """Read the header of one file.

    Raises:
        MedevalError: The file is missing, cut short, or not a GGUF that this program can read.
    """
    if not path.is_file():
        raise MedevalError(f"{path}: no such file", "Run the stage that makes these weights, or correct the path.")
    size = path.stat().st_size
    try:
        header = _read_header(path)
        if not header.tensors and header.split_count < 2:
            raise ValueError("no tensors")
        for tensor in header.tensors.values():
            if tensor.offset + tensor.bytes > size:
                raise ValueError(f"{tensor.name} ends at byte {tensor.offset + tensor.bytes:,}, beyond the end")
    except _DAMAGE as error:
        raise MedevalError(
            f"{path}: not a complete GGUF file ({size:,} bytes): {error}",
            "The file is probably cut short: delete it and run the stage that makes it again.",
        ) from error
    return header


def _read_header(path: Path) -> "_Header":
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return _Header(view, path)


def _read_split(path: Path, first: "_Header") -> dict[Path, "_Header"]:
    """Return the headers of all parts of split weights by their files, in order; `first` is that of `path`."""
    name = _first_name(path, first)
    headers = {path: first}
    for other in name.all()[1:]:
        part = path.with_name(str(other))
        if not part.is_file():
            raise MedevalError(
                f"{part}: no such file; {path.name} is the first of {name.count} parts",
                "Put every part of the weights into this folder, under its own name.",
            )
        header = _read_part(part)
        if strange := _strangeness(header, other.number, list(headers.values())):
            raise MedevalError(
                f"{part}: not part {other.number} of the weights of {path.name}: {strange}",
                "Put the parts of the same weights into one folder, each under its own name.",
            )
        headers[part] = header
    stated, found = first.metadata.get("split.tensors.count"), sum(len(header.tensors) for header in headers.values())
    if not found or stated not in (None, found):
        raise MedevalError(
            f"{path}: its {name.count} parts hold {found} tensors, and it says {stated}",
            "One of the parts is of other weights: fetch all of them from one place.",
        )
    return headers


def _first_name(path: Path, first: "_Header") -> PartName:
    """Return what the name of the first part says, which is where llama.cpp finds the others."""
    number, count, name = first.split_number, first.split_count, PartName.parse(path.name)
    if name is None or (name.number, name.count) != (number, count):
        example = PartName("NAME", number, count)
        raise MedevalError(
            f"{path}: by its header part {number} of {count} of split weights, but not by its name",
            f"Name the parts {example.all()[0]} and so on: llama.cpp finds them by their names.",
        )
    if number != 1:
        raise MedevalError(
            f"{path}: part {number} of {count} of split weights",
            f"Give part 1, {path.with_name(str(name.all()[0]))}; the others are found beside it.",
        )
    return name


def _strangeness(part: "_Header", number: int, before: Sequence["_Header"]) -> str | None:
    """Return why a file is not this part of the weights that others before it belong to; None if it may be."""
    if part.split_number != number:
        stated = f"part {part.split_number} of {part.split_count}" if part.split_number else "nothing of parts"
        return f"its header says {stated}"
    for key in sorted(part.metadata.keys() & before[0].metadata.keys() - {"split.no", "general.alignment"}):
        value, expected = part.metadata[key], before[0].metadata[key]
        if isinstance(value, str | int) and value != expected:
            return f"its {key} is {value!r}, that of the first part {expected!r}"
    twice = sorted(name for name in part.tensors if any(name in header.tensors for header in before))
    return f"{twice[0]} is in another part as well" if twice else None


class _Header:
    """Parses the header of one file; a cursor over the bytes."""

    def __init__(self, view: mmap.mmap, path: Path) -> None:
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
        self.tensors = {name: Tensor(name, shape, kind, path, start + offset) for name, shape, kind, offset in infos}
        if len(self.tensors) != len(infos):
            raise ValueError("two tensors have the same name")

    @property
    def split_count(self) -> int:
        """Number of files of the weights that this one is part of."""
        count = self.metadata.get("split.count")
        return count if isinstance(count, int) else 1

    @property
    def split_number(self) -> int:
        """Number of this part, from 1; 0 when it is not stated."""
        number = self.metadata.get("split.no")
        return number + 1 if isinstance(number, int) else 0

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
