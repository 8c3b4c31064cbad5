"""Per-item accuracy for lm-eval, by the same rules as the score stage."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from medeval.answers.reading import read_answer
from medeval.scores.score import best_option


def generated(doc: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Score a generated reply; a request that failed is wrong, as in the score stage."""
    reply = results[0]
    if getattr(reply, "finish_reason", "stop") == "error":
        return {"acc": 0.0}
    reading = read_answer(
        str(reply),
        doc["options"],
        finish_reason=getattr(reply, "finish_reason", "stop"),
        reasoning_open=getattr(reply, "reasoning_open", False),
        labels_shown=True,
    )
    return {"acc": float(reading.choice in doc["answers"])}


def letter(doc: dict[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """Score by the log-probabilities of the option letters."""
    return {"acc": float(best_option([logprob for logprob, _ in results], None) in doc["answers"])}


def per_byte(doc: dict[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """Score by the log-probability per byte of the option texts."""
    return {"acc": float(best_option([logprob for logprob, _ in results], doc["options"]) in doc["answers"])}


def reply_length(doc: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Report the length of a conversation's reply in characters; a judge scores it later."""
    return {"characters": float(len(results[0]))}


def mean_of_subjects(outcomes: Sequence[tuple[str, float]]) -> float:
    """Average the accuracies of the subjects, each weighing the same.

    Args:
        outcomes: Subject and correctness (0 or 1) of every item.
    """
    by_subject: dict[str, list[float]] = {}
    for subject, correct in outcomes:
        by_subject.setdefault(subject, []).append(correct)
    return fmean(fmean(values) for values in by_subject.values())


def _with_subject(metric: Callable[..., dict[str, float]]) -> Callable[..., dict[str, Any]]:
    """Add what `mean_of_subjects` needs to a metric."""

    def outcome(doc: dict[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        correct = metric(doc, results)["acc"]
        return {"acc": correct, "acc_mean_of_subjects": (doc["stratum"], correct)}

    return outcome


generated_with_subject = _with_subject(generated)
letter_with_subject = _with_subject(letter)
per_byte_with_subject = _with_subject(per_byte)
