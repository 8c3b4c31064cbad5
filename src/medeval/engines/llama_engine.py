"""The llama.cpp engine: many sequences in one context, finished ones replaced at once."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medeval.engines.llama_context import BATCH_TOKENS, LlamaContext, Slot
from medeval.engines.llama_model import LlamaModel
from medeval.engines.sampler import Sampler
from medeval.engines.types import Completion, FinishReason, GenerationRequest, Scored, ScoreRequest

_OPTION_SEQUENCES = 16


@dataclass
class _Reply:
    """A reply in the making: its sequence, its sampler and what it has produced so far."""

    index: int
    request: GenerationRequest
    sequence: int
    prompt_tokens: int
    sampler: Sampler
    seconds_prefill: float
    next_token: int = -1
    generated: int = 0
    data: bytearray = field(default_factory=bytearray)
    seconds_decode: float = 0.0


class LlamaEngine:
    """Generates and scores with one GGUF file.

    Args:
        path: The GGUF file.
        target: cpu, vulkan, metal or cuda.
        threads: Threads for this engine.
        sequences: Replies that are decoded together. The width of the batch changes the last
            digits of the logits, so it is part of the protocol.
    """

    def __init__(self, path: Path, *, target: str = "cpu", threads: int = 1, sequences: int = 1) -> None:
        self.model = LlamaModel(path, target)
        self._threads, self._sequences = threads, sequences

    def close(self) -> None:
        """Release the model."""
        self.model.close()

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[tuple[int, Completion]]:
        """Continue each prompt, yielding (index, completion) as replies finish.

        A prompt that does not fit the model's context with its token limit is an error for that
        request, never cut.
        """
        prompts = [self.model.tokenize(request.prompt) for request in requests]
        needs = [len(prompt) + request.max_tokens for prompt, request in zip(prompts, requests, strict=True)]
        fitting = [i for i, need in enumerate(needs) if need <= self.model.trained_context]
        for index in sorted(set(range(len(requests))) - set(fitting)):
            yield index, self._too_long(len(prompts[index]), requests[index].max_tokens)
        if not fitting:
            return
        width = min(self._sequences, len(fitting))
        prefixes = [self._prefix_length(request, prompt) for request, prompt in zip(requests, prompts, strict=True)]
        tokens = width * max(needs[i] for i in fitting) + max(prefixes[i] for i in fitting)
        context = LlamaContext(self.model, tokens=tokens, sequences=width + 1, threads=self._threads)
        try:
            yield from self._run(context, requests, prompts, prefixes, deque(fitting), width)
        finally:
            context.close()

    def score(self, requests: Sequence[ScoreRequest]) -> Iterator[tuple[int, Scored]]:
        """Score each prompt's continuations from a single reading of the prompt, yielding (index, result).

        Each prompt is read alone, so that its neighbours in the run cannot change its numbers.
        """
        encoded = [self._encode(request) for request in requests]
        needs = [len(prompt) + sum(map(len, options)) for prompt, options in encoded]
        fitting = [i for i, need in enumerate(needs) if need <= self.model.trained_context]
        for index in sorted(set(range(len(requests))) - set(fitting)):
            error = f"{needs[index]:,} tokens exceed the model's context of {self.model.trained_context:,}"
            yield index, Scored((), (), len(encoded[index][0]), 0.0, error)
        if not fitting:
            return
        sequences = 1 + max(_OPTION_SEQUENCES, max(len(encoded[i][1]) for i in fitting))
        tokens = max(needs[i] for i in fitting)
        context = LlamaContext(self.model, tokens=tokens, sequences=sequences, threads=self._threads)
        try:
            for index in fitting:
                yield index, self._score_one(context, *encoded[index])
        finally:
            context.close()

    def score_text(self, text: str) -> float:
        """Return the log-probability (nats) of a whole text after its beginning-of-sequence token.

        Without such a token in the vocabulary the first token cannot be predicted and is left out.

        Raises:
            ValueError: The text is longer than the model's context.
        """
        tokens = self.model.tokenize(text)
        if len(tokens) > self.model.trained_context:
            raise ValueError(f"{len(tokens):,} tokens exceed the model's context of {self.model.trained_context:,}")
        context = LlamaContext(self.model, tokens=len(tokens), sequences=1, threads=self._threads)
        total = 0.0
        try:
            for offset in range(0, len(tokens) - 1, BATCH_TOKENS):
                part = tokens[offset : min(offset + BATCH_TOKENS, len(tokens) - 1)]
                context.decode([Slot(token, offset + i, 0, True) for i, token in enumerate(part)])
                for i in range(len(part)):
                    total += _log_softmax_at(context.logits(i), tokens[offset + i + 1])
        finally:
            context.close()
        return total

    def _run(
        self,
        context: LlamaContext,
        requests: Sequence[GenerationRequest],
        prompts: Sequence[list[int]],
        prefixes: Sequence[int],
        waiting: deque[int],
        width: int,
    ) -> Iterator[tuple[int, Completion]]:
        """Keep `width` replies going until all are done. The sequence numbered `width` holds the last prefix."""
        free = deque(range(width))
        active: list[_Reply] = []
        held: list[int] = []
        while waiting or active:
            while waiting and free:
                index, sequence = waiting.popleft(), free.popleft()
                began = time.perf_counter()
                held = self._hold(context, width, held, prompts[index][: prefixes[index]])
                reply = self._start(context, index, requests[index], prompts[index], sequence, len(held), width)
                reply.seconds_prefill = time.perf_counter() - began
                active.append(reply)
            finished = [(reply, reason) for reply in active if (reason := self._finished(reply))]
            for reply, reason in finished:
                active.remove(reply)
                context.forget(reply.sequence)
                free.append(reply.sequence)
                reply.sampler.close()
                yield reply.index, _completion(reply, reason)
            if active:
                self._step(context, active)

    def _hold(self, context: LlamaContext, holder: int, held: list[int], prefix: list[int]) -> list[int]:
        """Have the holder sequence hold this prefix, reading it only when it holds another."""
        if prefix != held:
            context.forget(holder)
            if prefix:
                context.prefill(prefix, holder)
        return prefix

    def _start(
        self,
        context: LlamaContext,
        index: int,
        request: GenerationRequest,
        prompt: list[int],
        sequence: int,
        prefix: int,
        holder: int,
    ) -> _Reply:
        if prefix:
            context.copy(holder, sequence, prefix)
        last = context.prefill(prompt[prefix:], sequence, prefix)
        reply = _Reply(index, request, sequence, len(prompt), Sampler(self.model, request), 0.0)
        reply.next_token = reply.sampler.draw(context, last)
        return reply

    def _prefix_length(self, request: GenerationRequest, prompt: list[int]) -> int:
        """Count the tokens that prefix and prompt share; the last token of a prompt is always read with the rest."""
        if not request.prefix:
            return 0
        return min(_common_prefix(self.model.tokenize(request.prefix), prompt), len(prompt) - 1)

    def _step(self, context: LlamaContext, active: Sequence[_Reply]) -> None:
        """Decode one token of every active reply in one batch and draw the next ones."""
        began = time.perf_counter()
        for reply in active:
            reply.data += self.model.piece(reply.next_token)
            reply.generated += 1
        context.decode(
            [
                Slot(reply.next_token, reply.prompt_tokens + reply.generated - 1, reply.sequence, True)
                for reply in active
            ]
        )
        for index, reply in enumerate(active):
            reply.next_token = reply.sampler.draw(context, index)
        share = (time.perf_counter() - began) / len(active)
        for reply in active:
            reply.seconds_decode += share

    def _finished(self, reply: _Reply) -> FinishReason | None:
        if any(stop.encode() in reply.data for stop in reply.request.stop):
            return "stop"
        if self.model.ends_generation(reply.next_token):
            return "stop"
        return "length" if reply.generated >= reply.request.max_tokens else None

    def _encode(self, request: ScoreRequest) -> tuple[list[int], list[list[int]]]:
        """Tokenize prompt and continuations together, since a boundary may merge into one token."""
        prompt = self.model.tokenize(request.prompt)
        whole = [self.model.tokenize(request.prompt + text) for text in request.continuations]
        shared = min([len(prompt) - 1, *(_common_prefix(prompt, tokens) for tokens in whole)])
        shared = len(prompt) if all(tokens[: len(prompt)] == prompt for tokens in whole) else shared
        return prompt[:shared], [tokens[shared:] for tokens in whole]

    def _score_one(self, context: LlamaContext, prompt: list[int], options: list[list[int]]) -> Scored:
        began = time.perf_counter()
        context.clear()
        first = context.logits(context.prefill(prompt, 0)).copy()
        totals = [_log_softmax_at(first, tokens[0]) for tokens in options]
        greedy = [int(first.argmax()) == tokens[0] for tokens in options]
        slots: list[Slot] = []
        wanted: list[tuple[int, int]] = []
        for option, tokens in enumerate(options):
            if len(tokens) > 1:
                context.copy(0, option + 1, len(prompt))
            for offset, token in enumerate(tokens[:-1]):
                slots.append(Slot(token, len(prompt) + offset, option + 1, True))
                wanted.append((option, tokens[offset + 1]))
        for start in range(0, len(slots), BATCH_TOKENS):
            context.decode(slots[start : start + BATCH_TOKENS])
            for row, (option, token) in enumerate(wanted[start : start + BATCH_TOKENS]):
                logits = context.logits(row)
                totals[option] += _log_softmax_at(logits, token)
                greedy[option] &= int(logits.argmax()) == token
        return Scored(tuple(totals), tuple(greedy), len(prompt), time.perf_counter() - began)

    def _too_long(self, prompt_tokens: int, max_tokens: int) -> Completion:
        error = (
            f"prompt of {prompt_tokens:,} tokens and limit of {max_tokens:,} "
            f"exceed the model's context of {self.model.trained_context:,}"
        )
        return Completion("", "error", prompt_tokens, 0, 0.0, 0.0, error)


def _completion(reply: _Reply, reason: FinishReason) -> Completion:
    text = reply.data.decode("utf-8", errors="replace")
    cuts = [text.index(stop) for stop in reply.request.stop if stop in text]
    return Completion(
        text=text[: min(cuts)] if cuts else text,
        finish_reason=reason,
        prompt_tokens=reply.prompt_tokens,
        generated_tokens=reply.generated,
        seconds_prefill=reply.seconds_prefill,
        seconds_decode=reply.seconds_decode,
    )


def _common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    limit = min(len(a), len(b))
    return next((i for i in range(limit) if a[i] != b[i]), limit)


def _log_softmax_at(logits: npt.NDArray[np.float32], token: int) -> float:
    """Return log softmax(logits)[token] in double precision."""
    values = logits.astype(np.float64)
    top = values.max()
    return float(values[token] - top - np.log(np.exp(values - top).sum()))
