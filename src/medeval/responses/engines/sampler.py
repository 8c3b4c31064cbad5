"""Token choice: greedy by NumPy over the whole batch, otherwise by llama.cpp's own samplers, one chain per reply."""

import ctypes
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from medeval.responses.engines.llama_model import LlamaModel
from medeval.responses.engines.types import GenerationRequest, Sampling

_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Sampler:
    """Draws the tokens of one reply; its seed is its own, so neighbours cannot change the draw.

    Temperature, min-p, top-k and top-p mean what they mean in vLLM, with which the published figures
    were made: the temperature acts before the cuts. Top-k does not care for the temperature nor for
    min-p, so it comes first, and the rest of the chain sees a few tokens only.

    Raises:
        ValueError: The grammar cannot be parsed.
    """

    def __init__(self, model: LlamaModel, request: GenerationRequest) -> None:
        self._model = model
        self._chain = None if request.sampling.temperature == 0 else sampling_chain(request.sampling)
        self._grammar = None
        if request.grammar is not None:
            self._grammar = llama_cpp.llama_sampler_init_grammar(model.vocabulary, request.grammar.encode(), b"root")
            if not self._grammar:
                raise ValueError("llama.cpp cannot parse the grammar")

    @property
    def is_plainly_greedy(self) -> bool:
        """Whether the most likely token is always the one drawn."""
        return self._chain is None and self._grammar is None

    def draw(self, logits: npt.NDArray[np.float32]) -> int:
        """Choose a token from logits of shape (vocabulary,) and advance the grammar, if any."""
        candidates = _candidates(logits)
        token = self._choose(candidates)
        if self._grammar is None:
            return token
        # Asking the grammar about every token of the vocabulary is slow and rarely needed.
        if not self._allows(token, logits):
            candidates = _candidates(logits)
            _apply(self._grammar, candidates)
            token = self._choose(candidates)
        llama_cpp.llama_sampler_accept(self._grammar, token)
        return token

    def close(self) -> None:
        """Release the samplers."""
        for sampler in (self._chain, self._grammar):
            if sampler is not None:
                llama_cpp.llama_sampler_free(sampler)

    def _choose(self, candidates: npt.NDArray[np.void]) -> int:
        if self._chain is None:
            return int(candidates["id"][candidates["logit"].argmax()])
        return _apply(self._chain, candidates)

    def _allows(self, token: int, logits: npt.NDArray[np.float32]) -> bool:
        single = np.array([(token, logits[token], 0.0)], _TOKEN_DATA)
        _apply(self._grammar, single)
        return bool(np.isfinite(single["logit"][0]))


def sampling_chain(sampling: Sampling) -> Any:
    """Return llama.cpp's sampler chain for a temperature above 0."""
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    if sampling.top_k:
        llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_top_k(sampling.top_k))
    llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_temp(sampling.temperature))
    if sampling.min_p:
        llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1))
    if sampling.top_p < 1:
        llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1))
    llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_dist(sampling.seed & 0xFFFFFFFF))
    return chain


def _candidates(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.void]:
    candidates = np.zeros(len(logits), _TOKEN_DATA)
    candidates["id"] = np.arange(len(logits), dtype=np.int32)
    candidates["logit"] = logits
    return candidates


def _apply(sampler: Any, candidates: npt.NDArray[np.void]) -> int:
    """Let a sampler change the candidates in place; return the token it chose, -1 if it is not of those that choose."""
    array = llama_cpp.llama_token_data_array(
        data=ctypes.cast(candidates.ctypes.data, ctypes.POINTER(llama_cpp.llama_token_data)),
        size=len(candidates),
        selected=-1,
        sorted=False,
    )
    llama_cpp.llama_sampler_apply(sampler, ctypes.byref(array))
    # A sampler may leave its candidates in memory of its own, so the choice is read through the pointer.
    return -1 if array.selected < 0 else int(array.data[array.selected].id)
