"""Statistical results as parts of a JSON document, and such documents read back."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.records.files import read_json

COMPARISONS, VERDICTS = "comparisons.v3", "verdicts.v4"
_WRITERS = {COMPARISONS: "medeval compare", VERDICTS: "medeval verdict"}


def as_json(result: Any) -> Any:
    """Turn a frozen result into plain JSON values; what is not a finite number becomes null."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {field.name: as_json(getattr(result, field.name)) for field in dataclasses.fields(result)}
    if isinstance(result, (list, tuple)):
        return [as_json(entry) for entry in result]
    if isinstance(result, dict):
        return {str(key): as_json(value) for key, value in result.items()}
    if isinstance(result, float) and not math.isfinite(result):
        return None
    return result.item() if hasattr(result, "item") else result


def inverse(ratio: Mapping[str, Any]) -> dict[str, Any]:
    """Return the estimate of B over A from that of A over B: its ends change places, its error is by the delta method.

    An end at 0 has no inverse and becomes null.
    """
    value, low, high, se = (ratio[key] for key in ("value", "low", "high", "se"))
    return {
        **ratio,
        "value": 1.0 / value,
        "low": 1.0 / high if high else None,
        "high": 1.0 / low if low else None,
        "se": None if se is None else se / value**2,
    }


def read_document(path: Path, schema: str) -> dict[str, Any]:
    """Read a document of `medeval compare` or `medeval verdict` and check that it is one.

    Raises:
        MedevalError: The file is missing, is not JSON, or is another document.
    """
    if path.is_dir():
        raise MedevalError(f"{path}: a folder, expected a JSON document", f"Give the file of `{_WRITERS[schema]}`.")
    document = read_json(path)
    found = document.get("schema") if isinstance(document, dict) else None
    if found != schema:
        raise MedevalError(
            f"{path}: expected a document of schema {schema!r}, found {found!r}",
            f"Give the file that `{_WRITERS[schema]}` writes; if it is one, write it again with the installed medeval.",
        )
    return dict(document)
