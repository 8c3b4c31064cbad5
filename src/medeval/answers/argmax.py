"""The most probable option of every row, over rows with unequal numbers of options."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from medeval.errors import MedevalError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def best_of_rows(values: FloatArray, lengths: FloatArray, offsets: IntArray, name: Callable[[int], str]) -> IntArray:
    """Return the best option of every row by value per length, -1 where the best ones are equal.

    Args:
        values: Log-probabilities of all options of all rows, one after the other.
        lengths: What each is divided by.
        offsets: Where each row starts; one more entry than rows.
        name: Says what a row is, for messages.

    Raises:
        MedevalError: A value is not a number or is plus infinity, or a length is not positive.
    """
    counts = np.diff(offsets)
    owner = np.repeat(np.arange(len(counts)), counts)
    if len(bad := np.flatnonzero(np.isnan(values) | (values == np.inf) | (lengths <= 0))):
        raise MedevalError(
            f"{name(int(owner[bad[0]]))}: option {bad[0] - offsets[owner[bad[0]]]} has the log-probability "
            f"{values[bad[0]]} and {lengths[bad[0]]:g} bytes; expected a number and at least one byte",
            "Evaluate this item again, or correct its options.",
        )
    padded = np.full((len(counts), int(counts.max())), -np.inf)
    place = np.arange(len(values)) - offsets[owner]
    padded[owner, place] = values / lengths
    best = padded.max(axis=1, keepdims=True)
    present = np.arange(padded.shape[1]) < counts[:, None]
    tied = ((padded == best) & present).sum(axis=1) > 1
    return np.where(tied, -1, padded.argmax(axis=1))
