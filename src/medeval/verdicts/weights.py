"""The weights files of a run, as their descriptions tell: how large they are, and which are quantized."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.records.files import read_json

_SUFFIX = ".gguf.json"
_UNQUANTIZED = {"F64", "F32", "F16", "BF16"}


class Weights:
    """Descriptions of weights files.

    Args:
        descriptions: Description of each by MODEL/VARIANT.
    """

    def __init__(self, descriptions: Mapping[str, Mapping[str, Any]]) -> None:
        self._descriptions = descriptions

    def bytes_of(self, system: str) -> int | None:
        """Return the size of a weights file, or None when it was not described."""
        document = self._descriptions.get(system)
        return None if document is None else int(document["bytes"])

    def quantized_types(self, system: str) -> list[str]:
        """Return the quantized types among a file's tensors; none, too, when it was not described."""
        return sorted(set(self._descriptions.get(system, {}).get("tensors_by_type", {})) - _UNQUANTIZED)


def read_weights(paths: Sequence[Path]) -> Weights:
    """Read descriptions, `.../MODEL/VARIANT.gguf.json`.

    Raises:
        MedevalError: A file is missing or no description, or its name does not say whose it is.
    """
    found = {}
    for path in paths:
        if not path.name.endswith(_SUFFIX):
            raise MedevalError(
                f"{path}: expected a description of weights named MODEL/VARIANT{_SUFFIX}",
                "Give the files that `medeval inspect` wrote, under the names that the workflow gives them.",
            )
        document = read_json(path)
        if not isinstance(document, dict) or not {"bytes", "tensors_by_type"} <= set(document):
            raise MedevalError(f"{path}: not a description of weights", "Write it again with `medeval inspect`.")
        found[f"{path.parent.name}/{path.name.removesuffix(_SUFFIX)}"] = document
    return Weights(found)
