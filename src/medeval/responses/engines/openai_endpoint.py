"""The address and the key of an OpenAI-compatible server, and what to do when it cannot be asked."""

import os

import httpx2

from medeval.errors import MedevalError
from medeval.run.targets import Served

# What the program sets in a request's body.
_OWNED = frozenset(
    {"model", "messages", "stream", "n", "temperature", "top_p", "seed", "max_tokens", "stop", "logprobs"}
)


def require_usable(served: Served) -> None:
    """Refuse a server that cannot be asked as its settings say.

    Raises:
        MedevalError: The address is none or holds a secret, or `extra` holds what the program sets itself.
    """
    try:
        parts = httpx2.URL(served.url)
    except httpx2.InvalidURL:
        parts = httpx2.URL()
    if parts.userinfo or parts.query:
        raise MedevalError(
            f"`url` for {parts.host} holds a user, password or query, and is written into the results",
            "Put the key into an environment variable and name that one as `key_variable`.",
        )
    if parts.scheme not in ("http", "https") or not parts.host:
        raise MedevalError(
            f"`url` {served.url!r} is not the address of a server",
            "Give its base address, such as http://localhost:8000/v1.",
        )
    if owned := sorted(_OWNED.intersection(served.extra)):
        raise MedevalError(
            f"`extra` holds {', '.join(owned)}, which the program sets itself",
            "Remove it there; `model` and `protocol` have keys of their own for what is asked.",
        )


def address_of(served: Served, path: str) -> str:
    """Return the address of a path below the base address."""
    return f"{served.url.rstrip('/')}/{path}"


def key_of(served: Served) -> str | None:
    """Return the key that requests carry; None for a server without one.

    Raises:
        MedevalError: The environment variable holds none.
    """
    if served.key_variable is None:
        return None
    found = os.environ.get(served.key_variable, "").strip()
    if not found or not found.isascii() or not found.isprintable():
        state = "holds what cannot be a key" if found else "is not set"
        raise MedevalError(
            f"{served.model} at {served.url}: the environment variable {served.key_variable} {state}",
            f"Put the server's key into {served.key_variable} and run the command again.",
        )
    return found


def remedy_for(served: Served, status: int | None) -> str:
    """Return what to do about a failure that every request meets, by its HTTP status; None when no answer came."""
    if status in (401, 403):
        if served.key_variable:
            return f"Put a key that the server accepts into {served.key_variable} and run the command again."
        return "The server wants a key: put it into an environment variable and name that one as `key_variable`."
    if status == 200:
        return f"See that `url` ({served.url}) is the base of an OpenAI-compatible server; most end in /v1."
    if status in (301, 302, 303, 307, 308, 404, 405):
        return f"Correct `url` ({served.url}; most end in /v1) or `model` ({served.model})."
    if status in (402, 429):
        return (
            "See that the account has quota left, lower `concurrency` or set `requests_per_minute`, and run the"
            " same command again; it continues where it stopped."
        )
    if status is None or status >= 500:
        return "See that the server runs at `url`, and run the same command again; it continues where it stopped."
    return "Change the settings that the server objects to, or ask another server."
