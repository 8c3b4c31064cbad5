"""What every engine takes and gives: requests, results, and the protocol between them."""

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from medeval.run.model import Reasoning
from medeval.run.section import Section

FinishReason = Literal["stop", "length", "error"]
ScheduleName = Literal["audit", "fast"]
SettingsT = TypeVar("SettingsT", bound=Section)


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn; temperature 0 is greedy and ignores the rest."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class GenerationRequest:
    """A rendered prompt to continue.

    Attributes:
        prompt: Text with the chat template's control tokens already in it, as the engine's `Chat`
            rendered it. (For a server it is the conversation as JSON: the server has the template.)
        max_tokens: Limit of generated tokens; reaching it gives finish reason `length`.
        sampling: How tokens are drawn.
        stop: Texts that end the reply; the one found is not part of it.
        grammar: GBNF grammar that the reply must follow, or None.
        prefix: A beginning of the prompt that is read on its own, and only once for consecutive
            requests that share it. How a prompt is split is thus a property of the prompt, so that
            the reply does not depend on what was asked before.
        token_logprobs: Whether the completion carries the log-probabilities of its tokens.
    """

    prompt: str
    max_tokens: int
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    grammar: str | None = None
    prefix: str = ""
    token_logprobs: bool = False


@dataclass(frozen=True)
class Completion:
    """A finished reply. With finish reason `error`, `text` is empty and `error` says why.

    `seconds_prefill` and `seconds_decode` are this request's share of wall time: a batch's time is
    split over its tokens. `token_ids` are there wherever the engine knows them, `token_logprobs` (nats, under the
    model's own distribution, whatever the sampling) when the request asked for them. `prompt_ids_sha256` is the
    `ids_sha256` of the prompt's tokens; None when they are not known, as with a server.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    generated_tokens: int
    seconds_prefill: float
    seconds_decode: float
    error: str | None = None
    token_ids: tuple[int, ...] | None = None
    token_logprobs: tuple[float, ...] | None = None
    prompt_ids_sha256: str | None = None


@dataclass(frozen=True)
class ScoreRequest:
    """A prompt with alternative continuations, each to be scored after the same prompt.

    `prefix` is as in `GenerationRequest`.
    """

    prompt: str
    continuations: tuple[str, ...]
    prefix: str = ""


@dataclass(frozen=True)
class Scored:
    """Log-probabilities (nats) of each continuation given the prompt.

    `greedy[i]` says whether greedy decoding would produce continuation i. With `error` set, the
    tuples are empty. `prompt_ids_sha256` is as in `Completion`.
    """

    logprobs: tuple[float, ...]
    greedy: tuple[bool, ...]
    prompt_tokens: int
    seconds: float
    error: str | None = None
    prompt_ids_sha256: str | None = None


class Chat(Protocol):
    """Turns conversations into the prompts of one engine."""

    @property
    def text(self) -> str:
        """The chat template, for the record."""
        ...

    @property
    def sha256(self) -> str:
        """SHA-256 of the chat template."""
        ...

    def render(self, messages: Sequence[Mapping[str, str]], *, complete_last: bool = False) -> str:
        """Render a conversation up to the assistant's turn; `complete_last` continues the last message."""
        ...


class Engine(Protocol):
    """Streams results as they finish, each with the index of its request; exactly one per request."""

    def identity(self) -> dict[str, Any]:
        """Return what of the engine may change a result (build, device, batch shape), as JSON values."""
        ...

    def prompt_ids_sha256(self, prompt: str) -> str | None:
        """Return the `ids_sha256` of a prompt's tokens; None for a server, which alone knows them."""
        ...

    def prepare(self, requests: Sequence[GenerationRequest]) -> None:
        """See every request of a run, finished ones included, before the others are generated.

        What depends on all of them, such as the room for the longest or how many fit into memory
        together, then does not depend on where a run was interrupted.
        """
        ...

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[tuple[int, Completion]]:
        """Continue each prompt."""
        ...

    def score(self, requests: Sequence[ScoreRequest]) -> Iterator[tuple[int, Scored]]:
        """Score each prompt's continuations."""
        ...

    def score_text(self, text: str) -> float:
        """Return the log-probability (nats) of a whole text."""
        ...

    def close(self) -> None:
        """Release what the engine holds."""
        ...


@dataclass(frozen=True)
class Opening(Generic[SettingsT]):
    """What an engine is opened with.

    Attributes:
        target: A name of `medeval.run.targets`.
        weights: What the target loads: a GGUF file, or a checkpoint's folder; None for a server.
        settings: How the engine is used; for a server, where it is too.
        probe: What `medeval probe` found of this file on this target, where it was asked.
        reasoning: The model's reasoning delimiters; None for a model that does not think.
        template_options: Variables for the chat template.
    """

    target: str
    weights: Path | None
    settings: SettingsT
    probe: Path | None
    reasoning: Reasoning | None
    template_options: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The weights, of which every target but a server has some."""
        if self.weights is None:
            raise ValueError(f"target {self.target!r} has no weights")
        return self.weights


class Opener(Protocol):
    """The function `open_engine` of an engine's module, which the table of targets names."""

    def __call__(self, opening: Opening[Any]) -> tuple[Engine, Chat]:
        """Load the model, or reach the server.

        Raises:
            MedevalError: It cannot be had as asked; nothing else is taken instead.
        """
        ...


def shared_length(a: Sequence[object], b: Sequence[object]) -> int:
    """Return how many elements two sequences begin with in common: characters of prompts, or their tokens."""
    limit = min(len(a), len(b))
    return next((i for i in range(limit) if a[i] != b[i]), limit)


def ids_sha256(ids: Sequence[int]) -> str:
    """Return the SHA-256 of token ids, as 32-bit little-endian integers: equal on every machine for equal ids."""
    return hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()
