"""The record of an evaluation: what determined the responses beside it, and lm-eval's own accuracies."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from medeval.records.documents import Document, as_json
from medeval.records.files import sha256_text
from medeval.run.config import Protocol
from medeval.run.model import Reasoning


@dataclass(frozen=True)
class Identity:
    """Everything that may change a response.

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
        """The run's id in tables and journals: other keys or values make another run, whose journal is not read."""
        return sha256_text(json.dumps(as_json(self), sort_keys=True))[:16]

    def differences(self, other: "Identity") -> list[str]:
        """Return the names of the fields in which another identity differs."""
        names = [field.name for field in fields(self)]
        return [name for name in names if getattr(self, name) != getattr(other, name)]


class EvaluationRecord(Document):
    """What determined the responses of one table.

    Attributes:
        identity: Everything that may change a response.
        shard: The shard that was answered, as NUMBER-of-COUNT; None for a whole benchmark.
        sequences: Replies decoded together; None where the engine does not say, or where shards were merged.
        accuracy: lm-eval's accuracy by mode, without modes for conversations; None where shards were merged.
        shards: lm-eval's accuracy by shard and mode; None where no shards were merged.
    """

    SCHEMA: ClassVar[str] = "evaluation.v1"
    WRITER: ClassVar[str] = "medeval evaluate"

    identity: Identity
    shard: str | None
    sequences: int | None
    accuracy: Mapping[str, float] | None
    shards: Mapping[str, Mapping[str, float]] | None

    @classmethod
    def _completed(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Return a record as it is written, from one that names no schema: its responses need not be bought again."""
        return (
            document if "schema" in document else {"schema": cls.SCHEMA, "sequences": None, "shards": None} | document
        )
