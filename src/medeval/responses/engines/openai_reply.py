"""What an OpenAI-compatible server says: a chat completion, or in its own words why there is none."""

import re
import textwrap
from dataclasses import dataclass
from typing import Any

import httpx2
from pydantic import BaseModel, Field, FiniteFloat, ValidationError

_LONGEST_MESSAGE = 500  # characters of a server's error message that are passed on
_PAGE_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class ServerReply:
    """A chat completion as the server gave it.

    Attributes:
        text: The answer; None when the server gave none.
        reasoning: What the server split off as reasoning; None when it split off nothing.
        refusal: What the server says instead of an answer; None as a rule.
        finish_reason: The server's word for why the reply ended; None when it gave none.
        prompt_tokens: Tokens of the rendered conversation.
        generated_tokens: Tokens of the reply, reasoning included.
        seconds: This request's share of wall time, which is split evenly over the requests in flight.
        token_logprobs: Log-probabilities (nats) of the tokens; None when the server gave none.
        token_ids: The tokens' numbers; None when the server gave none.
    """

    text: str | None
    reasoning: str | None
    refusal: str | None
    finish_reason: str | None
    prompt_tokens: int
    generated_tokens: int
    seconds: float
    token_logprobs: tuple[float, ...] | None
    token_ids: tuple[int, ...] | None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None
    reasoning: str | None = None  # vLLM, OpenRouter, Ollama
    reasoning_content: str | None = None  # llama.cpp, DeepSeek, SGLang, vLLM before 0.12


class _Token(BaseModel):
    logprob: FiniteFloat
    id: int | None = None  # llama.cpp


class _Logprobs(BaseModel):
    content: list[_Token] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class _ChatCompletion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage


def read_reply(response: httpx2.Response, seconds: float) -> ServerReply:
    """Read a chat completion.

    Raises:
        ValueError: The response is something else; the message says what.
    """
    try:
        document = _ChatCompletion.model_validate_json(response.content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"{where}: {first['msg']}" if where else first["msg"]
        raise ValueError(f"what is no chat completion ({problem}): {words(response)}") from error
    choice, message = document.choices[0], document.choices[0].message
    tokens = choice.logprobs.content if choice.logprobs else None
    ids = [token.id for token in tokens or () if token.id is not None]
    return ServerReply(
        text=message.content,
        reasoning=message.reasoning or message.reasoning_content or None,
        refusal=message.refusal,
        finish_reason=choice.finish_reason,
        prompt_tokens=document.usage.prompt_tokens,
        generated_tokens=document.usage.completion_tokens,
        seconds=seconds,
        token_logprobs=None if tokens is None else tuple(token.logprob for token in tokens),
        token_ids=tuple(ids) if tokens is not None and len(ids) == len(tokens) else None,
    )


def words(response: httpx2.Response) -> str:
    """Return what a server says about an error: its message, the title of its page, or the text itself."""
    try:
        said = _message(response.json())
    except ValueError:
        said = response.text
        if title := _PAGE_TITLE.search(said):
            said = f"an HTML page titled {title[1].strip()!r}"
    return textwrap.shorten(said, _LONGEST_MESSAGE, placeholder=" ...") or "nothing"


def _message(document: Any) -> str:
    """Find the message where OpenAI (`error.message`), FastAPI (`detail`) and others put it."""
    if isinstance(document, dict):
        for key in ("error", "detail", "message"):
            if document.get(key):
                return _message(document[key])
    return str(document)
