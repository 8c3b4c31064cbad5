"""The record of an evaluation: what determined the responses beside it, and lm-eval's own accuracies."""

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from medeval import __version__
from medeval.answers.reading import MEDEVAL_EXTRACT
from medeval.records.documents import Document, as_json
from medeval.records.files import sha256_file, sha256_text
from medeval.run.config import Protocol
from medeval.run.model import Reasoning
from medeval.run.shipped import CHECKOUT


@dataclass(frozen=True)
class Software:
    """What ran; recorded, and never a reason to ask again, since a reply's key has the engine's own build.

    Attributes:
        medeval: Version of medeval.
        python: Version of Python.
        packages_sha256: SHA-256 of the names and versions of all that is installed.
        lock_sha256: SHA-256 of the project's lock file; None where medeval runs without its checkout.
        extractor: The reader of answers, with its version.
    """

    medeval: str
    python: str
    packages_sha256: str
    lock_sha256: str | None
    extractor: str

    @classmethod
    def here(cls) -> Self:
        """Return what runs here."""
        installed = sorted({f"{found.name}=={found.version}" for found in importlib.metadata.distributions()})
        lock = CHECKOUT / "requirements.lock"
        return cls(
            medeval=__version__,
            python=platform.python_version(),
            packages_sha256=hashlib.sha256("\n".join(installed).encode()).hexdigest(),
            lock_sha256=sha256_file(lock) if lock.is_file() else None,
            extractor=str(MEDEVAL_EXTRACT),
        )


@dataclass(frozen=True)
class Identity:
    """Everything that was asked for in an evaluation, and of what.

    Attributes:
        model: The model's id.
        variant: The form of its weights.
        target: Where it answered.
        weights_sha256: SHA-256 of the weights, a file or a checkpoint; None behind a server.
        items_sha256: SHA-256 of the table of items.
        engine: What the engine says of itself, in its own words: build, device, batch shape, settings.
        lm_eval: Version of lm-eval.
        templates: SHA-256 of the prompt template by mode.
        chat_template: SHA-256 of the chat template; None where a server applies its own.
        protocol: How the model was asked.
        seed: Seed of the run.
        reasoning: The model's reasoning delimiters; None without any.
        template_options: Variables of the chat template.
    """

    model: str
    variant: str
    target: str
    weights_sha256: str | None
    items_sha256: str
    engine: Mapping[str, Any]
    lm_eval: str
    templates: Mapping[str, str]
    chat_template: str | None
    protocol: Protocol
    seed: int
    reasoning: Reasoning | None
    template_options: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        """The run's id in tables. Journals of the first format are known by it, so it stays as it is."""
        return sha256_text(json.dumps(as_json(self), sort_keys=True))[:16]

    def differences(self, other: "Identity") -> list[str]:
        """Return the names of the fields in which another identity differs."""
        names = [field.name for field in fields(self)]
        return [name for name in names if getattr(self, name) != getattr(other, name)]


class EvaluationRecord(Document):
    """What determined the responses of one table.

    Attributes:
        identity: What was asked for.
        software: What ran; None where shards were merged, and in records of the first version.
        shard: The shard that was answered, as NUMBER-of-COUNT; None for a whole benchmark.
        sequences: Replies decoded together; None where the engine does not say, or where shards were merged.
        accuracy: lm-eval's accuracy by mode, without modes for conversations; None where shards were merged.
        shards: lm-eval's accuracy by shard and mode; None where no shards were merged.
    """

    SCHEMA: ClassVar[str] = "evaluation.v2"
    WRITER: ClassVar[str] = "medeval evaluate"

    identity: Identity
    software: Software | None
    shard: str | None
    sequences: int | None
    accuracy: Mapping[str, float] | None
    shards: Mapping[str, Mapping[str, float]] | None

    @classmethod
    def _completed(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Return a record as it is written, from one of an earlier version: its responses need not be bought again."""
        if document.get("schema") not in (None, "evaluation.v1"):
            return document
        return {"software": None, "sequences": None, "shards": None} | document | {"schema": cls.SCHEMA}
