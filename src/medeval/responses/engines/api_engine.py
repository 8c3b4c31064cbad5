"""An OpenAI-compatible server as an engine: llama.cpp, vLLM, Ollama, a hosted model."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, NoReturn

from medeval.errors import MedevalError
from medeval.records.files import sha256_text
from medeval.responses.engines.openai_client import Client, Refusal
from medeval.responses.engines.openai_reply import ServerReply
from medeval.responses.engines.openai_server import inspect_server
from medeval.responses.engines.types import (
    Chat,
    Completion,
    Engine,
    FinishReason,
    GenerationRequest,
    Opening,
    Scored,
    ScoreRequest,
)
from medeval.run.targets import Served

log = logging.getLogger(__name__)

_FINISH_REASONS: dict[str | None, FinishReason] = {"stop": "stop", "length": "length"}
# What these servers do unless told otherwise is not neutral: llama.cpp keeps 40 tokens of at least 0.05 of the
# best one's probability, and vLLM follows the model's generation_config.json.
NEUTRAL: dict[str | None, dict[str, float]] = {
    "llamacpp": {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0},
    "vllm": {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0},
}


def open_engine(opening: Opening[Served]) -> tuple[Engine, Chat]:
    """Reach a server.

    Raises:
        MedevalError: As for `ApiEngine`, or there are variables for a chat template, which the server has.
    """
    if opening.template_options:
        raise MedevalError(
            f"`template_options` {dict(opening.template_options)} cannot be given to a server as such",
            "Put them into the server's own form, such as `extra: {chat_template_kwargs: {...}}` below `served`.",
        )
    delimiters = (opening.reasoning.open, opening.reasoning.close) if opening.reasoning else None
    engine = ApiEngine(opening.settings, reasoning=delimiters)
    return engine, engine.chat


class MessagesTemplate:
    """Renders a conversation to the JSON of its messages: the server has the chat template.

    Args:
        server_template: The server's template if it shows one, for the record.
    """

    def __init__(self, server_template: str | None = None) -> None:
        self.text = server_template or "(the server's own; it does not show it)"
        self.sha256 = sha256_text(self.text)

    def render(self, messages: Sequence[Mapping[str, str]], *, complete_last: bool = False) -> str:
        """Render a conversation up to the assistant's turn.

        Raises:
            MedevalError: The assistant's message is to be continued: each server does that in its own way, or not.
        """
        if complete_last:
            raise MedevalError(
                "a server of chat completions cannot continue an assistant's message",
                "Leave out the modes that begin the reply for the model, or evaluate its weights with a local engine.",
            )
        return json.dumps([{"role": m["role"], "content": m["content"]} for m in messages], ensure_ascii=False)


class ApiEngine:
    """Generates with a model behind an OpenAI-compatible endpoint.

    The server renders the conversation, batches it with whatever else it is asked, and keeps its own
    caches: a request's `prefix` is not used.

    Args:
        served: The server and how it is asked.
        reasoning: The model's delimiters, between which reasoning that the server split off is put back;
            None for a model that does not think.

    Raises:
        MedevalError: The server cannot be reached, refuses the key, or does not have the model.
    """

    def __init__(self, served: Served, *, reasoning: tuple[str, str] | None = None) -> None:
        self._served, self._reasoning = served, reasoning
        self._client = Client(served)
        self._server = inspect_server(self._client)
        self._neutral = {k: v for k, v in NEUTRAL.get(self._server.kind, {}).items() if k not in served.extra}

    @property
    def chat(self) -> MessagesTemplate:
        """What renders conversations for this engine."""
        return MessagesTemplate(self._server.chat_template)

    def identity(self) -> dict[str, Any]:
        """Return address, model, what the server says about itself, and what every request sets beside its sampling.

        What a server decodes together with a reply changes its last digits, and at times its words; that
        depends on when requests arrive, and is not known. So the number of requests in flight is no part
        of this, and may be changed in the middle of a run. A server that answers one request at a time,
        without a cache of prompts (`cache_prompt: false` in `extra`, for llama.cpp), repeats itself exactly.
        """
        return {
            "engine": "OpenAI-compatible server",
            "url": self._served.url,
            "model": self._served.model,
            "server": self._server.facts,
            "extra": {**self._neutral, **self._served.extra},
            "reasoning": self._reasoning and list(self._reasoning),
        }

    def prompt_ids_sha256(self, prompt: str) -> None:
        """Return nothing: the server has the tokenizer."""

    def prepare(self, requests: Sequence[GenerationRequest]) -> None:
        """Do nothing: the server makes room for what it is asked."""

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[tuple[int, Completion]]:
        """Have each conversation answered, yielding (index, completion) as replies arrive.

        A request that the server refuses for its own sake (too long, filtered, ...) is an error for that
        request. `seconds_decode` holds its share of wall time from sending to the whole reply.

        Raises:
            MedevalError: A request is none for a server, the server split off reasoning and no delimiters are known,
                or every further request would fail.
        """
        bodies = [self._body(request) for request in requests]
        errors: list[str] = []
        cut_early = 0
        with closing(self._client.stream(bodies)) as results:
            for index, result in results:
                completion = self._completion(requests[index], result)
                if completion.error is not None:
                    errors.append(completion.error)
                if completion.finish_reason == "length" and completion.generated_tokens < requests[index].max_tokens:
                    cut_early += 1
                yield index, completion
        if errors:
            log.warning("%d of %d requests have no reply; the first: %s", len(errors), len(requests), errors[0])
        if cut_early:
            log.warning("%d of %d replies were cut before their limit of tokens", cut_early, len(requests))

    def score(self, requests: Sequence[ScoreRequest]) -> Iterator[tuple[int, Scored]]:
        """Refuse: chat completions give no probabilities of given texts.

        Raises:
            MedevalError: Always.
        """
        self._refuse_to_score()

    def score_text(self, text: str) -> float:
        """Refuse: chat completions give no probabilities of given texts.

        Raises:
            MedevalError: Always.
        """
        self._refuse_to_score()

    def close(self) -> None:
        """Do nothing: connections end with each call."""

    def _refuse_to_score(self) -> NoReturn:
        raise MedevalError(
            f"{self._served.model} at {self._served.url}: a server of chat completions gives no probabilities of"
            " given texts, which the modes letter, cloze and choices_only compare",
            "Leave these modes out for this model, or evaluate its weights with a local engine.",
        )

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        if request.grammar is not None:
            raise MedevalError(
                f"{self._served.model} at {self._served.url}: servers do not share a way to impose a grammar",
                "Use a local engine where the reply's form is imposed.",
            )
        sampling = request.sampling
        body: dict[str, Any] = {
            **self._neutral,
            "messages": _messages(request.prompt),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
            "max_tokens": request.max_tokens,
        }
        if request.stop:  # OpenAI refuses an empty list
            body["stop"] = list(request.stop)
        # Not in OpenAI's API: a server without them must say so rather than be asked something else.
        wanted = {"top_k": sampling.top_k, "min_p": sampling.min_p}
        for name, value in wanted.items():
            if value and name in self._served.extra:
                raise MedevalError(f"`extra` and the protocol both set `{name}`", "Remove it from `extra`.")
            if value:
                body[name] = value
        if request.token_logprobs:
            body |= {"logprobs": True, "top_logprobs": 1}
        return body

    def _completion(self, request: GenerationRequest, result: ServerReply | Refusal) -> Completion:
        if isinstance(result, Refusal):
            return Completion("", "error", 0, 0, 0.0, 0.0, result.error)
        reason = _FINISH_REASONS.get(result.finish_reason, "error")
        text = self._text(result, unfinished=reason == "length")
        error = None
        if reason == "error":
            error = f"the server ended the reply with finish reason {result.finish_reason!r}"
        elif text is None:
            error = f"the reply has no text; the server says: {result.refusal or 'nothing'}"
        elif request.token_logprobs and result.token_logprobs is None:
            error = "the server gave no log-probabilities of the tokens, which the request asked for"
        return Completion(
            text="" if error or text is None else text,
            finish_reason="error" if error else reason,
            prompt_tokens=result.prompt_tokens,
            generated_tokens=result.generated_tokens,
            seconds_prefill=0.0,
            seconds_decode=result.seconds,
            error=error,
            token_ids=result.token_ids,
            token_logprobs=result.token_logprobs if request.token_logprobs else None,
        )

    def _text(self, reply: ServerReply, *, unfinished: bool) -> str | None:
        """Put split-off reasoning back in front of the answer; one that was cut stays open."""
        if reply.reasoning is None:
            return reply.text
        if self._reasoning is None:
            raise MedevalError(
                f"{self._served.model} at {self._served.url}: the server returns reasoning apart from the answer,"
                " and the model's configuration has no `reasoning`",
                "Give the model's delimiters there (`open` and `close`), such as <think> and </think>.",
            )
        opened, closed = self._reasoning
        if unfinished and not reply.text:
            return opened + reply.reasoning
        return opened + reply.reasoning + closed + (reply.text or "")


def _messages(prompt: str) -> list[dict[str, str]]:
    """Read back what `MessagesTemplate` rendered."""
    try:
        messages = json.loads(prompt)
    except ValueError:
        messages = None
    if not isinstance(messages, list):
        raise MedevalError(
            "a server of chat completions is asked with messages, and this prompt is plain text",
            "Apply the chat template: with lm-eval, add --apply_chat_template.",
        )
    return messages
