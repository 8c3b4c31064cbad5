"""Where an OpenAI-compatible server is, how it is asked, and what to do when it cannot be."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from medeval.errors import MedevalError

# What the program sets in a request's body.
_OWNED = frozenset(
    {"model", "messages", "stream", "n", "temperature", "top_p", "seed", "max_tokens", "stop", "logprobs"}
)


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible server and how it is asked.

    Attributes:
        url: Base address, usually ending in /v1; requests go to `url`/chat/completions.
        model: The server's name for the model.
        key_variable: Environment variable that holds the key; None for a server without one.
        concurrency: Requests in flight at once.
        requests_per_minute: Most requests that are begun in a minute, evenly spaced; None for no limit.
        tokens_per_minute: Most tokens of prompts and replies in a minute, as far as they can be foreseen; None for no
            limit.
        seconds_timeout: Most seconds from a request to its whole reply.
        attempts: Times that a request is made at most, when failures are such as may pass.
        extra: Further values of every request's body.

    Raises:
        MedevalError: The address is none, or holds a secret.
    """

    url: str
    model: str
    key_variable: str | None = None
    concurrency: int = 8
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    seconds_timeout: float = 600.0
    attempts: int = 6
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            parts = httpx2.URL(self.url)
        except httpx2.InvalidURL:
            parts = httpx2.URL()
        if parts.userinfo or parts.query:
            raise MedevalError(
                f"`url` for {parts.host} holds a user, password or query, and is written into the results",
                "Put the key into an environment variable and name that one as `key_variable`.",
            )
        if parts.scheme not in ("http", "https") or not parts.host:
            raise MedevalError(
                f"`url` {self.url!r} is not the address of a server",
                "Give its base address, such as http://localhost:8000/v1.",
            )
        if owned := sorted(_OWNED.intersection(self.extra)):
            raise MedevalError(
                f"`extra` holds {', '.join(owned)}, which the program sets itself",
                "Remove it there; `model` and `protocol` have keys of their own for what is asked.",
            )

    def address(self, path: str) -> str:
        """Return the address of a path below the base address."""
        return f"{self.url.rstrip('/')}/{path}"

    def key(self) -> str | None:
        """Return the key that requests carry; None for a server without one.

        Raises:
            MedevalError: The environment variable holds none.
        """
        if self.key_variable is None:
            return None
        key = os.environ.get(self.key_variable, "").strip()
        if not key or not key.isascii() or not key.isprintable():
            state = "holds what cannot be a key" if key else "is not set"
            raise MedevalError(
                f"{self.model} at {self.url}: the environment variable {self.key_variable} {state}",
                f"Put the server's key into {self.key_variable} and run the command again.",
            )
        return key

    def remedy(self, status: int | None) -> str:
        """Return what to do about a failure that every request meets, by its HTTP status; None when no answer came."""
        if status in (401, 403):
            if self.key_variable:
                return f"Put a key that the server accepts into {self.key_variable} and run the command again."
            return "The server wants a key: put it into an environment variable and name that one as `key_variable`."
        if status == 200:
            return f"See that `url` ({self.url}) is the base of an OpenAI-compatible server; most end in /v1."
        if status in (301, 302, 303, 307, 308, 404, 405):
            return f"Correct `url` ({self.url}; most end in /v1) or `model` ({self.model})."
        if status in (402, 429):
            return (
                "See that the account has quota left, lower `concurrency` or set `requests_per_minute`, and run the"
                " same command again; it continues where it stopped."
            )
        if status is None or status >= 500:
            return "See that the server runs at `url`, and run the same command again; it continues where it stopped."
        return "Change the settings that the server objects to, or ask another server."
