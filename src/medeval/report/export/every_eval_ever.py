"""Results in the Every Eval Ever schema (evaleval/every_eval_ever), version 0.3.0.

One document per system holds its results: the accuracy on every benchmark and mode, and macro-F1 where a benchmark's
items share their options. What is not known is left out or called unknown, as the schema asks; nothing is inferred
from a model's name.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from medeval import __version__
from medeval.errors import MedevalError
from medeval.items.benchmarks.registry import BENCHMARKS
from medeval.records.files import sha256_text
from medeval.records.system import System
from medeval.run.targets import TARGETS

SCHEMA_VERSION = "0.3.0"
COLLECTION = "medeval"
RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")
AVAILABILITIES = ("open_weights", "closed_weights", "unknown")

_COMMIT = re.compile(r"[0-9a-f]{40}")
_MODEL_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class ResultsPublication:
    """What is said of results that the scores do not say.

    Attributes:
        organization: Who publishes them.
        relationship: Of the publisher to the model's developer, one of `RELATIONSHIPS`.
        model_ids: Model as in the scores -> "organization/name" as on the hub.
        availability: Of the weights, one of `AVAILABILITIES`.
        retrieved: When the record is made, in seconds since 1970.
    """

    organization: str
    relationship: str
    model_ids: Mapping[str, str]
    availability: str
    retrieved: int

    def model_id(self, model: str) -> str:
        """Return the id of a model, which also names the folder of its records.

        Raises:
            MedevalError: There is none of the form organization/name.
        """
        found = self.model_ids.get(model, model)
        if not _MODEL_ID.fullmatch(found):
            raise MedevalError(
                f"the model {model!r} has no id of the form organization/name, but {found!r}",
                f"Say which model it is on the hub: --model-id {model}=ORGANIZATION/NAME.",
            )
        return found


@dataclass(frozen=True)
class Record:
    """The names of one system's record.

    Attributes:
        system: The system.
        model_id: "organization/name" of its model.
        uuid: The file's name, of the form of a random UUID, but made from the scores: the same give the same.
    """

    system: System
    model_id: str
    uuid: str

    @classmethod
    def of(cls, system: System, model_id: str, scores_sha256: str) -> "Record":
        """Name the record of a system's scores."""
        digest = sha256_text(f"{scores_sha256} {model_id} {system}")
        return cls(system, model_id, str(UUID(digest[:32], version=4)))

    @property
    def evaluation_id(self) -> str:
        """The record's id: of the model, how it was run, and which scores."""
        return f"{COLLECTION}/{self.model_id}/{self.system.variant}-{self.system.target}/{self.uuid}"

    @property
    def folder(self) -> str:
        """The folder of the record, from the root of the collected data."""
        return f"data/{COLLECTION}/{self.model_id}"

    @property
    def samples_path(self) -> str:
        """The file with a line per response, likewise."""
        return f"{self.folder}/{self.uuid}_samples.jsonl"


def aggregate(
    record: Record,
    publication: ResultsPublication,
    entries: Sequence[Mapping[str, Any]],
    classes: Sequence[Mapping[str, Any]],
    revisions: Mapping[str, str],
) -> dict[str, Any]:
    """Return the document of one system.

    Args:
        record: Its names.
        publication: What its publisher says.
        entries: `comparisons.scores.score_entry` of every benchmark and mode, each with its `account` beside.
        classes: `breakdown.class_reports` of the system.
        revisions: Benchmark -> revisions of its items' source.
    """
    results = [_accuracy(entry, revisions) for entry in entries]
    results += [_macro_f1(report, revisions) for report in classes]
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": record.evaluation_id,
        "retrieved_timestamp": str(publication.retrieved),
        "source_metadata": {
            "source_name": COLLECTION,
            "source_type": "evaluation_run",
            "source_organization_name": publication.organization,
            "evaluator_relationship": publication.relationship,
        },
        "eval_library": {"name": COLLECTION, "version": __version__},
        "model_info": _model_info(record, publication),
        "evaluation_results": results,
    }


def _model_info(record: Record, publication: ResultsPublication) -> dict[str, Any]:
    system = record.system
    engine = TARGETS[system.target].engine if system.target in TARGETS else None
    return {
        "name": system.model,
        "id": record.model_id,
        **({"inference_engine": {"name": engine}} if engine else {}),
        "additional_details": {
            "deployment_type": "self_deployed" if engine else "unknown",
            "model_availability": publication.availability,
            "variant": system.variant,
            "target": system.target,
        },
    }


def _accuracy(entry: Mapping[str, Any], revisions: Mapping[str, str]) -> dict[str, Any]:
    account, estimate = entry["account"], entry["accuracy"]
    details = {
        "responses": entry["responses"],
        "expected_responses": account["n_expected"],
        "partial": account["partial"],
        **{f"responses_{status}": count for status, count in entry["statuses"].items()},
        **{f"accuracy_unanswered_{policy}": value for policy, value in entry["policies"].items()},
        "no_headline": entry["no_headline"],
        "accuracy_if_only_the_first_correct_option_counts": entry["accuracy_first"]
        if entry["several_correct"]
        else None,
    }
    return {
        **_result(entry, "accuracy", revisions),
        "metric_config": {
            **_proportion("accuracy", "Accuracy"),
            "evaluation_description": f"Share of right answers, {entry['aggregate']}; an unanswered item is wrong.",
            "additional_details": {"mode": entry["mode"], "answers_read_by": ", ".join(entry["methods"])},
        },
        "score_details": {
            "score": estimate["value"],
            "details": texts(details),
            "uncertainty": _uncertainty(estimate),
        },
    }


def _macro_f1(report: Mapping[str, Any], revisions: Mapping[str, str]) -> dict[str, Any]:
    details = {f"f1_{one['option']}": one["f1"] for one in report["classes"]}
    return {
        **_result(report, "f1_macro", revisions),
        "metric_config": {
            **_proportion("f1_macro", "F1-macro"),
            "evaluation_description": "Mean of the options' F1; an unanswered item is a missed one of its option.",
            "additional_details": {"mode": report["mode"]},
        },
        "score_details": {"score": report["macro_f1"], "details": texts(details)},
    }


def _result(entry: Mapping[str, Any], metric: str, revisions: Mapping[str, str]) -> dict[str, Any]:
    name = evaluation_name(entry["benchmark"], entry["mode"])
    return {
        "evaluation_result_id": f"{name}.{metric}",
        "evaluation_name": name,
        "source_data": _source(entry["benchmark"], revisions),
    }


def evaluation_name(benchmark: str, mode: str) -> str:
    """Return the name of a benchmark asked in one mode."""
    return f"{COLLECTION}.{benchmark}.{mode}"


def accuracy_id(benchmark: str, mode: str) -> str:
    """Return the id of the result that a response counts in."""
    return f"{evaluation_name(benchmark, mode)}.accuracy"


def _source(benchmark: str, revisions: Mapping[str, str]) -> dict[str, Any]:
    """Name the data set: a repository only when its items come from a commit of it, and not from a local file."""
    known, revision = BENCHMARKS.get(benchmark), revisions[benchmark]
    details = {"additional_details": {"revision": revision}}
    if known is None or not _COMMIT.fullmatch(revision):
        return {"dataset_name": benchmark, "source_type": "other", **details}
    repository = known.files.repositories[0]
    return {"dataset_name": benchmark, "source_type": "hf_dataset", "hf_repo": repository, **details}


def _proportion(metric: str, name: str) -> dict[str, Any]:
    return {
        "metric_id": metric,
        "metric_name": name,
        "metric_kind": metric,
        "metric_unit": "proportion",
        "lower_is_better": False,
        "score_type": "continuous",
        "min_score": 0.0,
        "max_score": 1.0,
    }


def _uncertainty(estimate: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"num_samples": estimate["n"]}
    if estimate["se"] is not None:
        found["standard_error"] = {"value": estimate["se"], "method": "analytic"}
    if estimate["low"] is not None and estimate["high"] is not None:
        found["confidence_interval"] = {
            "lower": estimate["low"],
            "upper": estimate["high"],
            "confidence_level": estimate["confidence"],
            "method": estimate["method"],
        }
    return found


def texts(details: Mapping[str, Any]) -> dict[str, str]:
    """Write details as the texts that the schema wants; what is not known is left out."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in details.items()
        if value is not None
    }
