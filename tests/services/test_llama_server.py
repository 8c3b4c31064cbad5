"""The engine against llama.cpp's own server, with the demo's weights."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from medeval.errors import MedevalError
from medeval.responses.engines.api_engine import ApiEngine
from medeval.responses.engines.chat import ChatTemplate
from medeval.responses.engines.llama_model import LlamaModel
from medeval.responses.engines.types import Completion, GenerationRequest, Sampling
from medeval.run.targets import Served
from medeval.text.reasoning import split_reasoning

QUESTIONS = ["Which organ produces insulin?", "Name the longest bone.", "What does the heart do?", "What is scurvy?"]
THINK = ("<think>", "</think>")
# Thinks as Qwen3's does, which is how llama.cpp learns that there is reasoning to split off.
THINKING_TEMPLATE = """{% for m in messages %}<|im_start|>{{ m.role }}
{% if m.reasoning_content %}<think>
{{ m.reasoning_content }}
</think>

{% endif %}{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false %}<think>

</think>

{% endif %}{% endif %}"""


@dataclass(frozen=True)
class LlamaServer:
    """A running server."""

    root: str
    process: subprocess.Popen[str]

    @property
    def http(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.root, headers={"Authorization": "Bearer right"}, timeout=300)


@contextmanager
def llama_server(*arguments: Path) -> Iterator[LlamaServer]:
    script = Path(__file__).with_name("llama_server.py")
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, str(script), *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        try:
            assert process.stdout
            root = process.stdout.readline().strip()
            log.seek(0)
            assert root.startswith("http://127.0.0.1:"), log.read()
            yield LlamaServer(root, process)
        finally:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def server(smollm2_files: dict[str, Path]) -> Iterator[LlamaServer]:
    with llama_server(smollm2_files["q4_k_m"]) as server:
        yield server


@pytest.fixture(scope="module")
def model(smollm2_files: dict[str, Path]) -> Iterator[LlamaModel]:
    model = LlamaModel(smollm2_files["q4_k_m"], "cpu")
    yield model
    model.close()


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_KEY", "right")


def engine(
    server: LlamaServer,
    *,
    reasoning: tuple[str, str] | None = None,
    model: str = "smollm2",
    concurrency: int = 2,
    **extra: Any,
) -> ApiEngine:
    served = Served(
        url=f"{server.root}/v1", model=model, key_variable="LLAMA_KEY", concurrency=concurrency, extra=extra
    )
    return ApiEngine(served, reasoning=reasoning)


def request(api: ApiEngine, question: str, max_tokens: int = 12, **settings: Any) -> GenerationRequest:
    prompt = api.chat.render([{"role": "user", "content": question}])
    return GenerationRequest(prompt, max_tokens, **settings)


def generate(api: ApiEngine, *requests: GenerationRequest) -> list[Completion]:
    results = dict(api.generate(requests))
    return [results[index] for index in range(len(requests))]


def slots(server: LlamaServer) -> list[dict[str, Any]]:
    """Return what each of the server's sequences is doing."""
    found: list[dict[str, Any]] = server.http.get("/slots").json()
    return found


def test_a_greedy_reply_is_what_the_server_completes_after_the_files_own_template(
    server: LlamaServer, model: LlamaModel
) -> None:
    # One at a time: what is decoded together with a reply changes the last digits, and so at times its words.
    api, template = engine(server, concurrency=1), ChatTemplate(model, {})
    for question, found in zip(QUESTIONS, generate(api, *(request(api, q) for q in QUESTIONS)), strict=True):
        rendered = template.render([{"role": "user", "content": question}])
        body = {"prompt": rendered, "n_predict": 12, "temperature": 0}
        plain = server.http.post("/completion", json=body).json()
        assert (found.text, found.prompt_tokens) == (plain["content"], plain["tokens_evaluated"])
        assert found.generated_tokens == plain["tokens_predicted"]
        assert found.finish_reason == ("length" if plain["stop_type"] == "limit" else "stop")


def test_the_server_is_recorded_as_it_is_and_the_same_each_time(server: LlamaServer, model: LlamaModel) -> None:
    identity = engine(server).identity()
    assert identity["server"]["chat_template_sha256"] == ChatTemplate(model, {}).sha256
    assert identity["server"]["properties"]["model_path"] == "q4_k_m.gguf"
    assert identity["server"]["properties"]["build_info"]
    assert engine(server).identity() == identity


def test_the_protocols_sampling_replaces_all_of_the_servers_own(server: LlamaServer) -> None:
    body = engine(server)._body(request(engine(server), "a", sampling=Sampling(temperature=0.5, seed=3)))
    used = server.http.post("/v1/chat/completions", json={"model": "smollm2", "verbose": True, **body}).json()
    settings = used["__verbose"]["generation_settings"]
    expected = {"temperature": 0.5, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0, "seed": 3}
    assert {key: settings[key] for key in expected} == expected


def test_a_stop_text_ends_the_reply_and_is_not_part_of_it(server: LlamaServer) -> None:
    api = engine(server, concurrency=1)
    [whole] = generate(api, request(api, QUESTIONS[2], 30))
    stop = whole.text.split()[3]
    [found] = generate(api, request(api, QUESTIONS[2], 30, stop=(stop,)))
    assert (found.finish_reason, found.text) == ("stop", whole.text[: whole.text.index(stop)])


def test_a_seed_repeats_its_draw_and_another_changes_it(server: LlamaServer) -> None:
    api = engine(server)

    def draw(seed: int) -> str:
        sampling = Sampling(temperature=1.5, top_k=50, top_p=0.95, seed=seed)
        return generate(api, request(api, QUESTIONS[0], 20, sampling=sampling))[0].text

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(4)}) > 1


def test_log_probabilities_belong_to_the_tokens_of_the_reply(server: LlamaServer, model: LlamaModel) -> None:
    api = engine(server)
    [found] = generate(api, request(api, QUESTIONS[0], token_logprobs=True))
    assert found.token_ids and found.token_logprobs
    assert b"".join(model.piece(token) for token in found.token_ids).decode() == found.text
    assert all(logprob <= 0 for logprob in found.token_logprobs)


def test_a_prompt_that_does_not_fit_is_an_error_for_it_alone(server: LlamaServer) -> None:
    api = engine(server)
    before, long, after = generate(api, *(request(api, q) for q in (QUESTIONS[0], "word " * 400, QUESTIONS[1])))
    assert long.finish_reason == "error"
    assert "exceeds the available context size (256 tokens)" in (long.error or "")
    assert before.text and after.text


def test_settings_that_the_server_does_not_take_stop_the_run(server: LlamaServer) -> None:
    api = engine(server, grammar="no grammar ::")
    with pytest.raises(
        MedevalError, match=r"answered 400[\s\S]*a simple question with the same settings fails as well"
    ):
        generate(api, request(api, QUESTIONS[0]))


def test_a_wrong_model_and_a_wrong_key_are_found_before_the_start(
    server: LlamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MedevalError, match="has no model 'medgemma'; it has smollm2"):
        engine(server, model="medgemma")
    monkeypatch.setenv("LLAMA_KEY", "wrong")
    with pytest.raises(MedevalError, match=r"/v1/models answered 401 Unauthorized: Invalid API Key[\s\S]*LLAMA_KEY"):
        engine(server)


def test_a_consumer_that_leaves_frees_the_server(server: LlamaServer) -> None:
    api = engine(server, ignore_eos=True)
    replies = api.generate([request(api, QUESTIONS[0], 4), request(api, QUESTIONS[1], 200)])
    assert next(replies)[0] == 0
    replies.close()  # type: ignore[attr-defined]
    while any(slot["is_processing"] for slot in slots(server)):
        pass
    assert all(slot["next_token"][0]["n_decoded"] < 200 for slot in slots(server))


def test_reasoning_that_the_server_split_off_is_put_back(smollm2_files: dict[str, Path], tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    template.write_text(THINKING_TEMPLATE)
    grammar = r'root ::= "<think>\nIt is an organ behind the stomach.\n</think>\n\nThe pancreas."'
    with llama_server(smollm2_files["q4_k_m"], template) as server:
        api = engine(server, reasoning=THINK, grammar=grammar)
        assert api.chat.text == THINKING_TEMPLATE
        whole, cut = generate(api, request(api, QUESTIONS[0], 60), request(api, QUESTIONS[0], 10))
        with pytest.raises(MedevalError, match="returns reasoning apart from the answer"):
            generate(engine(server, grammar=grammar), request(api, QUESTIONS[0], 60))
    assert split_reasoning(whole.text, *THINK) == ("It is an organ behind the stomach.", "The pancreas.", False)
    thought, answer, unfinished = split_reasoning(cut.text, *THINK)
    assert (cut.finish_reason, answer, unfinished) == ("length", "", True)
    assert thought and "It is an organ behind the stomach.".startswith(thought)


def test_a_server_that_dies_stops_the_run_and_what_was_finished_is_kept(
    smollm2_files: dict[str, Path], waits: list[float]
) -> None:
    found: dict[int, Completion] = {}
    with llama_server(smollm2_files["q4_k_m"]) as server:
        api = engine(server)
        with pytest.raises(MedevalError, match=r"connection to .* failed[\s\S]*continues where it stopped"):
            for index, completion in api.generate([request(api, QUESTIONS[i % 4]) for i in range(20)]):
                found[index] = completion
                if len(found) == 3:
                    server.process.kill()
                    server.process.wait()
    assert 3 <= len(found) <= 5
    assert all(completion.error is None and completion.text for completion in found.values())
    assert waits
