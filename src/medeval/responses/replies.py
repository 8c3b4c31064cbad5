"""Replies that were paid for, found again: by what can change them, and by nothing else.

The key of a reply is a hash of the weights as loaded, the tokens of its prompt and how they are read, the sampling with
its seed, and the engine's build, device and batch shape. So other modes, more samples or items, another seed of a
greedy run, a better reader of answers or another publication ask for nothing again.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance

from medeval.records.files import sha256_text
from medeval.records.journal import Journal, results
from medeval.responses.engines.types import Completion, Engine, GenerationRequest, Scored, ScoreRequest

log = logging.getLogger(__name__)

# Continuations are scored one prompt at a time, however many replies are decoded together.
_WIDTH = ("sequences", "schedule")


def reply_key(engine: Engine, weights_sha256: str | None, request: GenerationRequest | ScoreRequest) -> str:
    """Return the hash of everything that can change a reply, but for the limit of its length.

    Args:
        engine: The engine, after it has seen all requests: their lengths may narrow its batches.
        weights_sha256: SHA-256 of the weights as loaded; None for a server.
        request: What is asked.
    """
    built = engine.identity()

    def read(text: str) -> str:
        return engine.prompt_ids_sha256(text) or sha256_text(text)

    asked: dict[str, Any]
    if isinstance(request, ScoreRequest):
        built = {name: value for name, value in built.items() if name not in _WIDTH}
        asked = {"continuations": [read(request.prompt + text) for text in request.continuations]}
    else:
        greedy = request.sampling.temperature == 0
        asked = {
            "sampling": "greedy" if greedy else asdict(request.sampling),
            "stop": request.stop,
            "grammar": request.grammar,
        }
    prefix = read(request.prefix) if request.prefix else None
    whole = {"weights": weights_sha256, "engine": built, "prompt": read(request.prompt), "prefix": prefix, **asked}
    return sha256_text(json.dumps(whole, sort_keys=True))


class Replies:
    """Finds and keeps the replies of one evaluation.

    Args:
        engine: The engine that answers.
        weights_sha256: SHA-256 of the weights as loaded; None for a server.
        journal: The evaluation's own journal.
        elsewhere: Folders below which journals of other evaluations may hold replies already.

    Attributes:
        found: Every reply that was found or came, by mode, item and sample.
        asked: How many of them came.
    """

    def __init__(
        self, engine: Engine, weights_sha256: str | None, journal: Journal, elsewhere: Sequence[Path] = ()
    ) -> None:
        self._engine, self._weights, self._journal = engine, weights_sha256, journal
        self._elsewhere = elsewhere
        self.found: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.asked = 0

    def find(
        self, instance: Instance, sample: int, request: GenerationRequest | ScoreRequest
    ) -> Completion | Scored | None:
        """Return an earlier result for this request, or None."""
        key, place = reply_key(self._engine, self._weights, request), place_of(instance, sample)
        own = self._journal.all(key)
        # Those that fit everything that a run has, not only what can change a reply.
        old = self._journal.get("/".join(map(str, place)))
        for value in (*own, *([old] if old else []), *self._others.get(key, [])):
            result = _result(value)
            if value["prompt_sha256"] == sha256_text(request.prompt) and _serves(value, result, request):
                if not any(value is kept for kept in own):
                    self._journal.add(key, value)
                self.found[place] = value
                return result
        if own:
            self._journal.retry(key, "finished under another limit of tokens, or without log-probabilities")
        return None

    def add(
        self, instance: Instance, sample: int, request: GenerationRequest | ScoreRequest, result: Completion | Scored
    ) -> None:
        """Keep a finished result."""
        place = place_of(instance, sample)
        value = {
            "place": "/".join(map(str, place)),
            "kind": "scored" if isinstance(result, Scored) else "completion",
            "prompt_sha256": sha256_text(request.prompt),
            "limit": request.max_tokens if isinstance(request, GenerationRequest) else None,
            "result": asdict(result),
        }
        self._journal.add(reply_key(self._engine, self._weights, request), value)
        self.found[place] = value
        self.asked += 1

    @cached_property
    def _others(self) -> Mapping[str, list[dict[str, Any]]]:
        """What other journals hold of these weights, by key."""
        found: dict[str, list[dict[str, Any]]] = {}
        paths = {path.resolve() for folder in self._elsewhere for path in folder.rglob("*.journal")}
        for path in sorted(paths - {self._journal.path.resolve()}):
            for run, key, value in results(path):
                if isinstance(run, dict) and run.get("weights_sha256") == self._weights and "prompt_sha256" in value:
                    found.setdefault(key, []).append(value)
        if found:
            log.info("%d replies of these weights are known from other evaluations", len(found))
        return found


def place_of(instance: Instance, sample: int) -> tuple[str, str, int]:
    """Return mode, item and sample of a request."""
    mode = str(instance.task_name).removeprefix(f"medeval_{instance.doc['benchmark']}_")
    return mode, str(instance.doc["item_id"]), sample


def _result(value: Mapping[str, Any]) -> Completion | Scored:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value["result"].items()}
    return Scored(**fields) if value["kind"] == "scored" else Completion(**fields)


def _serves(value: Mapping[str, Any], result: Completion | Scored, request: GenerationRequest | ScoreRequest) -> bool:
    """Whether an earlier result of the same key is what this request would bring."""
    if isinstance(result, Scored) or isinstance(request, ScoreRequest):
        return isinstance(result, Scored) and isinstance(request, ScoreRequest)
    if request.token_logprobs and result.token_logprobs is None and result.error is None:
        return False
    ended = result.finish_reason == "stop" and result.generated_tokens < request.max_tokens
    # Results of the first format have no limit: they were found by the id of a run, which holds it.
    return ended or value.get("limit", request.max_tokens) == request.max_tokens
