"""One llama.cpp context: batches in, logits out, and the sequences held in its memory."""

import ctypes
from collections.abc import Sequence

import llama_cpp
import numpy as np
import numpy.typing as npt

from medeval.errors import MedevalError
from medeval.responses.engines.llama_batch import BoolArray, IntArray, LlamaBatch
from medeval.responses.engines.llama_model import Allocations, LlamaModel, observed

# Prompts are read in chunks of this many tokens, whatever else is going on: a chunk's size changes the
# last digits of what follows.
CHUNK_TOKENS = 512
# llama.cpp pads the cells that attention looks at to this many; memory in whole units of it keeps the
# size of the context out of the numbers.
_CELL_UNIT = 256


class LlamaContext:
    """Memory and compute buffers for several sequences of one model.

    Args:
        model: The model.
        tokens: Room of each sequence, or of all together when they share cells.
        sequences: Number of sequences.
        threads: Threads for computing.
        outputs: Most tokens of one batch whose logits are wanted; room is reserved for no more.
        batch_tokens: Most tokens in one call of `decode`.
        shared_cells: Sequences share their cells, so that one token may belong to several of them.
            Otherwise each has cells of its own, and attention never looks at another's: faster, and a
            sequence's numbers cannot depend on where its neighbours' tokens lie.

    Raises:
        MedevalError: llama.cpp cannot make the context, usually for want of memory.
    """

    def __init__(
        self,
        model: LlamaModel,
        *,
        tokens: int,
        sequences: int,
        threads: int,
        outputs: int,
        batch_tokens: int = CHUNK_TOKENS,
        shared_cells: bool = False,
    ) -> None:
        cells = cells_for(tokens)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = cells if shared_cells else cells * sequences
        params.n_batch, params.n_ubatch = batch_tokens, CHUNK_TOKENS
        params.n_seq_max = sequences
        params.n_outputs_max, params.n_outputs_max_per_seq = outputs, outputs
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = shared_cells
        params.flash_attn_type = 0  # fixed, since switching it on changes the numbers
        params.no_perf = True
        if model.target == "cpu":
            params.op_offload = False
            params.offload_kqv = False
        self._model, self.sequences = model, sequences
        self.allocations = Allocations()
        with observed(self.allocations):
            self.pointer = llama_cpp.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise MedevalError(
                f"{model.path}: llama.cpp could not make a context of {sequences} sequences and {cells:,} tokens each",
                "Lower `engine.sequences` or `protocol.max_tokens`, or use a machine with more memory.",
            )
        self._memory = llama_cpp.llama_get_memory(self.pointer)
        self._batch = LlamaBatch(batch_tokens, sequences)

    def close(self) -> None:
        """Release the context and its memory."""
        if self.pointer:
            llama_cpp.llama_free(self.pointer)
            self.pointer = None

    def decode(
        self, tokens: IntArray, positions: IntArray, sequences: IntArray, wanted: BoolArray
    ) -> npt.NDArray[np.float32]:
        """Run one batch of tokens through the model (arguments as for `LlamaBatch.fill`).

        Returns:
            Logits after each wanted token, in the order of the batch: shape (wanted, vocabulary),
            valid until the next call.

        Raises:
            RuntimeError: llama.cpp refused the batch; its code is in the message.
        """
        self._batch.fill(tokens, positions, sequences, wanted)
        if code := llama_cpp.llama_decode(self.pointer, self._batch.struct):
            raise RuntimeError(f"llama_decode returned {code} for a batch of {len(tokens)} tokens")
        rows = int(np.count_nonzero(wanted))
        if not rows:
            return np.empty((0, self._model.vocabulary_size), np.float32)
        pointer = ctypes.cast(llama_cpp.llama_get_logits(self.pointer), ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(pointer, shape=(rows, self._model.vocabulary_size))

    def read(self, tokens: Sequence[int], sequence: int, start: int = 0) -> None:
        """Read tokens into a sequence from position `start`, in fixed chunks, without computing logits."""
        for offset in range(0, len(tokens), CHUNK_TOKENS):
            part = np.asarray(tokens[offset : offset + CHUNK_TOKENS], np.int32)
            positions = np.arange(start + offset, start + offset + len(part), dtype=np.int32)
            self.decode(part, positions, np.full(len(part), sequence, np.int32), np.zeros(len(part), np.bool_))

    def copy(self, source: int, target: int) -> None:
        """Let `target` hold what `source` holds, without computing it again."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def keep(self, sequence: int, tokens: int) -> None:
        """Remove everything after a sequence's first `tokens` tokens."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, tokens, -1)


def cells_for(tokens: int) -> int:
    """Return the room that a context keeps for so many tokens: whole units, and never less than a chunk.

    llama.cpp ends the process when a context is smaller than its batch.
    """
    return max(CHUNK_TOKENS, -(-tokens // _CELL_UNIT) * _CELL_UNIT)
