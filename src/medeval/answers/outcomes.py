"""What a response chose: read from a generated reply, or from the log-probabilities of the options."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medeval.answers.argmax import best_of_rows
from medeval.answers.options import LABELS
from medeval.answers.reading import EXTRACTOR, read_answer
from medeval.errors import MedevalError

LETTER_METHOD = "letter-logprob@1"
PER_BYTE_METHOD = "cloze-per-byte@1"
STAGES = ("strict", "lenient", "content", "logprob", "none")
STATUSES = ("answered", "no_answer", "ambiguous", "truncated", "refused", "error")
METHODS = {
    "generate": EXTRACTOR,
    "letter": LETTER_METHOD,
    "cloze": PER_BYTE_METHOD,
    "choices_only": PER_BYTE_METHOD,
}
READ_REASONS = ("stop", "length")  # the finish reasons of a reply that can be read


class ChoiceColumns(NamedTuple):
    """The columns of a score that say what was chosen."""

    choice: int | None
    extracted: str | None
    status: str
    stage: str


ERROR = ChoiceColumns(None, None, "error", "none")
_TIE = ChoiceColumns(None, None, "ambiguous", "logprob")
_CHOSEN = tuple(ChoiceColumns(index, label, "answered", "logprob") for index, label in enumerate(LABELS))

NameRow = Callable[[int], str]


def generated(replies: pa.Table, options: Sequence[Sequence[str]], name: NameRow) -> Iterator[ChoiceColumns]:
    """Read generated replies. One with reasoning and null text ended inside its reasoning.

    Args:
        replies: Columns text, reasoning and finish_reason; labels_shown, where it is known whether the prompts did.
        options: The option texts of each reply's item.
        name: Says what a row is, for messages.

    Raises:
        MedevalError: A reply has neither text nor reasoning, or did not end by itself or by its limit.
    """
    columns = [replies[column].to_pylist() for column in ("text", "reasoning", "finish_reason")]
    known = "labels_shown" in replies.column_names
    labels_shown = replies["labels_shown"].to_pylist() if known else [None] * len(replies)
    for row, (text, reasoning, finish, shown, texts) in enumerate(zip(*columns, labels_shown, options, strict=True)):
        if text is None and reasoning is None:
            raise MedevalError(
                f"{name(row)}: no text, no reasoning and no error",
                "Evaluate this item again, or say what happened to it: an empty text, or an error.",
            )
        if finish not in READ_REASONS:
            raise MedevalError(
                f"{name(row)}: finish_reason {finish!r} of a generated reply, expected {' or '.join(READ_REASONS)}",
                "Correct the table: stop, length for a reply that the token limit cut, or error.",
            )
        unfinished = reasoning is not None and text is None
        read = read_answer(text or "", texts, finish_reason=finish, reasoning_open=unfinished, labels_shown=shown)
        yield ChoiceColumns(read.choice, read.extracted, read.status, read.stage)


def by_letter(responses: pa.Table, options: Sequence[Sequence[str]], name: NameRow) -> Iterator[ChoiceColumns]:
    """Choose the option whose label is the most probable; equal best ones are ambiguous.

    Raises:
        MedevalError: A response does not have one usable log-probability per option.
    """
    return _most_probable(responses, options, [1] * sum(map(len, options)), name)


def by_byte(responses: pa.Table, options: Sequence[Sequence[str]], name: NameRow) -> Iterator[ChoiceColumns]:
    """Choose the option whose text is the most probable per UTF-8 byte; equal best ones are ambiguous.

    Raises:
        MedevalError: A response does not have one usable log-probability per option, or an option has no bytes.
    """
    return _most_probable(responses, options, [len(text.encode()) for texts in options for text in texts], name)


def _most_probable(
    responses: pa.Table, options: Sequence[Sequence[str]], lengths: Sequence[int], name: NameRow
) -> Iterator[ChoiceColumns]:
    logprobs: list[list[float | None] | None] = responses["option_logprobs"].to_pylist()
    for row, (values, texts) in enumerate(zip(logprobs, options, strict=True)):
        if values is None or len(values) != len(texts):
            raise MedevalError(
                f"{name(row)}: expected {len(texts)} option log-probabilities, found {len(values or [])}",
                "Evaluate this item again; every option needs its own value.",
            )
    counts = [len(texts) for texts in options]
    flat = [value for values in logprobs for value in values or []]
    choices = best_of_rows(_floats(flat), _floats(lengths), np.concatenate([[0], np.cumsum(counts)]), name)
    return (_TIE if choice < 0 else _CHOSEN[choice] for choice in choices.tolist())


def _floats(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    """Turn numbers into an array; None, a null in the table, becomes NaN, which is refused by name."""
    return np.array(values, dtype=np.float64)


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
    choices = best_of_rows(_floats(logprobs), _floats(lengths), offsets, lambda _: "this item")
    return None if choices[0] < 0 else int(choices[0])
