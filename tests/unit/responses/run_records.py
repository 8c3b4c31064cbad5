"""Records of invented evaluations."""

from typing import Any

from medeval.responses.record import EvaluationRecord, Identity
from medeval.run.config import Protocol


def identity_of(**changes: Any) -> Identity:
    values = {
        "model": "tiny",
        "variant": "f16",
        "target": "cpu",
        "weights_sha256": None,
        "items_sha256": "ab" * 32,
        "engine": {"sequences": 1},
        "lm_eval": "0.4",
        "templates": {"generate": "cd" * 32},
        "chat_template": None,
        "protocol": Protocol(),
        "seed": 1,
        "reasoning": None,
        "template_options": {},
    }
    return Identity(**values | changes)


def record_of(identity: Identity, **changes: Any) -> EvaluationRecord:
    values = {"software": None, "shard": None, "sequences": 1, "accuracy": {"generate": 0.5}, "shards": None}
    return EvaluationRecord(identity=identity, **values | changes)
