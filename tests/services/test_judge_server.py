"""A judge behind an OpenAI-compatible endpoint that fails in the ways endpoints do."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from medeval.errors import MedevalError
from medeval.grades.judge import Grade, JudgeQuestion, ServerJudge
from medeval.responses.engines.openai_client import SIMPLE_QUESTION
from medeval.run.config import ApiJudge
from tests.services.chat_server import Answer, ChatServer, completion, error

Serve = Callable[..., ChatServer]


def judge(server: ChatServer, **settings: Any) -> ServerJudge:
    return ServerJudge(ApiJudge(**{"type": "api", "url": server.url, "model": "model", **settings}))


def decide(server: ChatServer, *prompts: str, **settings: Any) -> list[Grade]:
    found = list(judge(server, **settings).decide([JudgeQuestion(prompt, "") for prompt in prompts]))
    assert sorted(index for index, _ in found) == list(range(len(prompts)))
    grades = dict(found)
    return [grades[index] for index in range(len(prompts))]


GOOD = '{"explanation": "It says so.", "criteria_met": true}'


def test_each_prompt_gets_its_own_grade(serve: Serve) -> None:
    server = serve(lambda prompt, _: completion(json.dumps({"criteria_met": prompt == "yes", "explanation": prompt})))
    grades = decide(server, "yes", "no", "yes", concurrency=3, max_tokens=64)
    assert [grade.met for grade in grades] == [True, False, True]
    assert all((body["temperature"], body["max_tokens"]) == (0, 64) for body in server.bodies)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_retried(serve: Serve, waits: list[float], status: int) -> None:
    server = serve(lambda _, before: completion(GOOD) if before else error(status, Retry_After="1"))
    assert decide(server, "a") == [Grade(True, "It says so.", "graded")]
    assert waits


def test_a_lasting_failure_is_missing_and_never_not_met(serve: Serve, waits: list[float]) -> None:
    server = serve(lambda prompt, _: error(500, "no") if prompt == "bad" else completion(GOOD))
    bad, good = decide(server, "bad", "a")
    assert (bad.met, bad.status, good.met) == (None, "error", True)
    assert "500 Internal Server Error: no" in (bad.explanation or "")
    assert server.asked.count("bad") == 6 and len(waits) == 5


def test_a_failure_of_everything_stops_the_judging(serve: Serve, waits: list[float]) -> None:
    server = serve(lambda prompt, _: completion(GOOD) if prompt == "a" else error(500, "no"))
    grades = judge(server, concurrency=1).decide([JudgeQuestion(prompt, "") for prompt in "abcdefgh"])
    assert next(grades)[1].met is True
    with pytest.raises(MedevalError, match=r"500 Internal Server Error: no[\s\S]*continues where it stopped"):
        next(grades)
    assert {*server.asked} == {"a", "b", SIMPLE_QUESTION[0]["content"]}


def test_a_reply_that_stays_unreadable_is_missing_and_never_not_met(serve: Serve) -> None:
    server = serve(lambda prompt, _: completion("I would say it does." if prompt == "bad" else GOOD))
    bad, good = decide(server, "bad", "a")
    assert (bad.met, bad.status, bad.explanation) == (None, "unusable", "I would say it does.")
    assert good.met is True
    assert sorted(server.asked) == ["a"] + ["bad"] * 5


def test_a_reply_that_becomes_readable_is_read(serve: Serve) -> None:
    server = serve(lambda _, before: completion(GOOD if before == 2 else "Hm."))
    assert decide(server, "a", "b") == [Grade(True, "It says so.", "graded")] * 2
    assert sorted(server.asked) == ["a"] * 3 + ["b"] * 3


def test_a_reply_without_text_is_missing(serve: Serve) -> None:
    [grade] = decide(serve(lambda *_: completion(None, reason="content_filter")), "a")
    assert (grade.met, grade.status, grade.explanation) == (
        None, "unusable", "no text; finish reason 'content_filter'",
    )  # fmt: skip


def test_a_reply_that_was_cut_is_missing_even_if_a_grade_stands_in_it(serve: Serve) -> None:
    [grade] = decide(serve(lambda *_: completion(GOOD, reason="length")), "a")
    assert (grade.met, grade.status) == (None, "unusable")


def test_all_criteria_of_a_conversation_are_asked_at_once(serve: Serve) -> None:
    reply = [{"criterion": i, "explanation": "", "criteria_met": i == 2} for i in (1, 2, 3)]
    server = serve(lambda _, before: completion(json.dumps(reply[: 2 + before])))
    asked = judge(server, mode="conversation", max_tokens=50)
    [(_, grades)] = asked.decide_all([JudgeQuestion("all", "", criteria=3)])
    assert [grade.met for grade in grades] == [False, True, False]
    assert [body["max_tokens"] for body in server.bodies] == [150, 150]  # the first reply lacked one of them
    assert "one call per conversation" in asked.name


def test_what_grades_depend_on_is_in_the_name_and_the_request(serve: Serve) -> None:
    server = serve(lambda *_: completion(GOOD))
    settings = {"temperature": 0.5, "max_tokens": 77, "extra": {"reasoning_effort": "low"}, "revision": "abc123"}
    asked = judge(server, **settings)
    assert list(asked.decide([JudgeQuestion("a", "")]))
    assert server.bodies[0]["temperature"] == 0.5 and server.bodies[0]["reasoning_effort"] == "low"
    for part in (
        "model@abc123",
        server.url,
        "one call per criterion, prompt ",
        "temperature 0.5",
        "77",
        "reasoning_effort",
    ):
        assert part in asked.name
    assert "revision not stated" in judge(server).name


def test_a_vllm_server_is_told_to_leave_its_own_sampling_out(serve: Serve) -> None:
    models = {"data": [{"id": "model", "object": "model", "owned_by": "vllm"}]}
    server = serve(lambda *_: completion(GOOD), pages={"/v1/models": Answer(models)})
    decide(server, "a")
    assert server.bodies[0]["repetition_penalty"] == 1.0
    decide(server, "b", extra={"repetition_penalty": 1.1})
    assert server.bodies[1]["repetition_penalty"] == 1.1


def test_reasoning_apart_from_the_grade_is_not_read(serve: Serve) -> None:
    server = serve(lambda *_: completion('{"criteria_met": false}', reasoning_content='{"criteria_met": true}'))
    assert decide(server, "a")[0].met is False


@pytest.mark.parametrize("raw", [b'{"choices": []}', b'{"choices": null}', b"[]", b"not json"])
def test_a_reply_of_another_shape_is_missing(serve: Serve, raw: bytes) -> None:
    server = serve(lambda prompt, _: Answer(raw=raw) if prompt == "bad" else completion(GOOD))
    bad, good = decide(server, "bad", "a")
    assert (bad.met, bad.status, good.met) == (None, "error", True)


def test_an_interrupted_judge_asks_little_more(serve: Serve) -> None:
    server = serve(lambda *_: completion(GOOD))
    grades = judge(server, concurrency=4).decide([JudgeQuestion(str(i), "") for i in range(200)])
    next(grades)
    grades.close()  # type: ignore[attr-defined]
    assert len(server.bodies) <= 8


def test_a_server_that_is_not_there_stops_the_judging(serve: Serve, waits: list[float]) -> None:
    server = serve()
    server.close()
    with pytest.raises(MedevalError, match=r"connection to .* failed[\s\S]*See that the server runs"):
        decide(server, "a")


def test_a_judge_that_the_server_does_not_have_is_refused(serve: Serve) -> None:
    server = serve()
    with pytest.raises(MedevalError, match="has no model 'another'; it has model"):
        decide(server, "a", model="another")
    assert server.bodies == []


def test_a_judge_without_questions_needs_no_server() -> None:
    nowhere = ServerJudge(ApiJudge(type="api", url="http://127.0.0.1:1/v1", model="model"))
    assert list(nowhere.decide([])) == []


def test_the_key_comes_from_the_environment_only(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret")
    server = serve(lambda *_: completion(GOOD), key="secret")
    assert decide(server, "a", key_variable="JUDGE_KEY")[0].met is True
    assert "secret" not in judge(server, key_variable="JUDGE_KEY").name


def test_a_missing_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(MedevalError, match="environment variable JUDGE_KEY is not set"):
        ServerJudge(ApiJudge(type="api", url="http://127.0.0.1:1", model="judge", key_variable="JUDGE_KEY"))
