"""The lines of the Every Eval Ever schema that go with a document of results: one per response."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from medeval.records.files import sha256_text
from medeval.report.export.every_eval_ever import SCHEMA_VERSION, Record, accuracy_id, evaluation_name, texts
from medeval.scores.shown_order import as_shown


def instances(
    record: Record,
    items: Mapping[tuple[str, str], Mapping[str, Any]],
    scores: Sequence[Mapping[str, Any]],
    responses: Sequence[Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Yield the line of every response of a system.

    Args:
        record: The system's names.
        items: (benchmark, item_id) -> item.
        scores: Rows of `tables.SCORES` of the system.
        responses: The response behind each.
    """
    for score, response in zip(scores, responses, strict=True):
        item = items[score["benchmark"], score["item_id"]]
        raw = item["question"] if item["context"] is None else f"{item['context']}\n\n{item['question']}"
        reference = [item["options"][index] for index in item["answers"]]
        yield {
            "schema_version": SCHEMA_VERSION,
            "evaluation_id": record.evaluation_id,
            "model_id": record.model_id,
            "evaluation_name": evaluation_name(score["benchmark"], score["mode"]),
            "evaluation_result_id": accuracy_id(score["benchmark"], score["mode"]),
            "sample_id": score["item_id"],
            "sample_hash": _sample_hash(raw, reference),
            "interaction_type": "single_turn",
            "input": {
                "raw": raw,
                "reference": reference,
                "choices": list(as_shown(item["options"], score.get("shown_order"))),
            },
            "output": _output(score, response),
            "answer_attribution": _attribution(score),
            "evaluation": {"score": float(score["correct"]), "is_correct": score["correct"]},
            **_tokens(response),
            **({"error": response["error"] or "error"} if score["status"] == "error" else {}),
            "metadata": texts(
                {
                    "mode": score["mode"],
                    "sample": score["sample"],
                    "status": score["status"],
                    "stage": score["stage"],
                    "stratum": score["stratum"] or None,
                    "option_logprobs": response["option_logprobs"],
                }
            ),
        }


def _output(score: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    said = response["text"] if score["mode"] == "generate" else score["extracted"]
    reasoning = response["reasoning"]
    found = {"raw": [] if said is None else [said]}
    return found if reasoning is None else {**found, "reasoning_trace": [reasoning]}


def _attribution(score: Mapping[str, Any]) -> list[dict[str, Any]]:
    if score["extracted"] is None:
        return []
    return [
        {
            "turn_idx": 0,
            "source": "output.raw",
            "extracted_value": score["extracted"],
            "extraction_method": score["method"],
            "is_terminal": True,
        }
    ]


def _tokens(response: Mapping[str, Any]) -> dict[str, Any]:
    read, generated = response["prompt_tokens"], response["generated_tokens"]
    if min(read, generated) < 0:  # not known
        return {}
    return {"token_usage": {"input_tokens": read, "output_tokens": generated, "total_tokens": read + generated}}


def _sample_hash(raw: str, reference: Sequence[str]) -> str:
    """Return the hash by which the schema's users find one question in several records."""
    return sha256_text(json.dumps({"raw": raw, "reference": list(reference)}, sort_keys=True, separators=(",", ":")))
