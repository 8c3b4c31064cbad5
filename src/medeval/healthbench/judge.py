"""Judges: something that reads a judging prompt and says whether a criterion is met."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from medeval.config.model import Served
from medeval.config.run import ApiJudge
from medeval.engines.openai_client import Client, Refusal
from medeval.engines.openai_endpoint import Endpoint
from medeval.engines.openai_reply import Reply
from medeval.engines.openai_server import inspect_server
from medeval.engines.types import GenerationRequest
from medeval.files import sha256_file

_READINGS = 5  # replies of a server until one can be read
_LONGEST_EXPLANATION = 120  # characters; bounds the cost of a verdict of a small local judge
_VERDICT_SCHEMA = {
    "type": "object",
    "properties": {
        "explanation": {"type": "string", "maxLength": _LONGEST_EXPLANATION},
        "criteria_met": {"type": "boolean"},
    },
    "required": ["explanation", "criteria_met"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Verdict:
    """A judge's reply: `met` is None when it could not be read (`unusable`) or obtained (`error`)."""

    met: bool | None
    explanation: str | None
    status: str


@dataclass(frozen=True)
class Question:
    """A judging prompt.

    Attributes:
        text: The whole prompt.
        shared: Its beginning up to the criterion, which all criteria of a conversation have in common.
    """

    text: str
    shared: str


class Judge(Protocol):
    """Reads prompts, returns verdicts as they arrive."""

    @property
    def name(self) -> str:
        """Model, revision and settings: part of the name of every score it gives."""
        ...

    def decide(self, questions: Sequence[Question]) -> Iterator[tuple[int, Verdict]]:
        """Yield (index, verdict) for each question, in any order."""
        ...


def parse_verdict(text: str) -> Verdict:
    """Read the last JSON object in a reply that has a boolean `criteria_met`; anything else is unusable.

    The last one, since a judge that thinks aloud may draft others before.
    """
    for match in reversed(list(re.finditer(r"\{", text))):
        try:
            document, _ = json.JSONDecoder().raw_decode(text[match.start() :])
        except json.JSONDecodeError:
            continue
        met = document.get("criteria_met") if isinstance(document, dict) else None
        if isinstance(met, bool):
            return Verdict(met, _storable(str(document.get("explanation", ""))), "graded")
    return Verdict(None, _storable(text[:500]) or None, "unusable")


def _storable(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON allows and UTF-8 does not."""
    return text.encode("utf-8", errors="replace").decode()


class GgufJudge:
    """A GGUF judge whose output can only be the JSON it must return.

    The criterion stands last in the prompt, so that a conversation's criteria share the reading of
    everything before it.
    """

    def __init__(self, weights: Path, *, threads: int, max_tokens: int, sequences: int) -> None:
        from llama_cpp.llama_grammar import json_schema_to_gbnf

        from medeval.engines.chat import ChatTemplate
        from medeval.engines.llama_engine import LlamaEngine

        self._engine = LlamaEngine(weights, threads=threads, sequences=sequences)
        self._chat = ChatTemplate(self._engine.model, {})
        self._grammar = json_schema_to_gbnf(json.dumps(_VERDICT_SCHEMA), ["explanation", "criteria_met"])
        self._max_tokens = max_tokens
        self.name = (
            f"{weights.stem}@{sha256_file(weights)[:12]}, greedy, JSON grammar, at most {max_tokens} tokens, "
            f"{sequences} together"
        )

    def decide(self, questions: Sequence[Question]) -> Iterator[tuple[int, Verdict]]:
        """Judge the questions in order; one that does not fit the judge's context is unusable."""
        for index, completion in self._engine.generate([self._request(question) for question in questions]):
            if completion.error is not None:
                yield index, Verdict(None, completion.error, "unusable")
            else:
                yield index, parse_verdict(completion.text)

    def _request(self, question: Question) -> GenerationRequest:
        prompt = self._chat.render([{"role": "user", "content": question.text}])
        # Templates may trim the message; then there is no place to split at, and the prompt is read whole.
        start = prompt.find(question.shared)
        prefix = prompt[: start + len(question.shared)] if start >= 0 else ""
        return GenerationRequest(prompt, self._max_tokens, grammar=self._grammar, prefix=prefix)


class ServerJudge:
    """A judge behind an OpenAI-compatible endpoint, asked concurrently, with bounded retries.

    Raises:
        MedevalError: The environment variable with the key is not set.
    """

    def __init__(self, settings: ApiJudge) -> None:
        self._max_tokens = settings.max_tokens
        self._client = Client(Endpoint(**settings.model_dump(include=set(Served.model_fields))))
        self.name = f"{settings.model} at {settings.url}, temperature 0, at most {settings.max_tokens} tokens"

    def decide(self, questions: Sequence[Question]) -> Iterator[tuple[int, Verdict]]:
        """Judge the questions, yielding verdicts as they arrive; when interrupted, nothing more is asked.

        What could not be read is asked again once all else is decided, and is unusable after
        `_READINGS` replies.

        Raises:
            MedevalError: The server cannot be reached, refuses the key, does not have the model, or
                would fail every further question as well.
        """
        if questions:
            inspect_server(self._client)
        todo = list(range(len(questions)))
        for reading in range(1, _READINGS + 1):
            unreadable = []
            with closing(self._client.stream([self._body(questions[index]) for index in todo])) as results:
                for k, result in results:
                    verdict = _verdict(result)
                    if verdict.status == "unusable" and reading < _READINGS:
                        unreadable.append(todo[k])
                    else:
                        yield todo[k], verdict
            todo = unreadable

    def _body(self, question: Question) -> dict[str, Any]:
        messages = [{"role": "user", "content": question.text}]
        return {"messages": messages, "temperature": 0, "max_tokens": self._max_tokens}


def _verdict(result: Reply | Refusal) -> Verdict:
    if isinstance(result, Refusal):
        return Verdict(None, result.error, "error")
    if result.text is None:
        return Verdict(None, f"no text; finish reason {result.finish_reason!r}", "unusable")
    return parse_verdict(result.text)
