"""The members of a ZIP archive, also of one that is compressed by Zstandard."""

import struct
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import pyarrow as pa

from medeval.errors import MedevalError

_ZSTANDARD = 93  # of the ZIP specification; Python's zipfile knows it from 3.14 on
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_REMEDY = "The file was cut or changed; take it from where it was written."


class Archive:
    """An archive that is open for reading; use it in a `with` statement.

    Raises:
        MedevalError: The file is missing or is no ZIP archive.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = ZipFile(path)
        except FileNotFoundError:
            raise MedevalError(f"{path}: no such file", "Correct the path.") from None
        except (BadZipFile, OSError) as error:
            raise MedevalError(f"{path}: not a ZIP archive ({error})", _REMEDY) from error

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def names(self) -> list[str]:
        """Return the members' names in the order in which they were written."""
        return self._zip.namelist()

    def read(self, name: str) -> bytes:
        """Return a member's content.

        Raises:
            MedevalError: There is none of that name, it is damaged, or compressed in another way.
        """
        try:
            member = self._zip.getinfo(name)
            if member.compress_type in (ZIP_STORED, ZIP_DEFLATED):
                return self._zip.read(name)
            if member.compress_type == _ZSTANDARD:
                return self._read_zstandard(member)
        except (KeyError, BadZipFile, OSError, pa.ArrowInvalid) as error:
            raise MedevalError(f"{self._path}: {name} cannot be read ({error})", _REMEDY) from error
        raise MedevalError(
            f"{self._path}: {name} is compressed by method {member.compress_type}, which is not known",
            "Write the archive again, not compressed or by deflate.",
        )

    def _read_zstandard(self, member: ZipInfo) -> bytes:
        with self._path.open("rb") as stream:
            stream.seek(member.header_offset)
            header = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
            stream.seek(header[-2] + header[-1], 1)  # the lengths of the name and of the extra field
            packed = stream.read(member.compress_size)
        content: bytes = pa.CompressedInputStream(pa.BufferReader(packed), "zstd").read()
        if len(content) != member.file_size:
            raise BadZipFile(f"{len(content)} bytes, expected {member.file_size}")
        return content
