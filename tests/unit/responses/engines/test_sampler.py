"""Sampling means what it means in vLLM; a grammar chooses as if it had been asked about every token."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

import llama_cpp
import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import softmax
from scipy.stats import chisquare

from medeval.responses.engines.llama_model import LlamaModel
from medeval.responses.engines.sampler import Sampler, sampling_chain
from medeval.responses.engines.types import GenerationRequest, Sampling

FloatArray = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def model(smollm2_files: dict[str, Path]) -> Iterator[LlamaModel]:
    model = LlamaModel(smollm2_files["q4_k_m"])
    yield model
    model.close()


def vllm_distribution(logits: FloatArray, sampling: Sampling) -> FloatArray:
    """Temperature, then min-p, then top-k, then top-p, each renormalised: vLLM's order, written down plainly."""
    scaled = logits / sampling.temperature
    p = softmax(scaled)
    scaled = np.where(p < sampling.min_p * p.max(), -np.inf, scaled)
    if sampling.top_k:
        scaled = np.where(scaled < np.sort(scaled)[-sampling.top_k], -np.inf, scaled)
    p = softmax(scaled)
    order = np.argsort(-p)
    before = np.cumsum(p[order]) - p[order]
    p[order[before >= sampling.top_p]] = 0.0
    return np.asarray(p / p.sum())


def draws(logits: FloatArray, sampling: Sampling, count: int) -> npt.NDArray[np.int64]:
    chain = sampling_chain(sampling)
    found = np.zeros(len(logits), np.int64)
    for _ in range(count):
        data = (llama_cpp.llama_token_data * len(logits))(
            *(llama_cpp.llama_token_data(token, float(value), 0.0) for token, value in enumerate(logits))
        )
        array = llama_cpp.llama_token_data_array(data, len(logits), -1, False)
        llama_cpp.llama_sampler_apply(chain, ctypes.byref(array))
        found[array.data[array.selected].id] += 1
    llama_cpp.llama_sampler_free(chain)
    return found


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(0.6, 20, 0.95, seed=1),
        Sampling(1.5, 0, 0.8, seed=2),
        Sampling(0.7, 5, 1.0, 0.1, seed=3),
        Sampling(2.0, 12, 0.9, 0.2, seed=4),
        Sampling(1.0, seed=5),
    ],
    ids=str,
)
def test_draws_follow_the_order_of_vllm(sampling: Sampling) -> None:
    logits = np.random.default_rng(sampling.seed).normal(0, 1, 40)
    expected = vllm_distribution(logits, sampling)
    found = draws(logits, sampling, 4000)
    assert not found[expected == 0].any()
    kept = expected * 4000 >= 5
    assert chisquare(found[kept], expected[kept] / expected[kept].sum() * found[kept].sum()).pvalue > 1e-3


def test_the_temperature_acts_before_the_cut() -> None:
    # At temperature 0.5 the first token alone holds 0.95; llama.cpp's own order cuts before and keeps two.
    logits = np.log(np.array([0.8, 0.15, 0.05]))
    assert vllm_distribution(logits, Sampling(0.5, 0, 0.9))[1] == 0
    assert draws(logits, Sampling(0.5, 0, 0.9, seed=1), 300).tolist() == [300, 0, 0]


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    logits = np.zeros(1000)
    first, again, other = (np.flatnonzero(draws(logits, Sampling(1.0, seed=seed), 5)) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


def test_of_equal_tokens_the_first_is_taken(model: LlamaModel) -> None:
    sampler = Sampler(model, GenerationRequest("", 1))
    logits = np.zeros(model.vocabulary_size, np.float32)
    logits[[77, 99]] = 1.0
    assert sampler.draw(logits) == 77
    sampler.close()


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_grammar_chooses_as_if_it_had_been_asked_about_every_token(model: LlamaModel, temperature: float) -> None:
    grammar = 'root ::= "{" [a-z]+ "}"'
    sampler = Sampler(model, GenerationRequest("", 1, Sampling(temperature, seed=3), grammar=grammar))
    slow = llama_cpp.llama_sampler_init_grammar(model.vocabulary, grammar.encode(), b"root")
    rng = np.random.default_rng(0)
    for _ in range(6):
        logits = rng.normal(0, 3, model.vocabulary_size).astype(np.float32)
        data = (llama_cpp.llama_token_data * len(logits))(
            *(llama_cpp.llama_token_data(token, float(value), 0.0) for token, value in enumerate(logits))
        )
        array = llama_cpp.llama_token_data_array(data, len(logits), -1, False)
        llama_cpp.llama_sampler_apply(slow, ctypes.byref(array))
        allowed = {entry.id: entry.logit for entry in data if np.isfinite(entry.logit)}
        token = sampler.draw(logits)
        assert token in allowed
        if temperature == 0:
            assert token == max(allowed, key=lambda known: allowed[known])
        llama_cpp.llama_sampler_accept(slow, token)
    sampler.close()
    llama_cpp.llama_sampler_free(slow)


def test_a_grammar_that_cannot_be_read_is_an_error(model: LlamaModel) -> None:
    with pytest.raises(ValueError, match="cannot parse the grammar"):
        Sampler(model, GenerationRequest("", 1, grammar="root ::= ("))
