"""One reply as another program recorded it, before it is known which item it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medeval.answers.options import LABELS
from medeval.records.tables import canonical_text


@dataclass(frozen=True)
class Shown:
    """A question and its options, as the model was shown them.

    Attributes:
        question: The question; of a list in a text all that stands before the list.
        options: The options, in the order of their labels.
        open_ended: Whether they are a list in a text, so that other words may follow the last option.
    """

    question: str
    options: tuple[str, ...]
    open_ended: bool = False


@dataclass(frozen=True)
class ForeignReply:
    """A reply and what its record says of it.

    Attributes:
        where: The place of the record, such as "samples.jsonl: line 7".
        mode: generate, letter, cloze or choices_only.
        sample: 0-based number of the reply to its item.
        shown: What was asked by the record's fields, in every way in which they can be read; empty when there are none.
        listed: What was asked by the text that the model read, where it lists the options.
        shown_order: Per place in the order shown the 0-based option of the item, -1 for none; None when not said.
        refused: Why this record cannot be taken; None as a rule.
        identifier: The record's id of the item, where one was asked for; None when it has none.
        benchmark: The benchmark, if the record says it.
        stratum: Subject or the like, which tells two copies of a question apart.
        gold: 0-based index of the correct option, according to the record.
        model: The model's name, if the record says it.
        variant: Likewise.
        target: Likewise.
        text: The reply as recorded.
        reasoning: The reasoning, if the record keeps it apart.
        finish_reason: How the reply ended; None when the record does not say.
        option_logprobs: Nats, one per option.
        labels_shown: Whether the prompt showed the options behind letters; None when that is not known.
        prompt: What the model read, if the record has it as one text.
        prompt_tokens: Their number, or None.
        generated_tokens: Their number, or None.
        error: What went wrong, or None.
    """

    where: str
    mode: str = "generate"
    sample: Any = 0
    shown: tuple[Shown, ...] = ()
    listed: Shown | None = None
    shown_order: tuple[int, ...] | None = None
    refused: str | None = None
    identifier: str | None = None
    benchmark: str | None = None
    stratum: str | None = None
    gold: int | None = None
    model: str | None = None
    variant: str | None = None
    target: str | None = None
    text: str | None = None
    reasoning: str | None = None
    finish_reason: str | None = None
    option_logprobs: Sequence[float] | None = None
    labels_shown: Any = None
    prompt: str | None = None
    prompt_tokens: Any = None
    generated_tokens: Any = None
    error: str | None = None


def gold_index(target: Any, options: Sequence[str]) -> int | None:
    """Return which option a record calls correct, by index from 0, letter or text; None when that is not clear."""
    if isinstance(target, list) and len(target) == 1:
        target = target[0]
    if isinstance(target, bool) or not isinstance(target, (str, int)):
        return None
    said = str(target).strip()
    readings = {index for index, option in enumerate(options) if canonical_text(option) == canonical_text(said)}
    if said.isdecimal():
        readings.add(int(said))
    if len(said) == 1 and said in LABELS:
        readings.add(LABELS.index(said))
    found = {index for index in readings if index < len(options)}
    return found.pop() if len(found) == 1 else None
