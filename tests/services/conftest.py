"""Fixtures of the tests that talk to servers on loopback."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.services.chat_server import ChatServer


@pytest.fixture
def serve() -> Iterator[Callable[..., ChatServer]]:
    """Starts chat servers, and stops them after the test."""
    servers: list[ChatServer] = []

    def start(*args: Any, **settings: Any) -> ChatServer:
        servers.append(ChatServer(*args, **settings))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client waited; nothing really waits."""
    waited: list[float] = []
    really_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds > 0:
            waited.append(seconds)
        await really_sleep(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return waited
