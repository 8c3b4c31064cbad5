"""The client of OpenAI-compatible servers, against a server that fails in the ways servers do."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from medeval.errors import MedevalError
from medeval.responses.engines.openai_client import SIMPLE_QUESTION, Client, Refusal
from medeval.responses.engines.openai_reply import ServerReply
from medeval.responses.engines.openai_server import inspect_server
from medeval.responses.engines.pacing import Pace, Shares, retry_after
from medeval.run.targets import Served
from tests.services.chat_server import MODEL, Answer, ChatServer, completion, error

SIMPLE = SIMPLE_QUESTION[0]["content"]
Serve = Callable[..., ChatServer]


def body(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "temperature": 0.0}


def client(server: ChatServer, **settings: Any) -> Client:
    return Client(Served(url=server.url, model="model", **settings))


def ask(server: ChatServer, *texts: str, **settings: Any) -> list[ServerReply | Refusal]:
    """Ask a server, and return what came in the order of the questions."""
    results = list(client(server, **settings).stream([body(text) for text in texts]))
    assert sorted(index for index, _ in results) == list(range(len(texts)))
    return [result for _, result in sorted(results, key=lambda pair: pair[0])]


def text_of(result: ServerReply | Refusal) -> str | None:
    assert isinstance(result, ServerReply), result
    return result.text


def error_of(result: ServerReply | Refusal) -> str:
    assert isinstance(result, Refusal), result
    return result.error


def stops(server: ChatServer, *texts: str, **settings: Any) -> MedevalError:
    with pytest.raises(MedevalError) as caught:
        ask(server, *(texts or ("a",)), **settings)
    return caught.value


# --- What is asked and what comes back ------------------------------------------------------------


def test_a_reply_is_taken_over_with_its_counts(serve: Serve) -> None:
    [reply] = ask(serve(lambda *_: completion("Insulin.", reason="length")), "a")
    assert isinstance(reply, ServerReply)
    assert (reply.text, reply.finish_reason, reply.prompt_tokens, reply.generated_tokens) == (
        "Insulin.",
        "length",
        7,
        3,
    )
    assert reply.seconds > 0


def test_a_request_holds_the_model_the_extra_values_and_what_was_asked(serve: Serve) -> None:
    server = serve()
    ask(server, "café \ud83d", extra={"chat_template_kwargs": {"enable_thinking": False}})
    assert server.bodies == [
        {"model": "model", "chat_template_kwargs": {"enable_thinking": False}, **body("café \ud83d")}
    ]


def test_the_key_comes_from_the_environment_and_is_not_repeated(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(key="right")
    monkeypatch.setenv("SOME_KEY", "right\n")
    assert text_of(ask(server, "a", key_variable="SOME_KEY")[0]) == "Yes."
    monkeypatch.setenv("SOME_KEY", "wrong-one")
    caught = stops(server, key_variable="SOME_KEY")
    assert "401 Unauthorized: wrong key: Bearer <key>" in caught.problem and "wrong-one" not in str(caught)
    assert "SOME_KEY" in caught.remedy


def test_a_server_that_wants_a_key_is_told_apart_from_a_wrong_key(serve: Serve) -> None:
    assert "name that one as `key_variable`" in stops(serve(key="right")).remedy


@pytest.mark.parametrize(("value", "state"), [(None, "is not set"), (" ", "is not set"), ("ké", "cannot be a key")])
def test_a_missing_key_names_its_variable(monkeypatch: pytest.MonkeyPatch, value: str | None, state: str) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(MedevalError, match=f"environment variable SOME_KEY .*{state}"):
        Client(Served(url="http://127.0.0.1:1/v1", model="model", key_variable="SOME_KEY"))


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("localhost:8000/v1", "is not the address of a server"),
        ("ftp://host/v1", "is not the address of a server"),
        ("http://host:port/v1", "is not the address of a server"),
        ("https://me:secret@host/v1", "`url` for host holds a user"),
        ("https://host/v1?api-key=secret", "`url` for host holds a user"),
    ],
)
def test_an_address_is_one_and_holds_no_secret(url: str, problem: str) -> None:
    with pytest.raises(MedevalError, match=problem) as caught:
        Client(Served(url=url, model="model"))
    assert "secret" not in str(caught.value)


def test_extra_values_cannot_change_what_the_program_asks() -> None:
    with pytest.raises(MedevalError, match="`extra` holds seed, temperature"):
        Client(Served(url="http://host/v1", model="model", extra={"temperature": 1, "seed": 1, "top_k": 1}))


# --- Many at once ---------------------------------------------------------------------------------


def test_as_many_requests_as_allowed_are_in_flight_and_never_more(serve: Serve) -> None:
    together = threading.Barrier(3, timeout=20)

    def reply(*_: Any) -> Answer:
        together.wait()  # breaks, and the reply fails, unless three are here at once
        return completion()

    server = serve(reply)
    assert {text_of(result) for result in ask(server, *"abcdef", concurrency=3, attempts=1)} == {"Yes."}
    assert server.most_at_once == 3


def test_replies_keep_their_index_when_they_finish_out_of_order(serve: Serve) -> None:
    others_came = threading.Event()

    def reply(text: str, _: int) -> Answer:
        if text == "first":
            others_came.wait(20)
        return completion(text.upper())

    found: dict[int, str | None] = {}
    for index, result in client(serve(reply), concurrency=2).stream([body(t) for t in ("first", "second", "third")]):
        found[index] = text_of(result)
        if len(found) == 2:
            others_came.set()
    assert list(found.items()) == [(1, "SECOND"), (2, "THIRD"), (0, "FIRST")]


def test_a_consumer_that_stops_ends_the_asking(serve: Serve) -> None:
    server = serve()
    replies = client(server, concurrency=4).stream([body(str(i)) for i in range(200)])
    next(replies)
    replies.close()
    assert len(server.bodies) <= 8


def test_a_consumer_that_stops_does_not_wait_for_replies_that_never_come(serve: Serve) -> None:
    both = threading.Barrier(2, timeout=20)

    def reply(text: str, _: int) -> Answer:
        both.wait()
        return completion() if text == "a" else Answer(hang=True)

    server = serve(reply)
    replies = client(server, concurrency=2).stream([body("a"), body("b")])
    assert next(replies)[0] == 0
    replies.close()
    assert server.active >= 1


def test_requests_are_spaced_out_to_keep_the_rate(serve: Serve, waits: list[float]) -> None:
    ask(serve(), *"abc", requests_per_minute=6.0, concurrency=3)
    assert waits == pytest.approx([10.0, 20.0], abs=5.0)


def test_nothing_asked_is_nothing_sent(serve: Serve) -> None:
    server = serve()
    assert ask(server) == []
    assert server.bodies == []


# --- Failures that pass ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_a_status_that_passes_is_met_by_asking_again(serve: Serve, waits: list[float], status: int) -> None:
    server = serve(lambda _, n: completion() if n == 3 else error(status))
    assert text_of(ask(server, "a")[0]) == "Yes."
    assert server.asked == ["a"] * 4
    for waited, longest in zip(waits, (1, 2, 4), strict=True):
        assert longest / 2 <= waited <= longest


@pytest.mark.parametrize("fault", [Answer({"choices": "cut"}, cut=True), Answer(hang=True)], ids=["cut", "silent"])
def test_a_connection_that_is_cut_or_silent_is_met_by_asking_again(
    serve: Serve, waits: list[float], fault: Answer
) -> None:
    server = serve(lambda _, n: completion() if n else fault)
    assert text_of(ask(server, "a", seconds_timeout=0.5)[0]) == "Yes."
    assert waits


def test_the_server_says_how_long_to_wait(serve: Serve, waits: list[float]) -> None:
    server = serve(lambda _, n: completion() if n else error(429, Retry_After="17"))
    ask(server, "a")
    assert waits[0] == 17.0


def test_other_requests_wait_too_when_the_server_asks_to_be_left_alone(serve: Serve, waits: list[float]) -> None:
    server = serve(lambda text, n: error(429, Retry_After="17") if (text, n) == ("a", 0) else completion())
    ask(server, "a", "b", concurrency=1)
    assert waits[0] == 17.0
    # Time stands still here, so each later request waits for the same moment.
    assert waits[1:] == pytest.approx([17.0] * 2, abs=5.0)


def test_a_wait_of_more_than_a_quarter_of_an_hour_stops_the_run(serve: Serve, waits: list[float]) -> None:
    caught = stops(serve(lambda *_: error(429, "quota", Retry_After="3600")))
    assert "quota; the server asks to wait 3,600 s" in caught.problem
    assert waits == []


@pytest.mark.parametrize(
    ("value", "seconds"), [("3", 3.0), (" 120 ", 120.0), ("", None), ("soon", None), ("-5", None), ("1.5", None)]
)
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    assert retry_after(value, datetime.now(UTC)) == seconds


def test_retry_after_as_a_date() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert retry_after(format_datetime(now + timedelta(seconds=40), usegmt=True), now) == 40.0
    assert retry_after(format_datetime(now - timedelta(seconds=40), usegmt=True), now) == 0.0


def test_the_pace_spaces_requests_and_can_be_held() -> None:
    pace = Pace(30)
    assert [pace.reserve(100.0), pace.reserve(100.5), pace.reserve(110.0)] == [0.0, 1.5, 0.0]
    pace.hold(120.0)
    assert [pace.reserve(111.0), pace.reserve(111.0)] == [9.0, 11.0]
    assert [Pace(None).reserve(5.0) for _ in range(3)] == [0.0] * 3


def test_the_pace_keeps_a_limit_of_tokens_by_what_was_used_in_the_end() -> None:
    pace = Pace(None, 6000)  # 100 a second
    assert [pace.reserve(0.0, 400), pace.reserve(0.0, 100), pace.reserve(0.0, 100)] == [0.0, 4.0, 5.0]
    pace.settle(400, 100)  # 300 of the first were not needed
    assert pace.reserve(0.0, 100) == 3.0
    both = Pace(60, 6000)
    assert [both.reserve(0.0, 10), both.reserve(0.0, 500), both.reserve(0.0, 10)] == [0.0, 1.0, 6.0]
    both.settle(10, 5)  # the second between two requests stays
    assert both.reserve(0.0, 10) == 7.0


def test_a_held_pace_stays_held_when_tokens_are_given_back() -> None:
    pace = Pace(None, 60)
    pace.reserve(0.0, 10)
    pace.hold(30.0)
    pace.settle(10, 0)
    assert pace.reserve(0.0, 1) == 30.0


def test_wall_time_is_split_over_what_goes_on_at_once() -> None:
    shares = Shares()
    first = shares.begin(10.0)
    second = shares.begin(14.0)
    assert shares.end(20.0, first) == 4.0 + 3.0
    assert shares.end(21.0, second) == 3.0 + 1.0
    third = shares.begin(50.0)
    assert shares.end(51.0, third) == 1.0


# --- Failures that do not pass --------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_conversation_is_a_refusal_for_it_alone(serve: Serve, status: int) -> None:
    message = "request (931 tokens) exceeds the available context size (512 tokens)"
    server = serve(lambda text, _: error(status, message) if text == "long" else completion())
    before, refused, after = ask(server, "a", "long", "b", concurrency=1)
    assert (text_of(before), text_of(after)) == ("Yes.", "Yes.")
    assert f"answered {status}" in error_of(refused) and error_of(refused).endswith(message)
    assert server.asked == ["a", "long", "b"]


def test_a_refused_conversation_that_comes_first_is_told_apart_from_refused_settings(serve: Serve) -> None:
    server = serve(lambda text, _: error(400, "too long") if text == "long" else completion())
    refused, answered = ask(server, "long", "a", concurrency=1)
    assert (error_of(refused)[-8:], text_of(answered)) == ("too long", "Yes.")
    assert server.bodies[1] == {"model": "model", **body(SIMPLE)}


def test_settings_that_the_server_refuses_stop_the_run(serve: Serve) -> None:
    server = serve(lambda *_: error(400, "unknown parameter: top_k"))
    caught = stops(server, *"abcdefgh", concurrency=1)
    assert "unknown parameter: top_k; a simple question with the same settings fails as well" in caught.problem
    assert server.asked == ["a", SIMPLE]


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_what_every_request_would_meet_stops_the_run_at_once(serve: Serve, waits: list[float], status: int) -> None:
    server = serve(lambda *_: error(status, "no"))
    caught = stops(server, *"abcdefgh", concurrency=2)
    assert f"answered {status}" in caught.problem
    assert len(server.bodies) <= 2 and waits == []


def test_a_redirect_is_not_followed_since_it_would_carry_the_key_elsewhere(serve: Serve) -> None:
    caught = stops(serve(lambda *_: Answer(status=308, headers={"Location": "https://elsewhere.example/v1"})))
    assert "see https://elsewhere.example/v1" in caught.problem
    assert "Correct `url`" in caught.remedy


def test_a_conversation_that_always_breaks_the_server_is_a_refusal_for_it_alone(
    serve: Serve, waits: list[float]
) -> None:
    server = serve(lambda text, _: error(500, "template error") if text == "bad" else completion())
    answered, refused = ask(server, "a", "bad", concurrency=1)
    assert text_of(answered) == "Yes." and error_of(refused).endswith("500 Internal Server Error: template error")
    assert server.asked == ["a", *["bad"] * 6, SIMPLE]


def test_a_server_that_fails_for_good_stops_the_run_after_bounded_attempts(serve: Serve, waits: list[float]) -> None:
    server = serve(lambda text, _: completion() if text == "a" else error(503, "overloaded"))
    results = client(server, concurrency=1, attempts=3).stream([body(text) for text in "abcdefgh"])
    assert next(results)[0] == 0
    with pytest.raises(MedevalError, match=r"503 Service Unavailable: overloaded[\s\S]*continues where it stopped"):
        next(results)
    assert server.asked == ["a", *["b"] * 3, *[SIMPLE] * 3]


def test_a_spent_quota_stops_the_run_with_what_to_do(serve: Serve, waits: list[float]) -> None:
    caught = stops(serve(lambda *_: error(429, "insufficient quota")))
    assert "insufficient quota" in caught.problem and "requests_per_minute" in caught.remedy


def test_a_server_that_is_gone_stops_the_run(serve: Serve, waits: list[float]) -> None:
    server = serve()
    server.close()
    caught = stops(server, attempts=4)
    assert "connection" in caught.problem and "See that the server runs" in caught.remedy
    assert len(waits) == 2 * 3


BROKEN = {
    "page": (Answer(raw=b"<html><head><title>Sign in</title></head></html>"), "an HTML page titled 'Sign in'"),
    "text": (Answer(raw=b"hello"), "hello"),
    "empty": (Answer(raw=b""), "nothing"),
    "list": (Answer([]), "no chat completion"),
    "no choices": (Answer({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}), "choices: "),
    "null choices": (Answer({"choices": None}), "choices: "),
    "no usage": (Answer({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}), "usage: "),
    "parts": (completion([{"type": "text", "text": "x"}]), "choices.0.message.content: "),  # type: ignore[arg-type]
    "error": (Answer({"error": {"message": "upstream is away"}}), "upstream is away"),
}


@pytest.mark.parametrize(("broken", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_an_answer_that_is_no_completion_is_named_for_its_item(serve: Serve, broken: Answer, words: str) -> None:
    server = serve(lambda text, _: broken if text == "bad" else completion())
    answered, refused = ask(server, "a", "bad", concurrency=1)
    assert text_of(answered) == "Yes."
    assert words in error_of(refused)


def test_a_server_that_only_gives_pages_stops_the_run(serve: Serve) -> None:
    caught = stops(serve(lambda *_: BROKEN["page"][0]))
    assert "an HTML page titled 'Sign in'" in caught.problem and "most end in /v1" in caught.remedy


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"error": "plain"}, "plain"),
        ({"detail": [{"loc": ["body"], "msg": "field required"}]}, "field required"),
        ({"message": "gateway says no"}, "gateway says no"),
        ({"error": {"message": "x" * 9000}}, "..."),
    ],
)
def test_the_servers_own_words_are_found_where_servers_put_them(serve: Serve, document: Any, words: str) -> None:
    problem = stops(serve(lambda *_: Answer(document, 403))).problem
    assert words in problem and len(problem) < 700


# --- The server before the start ------------------------------------------------------------------


def listing(*models: dict[str, Any]) -> dict[str, Answer]:
    return {"/v1/models": Answer({"object": "list", "data": list(models)})}


def test_a_wrong_model_lists_what_the_server_has(serve: Serve) -> None:
    server = serve(pages=listing({"id": "qwen3:8b"}, {"id": "medgemma"}))
    with pytest.raises(MedevalError, match="has no model 'qwen3'; it has qwen3:8b, medgemma"):
        inspect_server(Client(Served(url=server.url, model="qwen3")))


def test_of_many_models_the_most_similar_are_listed_and_the_others_counted(serve: Serve) -> None:
    server = serve(pages=listing(*({"id": f"other-{i}"} for i in range(400)), {"id": "medgemma-4b"}))
    with pytest.raises(MedevalError, match="it has medgemma-4b, .* and 381 more"):
        inspect_server(Client(Served(url=server.url, model="medgemma")))


def test_a_wrong_key_is_found_before_the_start(serve: Serve) -> None:
    with pytest.raises(MedevalError, match=r"/v1/models answered 401"):
        inspect_server(client(serve(key="right")))


@pytest.mark.parametrize("page", [BROKEN["page"][0], Answer([]), Answer({"data": [{"name": "x"}]}), Answer({})])
def test_an_address_that_lists_no_models_is_refused(serve: Serve, page: Answer) -> None:
    with pytest.raises(MedevalError, match="/v1/models answered with what is no"):
        inspect_server(client(serve(pages={"/v1/models": page})))


def test_a_server_that_is_not_there_is_found_before_the_start(serve: Serve, waits: list[float]) -> None:
    server = serve()
    server.close()
    with pytest.raises(MedevalError, match=r"connection to .*/v1/models failed[\s\S]*See that the server runs"):
        inspect_server(client(server))


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_a_list_shows_that_it_has_the_model_by_answering(serve: Serve, status: int) -> None:
    server = serve(pages={"/v1/models": error(status)})
    assert inspect_server(client(server)).facts == {"model": None}
    assert server.asked == [SIMPLE]


def test_an_address_with_neither_list_nor_answers_is_refused(serve: Serve) -> None:
    wrong = serve().url.removesuffix("/v1") + "/api"
    with pytest.raises(MedevalError, match=r"/api/chat/completions answered 404[\s\S]*most end in /v1"):
        inspect_server(Client(Served(url=wrong, model="model")))


def test_an_address_of_something_else_is_refused_though_it_answers(serve: Serve) -> None:
    server = serve(lambda *_: BROKEN["page"][0], pages={"/v1/models": error(404)})
    with pytest.raises(MedevalError, match="an HTML page titled 'Sign in'"):
        inspect_server(client(server))


def test_what_changes_from_call_to_call_is_not_recorded(serve: Serve) -> None:
    server = serve(pages=listing({**MODEL, "permission": [{"id": "modelperm-1234"}], "max_model_len": 4096}))
    found = inspect_server(client(server))
    assert found.facts == {"model": {"id": "model", "owned_by": "somebody", "max_model_len": 4096}}


def test_a_model_may_be_named_by_an_alias(serve: Serve) -> None:
    server = serve(pages=listing({"id": "other", "aliases": None}, {"id": "weights.gguf", "aliases": ["model"]}))
    assert inspect_server(client(server)).facts == {"model": {"id": "weights.gguf"}}


def test_a_vllm_server_is_recorded_with_its_version(serve: Serve) -> None:
    entry = {"id": "model", "owned_by": "vllm", "root": "/srv/models/medgemma"}
    found = inspect_server(client(serve(pages={**listing(entry), "/version": Answer({"version": "0.12.0"})})))
    assert found.facts == {"model": {"id": "model", "owned_by": "vllm", "root": "medgemma"}, "version": "0.12.0"}
