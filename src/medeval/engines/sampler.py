"""Token choice by llama.cpp's own samplers, one chain per sequence."""

import llama_cpp

from medeval.engines.llama_context import LlamaContext
from medeval.engines.llama_model import LlamaModel
from medeval.engines.types import GenerationRequest


class Sampler:
    """Draws the tokens of one reply; its seed is its own, so neighbours cannot change the draw.

    Raises:
        ValueError: The grammar cannot be parsed.
    """

    def __init__(self, model: LlamaModel, request: GenerationRequest) -> None:
        chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        if request.grammar is not None:
            grammar = llama_cpp.llama_sampler_init_grammar(model.vocabulary, request.grammar.encode(), b"root")
            if not grammar:
                raise ValueError("llama.cpp cannot parse the grammar")
            llama_cpp.llama_sampler_chain_add(chain, grammar)
        sampling = request.sampling
        if sampling.temperature == 0:
            llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_greedy())
        else:
            # Temperature first, then top-k and top-p: the order of vLLM and transformers, with which the
            # published figures were made. llama.cpp's own default order keeps more tokens.
            llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_temp(sampling.temperature))
            if sampling.top_k:
                llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_top_k(sampling.top_k))
            llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1))
            llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_dist(sampling.seed & 0xFFFFFFFF))
        self._chain = chain

    def draw(self, context: LlamaContext, index: int) -> int:
        """Choose a token from the logits at a batch index and advance the grammar, if any."""
        return int(llama_cpp.llama_sampler_sample(self._chain, context.pointer, index))

    def close(self) -> None:
        """Release the chain."""
        llama_cpp.llama_sampler_free(self._chain)
