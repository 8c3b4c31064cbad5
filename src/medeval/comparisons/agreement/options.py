"""Two distributions over the options of the same items, from the options' log-probabilities."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medeval.comparisons.agreement.matching import BoolArray, IntArray
from medeval.comparisons.agreement.responses import KEY, Responses
from medeval.errors import MedevalError
from medeval.records.documents import as_json
from medeval.scores.shown_order import in_own_order
from medeval.statistics.divergence import LetterAgreement, letter_agreement, letter_probabilities

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OptionPairs:
    """Option probabilities of two systems, scaled to sum to 1 over an item's options.

    Attributes:
        place: Which of the compared responses have them, ascending, shape (k,).
        a: Probabilities of A, shape (k, most options of any item); options that an item lacks have 0.
        b: The same for B.
    """

    place: IntArray
    a: FloatArray
    b: FloatArray

    def agreement(
        self, chosen: BoolArray, clusters: IntArray, *, confidence: float, seed: int
    ) -> LetterAgreement | None:
        """Summarise the divergence over some of the compared responses; None when none of them has options.

        Args:
            chosen: Which responses, shape (n compared,).
            clusters: Cluster number of each response, shape (n compared,).
            confidence: Coverage of the intervals.
            seed: Seed of the bootstrap that few clusters need.
        """
        rows = np.flatnonzero(chosen[self.place])
        if not len(rows):
            return None
        labels = clusters[self.place[rows]]
        return letter_agreement(self.a[rows], self.b[rows], labels, confidence=confidence, seed=seed)


def option_pairs(a: Responses, b: Responses, rows_a: IntArray, rows_b: IntArray) -> OptionPairs:
    """Read the option log-probabilities of compared responses.

    Raises:
        MedevalError: Only one side has them, or for another number of options, or there are fewer than two options, or
            a value is no log-probability.
    """
    logs_a, logs_b = _by_option(a, rows_a), _by_option(b, rows_b)
    counts_a, counts_b = (pc.fill_null(pc.list_value_length(logs), 0).to_numpy() for logs in (logs_a, logs_b))

    def name(place: int) -> str:
        return _name(a, b, int(rows_a[place]))

    if len(wrong := np.flatnonzero(counts_a != counts_b)):
        first = int(wrong[0])
        raise MedevalError(
            f"{name(first)}: {counts_a[first]} option log-probabilities in A and {counts_b[first]} in B",
            "Evaluate both with the same items; every option needs its own value on both sides.",
        )
    if len(wrong := np.flatnonzero(counts_a == 1)):
        raise MedevalError(f"{name(int(wrong[0]))}: a single option", "Correct the item and evaluate it again.")
    place = np.flatnonzero(counts_a)
    a_padded, b_padded = (
        _padded(logs.take(place), counts_a[place], lambda row: name(int(place[row]))) for logs in (logs_a, logs_b)
    )
    return OptionPairs(place, a_padded, b_padded)


def _by_option(side: Responses, rows: IntArray) -> pa.ChunkedArray:
    """Return the log-probabilities of some responses, each in its item's order of the options."""
    taken = side.rows.select(["option_logprobs", "shown_order"]).take(rows)
    logs, orders = taken["option_logprobs"], taken["shown_order"]
    if orders.null_count == len(orders):
        return logs
    pairs = zip(logs.to_pylist(), orders.to_pylist(), strict=True)
    own = [None if values is None else in_own_order(values, order) for values, order in pairs]
    return pa.chunked_array([own], logs.type)


def options_entry(agreement: LetterAgreement | None) -> dict[str, Any] | None:
    """Return the divergence as JSON values; an infinite number is null, and its `method` says why."""
    return None if agreement is None else dict(as_json(agreement))


def _padded(logs: pa.ChunkedArray, counts: IntArray, name: Callable[[int], str]) -> FloatArray:
    """Turn lists of log-probabilities into rows of probabilities, shape (k, most options)."""
    if not len(counts):
        return np.zeros((0, 2))
    values = np.asarray(logs.combine_chunks().flatten().to_numpy(zero_copy_only=False), dtype=float)
    padded = np.full((len(counts), int(counts.max())), -np.inf)
    present = np.arange(padded.shape[1]) < counts[:, None]
    padded[present] = values
    impossible = np.isneginf(padded).all(axis=1) | np.isnan(padded).any(axis=1) | np.isposinf(padded).any(axis=1)
    if impossible.any():
        row = int(np.flatnonzero(impossible)[0])
        raise MedevalError(
            f"{name(row)}: option log-probabilities {padded[row][present[row]].tolist()}; expected numbers, of which "
            "minus infinity may be some",
            "Evaluate this item again.",
        )
    return letter_probabilities(padded)


def _name(a: Responses, b: Responses, row: int) -> str:
    key = a.rows.select(KEY).slice(row, 1).to_pylist()[0]
    return f"{a.path} and {b.path}: {key['mode']} of {key['benchmark']} item {key['item_id']}, sample {key['sample']}"
