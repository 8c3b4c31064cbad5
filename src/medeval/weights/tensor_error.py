"""How far two versions of one tensor lie apart, in bounded memory."""

from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from medeval.records.gguf_file import GgufFile, Tensor


@dataclass(frozen=True)
class TensorError:
    """Squared norms of a reference tensor and of its difference to another, plain and weighted by column.

    The weighted sums are None without an importance matrix for this tensor. `not_finite` counts weights that are NaN or
    infinite in either; they are left out of the sums.
    """

    squared_norm: float
    squared_error: float
    largest_error: float
    not_finite: int
    weighted_norm: float | None
    weighted_error: float | None

    @property
    def relative(self) -> float | None:
        """||a - b|| / ||a||; None when undefined: the reference is zero and the other is not, or values are NaN."""
        return relative(self.squared_error, self.squared_norm) if not self.not_finite else None

    @property
    def weighted_relative(self) -> float | None:
        """The same with every column's squares multiplied by its importance; None without importance."""
        if self.weighted_error is None or self.weighted_norm is None or self.not_finite:
            return None
        return relative(self.weighted_error, self.weighted_norm)


def relative(squared_error: float, squared_norm: float) -> float | None:
    """Return sqrt(squared_error / squared_norm); 0 for no error at all, None for an error over a zero norm."""
    if squared_error == 0:
        return 0.0
    return float(np.sqrt(squared_error / squared_norm)) if squared_norm > 0 else None


def same_bytes(a: GgufFile, b: GgufFile, tensor_a: Tensor, tensor_b: Tensor) -> bool:
    """Whether two tensors are stored in the same type with the same bytes."""
    if tensor_a.type != tensor_b.type or tensor_a.bytes != tensor_b.bytes:
        return False
    return all(x == y for x, y in zip_longest(a.raw(tensor_a), b.raw(tensor_b)))


def tensor_error(a: GgufFile, b: GgufFile, name: str, importance: npt.NDArray[np.float32] | None = None) -> TensorError:
    """Compare one tensor of two files after dequantization; both must have the same shape.

    Args:
        a: The reference.
        b: The other file.
        name: The tensor.
        importance: Weight of each column, float32 [width], or None.

    Raises:
        MedevalError: A type cannot be dequantized.
    """
    norm = error = weighted_norm = weighted_error = largest = 0.0
    not_finite = 0
    weights = None if importance is None else importance.astype(np.float64)
    for x, y in zip(a.blocks(a.tensors[name]), b.blocks(b.tensors[name]), strict=True):
        difference = x - y
        if not np.isfinite(difference).all():
            bad = ~np.isfinite(difference)
            not_finite += int(bad.sum())
            x, difference = np.where(bad, 0, x), np.where(bad, 0, difference)
        norm_columns = np.einsum("rc,rc->c", x, x, dtype=np.float64)
        error_columns = np.einsum("rc,rc->c", difference, difference, dtype=np.float64)
        norm += float(norm_columns.sum())
        error += float(error_columns.sum())
        largest = max(largest, float(np.abs(difference).max()))
        if weights is not None:
            weighted_norm += float(norm_columns @ weights)
            weighted_error += float(error_columns @ weights)
    if weights is None:
        return TensorError(norm, error, largest, not_finite, None, None)
    return TensorError(norm, error, largest, not_finite, weighted_norm, weighted_error)
