"""A reply depends on its request and the width, whatever else is asked, in any order, however often interrupted."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medeval.errors import MedevalError
from medeval.responses.engines.llama_engine import LlamaEngine
from medeval.responses.engines.schedule import ScheduleName
from medeval.responses.engines.types import Completion, GenerationRequest, Sampling

WORDS = ["the", "patient", "has", "fever", "and", "a", "cough", "which", "drug", "is", "given", "to", "treat", "pain"]
SYSTEM = (
    "<|im_start|>system\nYou answer questions about medicine in one short sentence and say nothing else.<|im_end|>\n"
)


@pytest.fixture(scope="module")
def weights(smollm2_files: dict[str, Path]) -> Path:
    return smollm2_files["q4_k_m"]


@pytest.fixture(scope="module")
def engine(weights: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(weights, threads=1)
    yield engine
    engine.close()


def random_request(rng: np.random.Generator, words: int | None = None) -> GenerationRequest:
    """Draw a request: short or past a chunk's border, greedy or sampled, with or without a shared beginning."""
    count = int(rng.integers(1, 60)) if words is None else words
    question = " ".join(rng.choice(WORDS, count))
    prefix = SYSTEM if rng.random() < 0.5 else ""
    sampling = Sampling(0.7, 20, 0.95, 0.05, seed=int(rng.integers(1000))) if rng.random() < 0.5 else Sampling()
    stop = (" the",) if rng.random() < 0.3 else ()
    prompt = f"{prefix}<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    limit = int(rng.integers(1, 9))
    return GenerationRequest(prompt, limit, sampling, stop, prefix=prefix, token_logprobs=True)


def numbers(completion: Completion) -> Completion:
    """Return a completion without its times."""
    return replace(completion, seconds_prefill=0.0, seconds_decode=0.0)


def replies(engine: LlamaEngine, requests: list[GenerationRequest]) -> list[Completion]:
    found = dict(engine.generate(requests))
    return [numbers(found[index]) for index in range(len(requests))]


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_reply_is_the_same_among_any_others(engine: LlamaEngine, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    engine.sequences = width
    # Two watched requests, one of them longer than a chunk of 512 tokens.
    watched = [random_request(rng), random_request(rng, words=520)]
    expected = replies(engine, watched)
    others = [random_request(rng) for _ in range(5)]
    places = rng.permutation(7)
    mixed = [(watched + others)[place] for place in places]
    found = replies(engine, mixed)
    assert [found[int(np.flatnonzero(places == index)[0])] for index in (0, 1)] == expected


def test_an_interrupted_run_ends_like_an_uninterrupted_one(engine: LlamaEngine) -> None:
    rng = np.random.default_rng(3)
    engine.sequences = 4
    requests = [random_request(rng) for _ in range(8)]
    expected = replies(engine, requests)
    for stopped_after in (1, 3, 6):
        running = engine.generate(requests)
        done = {index: numbers(completion) for index, completion in (next(running) for _ in range(stopped_after))}
        running.close()
        rest = [index for index in range(8) if index not in done]
        done |= dict(zip(rest, replies(engine, [requests[index] for index in rest]), strict=True))
        assert [done[index] for index in range(8)] == expected


def test_threads_change_nothing(engine: LlamaEngine, weights: Path) -> None:
    request = [random_request(np.random.default_rng(4), words=30)]
    engine.sequences = 4
    two = LlamaEngine(weights, threads=2, sequences=4)
    assert replies(two, request) == replies(engine, request)
    two.close()


@pytest.mark.parametrize("schedule", ["audit", "fast"])
def test_every_request_is_answered_once(weights: Path, schedule: ScheduleName) -> None:
    rng = np.random.default_rng(5)
    engine = LlamaEngine(weights, threads=1, sequences=4, schedule=schedule)
    requests = [random_request(rng, words) for words in (1, 600, 5, 1, 1100, 30, 2, 8, 3)]
    finished = [index for index, _ in engine.generate(requests)]
    engine.close()
    assert sorted(finished) == list(range(9))


def test_both_schedules_say_the_same_with_weights_that_are_not_quantized(smollm2_files: dict[str, Path]) -> None:
    rng = np.random.default_rng(6)
    requests = [replace(random_request(rng), sampling=Sampling()) for _ in range(6)]
    texts = []
    for schedule in ("audit", "fast"):
        engine = LlamaEngine(smollm2_files["f16"], threads=1, sequences=4, schedule=schedule)
        texts.append([completion.text for completion in replies(engine, requests)])
        engine.close()
    assert texts[0] == texts[1]


def test_samples_of_one_question_share_its_reading_and_keep_their_draws(engine: LlamaEngine) -> None:
    prompt = f"{SYSTEM}<|im_start|>user\nWhat is fever?<|im_end|>\n<|im_start|>assistant\n"
    requests = [
        GenerationRequest(prompt, 8, Sampling(1.0, seed=seed), prefix=prompt, token_logprobs=True) for seed in range(6)
    ]
    engine.sequences = 4
    together = replies(engine, requests)
    assert together == [replies(engine, [request])[0] for request in requests]
    assert len({completion.text for completion in together}) > 1


def test_log_probabilities_are_those_of_the_option_scores(smollm2_files: dict[str, Path]) -> None:
    from medeval.responses.engines.types import ScoreRequest

    engine = LlamaEngine(smollm2_files["f16"], threads=1)
    prompt = "<|im_start|>user\nWhat is fever?<|im_end|>\n<|im_start|>assistant\n"
    [(_, reply)] = engine.generate([GenerationRequest(prompt, 6, token_logprobs=True)])
    [(_, scored)] = engine.score([ScoreRequest(prompt, (reply.text,))])
    engine.close()
    assert reply.token_logprobs is not None
    assert len(reply.token_logprobs) == reply.generated_tokens == 6
    assert sum(reply.token_logprobs) == pytest.approx(scored.logprobs[0], abs=0.02)
    assert scored.greedy == (True,)


def test_a_width_whose_slots_differ_is_refused(weights: Path) -> None:
    with pytest.raises(MedevalError, match="3 sequences cannot be decoded together"):
        LlamaEngine(weights, sequences=3)


def test_memory_over_the_limit_is_refused_with_the_figures(weights: Path) -> None:
    engine = LlamaEngine(weights, sequences=8, kv_limit_mib=100)
    # 8 sequences of 768 tokens at 22.5 KiB each.
    with pytest.raises(MedevalError, match="8 sequences of 708 tokens need 135 MiB .* limit is 100 MiB"):
        engine.prepare([GenerationRequest("Hello " * 7, 700)])
    engine.close()


def test_fewer_sequences_are_taken_where_that_is_allowed(weights: Path) -> None:
    engine = LlamaEngine(weights, sequences=8, kv_limit_mib=100, may_narrow=True)
    engine.prepare([GenerationRequest("Hello " * 7, 700), GenerationRequest("Hello", 5)])
    assert engine.sequences == 4
    engine.close()


def test_the_memory_that_is_announced_is_the_memory_that_is_taken(engine: LlamaEngine) -> None:
    from medeval.responses.engines.llama_context import LlamaContext

    context = LlamaContext(engine.model, tokens=700, sequences=4, threads=1, outputs=4)
    context.close()
    assert context.allocations.total("KV") == pytest.approx(768 * 4 * engine.model.kv_bytes_per_token / 2**20, abs=0.02)
    assert all(name.startswith("CPU") for name in context.allocations.devices())
