"""An OpenAI-compatible server on loopback that answers as a test wants, and remembers what it was asked."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = {"id": "model", "object": "model", "created": 1700000000, "owned_by": "somebody"}


@dataclass(frozen=True)
class Answer:
    """A response: a JSON document, or `raw` bytes as they are."""

    document: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    cut: bool = False  # the connection is closed in the middle of the body
    hang: bool = False  # nothing comes until the server is closed


def completion(text: str | None = "Yes.", *, reason: str | None = "stop", **message: Any) -> Answer:
    """Return a well-formed chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": reason}
    return Answer({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})


def error(status: int, message: str = "", **headers: str) -> Answer:
    """Return an error as OpenAI words it."""
    return Answer({"error": {"message": message}}, status, headers)


class ChatServer:
    """Answers questions, counting how many are open (`active`) and were so at once.

    Args:
        reply: Gives the answer from the last message's text and how often that came before.
        pages: Answers to GET requests by path; `/v1/models` lists `MODEL` unless given.
        key: Only requests with this key are answered.
        port: Where to listen; 0 takes a free port.
    """

    def __init__(
        self,
        reply: Callable[[str, int], Answer] = lambda text, n: completion(),
        *,
        pages: dict[str, Answer] | None = None,
        key: str | None = None,
        port: int = 0,
    ) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.most_at_once = 0
        self._reply, self._key = reply, key
        self._pages = {"/v1/models": Answer({"object": "list", "data": [MODEL]}), **(pages or {})}
        self._lock, self._ending, self.active = threading.Lock(), threading.Event(), 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._send(self, server._pages.get(self.path, error(404, "no such page")))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path != "/v1/chat/completions":
                    return server._send(self, error(404, "no such page"))
                with server._counted(body) as before:
                    return server._send(self, server._reply(body["messages"][-1]["content"], before))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"

    @property
    def asked(self) -> list[str]:
        """The texts of all questions, in the order in which they came."""
        return [body["messages"][-1]["content"] for body in self.bodies]

    def close(self) -> None:
        """Stop listening; whatever hangs ends."""
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def _counted(self, body: dict[str, Any]) -> Iterator[int]:
        with self._lock:
            before = self.asked.count(body["messages"][-1]["content"])
            self.bodies.append(body)
            self.active += 1
            self.most_at_once = max(self.most_at_once, self.active)
        try:
            yield before
        finally:
            with self._lock:
                self.active -= 1

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if self._key and handler.headers.get("Authorization") != f"Bearer {self._key}":
            answer = error(401, f"wrong key: {handler.headers.get('Authorization')}")
        if answer.hang:
            self._ending.wait(30)
            handler.close_connection = True
            return
        body = answer.raw if answer.raw is not None else json.dumps(answer.document).encode()
        try:
            handler.send_response(answer.status)
            for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(body[: len(body) // 2] if answer.cut else body)
        except (BrokenPipeError, ConnectionResetError):
            return  # the client has left
        if answer.cut:
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
