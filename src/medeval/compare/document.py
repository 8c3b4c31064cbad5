"""Statistical results as parts of a JSON document."""

import dataclasses
import math
from typing import Any


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
