"""Judges: something that reads a judging prompt and says whether a criterion is met."""

import json
import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import requests

from medeval.config.run import ApiJudge
from medeval.engines.types import GenerationRequest
from medeval.errors import MedevalError
from medeval.files import sha256_file

log = logging.getLogger(__name__)

_ATTEMPTS = 5
_SECONDS_TIMEOUT = 600
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

    def __init__(self, weights: Path, *, threads: int, max_tokens: int, target: str = "cpu") -> None:
        from llama_cpp.llama_grammar import json_schema_to_gbnf

        from medeval.engines.chat import ChatTemplate
        from medeval.engines.llama_engine import LlamaEngine

        self._engine = LlamaEngine(weights, target=target, threads=threads)
        self._chat = ChatTemplate(self._engine.model, {})
        self._grammar = json_schema_to_gbnf(json.dumps(_VERDICT_SCHEMA), ["explanation", "criteria_met"])
        self._max_tokens = max_tokens
        self.name = f"{weights.stem}@{sha256_file(weights)[:12]}, greedy, JSON grammar, at most {max_tokens} tokens"

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
    """A judge behind an OpenAI-compatible endpoint, asked concurrently, with bounded retries."""

    def __init__(self, settings: ApiJudge) -> None:
        self._settings = settings
        self.name = f"{settings.model} at {settings.url}, temperature 0, at most {settings.max_tokens} tokens"
        self._headers = {}
        if settings.key_variable:
            key = os.environ.get(settings.key_variable)
            if not key:
                raise MedevalError(
                    f"judge {settings.model}: the environment variable {settings.key_variable} is not set",
                    f"Put the endpoint's API key in {settings.key_variable} and run the command again.",
                )
            self._headers["Authorization"] = f"Bearer {key}"

    def decide(self, questions: Sequence[Question]) -> Iterator[tuple[int, Verdict]]:
        """Judge the questions, yielding verdicts as they arrive; when interrupted, nothing more is asked."""
        pool = ThreadPoolExecutor(self._settings.concurrency)
        todo = iter(enumerate(questions))
        waiting: dict[Future[Verdict], int] = {}
        try:
            while True:
                # Submitted a few at a time, so that few calls are in flight when the consumer stops.
                for index, question in islice(todo, self._settings.concurrency - len(waiting)):
                    waiting[pool.submit(self._ask, question.text)] = index
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, prompt: str) -> Verdict:
        verdict = Verdict(None, None, "error")
        for attempt in range(_ATTEMPTS):
            try:
                verdict = parse_verdict(self._complete(prompt))
            except (requests.RequestException, LookupError, TypeError, ValueError) as error:
                verdict = Verdict(None, f"{type(error).__name__}: {error}"[:500], "error")
                time.sleep(min(2**attempt, 30))
            if verdict.met is not None:
                return verdict
        return verdict

    def _complete(self, prompt: str) -> str:
        response = requests.post(
            f"{self._settings.url.rstrip('/')}/chat/completions",
            headers=self._headers,
            json={
                "model": self._settings.model,
                "messages": [{"role": "user", "content": prompt}],
                "temperature": 0,
                "max_tokens": self._settings.max_tokens,
            },
            timeout=_SECONDS_TIMEOUT,
        )
        if response.status_code == 429:
            time.sleep(min(float(response.headers.get("Retry-After", 1)), 60))
        response.raise_for_status()
        return str(response.json()["choices"][0]["message"]["content"])
