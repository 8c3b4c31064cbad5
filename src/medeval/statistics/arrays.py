"""Checks on the arrays and numbers that callers hand in; each returns a clean value or raises ValueError."""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]


def finite_vector(values: npt.ArrayLike, name: str) -> FloatArray:
    """Return ``values`` as a non-empty 1-D float array.

    Raises:
        ValueError: It is empty, not one-dimensional, not numeric, or holds NaN or infinity.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected numbers, got {error}") from error
    if array.ndim != 1:
        raise ValueError(f"{name}: expected a 1-D array, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name}: expected at least one value, got none")
    if not np.isfinite(array).all():
        position = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(f"{name}: expected finite numbers, got {array[position]} at position {position}")
    return array


def finite_matrix(values: npt.ArrayLike, name: str) -> FloatArray:
    """Return ``values`` as a non-empty 2-D float array.

    Raises:
        ValueError: It is empty, ragged, not two-dimensional, or holds NaN or infinity.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected rows of equal length, all numbers; got {error}") from error
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name}: expected a non-empty 2-D array, got shape {array.shape}")
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"{name}: expected finite numbers, got {array[row, column]} at [{row}, {column}]")
    return array


def same_length(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic], names: str) -> None:
    """Raise ValueError unless both arrays have the same length."""
    if len(first) != len(second):
        raise ValueError(f"{names}: expected the same length, got {len(first)} and {len(second)}")


def label_codes(labels: npt.ArrayLike | None, n: int, name: str) -> IntArray:
    """Number labels 0..G-1 in sorted order; None gives every item a label of its own.

    Raises:
        ValueError: Not one label per item, or a label is missing (None or NaN).
    """
    if labels is None:
        return np.arange(n, dtype=np.int64)
    array = np.asarray(labels)
    if array.ndim != 1 or array.size != n:
        raise ValueError(f"{name}: expected one label for each of {n} items, got shape {array.shape}")
    missing = _missing(array)
    if missing.any():
        raise ValueError(f"{name}: missing label at position {int(np.flatnonzero(missing)[0])}")
    try:
        return np.unique(array, return_inverse=True)[1].astype(np.int64)
    except TypeError as error:
        raise ValueError(f"{name}: expected labels of one type, got a mixture ({error})") from error


def _missing(labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if labels.dtype.kind == "f":
        return np.asarray(np.isnan(labels), dtype=bool)
    if labels.dtype.kind != "O":
        return np.zeros(labels.shape, dtype=bool)
    return np.array([label is None or (isinstance(label, float) and math.isnan(label)) for label in labels])


def is_binary(values: FloatArray) -> bool:
    """Whether every value is 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())


def open_fraction(value: float, name: str) -> float:
    """Return ``value`` when 0 < value < 1, else raise ValueError."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name}: expected a fraction strictly between 0 and 1, got {value}")
    return float(value)


def closed_fraction(value: float, name: str) -> float:
    """Return ``value`` when 0 <= value <= 1, else raise ValueError."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name}: expected a fraction from 0 to 1, got {value}")
    return float(value)


def positive(value: float, name: str) -> float:
    """Return ``value`` when finite and above 0, else raise ValueError."""
    if not (math.isfinite(value) and value > 0.0):
        raise ValueError(f"{name}: expected a finite number above 0, got {value}")
    return float(value)


def not_negative(value: float, name: str) -> float:
    """Return ``value`` when finite and at least 0, else raise ValueError."""
    if not (math.isfinite(value) and value >= 0.0):
        raise ValueError(f"{name}: expected a finite number of at least 0, got {value}")
    return float(value)


def count(value: int, name: str, *, least: int = 0) -> int:
    """Return ``value`` when it is a whole number of at least ``least``, else raise ValueError."""
    if isinstance(value, bool) or value != int(value) or value < least:
        raise ValueError(f"{name}: expected a whole number of at least {least}, got {value}")
    return int(value)
