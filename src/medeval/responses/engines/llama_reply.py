"""A reply in the making: what has been drawn so far and when it ends."""

from dataclasses import dataclass, field
from functools import cached_property

from medeval.responses.engines.llama_model import LlamaModel
from medeval.responses.engines.sampler import Sampler
from medeval.responses.engines.types import Completion, FinishReason, GenerationRequest, ids_sha256


@dataclass
class LlamaReply:
    """One request's reply while its tokens are drawn.

    Attributes:
        model: The model that is asked.
        index: Number of the request.
        request: The request itself.
        prompt: The prompt's tokens.
        prefix: How many of them are read as the shared beginning.
        tokens: Tokens drawn so far, without the one that ended the reply.
        logprobs: Their log-probabilities, when the request wants them.
        finish_reason: Why the reply ended; None while it goes on.
    """

    model: LlamaModel
    index: int
    request: GenerationRequest
    prompt: list[int]
    prefix: int
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

    @cached_property
    def sampler(self) -> Sampler:
        """What draws this reply's tokens; made when the first one is drawn, since thousands of replies may wait."""
        return Sampler(self.model, self.request)

    def close(self) -> None:
        """Release the sampler, if there is one."""
        if "sampler" in self.__dict__:
            self.sampler.close()

    def add(self, token: int, logprob: float | None) -> None:
        """Take the next drawn token, which may end the reply."""
        if self.model.ends_generation(token):
            self.finish_reason = "stop"
            return
        piece = self.model.piece(token)
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
            token_ids=tuple(self.tokens),
            token_logprobs=tuple(self.logprobs) if self.request.token_logprobs else None,
            prompt_ids_sha256=ids_sha256(self.prompt),
        )


def too_long(prompt: list[int], max_tokens: int, room: int) -> Completion:
    """Return the error completion of a prompt that does not fit."""
    error = f"prompt of {len(prompt):,} tokens and limit of {max_tokens:,} exceed the model's context of {room:,}"
    return Completion("", "error", len(prompt), 0, 0.0, 0.0, error, prompt_ids_sha256=ids_sha256(prompt))
