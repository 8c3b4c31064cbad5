"""A server as an engine: what it is asked, how its replies are read, and what it refuses."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from medeval.errors import MedevalError
from medeval.responses.engines.api_engine import ApiEngine, MessagesTemplate
from medeval.responses.engines.types import Chat, Completion, Engine, GenerationRequest, Sampling, ScoreRequest
from medeval.run.targets import Served
from medeval.text.reasoning import split_reasoning
from tests.services.chat_server import MODEL, Answer, ChatServer, completion, error

Serve = Callable[..., ChatServer]
THINK = ("<think>", "</think>")
TEMPLATE = "{{ messages }}"


def prompt(text: str, system: str | None = None) -> str:
    messages = [{"role": "system", "content": system}] if system else []
    return MessagesTemplate().render([*messages, {"role": "user", "content": text}])


def engine(server: ChatServer, *, reasoning: tuple[str, str] | None = None, **settings: Any) -> ApiEngine:
    return ApiEngine(Served(url=server.url, model="model", **settings), reasoning=reasoning)


def generate(engine: ApiEngine, *requests: GenerationRequest) -> list[Completion]:
    results = list(engine.generate(requests))
    assert sorted(index for index, _ in results) == list(range(len(requests)))
    return [result for _, result in sorted(results, key=lambda pair: pair[0])]


def served_by(owner: str, **pages: Any) -> dict[str, Answer]:
    """Return the pages of a server that signs its model with a name."""
    models = {"object": "list", "data": [{**MODEL, "owned_by": owner}]}
    return {"/v1/models": Answer(models), **{f"/{name}": Answer(page) for name, page in pages.items()}}


LLAMA_CPP = served_by(
    "llamacpp",
    props={
        "build_info": "b7000-abcdef",
        "model_path": "/srv/weights/medgemma-4b.Q4_K_M.gguf",
        "default_generation_settings": {"n_ctx": 4096, "params": {"dry_multiplier": 0.0}},
        "chat_template": TEMPLATE,
        "media_marker": "<__media_random__>",
    },
)


def test_it_is_an_engine_with_its_chat(serve: Serve) -> None:
    an_engine: Engine = engine(serve())
    a_chat: Chat = engine(serve()).chat
    assert an_engine.identity()["model"] == "model" and a_chat.sha256


# --- What is asked --------------------------------------------------------------------------------


def test_the_conversation_and_the_sampling_are_asked_as_they_are(serve: Serve) -> None:
    server = serve()
    sampling = Sampling(temperature=0.6, top_k=20, top_p=0.95, min_p=0.1, seed=4_000_000_000)
    generate(engine(server), GenerationRequest(prompt("Où ?", "Be brief."), 64, sampling, stop=("\n\n",)))
    assert server.bodies == [
        {
            "model": "model",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Où ?"}],
            "temperature": 0.6,
            "top_p": 0.95,
            "top_k": 20,
            "min_p": 0.1,
            "seed": 4_000_000_000,
            "max_tokens": 64,
            "stop": ["\n\n"],
        }
    ]


def test_only_what_openai_knows_is_sent_to_a_server_that_does_not_say_what_it_is(serve: Serve) -> None:
    server = serve()
    generate(engine(server), GenerationRequest(prompt("a"), 8, prefix="ignored"))
    assert set(server.bodies[0]) == {"model", "messages", "temperature", "top_p", "seed", "max_tokens"}


@pytest.mark.parametrize(
    ("owner", "penalty"), [("llamacpp", "repeat_penalty"), ("vllm", "repetition_penalty")], ids=["llama.cpp", "vLLM"]
)
def test_a_server_whose_own_sampling_is_not_neutral_is_told_to_keep_all_tokens(
    serve: Serve, owner: str, penalty: str
) -> None:
    server = serve(pages=served_by(owner))
    generate(engine(server), GenerationRequest(prompt("a"), 8, Sampling(temperature=1.0)))
    assert {key: server.bodies[0][key] for key in ("top_k", "min_p", penalty)} == {"top_k": 0, "min_p": 0, penalty: 1}


def test_extra_values_replace_the_neutral_ones_and_not_the_protocols(serve: Serve) -> None:
    server = serve(pages=served_by("vllm"))
    vllm = engine(server, extra={"top_k": -1})
    generate(vllm, GenerationRequest(prompt("a"), 8))
    assert server.bodies[0]["top_k"] == -1
    assert vllm.identity()["extra"] == {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
    with pytest.raises(MedevalError, match="`extra` and the protocol both set `top_k`"):
        generate(vllm, GenerationRequest(prompt("a"), 8, Sampling(temperature=1.0, top_k=40)))


def test_a_sampling_value_that_the_server_does_not_know_stops_the_run_in_its_words(serve: Serve) -> None:
    def reply(text: str, _: int) -> Answer:
        return error(400, "Unrecognized request argument supplied: top_k")

    with pytest.raises(MedevalError, match="Unrecognized request argument supplied: top_k"):
        generate(engine(serve(reply)), GenerationRequest(prompt("a"), 8, Sampling(temperature=1.0, top_k=40)))


def test_what_only_a_local_engine_can_do_is_refused_before_anything_is_asked(serve: Serve) -> None:
    server = serve()
    api = engine(server)
    with pytest.raises(MedevalError, match="impose a grammar"):
        generate(api, GenerationRequest(prompt("a"), 8), GenerationRequest(prompt("b"), 8, grammar='root ::= "x"'))
    with pytest.raises(MedevalError, match=r"modes letter, cloze and choices_only[\s\S]*local engine"):
        api.score([ScoreRequest(prompt("a"), ("A", "B"))])
    with pytest.raises(MedevalError, match="no probabilities of given texts"):
        api.score_text("a")
    with pytest.raises(MedevalError, match="plain text"):
        generate(api, GenerationRequest("Question: a", 8))
    with pytest.raises(MedevalError, match="cannot continue an assistant's message"):
        api.chat.render([{"role": "assistant", "content": "Answer:"}], complete_last=True)
    assert server.bodies == []


# --- What comes back ------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_a_reply_is_a_completion(serve: Serve, reason: str) -> None:
    [found] = generate(
        engine(serve(lambda *_: completion(" Insulin.", reason=reason))), GenerationRequest(prompt("a"), 3)
    )
    assert (found.text, found.finish_reason, found.error) == (" Insulin.", reason, None)
    assert (found.prompt_tokens, found.generated_tokens) == (7, 3)
    assert found.seconds_decode > 0 and found.token_logprobs is None


@pytest.mark.parametrize("reason", ["content_filter", "tool_calls", "abort", None])
def test_another_end_than_stop_or_length_is_an_error_that_names_it(serve: Serve, reason: str | None) -> None:
    server = serve(lambda text, _: completion("cut", reason=reason) if text == "bad" else completion())
    bad, good = generate(engine(server), GenerationRequest(prompt("bad"), 8), GenerationRequest(prompt("a"), 8))
    assert (bad.finish_reason, bad.text, good.text) == ("error", "", "Yes.")
    assert f"finish reason {reason!r}" in (bad.error or "")


@pytest.mark.parametrize(
    ("answer", "says"), [(completion(None), "nothing"), (completion(None, refusal="I cannot help."), "I cannot help.")]
)
def test_a_reply_without_text_is_an_error_and_not_an_empty_answer(serve: Serve, answer: Answer, says: str) -> None:
    [found] = generate(engine(serve(lambda *_: answer)), GenerationRequest(prompt("a"), 8))
    assert (found.finish_reason, found.error) == ("error", f"the reply has no text; the server says: {says}")


def test_an_empty_answer_is_an_answer(serve: Serve) -> None:
    [found] = generate(engine(serve(lambda *_: completion(""))), GenerationRequest(prompt("a"), 8))
    assert (found.finish_reason, found.text) == ("stop", "")


def test_requests_without_a_reply_are_counted(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    server = serve(lambda text, _: error(400, "too long") if text == "long" else completion())
    requests = [GenerationRequest(prompt(text), 8) for text in ("a", "long", "b", "long")]
    found = generate(engine(server, concurrency=1), *requests)
    assert [completion.finish_reason for completion in found] == ["stop", "error", "stop", "error"]
    assert "2 of 4 requests have no reply; the first: " in caplog.text and "too long" in caplog.text


def test_a_reply_that_ends_before_its_limit_is_pointed_out(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    api = engine(serve(lambda *_: completion("cut", reason="length")))
    generate(api, GenerationRequest(prompt("a"), 3))
    assert "cut before" not in caplog.text
    generate(api, GenerationRequest(prompt("a"), 4))
    assert "1 of 1 replies were cut before their limit of tokens" in caplog.text


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_that_the_server_split_off_is_put_back_between_the_delimiters(serve: Serve, field: str) -> None:
    answer = completion("The pancreas.", **{field: "It is an organ."})
    [found] = generate(engine(serve(lambda *_: answer), reasoning=THINK), GenerationRequest(prompt("a"), 8))
    assert found.text == "<think>It is an organ.</think>The pancreas."
    assert split_reasoning(found.text, *THINK) == ("It is an organ.", "The pancreas.", False)


@pytest.mark.parametrize("content", ["", None])
def test_reasoning_that_was_cut_stays_open(serve: Serve, content: str | None) -> None:
    answer = completion(content, reason="length", reasoning_content="It is")
    [found] = generate(engine(serve(lambda *_: answer), reasoning=THINK), GenerationRequest(prompt("a"), 3))
    assert (found.text, found.finish_reason) == ("<think>It is", "length")
    assert split_reasoning(found.text, *THINK)[2]


def test_reasoning_without_known_delimiters_is_refused_and_not_lost(serve: Serve) -> None:
    api = engine(serve(lambda *_: completion("The pancreas.", reasoning_content="It is an organ.")))
    with pytest.raises(MedevalError, match=r"no `reasoning`[\s\S]*`open` and `close`"):
        generate(api, GenerationRequest(prompt("a"), 8))


def test_an_empty_reasoning_is_none(serve: Serve) -> None:
    [found] = generate(engine(serve(lambda *_: completion("Yes.", reasoning=""))), GenerationRequest(prompt("a"), 8))
    assert found.text == "Yes."


def with_logprobs(*tokens: dict[str, Any]) -> Answer:
    document = completion().document
    document["choices"][0]["logprobs"] = {"content": list(tokens)}
    return Answer(document)


@pytest.mark.parametrize(("token", "ids"), [({"logprob": -0.5, "id": 9}, (9,)), ({"logprob": -0.5}, None)])
def test_log_probabilities_are_kept_with_the_numbers_of_the_tokens_if_the_server_has_them(
    serve: Serve, token: dict[str, Any], ids: tuple[int, ...] | None
) -> None:
    server = serve(lambda *_: with_logprobs(token))
    [found] = generate(engine(server), GenerationRequest(prompt("a"), 8, token_logprobs=True))
    assert (found.token_logprobs, found.token_ids) == ((-0.5,), ids)
    assert server.bodies[0]["logprobs"] is True


def test_log_probabilities_that_do_not_come_are_an_error(serve: Serve) -> None:
    [found] = generate(engine(serve()), GenerationRequest(prompt("a"), 8, token_logprobs=True))
    assert (found.finish_reason, found.text) == ("error", "") and "no log-probabilities" in (found.error or "")


# --- What is recorded -----------------------------------------------------------------------------


def test_the_identity_holds_what_a_llama_cpp_server_says_and_no_folder(serve: Serve) -> None:
    server = serve(pages=LLAMA_CPP)
    found = engine(server, reasoning=THINK)
    assert found.identity() == {
        "engine": "OpenAI-compatible server",
        "url": server.url,
        "model": "model",
        "server": {
            "model": {"id": "model", "owned_by": "llamacpp"},
            "properties": {
                "build_info": "b7000-abcdef",
                "model_path": "medgemma-4b.Q4_K_M.gguf",
                "default_generation_settings": {"n_ctx": 4096, "params": {"dry_multiplier": 0.0}},
            },
            "chat_template_sha256": found.chat.sha256,
        },
        "extra": {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0},
        "reasoning": ["<think>", "</think>"],
    }
    assert found.chat.text == TEMPLATE
    json.dumps(found.identity(), allow_nan=False)


def test_how_fast_a_server_is_asked_is_no_part_of_the_identity(serve: Serve) -> None:
    server = serve()
    assert engine(server, concurrency=1, requests_per_minute=10.0).identity() == engine(server).identity()


def test_a_llama_cpp_server_that_does_not_show_its_properties_is_recorded_without(serve: Serve) -> None:
    found = engine(serve(pages=served_by("llamacpp")))
    assert found.identity()["server"]["properties"] == {}
    assert found.chat.text == "(the server's own; it does not show it)"
