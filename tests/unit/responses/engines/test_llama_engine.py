"""The llama.cpp engine on the demo's real weights."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medeval.errors import MedevalError
from medeval.responses.engines.chat import ChatTemplate
from medeval.responses.engines.devices import device_for
from medeval.responses.engines.llama_context import LlamaContext
from medeval.responses.engines.llama_engine import LlamaEngine
from medeval.responses.engines.types import GenerationRequest, Sampling, ScoreRequest

QUESTIONS = ["Which organ produces insulin?", "Name the longest bone.", "What does the heart do?", "What is scurvy?"]


@pytest.fixture(scope="module")
def engine(smollm2_files: dict[str, Path]) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(smollm2_files["q4_k_m"], threads=1)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def precise(smollm2_files: dict[str, Path]) -> Iterator[LlamaEngine]:
    """The F16 file, whose numbers hardly depend on how many tokens are read at once."""
    engine = LlamaEngine(smollm2_files["f16"], threads=1)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def prompts(engine: LlamaEngine) -> list[str]:
    chat = ChatTemplate(engine.model, {})
    return [chat.render([{"role": "user", "content": question}]) for question in QUESTIONS]


def texts(engine: LlamaEngine, requests: list[GenerationRequest]) -> list[str]:
    results = dict(engine.generate(requests))
    return [results[index].text for index in range(len(requests))]


def test_a_greedy_reply_does_not_depend_on_what_else_is_asked(engine: LlamaEngine, prompts: list[str]) -> None:
    requests = [GenerationRequest(prompt, 12) for prompt in prompts]
    together = texts(engine, requests)
    assert together == [texts(engine, [request])[0] for request in requests]
    assert together == texts(engine, requests[::-1])[::-1]


def test_several_sequences_answer_every_request_once(smollm2_files: dict[str, Path], prompts: list[str]) -> None:
    engine = LlamaEngine(smollm2_files["q4_k_m"], threads=1, sequences=4)
    finished = [index for index, _ in engine.generate([GenerationRequest(prompt, 8) for prompt in prompts])]
    engine.close()
    assert sorted(finished) == [0, 1, 2, 3]


def test_the_token_limit_is_kept_and_named(engine: LlamaEngine, prompts: list[str]) -> None:
    [(_, completion)] = engine.generate([GenerationRequest(prompts[2], 5)])
    assert (completion.finish_reason, completion.generated_tokens) == ("length", 5)


def test_a_stop_text_ends_the_reply_and_is_not_part_of_it(engine: LlamaEngine, prompts: list[str]) -> None:
    whole = texts(engine, [GenerationRequest(prompts[2], 30)])[0]
    stop = whole.split()[3]
    [(_, completion)] = engine.generate([GenerationRequest(prompts[2], 30, stop=(stop,))])
    assert completion.finish_reason == "stop"
    assert completion.text == whole[: whole.index(stop)]


def test_a_seed_repeats_its_draw_and_another_changes_it(engine: LlamaEngine, prompts: list[str]) -> None:
    def draw(seed: int) -> str:
        sampling = Sampling(temperature=1.5, top_k=50, top_p=0.95, seed=seed)
        return texts(engine, [GenerationRequest(prompts[0], 20, sampling)])[0]

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(4)}) > 1


def test_a_prompt_that_does_not_fit_is_an_error_and_the_others_are_answered(
    engine: LlamaEngine, prompts: list[str]
) -> None:
    long = GenerationRequest("word " * 9000, 5)
    results = dict(engine.generate([long, GenerationRequest(prompts[0], 5)]))
    assert results[0].finish_reason == "error"
    assert "exceed the model's context of 8,192" in (results[0].error or "")
    assert results[1].finish_reason == "length"


def test_a_reply_after_a_shared_prefix_does_not_depend_on_what_was_asked_before(
    engine: LlamaEngine, prompts: list[str]
) -> None:
    prefix = prompts[0][: prompts[0].index(QUESTIONS[0])]
    requests = [GenerationRequest(prompt, 12, prefix=prefix) for prompt in prompts]
    together = texts(engine, requests)
    assert together == [texts(engine, [request])[0] for request in requests]
    assert together == texts(engine, requests[::-1])[::-1]


def test_a_shared_prefix_is_read_once(engine: LlamaEngine, prompts: list[str]) -> None:
    prefix = prompts[0][: prompts[0].index(QUESTIONS[0])]
    read: list[int] = []
    decode = LlamaContext.decode
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            LlamaContext,
            "decode",
            lambda self, tokens, *rest: (read.append(len(tokens)), decode(self, tokens, *rest))[1],
        )
        texts(engine, [GenerationRequest(prompt, 1, prefix=prefix) for prompt in prompts])
    lengths = [len(engine.model.tokenize(prompt)) for prompt in prompts]
    shared = len(engine.model.tokenize(prefix))
    assert shared >= 16
    assert sum(read) == sum(lengths) - 3 * shared


def test_a_grammar_is_obeyed(engine: LlamaEngine, prompts: list[str]) -> None:
    grammar = 'root ::= "yes" | "no"'
    assert texts(engine, [GenerationRequest(prompts[0], 10, grammar=grammar)])[0] in ("yes", "no")


def test_option_scores_equal_reading_each_option_alone(precise: LlamaEngine, prompts: list[str]) -> None:
    options = (" Pancreas", " Liver and spleen", " Kidney")
    [(_, shared)] = precise.score([ScoreRequest(prompts[0], options)])
    alone = [next(iter(precise.score([ScoreRequest(prompts[0], (option,))])))[1].logprobs[0] for option in options]
    np.testing.assert_allclose(shared.logprobs, alone, atol=0.05)


def test_option_scores_agree_with_the_score_of_the_whole_text(precise: LlamaEngine) -> None:
    prompt, option = "<|im_start|>user\nHello", " there, my friend"
    [(_, scored)] = precise.score([ScoreRequest(prompt, (option,))])
    difference = precise.score_text(prompt + option) - precise.score_text(prompt)
    assert scored.logprobs[0] == pytest.approx(difference, abs=0.05)


def test_option_scores_do_not_depend_on_the_questions_around_them(engine: LlamaEngine, prompts: list[str]) -> None:
    requests = [ScoreRequest(prompt, (" Pancreas", " Femur")) for prompt in prompts]
    together = dict(engine.score(requests))
    alone = [next(iter(engine.score([request])))[1].logprobs for request in requests]
    assert [together[index].logprobs for index in range(len(requests))] == alone


@pytest.mark.parametrize("words", [5, 505, 1010], ids=["in one batch", "across a chunk's border", "in three chunks"])
def test_options_after_prompts_of_any_length_equal_the_score_of_the_whole_text(
    precise: LlamaEngine, words: int
) -> None:
    prompt = "<|im_start|>user\n" + "fever and cough " * (words // 3)
    options = tuple(f" option number {'very ' * length}{length}" for length in (0, 1, 2, 9))
    [(_, scored)] = precise.score([ScoreRequest(prompt, options)])
    start = precise.score_text(prompt)
    expected = [precise.score_text(prompt + option) - start for option in options]
    np.testing.assert_allclose(scored.logprobs, expected, atol=0.05)


def test_a_shared_beginning_of_questions_is_read_once_and_changes_nothing(
    engine: LlamaEngine, prompts: list[str]
) -> None:
    prefix = "<|im_start|>system\nAnswer as a physician would, in one word, and add nothing to it.<|im_end|>\n"
    requests = [ScoreRequest(prefix + prompt, (" Pancreas", " Left femur"), prefix) for prompt in prompts]
    together = dict(engine.score(requests))
    alone = [next(iter(engine.score([request])))[1].logprobs for request in requests[::-1]][::-1]
    assert [together[index].logprobs for index in range(len(requests))] == alone


def test_an_option_without_tokens_is_an_error_of_its_question_alone(engine: LlamaEngine, prompts: list[str]) -> None:
    results = dict(engine.score([ScoreRequest(prompts[0], ("", " A")), ScoreRequest(prompts[1], (" A", " B"))]))
    assert "has no tokens of its own" in (results[0].error or "")
    assert len(results[1].logprobs) == 2


def test_a_text_longer_than_the_context_is_scored_in_windows(
    precise: LlamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "The heart pumps blood through the body and the lungs bring oxygen into it all day and night."
    tokens = precise.model.tokenize(text)
    whole = precise.score_text(text)
    monkeypatch.setattr(precise.model, "trained_context", 8)
    windows = precise.score_text(text)
    # Less is known at the start of each window, so the text is less likely; nothing is left out.
    assert len(tokens) > 16
    assert windows < whole
    monkeypatch.setattr(precise.model, "trained_context", len(tokens))
    assert precise.score_text(text) == whole


def test_the_tokens_of_a_prompt_are_recorded_by_their_hash(engine: LlamaEngine, prompts: list[str]) -> None:
    ids = np.asarray(engine.model.tokenize(prompts[0]), "<i4")
    expected = hashlib.sha256(ids.tobytes()).hexdigest()
    [(_, completion)] = engine.generate([GenerationRequest(prompts[0], 1)])
    [(_, scored)] = engine.score([ScoreRequest(prompts[0], (" A",))])
    assert completion.prompt_ids_sha256 == scored.prompt_ids_sha256 == expected


def test_a_stop_text_across_tokens_and_a_cut_character_are_handled(engine: LlamaEngine) -> None:
    request = GenerationRequest("<|im_start|>user\nCount to ten.<|im_end|>\n<|im_start|>assistant\n", 40)
    whole = texts(engine, [request])[0]
    middle = whole[7:19]
    [(_, completion)] = engine.generate([replace(request, stop=(middle,))])
    assert (completion.text, completion.finish_reason) == (whole[: whole.index(middle)], "stop")


def test_exactly_one_beginning_token(engine: LlamaEngine, prompts: list[str]) -> None:
    # SmolLM2's vocabulary names <|im_start|> as its beginning of sequence, and the template writes it.
    assert engine.model.bos_text == "<|im_start|>"
    tokens = engine.model.tokenize(prompts[0])
    assert tokens[0] == engine.model.tokenize("<|im_start|>")[0]
    assert tokens[1] != tokens[0]


def test_a_reply_is_continued_from_its_given_beginning(engine: LlamaEngine) -> None:
    chat = ChatTemplate(engine.model, {})
    messages = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "Answer:"}]
    assert chat.render(messages, complete_last=True).endswith("<|im_start|>assistant\nAnswer:")


def test_a_truncated_file_is_named_with_a_remedy(tmp_path: Path, smollm2_files: dict[str, Path]) -> None:
    cut = tmp_path / "cut.gguf"
    with smollm2_files["q4_k_m"].open("rb") as stream:
        cut.write_bytes(stream.read(5_000_000))
    with pytest.raises(MedevalError, match=r"cut.gguf: llama.cpp cannot load this file \(5,000,000 bytes\)[\s\S]*-> "):
        LlamaEngine(cut)


def test_a_device_that_the_build_lacks_is_refused() -> None:
    with pytest.raises(
        MedevalError, match=r"target 'metal': the llama.cpp in use was not compiled for it; it has: CPU"
    ):
        device_for("metal")
