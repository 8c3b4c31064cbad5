"""The account of every response: how its answer was read, why others have none, and what that does to the score."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medeval.answers.outcomes import STAGES, STATUSES
from medeval.records.system import SYSTEM
from medeval.scores.lookup import ItemLookup

GROUP = [*SYSTEM, "benchmark", "mode"]
POLICIES = ("wrong", "random", "excluded")

FloatArray = npt.NDArray[np.float64]


def accounting(scores: pa.Table, items: pa.Table | None = None) -> list[dict[str, Any]]:
    """Account for every response, per model, variant, target, benchmark and mode by three policies.

    A response that failed is wrong. One that is missing is no failure of the model but of the run: it is not in
    `n`, and `n_expected` says that it should be.

    Args:
        scores: Rows of ``tables.SCORES``.
        items: The items behind them, which tell the chance of a guess, how many responses there should be and which
            correct option is named first; without, ``accuracy_random``, ``chance``, ``n_expected``, ``partial``,
            ``several_correct`` and ``accuracy_first`` are None.

    Returns:
        One dict per group: its five names, ``n``, ``n_expected`` (every item of the benchmark in every sample that
        has a response), ``partial`` (whether n is less), ``stages`` and ``statuses`` (shares of n), the accuracy
        under three policies for what is not answered: ``accuracy_wrong`` (counts as wrong, the primary one),
        ``accuracy_random`` (counts as its chance of being guessed: correct options over options), and
        ``accuracy_excluded`` (left out; None when nothing is answered), ``chance``, ``several_correct`` (responses to
        items with several correct options, any of which counts), ``accuracy_first`` (the accuracy if only the one
        named first counted, as some publications have it), and ``strata``: per stratum its name, n and the three
        accuracies.
    """
    frame = scores.select([*GROUP, "stratum", "sample"])
    for name, values in _counted(scores, items).items():
        frame = frame.append_column(name, pa.array(np.asarray(values, dtype=float)))
    counted = [name for name in frame.column_names if name not in (*GROUP, "stratum", "sample")]
    sums = _grouped(frame, [*GROUP, "stratum"], counted)
    samples = frame.group_by(GROUP, use_threads=False).aggregate([("sample", "count_distinct")])
    drawn = {tuple(row[name] for name in GROUP): row["sample_count_distinct"] for row in samples.to_pylist()}
    sizes = _sizes(items)
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in sums:
        groups.setdefault(tuple(row[name] for name in GROUP), []).append(row)
    return [_account(key, rows, sizes, drawn[key]) for key, rows in sorted(groups.items())]


def _counted(scores: pa.Table, items: pa.Table | None) -> dict[str, npt.NDArray[Any]]:
    """Return what is summed over the responses of a group, one array each, shape (rows,)."""
    answered = _equals(scores["status"], "answered")
    correct = np.asarray(scores["correct"].to_numpy(zero_copy_only=False), dtype=float)
    golds = _golds(items, scores) if items is not None else dict.fromkeys(_GOLDS, np.full(len(scores), np.nan))
    columns: dict[str, npt.NDArray[Any]] = {f"stages/{name}": _equals(scores["stage"], name) for name in STAGES}
    columns |= {f"statuses/{name}": _equals(scores["status"], name) for name in STATUSES}
    return columns | {"correct": correct, "guessed": np.where(answered, correct, golds["chance"]), **golds}


def _grouped(frame: pa.Table, by: Sequence[str], counted: Sequence[str]) -> list[dict[str, Any]]:
    sums = frame.group_by(list(by), use_threads=False).aggregate(
        [([], "count_all"), *((name, "sum") for name in counted)]
    )
    plain = sums.rename_columns([name.removesuffix("_sum").replace("count_all", "n") for name in sums.column_names])
    rows: list[dict[str, Any]] = plain.to_pylist()
    return sorted(rows, key=lambda row: [row[name] for name in by])


def _account(
    key: tuple[str, ...], strata: Sequence[Mapping[str, Any]], sizes: Mapping[str, int], samples: int
) -> dict[str, Any]:
    names = dict(zip(GROUP, key, strict=True))
    total = {name: sum(row[name] for row in strata) for name in strata[0] if name not in (*GROUP, "stratum")}
    n, expected = total["n"], sizes.get(names["benchmark"])
    return {
        **names,
        "n": n,
        "n_expected": None if expected is None else expected * samples,
        "partial": None if expected is None else n < expected * samples,
        "stages": {name: total[f"stages/{name}"] / n for name in STAGES},
        "statuses": {name: total[f"statuses/{name}"] / n for name in STATUSES},
        **_accuracies(total),
        "chance": None if np.isnan(total["chance"]) else total["chance"] / n,
        "several_correct": None if np.isnan(total["several"]) else int(total["several"]),
        "accuracy_first": None if np.isnan(total["first"]) else total["first"] / n,
        "strata": [{"stratum": row["stratum"], "n": row["n"], **_accuracies(row)} for row in strata],
    }


def _accuracies(sums: Mapping[str, Any]) -> dict[str, float | None]:
    n, answered, guessed = sums["n"], sums["statuses/answered"], sums["guessed"]
    return {
        "accuracy_wrong": sums["correct"] / n,
        "accuracy_random": None if np.isnan(guessed) else guessed / n,
        "accuracy_excluded": sums["correct"] / answered if answered else None,
    }


def _sizes(items: pa.Table | None) -> dict[str, int]:
    if items is None:
        return {}
    counts = items["benchmark"].combine_chunks().value_counts().to_pylist()
    return {entry["values"]: entry["counts"] for entry in counts}


_GOLDS = ("chance", "several", "first")


def _golds(items: pa.Table, scores: pa.Table) -> dict[str, npt.NDArray[Any]]:
    """Return each response's chance of a guess, whether several options are correct, and whether it chose the first.

    Each has the shape (rows,).
    """
    where = "scores: row {}".format
    places = pa.array(ItemLookup(items).places(scores["benchmark"], scores["item_id"], where))
    counts = [pc.list_value_length(items[name]).take(places) for name in ("answers", "options")]
    right, among = (column.to_numpy(zero_copy_only=False) for column in counts)
    first = pc.fill_null(pc.equal(scores["choice"], items["answer"].take(places)), False)
    return {"chance": right / among, "several": right > 1, "first": first.to_numpy(zero_copy_only=False)}


def _equals(column: pa.ChunkedArray, value: str) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.equal(column, value).to_numpy(zero_copy_only=False), dtype=bool)
