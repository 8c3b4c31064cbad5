"""Which responses of two tables answer the same request, and which have no counterpart."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medeval.comparisons.agreement.responses import KEY, Responses
from medeval.errors import MedevalError

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Matched:
    """Rows of A and of B with the same benchmark, item, sample and mode.

    Attributes:
        a: Rows of A, shape (n shared,), ascending.
        b: The row of B for each of them.
        only_a: Rows of A without a counterpart, ascending.
        only_b: Rows of B without one, ascending.
        failed_a: Whether A's response is an error, shape (n shared,).
        failed_b: The same for B.
        same_prompt: Whether both answer the same prompt, shape (n shared,).
    """

    a: IntArray
    b: IntArray
    only_a: IntArray
    only_b: IntArray
    failed_a: BoolArray
    failed_b: BoolArray
    same_prompt: BoolArray


def match(a: Responses, b: Responses, *, allow_different_prompts: bool) -> Matched:
    """Match the rows of two tables.

    Args:
        a: The reference.
        b: What is compared with it.
        allow_different_prompts: Match also responses to different prompts, and count them.

    Raises:
        MedevalError: The tables have no row in common, or rows in common answer different prompts.
    """
    left, right = (
        side.rows.select(KEY).append_column(name, pa.array(np.arange(len(side.rows))))
        for side, name in ((a, "row_a"), (b, "row_b"))
    )
    joined = left.join(right, keys=KEY, join_type="full outer", use_threads=False)
    of_a, of_b = (pc.fill_null(joined[name], -1).to_numpy() for name in ("row_a", "row_b"))
    shared = (of_a >= 0) & (of_b >= 0)
    order = np.argsort(of_a[shared])
    rows_a, rows_b = of_a[shared][order], of_b[shared][order]
    if not len(rows_a):
        raise MedevalError(
            f"{a.path} and {b.path} share no response: none has the same benchmark, item, sample and mode",
            "Give two runs over the same items in the same mode.",
        )
    compared = ["finish_reason", "prompt_sha256"]
    asked_a, asked_b = a.rows.select(compared).take(rows_a), b.rows.select(compared).take(rows_b)
    matched = Matched(
        a=rows_a,
        b=rows_b,
        only_a=np.sort(of_a[of_b < 0]),
        only_b=np.sort(of_b[of_a < 0]),
        failed_a=_failed(asked_a),
        failed_b=_failed(asked_b),
        same_prompt=_bools(pc.equal(asked_a["prompt_sha256"], asked_b["prompt_sha256"])),
    )
    if not allow_different_prompts:
        _require_same_prompts(a, b, matched)
    return matched


def row_names(rows: pa.Table, chosen: IntArray) -> list[str]:
    """Name rows by item and sample, `ITEM_ID/SAMPLE`."""
    named = rows.select(["item_id", "sample"]).take(chosen)
    pairs = zip(named["item_id"].to_pylist(), named["sample"].to_pylist(), strict=True)
    return [f"{item_id}/{sample}" for item_id, sample in pairs]


def _require_same_prompts(a: Responses, b: Responses, matched: Matched) -> None:
    different = np.flatnonzero(~matched.same_prompt)
    if not len(different):
        return
    first = a.rows.select(KEY).slice(int(matched.a[different[0]]), 1).to_pylist()[0]
    raise MedevalError(
        f"{a.path} and {b.path}: {len(different)} of {len(matched.a)} shared responses answer different prompts, "
        f"first {first['mode']} of {first['benchmark']} item {first['item_id']}; a different prompt is no difference "
        "between backends",
        "Run both with the same protocol and chat template, or compare them all the same with "
        "`--allow-different-prompts`.",
    )


def _failed(rows: pa.Table) -> BoolArray:
    return _bools(pc.equal(rows["finish_reason"], "error"))


def _bools(column: pa.ChunkedArray) -> BoolArray:
    return np.asarray(column.to_numpy(), dtype=bool)
