"""Responses to scores: what each reply chose, whether that is right, and what could not be read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medeval import tables
from medeval.answers.options import LABELS
from medeval.answers.reading import EXTRACTOR, read_answer
from medeval.argmax import best_of_rows
from medeval.errors import MedevalError

LETTER_METHOD = "letter-logprob@1"
PER_BYTE_METHOD = "cloze-per-byte@1"
ANY_GOLD = "+any-gold"
STAGES = ("strict", "lenient", "content", "logprob", "none")
STATUSES = ("answered", "no_answer", "ambiguous", "truncated", "refused", "error")

_METHODS = {
    "generate": EXTRACTOR,
    "letter": LETTER_METHOD,
    "cloze": PER_BYTE_METHOD,
    "choices_only": PER_BYTE_METHOD,
}
_ITEM_KEY = ["benchmark", "item_id"]
_RUN = ["model", "variant", "target", "benchmark", "sample", "mode"]
_GROUP = ["model", "variant", "target", "benchmark", "mode"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


class _Outcome(NamedTuple):
    """The columns of a score that say what was chosen."""

    choice: int | None
    extracted: str | None
    status: str
    stage: str


_ERROR = _Outcome(None, None, "error", "none")
_TIE = _Outcome(None, None, "ambiguous", "logprob")
_CHOSEN = tuple(_Outcome(index, label, "answered", "logprob") for index, label in enumerate(LABELS))


def score(items: pa.Table, responses: pa.Table) -> pa.Table:
    """Score every response; the result has one row per response, in the same order.

    Generated replies are read by ``read_answer``. Letters are scored by the log-probability of the label,
    cloze and choices_only by the log-probability per UTF-8 byte of the option's text; the two are separate
    metrics. Equal best options are ``ambiguous``. What is not answered counts as wrong. When an item has
    several correct options, any of them counts, and the method says so by the suffix ``+any-gold``.

    Args:
        items: Rows of ``tables.ITEMS``.
        responses: Rows of ``tables.RESPONSES``.

    Returns:
        Rows of ``tables.SCORES``.

    Raises:
        MedevalError: A response has no item, an unknown mode, or lacks what its mode is scored by.
    """
    asked = items.take(_item_rows(items, responses))
    modes = responses["mode"].to_numpy(zero_copy_only=False)
    if unknown := sorted(set(modes) - set(_METHODS)):
        raise MedevalError(
            f"responses of mode {', '.join(unknown)}: expected one of {', '.join(_METHODS)}",
            "Correct the mode in the configuration and evaluate again.",
        )
    outcomes = _outcomes(asked, responses, modes)
    several = pc.list_value_length(asked["answers"]).to_numpy(zero_copy_only=False) > 1
    methods = [_METHODS[mode] + ANY_GOLD * bool(more) for mode, more in zip(modes, several, strict=True)]
    choices = np.array([-1 if outcome.choice is None else outcome.choice for outcome in outcomes], dtype=int)
    columns: dict[str, Any] = {name: responses[name] for name in (*tables.RESPONSES.key, "generated_tokens")}
    columns |= {name: asked[name] for name in ("stratum", "cluster_id")}
    columns |= {name: [getattr(outcome, name) for outcome in outcomes] for name in _Outcome._fields}
    columns |= {"correct": _is_gold(choices, asked["answers"]), "method": methods}
    schema = tables.SCORES.schema
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def score_files(items_path: Path, responses_path: Path, out: Path, *, command: str) -> dict[str, int]:
    """Score a table of responses and write the scores; the return value counts responses by status.

    Raises:
        MedevalError: As for :func:`score`, or a table is unusable.
    """
    scores = score(tables.read(items_path, tables.ITEMS), tables.read(responses_path, tables.RESPONSES))
    inputs = {"items": items_path, "responses": responses_path}
    tables.write(out, scores, tables.SCORES, command=command, inputs=inputs)
    return {entry["values"]: entry["counts"] for entry in scores["status"].value_counts().to_pylist()}


def best_option(logprobs: Sequence[float], options: Sequence[str] | None) -> int | None:
    """Return the index of the most probable option; None when the best ones are equal.

    Args:
        logprobs: One log-probability per option, in nats.
        options: The option texts, to compare per UTF-8 byte; None to compare as they are.

    Raises:
        MedevalError: There is not one finite-or-minus-infinite value per option, or an option has no bytes.
    """
    lengths = [len(option.encode()) for option in options] if options is not None else [1] * len(logprobs)
    if len(lengths) != len(logprobs):
        raise MedevalError(
            f"{len(logprobs)} log-probabilities for {len(lengths)} options",
            "Evaluate this item again; every option needs its own value.",
        )
    offsets = np.array([0, len(lengths)])
    choices = best_of_rows(
        np.array(logprobs, dtype=float), np.array(lengths, dtype=float), offsets, lambda _: "this item"
    )
    return None if choices[0] < 0 else int(choices[0])


def missing_items(items: pa.Table, responses: pa.Table) -> pa.Table:
    """List the items without a response, for every run.

    Returns:
        Columns model, variant, target, benchmark, sample, mode and item_id. A run is expected to answer every
        item of a benchmark of which it answers one. Items of a benchmark without a run appear once, with
        null in the columns of the run.
    """
    runs = responses.select(_RUN).group_by(_RUN, use_threads=False).aggregate([])
    keys = items.select(_ITEM_KEY)
    expected = keys.join(runs, keys="benchmark", join_type="left outer", use_threads=False)
    answered = responses.select([*_RUN, "item_id"])
    missing = expected.join(answered, keys=[*_RUN, "item_id"], join_type="left anti", use_threads=False)
    order = [*_RUN, "item_id"]
    return missing.select(order).sort_by([(name, "ascending") for name in order])


def accounting(scores: pa.Table, items: pa.Table | None = None) -> list[dict[str, Any]]:
    """Account for every response, per model, variant, target, benchmark and mode by three policies.

    Args:
        scores: Rows of ``tables.SCORES``.
        items: The items behind them, which tell the chance of a guess; without, ``accuracy_random`` is None.

    Returns:
        One dict per group: its five names, ``n``, ``stages`` and ``statuses`` (shares of n), and
        the accuracy under three policies for what is not answered: ``accuracy_wrong`` (counts as wrong, the
        primary one), ``accuracy_random`` (counts as its chance of being guessed: correct options over
        options), and ``accuracy_excluded`` (left out; None when nothing is answered).
    """
    answered = _equals(scores["status"], "answered")
    correct = np.asarray(scores["correct"].to_numpy(zero_copy_only=False), dtype=float)
    chance = _chances(items, scores) if items is not None else np.full(len(scores), np.nan)
    columns: dict[str, npt.NDArray[Any]] = {f"stages/{name}": _equals(scores["stage"], name) for name in STAGES}
    columns |= {f"statuses/{name}": _equals(scores["status"], name) for name in STATUSES}
    columns |= {"correct": correct, "guessed": np.where(answered, correct, chance), "chance": chance}
    frame = scores.select(_GROUP)
    for name, values in columns.items():
        frame = frame.append_column(name, pa.array(np.asarray(values, dtype=float)))
    grouped = frame.group_by(_GROUP, use_threads=False)
    sums = grouped.aggregate([([], "count_all"), *((name, "sum") for name in columns)])
    return [_account(row) for row in sums.sort_by([(name, "ascending") for name in _GROUP]).to_pylist()]


def _account(row: Mapping[str, Any]) -> dict[str, Any]:
    n, answered = row["count_all"], row["statuses/answered_sum"]
    guessed, chance = row["guessed_sum"] / n, row["chance_sum"] / n
    return {
        **{name: row[name] for name in _GROUP},
        "n": n,
        "stages": {name: row[f"stages/{name}_sum"] / n for name in STAGES},
        "statuses": {name: row[f"statuses/{name}_sum"] / n for name in STATUSES},
        "accuracy_wrong": row["correct_sum"] / n,
        "accuracy_random": None if np.isnan(guessed) else guessed,
        "chance": None if np.isnan(chance) else chance,
        "accuracy_excluded": row["correct_sum"] / answered if answered else None,
    }


def _chances(items: pa.Table, scores: pa.Table) -> FloatArray:
    asked = items.take(_item_rows(items, scores))
    right = pc.list_value_length(asked["answers"]).to_numpy(zero_copy_only=False)
    among = pc.list_value_length(asked["options"]).to_numpy(zero_copy_only=False)
    return np.asarray(right / among, dtype=float)


def _item_rows(items: pa.Table, rows: pa.Table) -> pa.Array:
    """Return, for each row, the position of its item in `items`."""
    places = items.select(_ITEM_KEY).append_column("place", pa.array(np.arange(len(items))))
    asked = rows.select(_ITEM_KEY).append_column("row", pa.array(np.arange(len(rows))))
    found = asked.join(places, keys=_ITEM_KEY, join_type="left outer").sort_by("row")
    if len(found) != len(rows):
        raise MedevalError("items: two rows share a benchmark and item_id", "Write the items table again.")
    if found["place"].null_count:
        row = pc.index(found["place"].is_null(), True).as_py()
        benchmark, item_id = (rows[name][row].as_py() for name in _ITEM_KEY)
        raise MedevalError(
            f"response row {row} answers item {item_id!r} of {benchmark!r}, which is not in the items table",
            "Score responses with the items table that they were generated from.",
        )
    return found["place"].combine_chunks()


def _outcomes(asked: pa.Table, responses: pa.Table, modes: npt.NDArray[np.object_]) -> list[_Outcome]:
    outcomes = [_ERROR] * len(responses)
    failed = _equals(responses["finish_reason"], "error")
    for names, scorer in (
        (["generate"], _generated),
        (["letter"], _by_letter),
        (["cloze", "choices_only"], _by_byte),
    ):
        rows = np.flatnonzero(np.isin(modes, names) & ~failed)
        if len(rows):
            part = scorer(asked.take(rows), responses.take(rows))
            for row, outcome in zip(rows, part, strict=True):
                outcomes[row] = outcome
    return outcomes


def _generated(asked: pa.Table, responses: pa.Table) -> list[_Outcome]:
    """Read generated replies. One with reasoning and null text ended inside its reasoning."""
    outcomes = []
    columns = [responses[name].to_pylist() for name in ("item_id", "text", "reasoning", "finish_reason")]
    for item_id, text, reasoning, finish, options in zip(*columns, asked["options"].to_pylist(), strict=True):
        if text is None and reasoning is None:
            raise MedevalError(
                f"response to item {item_id!r}: no text, no reasoning and no error",
                "Evaluate this item again.",
            )
        unfinished = reasoning is not None and text is None
        read = read_answer(text or "", options, finish_reason=finish, reasoning_open=unfinished)
        outcomes.append(_Outcome(read.choice, read.extracted, read.status, read.stage))
    return outcomes


def _by_letter(asked: pa.Table, responses: pa.Table) -> list[_Outcome]:
    options = asked["options"].combine_chunks()
    return _scored(responses, options, np.ones(len(options.flatten())))


def _by_byte(asked: pa.Table, responses: pa.Table) -> list[_Outcome]:
    options = asked["options"].combine_chunks()
    return _scored(responses, options, pc.binary_length(options.flatten()).to_numpy(zero_copy_only=False))


def _scored(responses: pa.Table, options: pa.ListArray, lengths: npt.ArrayLike) -> list[_Outcome]:
    logprobs = responses["option_logprobs"].combine_chunks()
    counts = pc.list_value_length(options).to_numpy(zero_copy_only=False)
    found = pc.fill_null(pc.list_value_length(logprobs), -1).to_numpy(zero_copy_only=False)

    def name(row: int) -> str:
        return f"response to item {responses['item_id'][row].as_py()!r}"

    if len(wrong := np.flatnonzero(counts != found)):
        row = int(wrong[0])
        raise MedevalError(
            f"{name(row)}: expected {counts[row]} option log-probabilities, found {max(found[row], 0)}",
            "Evaluate this item again; every option needs its own value.",
        )
    values = logprobs.flatten().to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    choices = best_of_rows(np.asarray(values, dtype=float), np.asarray(lengths, dtype=float), offsets, name)
    return [_TIE if choice < 0 else _CHOSEN[choice] for choice in choices]


def _is_gold(choices: IntArray, answers: pa.ChunkedArray) -> BoolArray:
    """Whether each choice is among the correct options of its row; no choice (-1) never is."""
    answers = answers.combine_chunks()
    owner = pc.list_parent_indices(answers).to_numpy(zero_copy_only=False)
    gold = answers.flatten().to_numpy(zero_copy_only=False)
    correct = np.zeros(len(choices), dtype=bool)
    correct[owner[gold == choices[owner]]] = True
    return correct


def _equals(column: pa.ChunkedArray, value: str) -> BoolArray:
    return np.asarray(pc.equal(column, value).to_numpy(zero_copy_only=False), dtype=bool)
