"""Statistical results as parts of a JSON document, and such documents read back."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from medeval.errors import MedevalError
from medeval.records.files import read_json, write_json
from medeval.records.yaml_files import validate


class StageDocument(BaseModel):
    """A JSON document that one stage writes and others read: typed, with the name and version of its schema.

    Subclasses say `SCHEMA`, the name with the version, and `WRITER`, the command that makes the document again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    SCHEMA: ClassVar[str]
    WRITER: ClassVar[str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a document.

        Raises:
            MedevalError: The file is missing, is not JSON, or is no such document of this version.
        """
        content = cls._content(path)
        remedy = f"Write it again with `{cls.WRITER}`."
        found = validate(cls, content, path, remedy=remedy)
        # A field with a default would hide that its key is not there.
        if absent := sorted(_absent(as_json(dict(found)), content)):
            raise MedevalError(f"{path}: the key {absent[0]} is missing", remedy)
        return found

    @classmethod
    def _content(cls, path: Path) -> dict[str, Any]:
        """Return what stands in a file beside the name of its schema, after a check of that name."""
        if path.is_dir():
            raise MedevalError(f"{path}: a folder, expected a JSON document", f"Give the file of `{cls.WRITER}`.")
        document = read_json(path)
        found = document.get("schema") if isinstance(document, dict) else None
        if found != cls.SCHEMA:
            raise MedevalError(
                f"{path}: expected a document of schema {cls.SCHEMA!r}, found {found!r}",
                f"Give the file that `{cls.WRITER}` writes; if it is one, write it again with the installed medeval.",
            )
        return {key: value for key, value in document.items() if key != "schema"}

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON schema of the document as it is written."""
        schema = cls.model_json_schema()
        properties = {"schema": {"const": cls.SCHEMA}, **schema["properties"]}
        return schema | {"properties": properties, "required": ["schema", *schema["required"]]}

    def as_json(self) -> dict[str, Any]:
        """Return the document as it is written; what is not a finite number becomes null."""
        return {"schema": self.SCHEMA, **as_json(dict(self))}

    def write(self, path: Path) -> None:
        """Write the document atomically."""
        write_json(path, self.as_json())


def _absent(written: Any, read: Any, place: str = "") -> Iterator[str]:
    """Yield the keys that a document has when it is written and had not when it was read."""
    if isinstance(written, dict) and isinstance(read, dict):
        for key, value in written.items():
            name = f"{place}.{key}" if place else key
            yield from _absent(value, read[key], name) if key in read else [name]
    elif isinstance(written, list) and isinstance(read, list):
        for index, (one, two) in enumerate(zip(written, read, strict=True)):
            yield from _absent(one, two, f"{place}[{index}]")


def as_json(result: Any) -> Any:
    """Turn a frozen result into plain JSON values; what is not a finite number becomes null."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {field.name: as_json(getattr(result, field.name)) for field in dataclasses.fields(result)}
    if isinstance(result, BaseModel):
        return as_json(dict(result))
    if isinstance(result, (list, tuple)):
        return [as_json(entry) for entry in result]
    if isinstance(result, frozenset):
        return sorted(as_json(entry) for entry in result)
    if isinstance(result, dict):
        return {str(key): as_json(value) for key, value in result.items()}
    if isinstance(result, float) and not math.isfinite(result):
        return None
    return result.item() if hasattr(result, "item") else result
