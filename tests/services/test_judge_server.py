"""A judge behind an OpenAI-compatible endpoint that fails in the ways endpoints do."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from medeval.config.run import ApiJudge
from medeval.errors import MedevalError
from medeval.healthbench import judge as judging
from medeval.healthbench.judge import Question, ServerJudge, Verdict, parse_verdict

Reply = tuple[int, str, dict[str, str]]


class Server:
    """Answers each request by a function of how many requests had the same prompt before."""

    def __init__(self, reply: Callable[[str, int], Reply]) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                prompt = body["messages"][0]["content"]
                before = sum(r["messages"][0]["content"] == prompt for r in server.requests)
                server.requests.append(body)
                server.headers.append(self.headers.get("Authorization"))
                status, text, headers = reply(prompt, before)
                document = {"choices": [{"message": {"content": text}}]}
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(headers.get("X-Body", json.dumps(document)).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[str, int], Reply]], Server]]:
    monkeypatch.setattr(judging.time, "sleep", lambda _: None)
    servers: list[Server] = []

    def start(reply: Callable[[str, int], Reply]) -> Server:
        servers.append(Server(reply))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def decide(server: Server, *prompts: str, **settings: Any) -> list[Verdict]:
    judge = ServerJudge(ApiJudge(type="api", url=server.url, model="judge", **settings))
    verdicts = dict(judge.decide([Question(prompt, "") for prompt in prompts]))
    return [verdicts[index] for index in range(len(prompts))]


GOOD = '{"explanation": "It says so.", "criteria_met": true}'


def test_each_prompt_gets_its_own_verdict(serve: Callable[..., Server]) -> None:
    server = serve(lambda prompt, _: (200, json.dumps({"criteria_met": prompt == "yes", "explanation": prompt}), {}))
    verdicts = decide(server, "yes", "no", "yes", concurrency=3)
    assert [verdict.met for verdict in verdicts] == [True, False, True]
    assert all(request["temperature"] == 0 for request in server.requests)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_retried(serve: Callable[..., Server], status: int) -> None:
    server = serve(lambda _, before: (200, GOOD, {}) if before else (status, "", {"Retry-After": "1"}))
    assert decide(server, "a") == [Verdict(True, "It says so.", "graded")]


def test_a_lasting_failure_is_missing_and_never_not_met(serve: Callable[..., Server]) -> None:
    server = serve(lambda *_: (500, "", {}))
    [verdict] = decide(server, "a")
    assert (verdict.met, verdict.status) == (None, "error")
    assert len(server.requests) == 5


def test_a_reply_that_stays_unreadable_is_missing_and_never_not_met(serve: Callable[..., Server]) -> None:
    server = serve(lambda *_: (200, "I would say it does.", {}))
    [verdict] = decide(server, "a")
    assert (verdict.met, verdict.status) == (None, "unusable")
    assert len(server.requests) == 5


@pytest.mark.parametrize("body", ['{"choices": []}', '{"choices": null}', "[]", "not json"])
def test_a_reply_of_another_shape_is_missing(serve: Callable[..., Server], body: str) -> None:
    server = serve(lambda *_: (200, "", {"X-Body": body}))
    [verdict] = decide(server, "a")
    assert (verdict.met, verdict.status) == (None, "error")


def test_an_interrupted_judge_asks_little_more(serve: Callable[..., Server]) -> None:
    server = serve(lambda *_: (200, GOOD, {}))
    judge = ServerJudge(ApiJudge(type="api", url=server.url, model="judge", concurrency=4))
    verdicts = judge.decide([Question(str(i), "") for i in range(200)])
    next(verdicts)
    verdicts.close()
    assert len(server.requests) <= 8


def test_a_server_that_is_not_there_is_an_error_for_the_criterion(serve: Callable[..., Server]) -> None:
    server = serve(lambda *_: (200, GOOD, {}))
    server.close()
    [verdict] = decide(server, "a")
    assert verdict.status == "error"


def test_the_key_comes_from_the_environment_only(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret")
    server = serve(lambda *_: (200, GOOD, {}))
    decide(server, "a", key_variable="JUDGE_KEY")
    assert server.headers == ["Bearer secret"]
    judge = ServerJudge(ApiJudge(type="api", url=server.url, model="judge", key_variable="JUDGE_KEY"))
    assert "secret" not in judge.name


def test_a_missing_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(MedevalError, match="environment variable JUDGE_KEY is not set"):
        ServerJudge(ApiJudge(type="api", url="http://127.0.0.1:1", model="judge", key_variable="JUDGE_KEY"))


def test_half_a_surrogate_pair_is_replaced_so_that_it_can_be_stored() -> None:
    verdict = parse_verdict('{"criteria_met": true, "explanation": "cut \\ud83d"}')
    assert verdict == Verdict(True, "cut ?", "graded")


@pytest.mark.parametrize(
    ("text", "met"),
    [
        (GOOD, True),
        ('```json\n{"criteria_met": false}\n```', False),
        ('Let me think {about it}. {"criteria_met": true}', True),
        ('{"criteria_met": "true"}', None),
        ('{"explanation": "cut', None),
        ("", None),
        ('[{"criteria_met": false}]', False),
        ('<think>{"criteria_met": true}</think> {"criteria_met": false}', False),
    ],
)
def test_a_verdict_is_read_only_from_a_boolean(text: str, met: bool | None) -> None:
    assert parse_verdict(text).met is met
