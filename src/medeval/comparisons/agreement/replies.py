"""Two generated replies to the same prompt: whether they are the same, and where they part."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medeval.comparisons.agreement.matching import BoolArray, IntArray
from medeval.errors import MedevalError
from medeval.records.documents import as_json
from medeval.statistics.agreement import share_of_items

FloatArray = npt.NDArray[np.float64]
# Stand for the marks around the reasoning, which is stored apart. No stored text can hold half of a surrogate pair.
_OPENED, _CLOSED = "\ud800", "\udbff"


@dataclass(frozen=True)
class ReplyPairs:
    """Generated replies of two systems, reply by reply.

    Attributes:
        place: Which of the compared responses are generated, ascending, shape (k,).
        same: Whether reasoning and answer are the same text, shape (k,).
        parted: Character at which the texts part, 0-based; -1 where they do not.
        has_tokens: Whether both sides have the tokens of the reply, shape (k,).
        parted_token: Token at which the replies part, 0-based; -1 where they do not, or where there are no tokens.
        before: Tokens before that, shape (k,); 0 where either side lacks their log-probabilities.
        total: Sum of the absolute differences of those tokens' log-probabilities, nats, shape (k,).
        largest: The largest of them, nats; 0 where there is none.
    """

    place: IntArray
    same: BoolArray
    parted: IntArray
    has_tokens: BoolArray
    parted_token: IntArray
    before: IntArray
    total: FloatArray
    largest: FloatArray

    def entry(self, chosen: BoolArray, clusters: IntArray, *, sampled: bool) -> dict[str, Any] | None:
        """Describe some of the compared responses as JSON values; None when none of them is generated.

        Args:
            chosen: Which responses, shape (n compared,).
            clusters: Cluster number of each response, shape (n compared,).
            sampled: Whether either side drew its replies at random: their identity then says nothing, and is null.
        """
        rows = np.flatnonzero(chosen[self.place])
        if not len(rows):
            return None
        if sampled:
            return {"n": len(rows), "same_text": None, "first_difference": None, "tokens": None}
        labels = clusters[self.place[rows]]
        return {
            "n": len(rows),
            "same_text": as_json(share_of_items(self.same[rows], labels)),
            "first_difference": _spread(self.parted[rows], "character"),
            "tokens": self._tokens(rows[self.has_tokens[rows]], clusters),
        }

    def _tokens(self, rows: IntArray, clusters: IntArray) -> dict[str, Any] | None:
        if not len(rows):
            return None
        before = int(self.before[rows].sum())
        return {
            "n": len(rows),
            "same": as_json(share_of_items(self.parted_token[rows] < 0, clusters[self.place[rows]])),
            "first_difference": _spread(self.parted_token[rows], "token"),
            # Tokens are the same up to there, so that their log-probabilities show the numerics alone.
            "before": before,
            "mean_log_ratio": float(self.total[rows].sum()) / before if before else None,
            "max_log_ratio": float(self.largest[rows].max()) if before else None,
        }


def reply_pairs(a: pa.Table, b: pa.Table, place: IntArray) -> ReplyPairs:
    """Compare generated replies.

    Reasoning and answer count as one text; the marks that open and close the reasoning count as one character each.

    Args:
        a: Generated replies of A.
        b: Those of B to the same requests, in the same order.
        place: Which of the compared responses they are, ascending.

    Raises:
        MedevalError: A reply has neither text nor reasoning, or not one log-probability per token.
    """
    for side in (a, b):
        _require_replies(side)
    same = _same(a["text"], b["text"]) & _same(a["reasoning"], b["reasoning"])
    parted = np.full(len(place), -1)
    differing = np.flatnonzero(~same)
    parted[differing] = _first_characters(*(side.select(["text", "reasoning"]).take(differing) for side in (a, b)))
    has_tokens = _there(a["token_ids"]) & _there(b["token_ids"])
    return ReplyPairs(place, same, parted, has_tokens, *_token_columns(a, b, has_tokens))


def first_difference(a: str, b: str) -> int:
    """Return the first place, 0-based, at which two texts differ; of a text and its beginning, where that ends."""
    low, high = 0, min(len(a), len(b))
    while low < high:  # the texts agree before `low`, and the answer is at most `high`
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _spread(places: IntArray, unit: str) -> dict[str, Any] | None:
    """Summarise where replies part, over those that do; None when none does."""
    parted = places[places >= 0]
    if not len(parted):
        return None
    lowest, quarter, median, three_quarters, highest = np.quantile(parted, [0.0, 0.25, 0.5, 0.75, 1.0]).tolist()
    return {
        "unit": unit,
        "n": len(parted),
        "min": int(lowest),
        "quarter": quarter,
        "median": median,
        "three_quarters": three_quarters,
        "max": int(highest),
    }


def _require_replies(rows: pa.Table) -> None:
    empty = ~(_there(rows["text"]) | _there(rows["reasoning"]))
    if empty.any():
        item_id = rows["item_id"][int(np.flatnonzero(empty)[0])].as_py()
        raise MedevalError(
            f"response to item {item_id!r}: no option log-probabilities, no text, no reasoning and no error",
            "Evaluate this item again.",
        )


def _same(a: pa.ChunkedArray, b: pa.ChunkedArray) -> BoolArray:
    """Whether two columns agree, row by row; null equals null only."""
    equal = pc.fill_null(pc.equal(a, b), False).to_numpy()
    return np.asarray(equal | ~(_there(a) | _there(b)), dtype=bool)


def _there(column: pa.ChunkedArray) -> BoolArray:
    return np.asarray(column.is_valid().to_numpy(), dtype=bool)


def _first_characters(a: pa.Table, b: pa.Table) -> list[int]:
    return [first_difference(one, two) for one, two in zip(_whole_texts(a), _whole_texts(b), strict=True)]


def _whole_texts(rows: pa.Table) -> list[str]:
    """Return each reply as one text; a null text is a reply that ended inside its reasoning."""
    wholes = []
    for reasoning, text in zip(rows["reasoning"].to_pylist(), rows["text"].to_pylist(), strict=True):
        thought = "" if reasoning is None else _OPENED + reasoning + (_CLOSED if text is not None else "")
        wholes.append(thought + (text or ""))
    return wholes


def _token_columns(a: pa.Table, b: pa.Table, rows: BoolArray) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Return where the tokens part, and what their log-probabilities say before; see `ReplyPairs`."""
    parted, before = np.full(len(rows), -1), np.zeros(len(rows), dtype=np.int64)
    total, largest = np.zeros(len(rows)), np.zeros(len(rows))
    place = np.flatnonzero(rows)
    ids = [_lists(side["token_ids"].take(place)) for side in (a, b)]
    logs = [_token_logprobs(side.take(place)) for side in (a, b)]
    for row, one, two, logs_one, logs_two in zip(place, *ids, *logs, strict=True):
        shortest = min(len(one), len(two))
        differing = np.flatnonzero(one[:shortest] != two[:shortest])
        shared = int(differing[0]) if len(differing) else shortest
        parted[row] = -1 if shared == len(one) == len(two) else shared
        if shared and logs_one is not None and logs_two is not None:
            gaps = np.abs(logs_one[:shared] - logs_two[:shared])
            before[row], total[row], largest[row] = shared, gaps.sum(), gaps.max()
    return parted, before, total, largest


def _token_logprobs(rows: pa.Table) -> list[npt.NDArray[Any] | None]:
    """Return the log-probabilities of each reply's tokens, None where it has none.

    Raises:
        MedevalError: There is not one finite number per token.
    """
    there = _there(rows["token_logprobs"])
    lists = _lists(rows["token_logprobs"])
    tokens = pc.list_value_length(rows["token_ids"]).to_numpy()
    for row in np.flatnonzero(there):
        finite = int(np.isfinite(lists[row]).sum())
        if not len(lists[row]) == tokens[row] == finite:
            raise MedevalError(
                f"response to item {rows['item_id'][int(row)].as_py()!r}: {tokens[row]} tokens and {len(lists[row])} "
                f"log-probabilities, of which {finite} are finite; expected one finite number per token",
                "Evaluate this item again.",
            )
    return [values if there[row] else None for row, values in enumerate(lists)]


def _lists(column: pa.ChunkedArray) -> list[npt.NDArray[Any]]:
    """Split a column of lists into one array per row; null becomes an empty one."""
    if not len(column):
        return []
    values = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    return np.split(values, np.cumsum(lengths)[:-1])
