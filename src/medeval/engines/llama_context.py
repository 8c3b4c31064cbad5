"""One llama.cpp context: batches in, logits out, and the sequences held in its memory."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import llama_cpp
import numpy as np
import numpy.typing as npt

from medeval.engines.llama_model import LlamaModel
from medeval.errors import MedevalError

BATCH_TOKENS = 512


@dataclass(frozen=True)
class Slot:
    """One token to decode: where it stands in which sequence, and whether its logits are wanted."""

    token: int
    position: int
    sequence: int
    wants_logits: bool


class LlamaContext:
    """Memory for `sequences` sequences that together hold at most `tokens` tokens."""

    def __init__(self, model: LlamaModel, *, tokens: int, sequences: int, threads: int) -> None:
        params = llama_cpp.llama_context_default_params()
        # llama.cpp aborts the process on a context smaller than its batch, and rounds up to 256 itself.
        params.n_ctx = max(BATCH_TOKENS, -(-tokens // 256) * 256)
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        params.n_seq_max = sequences
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True  # a copied prefix then shares its cells
        params.flash_attn_type = 0  # fixed, since switching it on changes the numbers
        params.no_perf = True
        if model.target == "cpu":
            params.op_offload = False
            params.offload_kqv = False
        self._model = model
        self.pointer = llama_cpp.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise MedevalError(
                f"{model.path}: llama.cpp could not make a context of {tokens:,} tokens in {sequences} sequences",
                "Lower `engine.sequences` or `protocol.max_tokens`, or use a machine with more memory.",
            )
        self._memory = llama_cpp.llama_get_memory(self.pointer)
        self._batch = llama_cpp.llama_batch_init(BATCH_TOKENS, 0, 1)

    def close(self) -> None:
        """Release the context and its memory."""
        if self.pointer:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self.pointer)
            self.pointer = None

    def decode(self, slots: Sequence[Slot]) -> None:
        """Run at most `BATCH_TOKENS` tokens through the model in one batch.

        Raises:
            RuntimeError: llama.cpp refused the batch; its code is in the message.
        """
        batch = self._batch
        for index, slot in enumerate(slots):
            batch.token[index] = slot.token
            batch.pos[index] = slot.position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = slot.sequence
            batch.logits[index] = slot.wants_logits
        batch.n_tokens = len(slots)
        if code := llama_cpp.llama_decode(self.pointer, batch):
            raise RuntimeError(f"llama_decode returned {code} for a batch of {len(slots)} tokens")

    def prefill(self, tokens: Sequence[int], sequence: int, start: int = 0) -> int:
        """Read tokens into a sequence from position `start`, in fixed chunks.

        Returns:
            The batch index at which the last token's logits stand.
        """
        last = len(tokens) - 1
        chunk: list[Slot] = []
        for offset in range(0, len(tokens), BATCH_TOKENS):
            part = tokens[offset : offset + BATCH_TOKENS]
            chunk = [Slot(t, start + offset + i, sequence, offset + i == last) for i, t in enumerate(part)]
            self.decode(chunk)
        return len(chunk) - 1

    def logits(self, index: int) -> npt.NDArray[np.float32]:
        """Return the logits at a batch index: float32, one per token of the vocabulary; valid until the next batch."""
        pointer = llama_cpp.llama_get_logits_ith(self.pointer, index)
        return np.ctypeslib.as_array(
            ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), shape=(self._model.vocabulary_size,)
        )

    def copy(self, source: int, target: int, length: int) -> None:
        """Let `target` begin with the first `length` tokens of `source`, without computing them again."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def forget(self, sequence: int, start: int = 0) -> None:
        """Remove a sequence's tokens from position `start` on."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, start, -1)

    def clear(self) -> None:
        """Remove every sequence."""
        llama_cpp.llama_memory_clear(self._memory, True)
