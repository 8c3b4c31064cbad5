"""A reply in the making: what has been drawn so far and when it ends."""

from dataclasses import dataclass, field

from medeval.engines.llama_model import LlamaModel
from medeval.engines.sampler import Sampler
from medeval.engines.types import Completion, FinishReason, GenerationRequest


@dataclass
class Reply:
    """One request's reply while its tokens are drawn.

    Attributes:
        index: Number of the request.
        request: The request itself.
        prompt: The prompt's tokens.
        prefix: How many of them are read as the shared beginning.
        sampler: Draws this reply's tokens.
        tokens: Tokens drawn so far, without the one that ended the reply.
        logprobs: Their log-probabilities, when the request wants them.
        finish_reason: Why the reply ended; None while it goes on.
    """

    index: int
    request: GenerationRequest
    prompt: list[int]
    prefix: int
    sampler: Sampler
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    finish_reason: FinishReason | None = None
    seconds_prefill: float = 0.0
    seconds_decode: float = 0.0

    @property
    def position(self) -> int:
        """Where the last drawn token stands in its sequence."""
        return len(self.prompt) + len(self.tokens) - 1

    def add(self, token: int, logprob: float | None, model: LlamaModel) -> None:
        """Take the next drawn token, which may end the reply."""
        if model.ends_generation(token):
            self.finish_reason = "stop"
            return
        piece = model.piece(token)
        self.tokens.append(token)
        self.data += piece
        if logprob is not None:
            self.logprobs.append(logprob)
        if any(stop.encode() in self.data[-len(piece) - len(stop.encode()) :] for stop in self.request.stop):
            self.finish_reason = "stop"
        elif len(self.tokens) >= self.request.max_tokens:
            self.finish_reason = "length"

    def completion(self) -> Completion:
        """Return the finished reply; its text ends where the first stop text begins.

        Raises:
            ValueError: The reply goes on.
        """
        if self.finish_reason is None:
            raise ValueError(f"reply {self.index} is not finished")
        text = self.data.decode("utf-8", errors="replace")
        cuts = [text.index(stop) for stop in self.request.stop if stop in text]
        return Completion(
            text=text[: min(cuts)] if cuts else text,
            finish_reason=self.finish_reason,
            prompt_tokens=len(self.prompt),
            generated_tokens=len(self.tokens),
            seconds_prefill=self.seconds_prefill,
            seconds_decode=self.seconds_decode,
            token_ids=tuple(self.tokens) if self.request.token_logprobs else None,
            token_logprobs=tuple(self.logprobs) if self.request.token_logprobs else None,
        )


def too_long(prompt_tokens: int, max_tokens: int, room: int) -> Completion:
    """Return the error completion of a prompt that does not fit."""
    error = f"prompt of {prompt_tokens:,} tokens and limit of {max_tokens:,} exceed the model's context of {room:,}"
    return Completion("", "error", prompt_tokens, 0, 0.0, 0.0, error)
