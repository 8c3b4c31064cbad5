"""The llama.cpp engine: many sequences in one context, finished ones replaced at once; options scored together."""

import logging
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medeval.errors import MedevalError
from medeval.responses.engines.llama_batch import ALL_SEQUENCES
from medeval.responses.engines.llama_build import build_info
from medeval.responses.engines.llama_context import CHUNK_TOKENS, LlamaContext, cells_for
from medeval.responses.engines.llama_model import LlamaModel
from medeval.responses.engines.llama_reply import LlamaReply, too_long
from medeval.responses.engines.schedule import FAST_BATCH_TOKENS, WIDTHS, Scheduler, log_softmax
from medeval.responses.engines.types import (
    Completion,
    GenerationRequest,
    ScheduleName,
    Scored,
    ScoreRequest,
    ids_sha256,
    shared_length,
)

log = logging.getLogger(__name__)

# A prefix shorter than this is not worth a chunk of its own.
_SHORTEST_PREFIX = 16
_MIB = 1024 * 1024


class LlamaEngine:
    """Generates and scores with one GGUF file.

    Args:
        path: The GGUF file.
        target: cpu, vulkan, metal or cuda.
        threads: Threads for this engine; they do not change any number.
        sequences: Replies that are decoded together, one of `WIDTHS`. The width of the batch changes
            the last digits of the logits, so it is part of the protocol.
        schedule: `audit`: a reply depends on its request and the width only; `fast`: prompts and
            replies share batches.
        kv_limit_mib: Most memory for keys and values. None: no limit.
        may_narrow: Lower `sequences` until the longest request fits the limit; otherwise it is refused.

    Raises:
        MedevalError: The file cannot be loaded, the target's device is not there, or `sequences` is
            not one of `WIDTHS`.
    """

    def __init__(
        self,
        path: Path,
        *,
        target: str = "cpu",
        threads: int = 1,
        sequences: int = 1,
        schedule: ScheduleName = "audit",
        kv_limit_mib: int | None = None,
        may_narrow: bool = False,
    ) -> None:
        if sequences not in WIDTHS:
            raise MedevalError(f"{sequences} sequences cannot be decoded together", f"Choose one of {WIDTHS}.")
        self.model = LlamaModel(path, target)
        self.sequences, self.schedule, self.threads = sequences, schedule, threads
        self._kv_limit_mib, self._may_narrow = kv_limit_mib, may_narrow

    def close(self) -> None:
        """Release the model."""
        self.model.close()

    def identity(self) -> dict[str, Any]:
        """Return what may change a result: the build, the processor's features, the device and the batch shape."""
        build = build_info()
        return {
            # Where a build lies changes nothing; what is in it may.
            **{name: value for name, value in build.items() if name != "folder"},
            "device": self.model.device.description,
            "sequences": self.sequences,
            "schedule": self.schedule,
            "chunk_tokens": CHUNK_TOKENS,
            "flash_attention": False,
            "kv_type": "f16",
        }

    def prompt_ids_sha256(self, prompt: str) -> str:
        """Return the `ids_sha256` of a prompt's tokens."""
        return ids_sha256(self.model.tokenize(prompt))

    def prepare(self, requests: Sequence[GenerationRequest]) -> None:
        """Fit the number of sequences to the longest request of the whole run.

        Raises:
            MedevalError: Keys and values of the longest request are over the limit.
        """
        needs = [len(self.model.tokenize(request.prompt)) + request.max_tokens for request in requests]
        longest = max((need for need in needs if need <= self.model.trained_context), default=0)
        while self._may_narrow and self.sequences > 1 and self._kv_mib(longest) > (self._kv_limit_mib or math.inf):
            self.sequences = WIDTHS[WIDTHS.index(self.sequences) - 1]
        log.info("%s: %s", self.model.path.name, self._check_kv(longest, self.sequences))

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[tuple[int, Completion]]:
        """Continue each prompt, yielding (index, completion) as replies finish.

        A prompt that does not fit the model's context with its token limit is an error for that
        request, never cut.

        Raises:
            MedevalError: The memory that the longest prompt with its limit needs is over the limit.
        """
        prompts = [self.model.tokenize(request.prompt) for request in requests]
        needs = [len(prompt) + request.max_tokens for prompt, request in zip(prompts, requests, strict=True)]
        room = self.model.trained_context
        for index, need in enumerate(needs):
            if need > room:
                yield index, too_long(prompts[index], requests[index].max_tokens, room)
        fitting = [index for index, need in enumerate(needs) if need <= room]
        if not fitting:
            return
        longest = max(needs[index] for index in fitting)
        self._check_kv(longest, self.sequences)
        context = LlamaContext(
            self.model,
            tokens=longest,
            sequences=self.sequences,
            threads=self.threads,
            outputs=self.sequences,
            batch_tokens=CHUNK_TOKENS if self.schedule == "audit" else FAST_BATCH_TOKENS,
        )
        scheduler = Scheduler(self.model, context, self.sequences, self.schedule)
        waiting = deque(self._reply(index, requests[index], prompts[index]) for index in fitting)
        try:
            for reply in scheduler.run(waiting):
                yield reply.index, reply.completion()
        finally:
            context.close()

    def score(self, requests: Sequence[ScoreRequest]) -> Iterator[tuple[int, Scored]]:
        """Score each prompt's continuations from a single reading of the prompt, yielding (index, result).

        Each prompt is read alone, so that its neighbours in the run cannot change its numbers.
        """
        encoded = [self._encode(request) for request in requests]
        needs = [len(prompt) + sum(map(len, options)) for prompt, options in encoded]
        room = self.model.trained_context
        fitting = []
        for index, ((prompt, options_tokens), need) in enumerate(zip(encoded, needs, strict=True)):
            if not prompt or not all(options_tokens):
                error = "the prompt or one of its continuations has no tokens of its own"
            elif need > room:
                error = f"{need:,} tokens exceed the model's context of {room:,}"
            else:
                fitting.append(index)
                continue
            yield index, Scored((), (), len(prompt), 0.0, error, ids_sha256(prompt))
        if not fitting:
            return
        options = max(len(encoded[index][1]) for index in fitting)
        longest = max(needs[index] for index in fitting)
        self._check_kv(longest, 1)
        context = LlamaContext(
            self.model,
            tokens=longest,
            sequences=options,
            threads=self.threads,
            outputs=CHUNK_TOKENS,
            shared_cells=True,
        )
        try:
            held: list[int] = []
            for index in fitting:
                held = self._hold_prefix(context, held, self._prefix(requests[index].prefix, encoded[index][0]))
                yield index, self._score_one(context, len(held), *encoded[index])
        finally:
            context.close()

    def score_text(self, text: str) -> float:
        """Return the log-probability (nats) of a whole text after its first token.

        A text longer than the model's context is scored in windows, each of which begins with the
        last token of the one before.
        """
        tokens = self.model.tokenize(text)
        window = min(self.model.trained_context, max(len(tokens), 2))
        context = LlamaContext(self.model, tokens=window, sequences=1, threads=self.threads, outputs=CHUNK_TOKENS)
        total = 0.0
        try:
            for start in range(0, len(tokens) - 1, window):
                part = tokens[start : start + window + 1]
                context.keep(0, 0)
                for offset in range(0, len(part) - 1, CHUNK_TOKENS):
                    chunk = np.asarray(part[offset : min(offset + CHUNK_TOKENS, len(part) - 1)], np.int32)
                    positions = np.arange(offset, offset + len(chunk), dtype=np.int32)
                    logits = context.decode(chunk, positions, np.zeros_like(chunk), np.ones(len(chunk), np.bool_))
                    total += sum(log_softmax(logits, range(len(chunk)), part[offset + 1 : offset + 1 + len(chunk)]))
        finally:
            context.close()
        return total

    def _reply(self, index: int, request: GenerationRequest, prompt: list[int]) -> LlamaReply:
        return LlamaReply(self.model, index, request, prompt, len(self._prefix(request.prefix, prompt)))

    def _prefix(self, text: str, prompt: list[int]) -> list[int]:
        """Return the tokens that prefix and prompt share; the last token of a prompt is always read with the rest."""
        if not text:
            return []
        shared = min(shared_length(self.model.tokenize(text), prompt), len(prompt) - 1)
        return prompt[:shared] if shared >= _SHORTEST_PREFIX else []

    def _kv_mib(self, tokens: int, sequences: int | None = None) -> float:
        cells = cells_for(tokens) * (self.sequences if sequences is None else sequences)
        return cells * self.model.kv_bytes_per_token / _MIB

    def _check_kv(self, tokens: int, sequences: int) -> str:
        """Say how much memory keys and values will take, and refuse what is over the limit."""
        needed = self._kv_mib(tokens, sequences)
        statement = f"{sequences} sequences of {tokens:,} tokens need {needed:,.0f} MiB of keys and values"
        if self._kv_limit_mib is not None and needed > self._kv_limit_mib:
            raise MedevalError(
                f"{statement}, and the limit is {self._kv_limit_mib:,} MiB",
                f"Raise `engine.kv_limit_mib` (one sequence needs {self._kv_mib(tokens, 1):,.0f} MiB), or lower "
                "`engine.sequences` or the token limit.",
            )
        return statement

    def _encode(self, request: ScoreRequest) -> tuple[list[int], list[list[int]]]:
        """Tokenize prompt and continuations together, since a boundary may merge into one token."""
        prompt = self.model.tokenize(request.prompt)
        whole = [self.model.tokenize(request.prompt + text) for text in request.continuations]
        shared = min([len(prompt) - 1, *(shared_length(prompt, tokens) for tokens in whole)])
        shared = len(prompt) if all(tokens[: len(prompt)] == prompt for tokens in whole) else shared
        return prompt[:shared], [tokens[shared:] for tokens in whole]

    def _hold_prefix(self, context: LlamaContext, held: list[int], prefix: list[int]) -> list[int]:
        """Have every sequence begin with exactly this prefix, reading it only when they hold another."""
        for sequence in range(context.sequences):
            context.keep(sequence, len(prefix) if prefix == held else 0)
        if prefix != held:
            context.read(prefix, ALL_SEQUENCES)
        return prefix

    def _score_one(self, context: LlamaContext, held: int, prompt: list[int], options: list[list[int]]) -> Scored:
        """Read the rest of a prompt and its options; all in one batch where it holds them.

        The prompt's tokens belong to every option's sequence, so nothing is read or copied twice.
        """
        began = time.perf_counter()
        longer = [(option, tokens) for option, tokens in enumerate(options) if len(tokens) > 1]
        sequences = np.repeat(
            [ALL_SEQUENCES, *(option for option, _ in longer)], [len(prompt) - held, *(len(t) - 1 for _, t in longer)]
        ).astype(np.int32)
        tokens = np.asarray([*prompt[held:], *(token for _, option in longer for token in option[:-1])], np.int32)
        positions = np.concatenate(
            [np.arange(held, len(prompt)), *(np.arange(len(prompt), len(prompt) + len(t) - 1) for _, t in longer)]
        ).astype(np.int32)
        last = len(prompt) - held - 1
        wanted = np.arange(len(tokens)) >= last
        # What each wanted row predicts: the prompt's end the first token of every option, then each option's next.
        targets = [(option, token) for option, option_tokens in longer for token in option_tokens[1:]]
        totals, greedy = [0.0] * len(options), [True] * len(options)
        for start in range(0, len(tokens), CHUNK_TOKENS):
            chunk = slice(start, start + CHUNK_TOKENS)
            logits = context.decode(tokens[chunk], positions[chunk], sequences[chunk], wanted[chunk])
            rows = np.flatnonzero(wanted[chunk]) + start - last  # 0 is the prompt's end
            predicted = [
                (row, option, token)
                for row, number in enumerate(rows)
                for option, token in (enumerate(t[0] for t in options) if number == 0 else [targets[number - 1]])
            ]
            if not predicted:
                continue
            best = logits.argmax(axis=1)
            scores = log_softmax(logits, [row for row, _, _ in predicted], [token for _, _, token in predicted])
            for (row, option, token), score in zip(predicted, scores, strict=True):
                totals[option] += score
                greedy[option] &= int(best[row]) == token
        seconds = time.perf_counter() - began
        return Scored(tuple(totals), tuple(greedy), len(prompt), seconds, prompt_ids_sha256=ids_sha256(prompt))
