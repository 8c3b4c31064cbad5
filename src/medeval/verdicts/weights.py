"""The weights files of a run, as their descriptions tell: how large they are, and which are quantized."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from medeval.errors import MedevalError
from medeval.weights.document import WeightsDescription

_SUFFIX = ".gguf.json"
_UNQUANTIZED = {"F64", "F32", "F16", "BF16"}


class Weights:
    """Descriptions of weights files.

    Args:
        descriptions: Description of each by MODEL/VARIANT.
    """

    def __init__(self, descriptions: Mapping[str, WeightsDescription]) -> None:
        self._descriptions = descriptions

    def bytes_of(self, system: str) -> int | None:
        """Return the size of a weights file, or None when it was not described."""
        found = self._descriptions.get(system)
        return None if found is None else found.bytes

    def quantized_types(self, system: str) -> list[str]:
        """Return the quantized types among a file's tensors; none, too, when it was not described."""
        found = self._descriptions.get(system)
        return sorted(set(found.tensors_by_type) - _UNQUANTIZED) if found else []


def read_weights(paths: Sequence[Path]) -> Weights:
    """Read descriptions, `.../MODEL/VARIANT.gguf.json`.

    Raises:
        MedevalError: A file is missing or no description, or its name does not say whose it is.
    """
    return Weights({described_system(path): WeightsDescription.read(path) for path in paths})


def described_system(path: Path) -> str:
    """Return MODEL/VARIANT from the path of a description.

    Raises:
        MedevalError: It does not end as the workflow names one.
    """
    if not path.name.endswith(_SUFFIX):
        raise MedevalError(
            f"{path}: expected a description of weights named MODEL/VARIANT{_SUFFIX}",
            "Give the files that `medeval inspect` wrote, under the names that the workflow gives them.",
        )
    return f"{path.parent.name}/{path.name.removesuffix(_SUFFIX)}"
