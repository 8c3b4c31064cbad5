"""The batch that llama_decode takes, filled from NumPy arrays instead of token by token."""

import ctypes

import llama_cpp
import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]

ALL_SEQUENCES = -1


class LlamaBatch:
    """Room for `tokens` tokens of `sequences` sequences; the arrays below are what llama.cpp reads.

    Args:
        tokens: Most tokens in one batch.
        sequences: Number of sequences of the context.
    """

    def __init__(self, tokens: int, sequences: int) -> None:
        self._tokens = np.zeros(tokens, np.int32)
        self._positions = np.zeros(tokens, np.int32)
        self._sequence_counts = np.ones(tokens, np.int32)
        # Each token points into this table: one entry for a sequence of its own, the whole of it for all.
        self._sequence_table = np.arange(sequences, dtype=np.int32)
        self._sequence_pointers = np.zeros(tokens, np.uint64)
        self._wanted = np.zeros(tokens, np.int8)
        self.struct = llama_cpp.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._sequence_counts, ctypes.c_int32),
            seq_id=ctypes.cast(self._sequence_pointers.ctypes.data, ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
            logits=_pointer(self._wanted, ctypes.c_int8),
        )

    def fill(self, tokens: IntArray, positions: IntArray, sequences: IntArray, wanted: BoolArray) -> None:
        """Put tokens into the batch: where each stands in which sequence, and whether its logits are wanted.

        Args:
            tokens: Token ids, shape (n,).
            positions: Position of each token in its sequence, shape (n,).
            sequences: Sequence of each token, or `ALL_SEQUENCES`, shape (n,).
            wanted: Whether the logits after each token are wanted, shape (n,).
        """
        n = len(tokens)
        self._tokens[:n], self._positions[:n], self._wanted[:n] = tokens, positions, wanted
        self._sequence_counts[:n] = np.where(sequences == ALL_SEQUENCES, len(self._sequence_table), 1)
        first = self._sequence_table.ctypes.data
        self._sequence_pointers[:n] = first + self._sequence_table.itemsize * np.maximum(sequences, 0).astype(np.uint64)
        self.struct.n_tokens = n


def _pointer(array: npt.NDArray[np.generic], kind: type[ctypes.c_int32] | type[ctypes.c_int8]) -> ctypes.Array:  # type: ignore[type-arg]
    pointer: ctypes.Array = ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))  # type: ignore[type-arg, assignment]
    return pointer
