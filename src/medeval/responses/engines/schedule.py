"""Continuous batching: slots that hold sequences, and which tokens go into the next batch.

Measured on the processor: with sequences in cells of their own, a sequence's logits depend on how many
tokens are decoded together (the width picks the matrix kernels) and on nothing else: not on the other
sequences' tokens, lengths, places or number of restarts. So the audit schedule reads every prompt alone,
in fixed chunks, and decodes at one fixed width, idle slots filled with a token that is thrown away. A
reply is then a function of its request, the width and the machine; an interrupted run ends with the
bytes of an uninterrupted one. The fast schedule reads new prompts in the same batch as the running
replies' next tokens and decodes no idle slots beyond the last busy one.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from medeval.errors import MedevalError
from medeval.responses.engines.llama_context import CHUNK_TOKENS, LlamaContext
from medeval.responses.engines.llama_model import LlamaModel
from medeval.responses.engines.llama_reply import LlamaReply
from medeval.responses.engines.types import ScheduleName

# Widths whose rows are all computed by the same kernel, whichever slot they are in: llama.cpp's matrix
# products take rows in fours and treat a remainder otherwise.
WIDTHS = (1, 2, 4, 8, 16, 32, 64)
FAST_BATCH_TOKENS = 2048
_IDLE_TOKEN = 0


@dataclass
class Slot:
    """A sequence of the context: the prefix it begins with, and the reply it is busy with."""

    number: int
    held: list[int] = field(default_factory=list)
    reply: LlamaReply | None = None


@dataclass(frozen=True)
class _Part:
    """One slot's tokens in a batch; `reply` is None for an idle slot's."""

    slot: Slot
    tokens: Sequence[int]
    start: int
    reply: LlamaReply | None
    is_prompt: bool = False


class Scheduler:
    """Keeps the slots of a context busy until every waiting reply is finished.

    Args:
        model: The model.
        context: Its context, with one sequence per slot.
        width: Number of slots.
        schedule: `audit` or `fast`.
    """

    def __init__(self, model: LlamaModel, context: LlamaContext, width: int, schedule: ScheduleName) -> None:
        self._model, self._context, self._schedule = model, context, schedule
        self._slots = [Slot(number) for number in range(width)]

    def run(self, waiting: deque[LlamaReply]) -> Iterator[LlamaReply]:
        """Yield replies as they finish; a finished reply's slot takes the next one at once."""
        try:
            while waiting or any(slot.reply for slot in self._slots):
                prompts = self._admit(waiting)
                if self._schedule == "audit":
                    for part in prompts:
                        self._compute([part])
                        yield from self._finished()
                    if waiting and any(slot.reply is None for slot in self._slots):
                        continue
                    prompts = []
                steps = [
                    _Part(slot, reply.tokens[-1:], reply.position, reply)
                    for slot in self._slots
                    if (reply := slot.reply) is not None and reply.tokens
                ]
                if steps or prompts:
                    self._compute(self._with_idle(steps, prompts))
                    yield from self._finished()
        finally:
            for slot in self._slots:
                if slot.reply is not None:
                    slot.reply.close()

    def _admit(self, waiting: deque[LlamaReply]) -> list[_Part]:
        """Give waiting replies to free slots; return the parts of their prompts that are still to be read."""
        parts: list[_Part] = []
        room = FAST_BATCH_TOKENS - len(self._slots)
        for slot in self._slots:
            if slot.reply is not None or not waiting:
                continue
            reply = waiting[0]
            rest = len(reply.prompt) - reply.prefix
            # What one batch cannot hold is read before, in chunks; its last chunk then shares a batch.
            ahead = 0 if rest <= CHUNK_TOKENS else (rest - 1) // CHUNK_TOKENS * CHUNK_TOKENS
            if rest - ahead > room and parts:
                break
            room -= rest - ahead
            waiting.popleft()
            began = time.perf_counter()
            self._hold_prefix(slot, reply.prompt[: reply.prefix])
            start = reply.prefix + ahead
            self._context.read(reply.prompt[reply.prefix : start], slot.number, reply.prefix)
            reply.seconds_prefill += time.perf_counter() - began
            slot.reply = reply
            parts.append(_Part(slot, reply.prompt[start:], start, reply, is_prompt=True))
        return parts

    def _hold_prefix(self, slot: Slot, prefix: list[int]) -> None:
        """Have a free slot hold exactly this prefix: kept, copied from another slot, or read."""
        if slot.held != prefix:
            holder = next((other for other in self._slots if prefix and other.held == prefix), None)
            if holder is not None:
                self._context.copy(holder.number, slot.number)
            else:
                self._context.keep(slot.number, 0)
                self._context.read(prefix, slot.number)
            slot.held = prefix
        self._context.keep(slot.number, len(prefix))

    def _with_idle(self, steps: list[_Part], prompts: list[_Part]) -> list[_Part]:
        """Order a batch by slot, as llama.cpp wants it, and fill idle slots.

        llama.cpp computes sequences together only when their numbers follow one another.
        """
        parts = {part.slot.number: part for part in steps + prompts}
        last = len(self._slots) if self._schedule == "audit" else max(parts) + 1
        idle = [
            _Part(slot, [_IDLE_TOKEN], len(slot.held), None) for slot in self._slots[:last] if slot.number not in parts
        ]
        return sorted([*parts.values(), *idle], key=lambda part: part.slot.number)

    def _compute(self, parts: Sequence[_Part]) -> None:
        """Run one batch and let every reply in it draw its next token."""
        began = time.perf_counter()
        lengths = [len(part.tokens) for part in parts]
        total = sum(lengths)
        tokens = np.fromiter((token for part in parts for token in part.tokens), np.int32, total)
        starts = np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
        positions = np.repeat([part.start for part in parts], lengths) + np.arange(total) - starts
        sequences = np.repeat([part.slot.number for part in parts], lengths)
        wanted = np.zeros(total, np.bool_)
        wanted[np.cumsum(lengths) - 1] = True
        logits = self._context.decode(tokens, positions.astype(np.int32), sequences.astype(np.int32), wanted)
        self._draw(logits, parts)
        for part in parts:
            if part.reply is None:
                self._context.keep(part.slot.number, len(part.slot.held))
        share = (time.perf_counter() - began) / sum(len(part.tokens) for part in parts if part.reply)
        for part in parts:
            if part.reply is not None and part.is_prompt:
                part.reply.seconds_prefill += share * len(part.tokens)
            elif part.reply is not None:
                part.reply.seconds_decode += share

    def _draw(self, logits: npt.NDArray[np.float32], parts: Sequence[_Part]) -> None:
        """Draw the next token of every reply from its row of logits, shape (parts, vocabulary)."""
        best = logits.argmax(axis=1)
        for row, part in enumerate(parts):
            if (reply := part.reply) is None:
                continue
            if not np.isfinite(logits[row, best[row]]):
                raise MedevalError(
                    f"{self._model.path}: {self._model.device.description} computed something that is not a number",
                    "Its llama.cpp build is broken for this model: use another target or another version.",
                )
            token = int(best[row]) if reply.sampler.is_plainly_greedy else reply.sampler.draw(logits[row])
            logprob = log_softmax(logits[row : row + 1], [0], [token])[0] if reply.request.token_logprobs else None
            reply.add(token, logprob)

    def _finished(self) -> Iterator[LlamaReply]:
        for slot in self._slots:
            if slot.reply is not None and slot.reply.finish_reason is not None:
                reply, slot.reply = slot.reply, None
                self._context.keep(slot.number, len(slot.held))
                reply.close()
                yield reply


def log_softmax(logits: npt.NDArray[np.float32], rows: Sequence[int], tokens: Sequence[int]) -> list[float]:
    """Return log softmax(logits)[rows[i], tokens[i]] for every i, summed in double precision."""
    top = logits.max(axis=1, keepdims=True)
    normaliser = np.log(np.exp(logits - top).sum(axis=1, dtype=np.float64)) + top[:, 0]
    values: list[float] = (logits[rows, tokens].astype(np.float64) - normaliser[rows]).tolist()
    return values
