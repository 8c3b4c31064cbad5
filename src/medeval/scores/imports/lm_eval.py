"""Replies in the files that lm-eval writes with `--log_samples`: `samples_TASK_DATE.jsonl`, as of 0.4.

A line is one document under one filter. `resps` holds what the model gave, as text: for a generated reply one text
per repeat, for multiple choice the log-probability of every continuation. Filters are not read: `resps` is the same
under each. How a reply ended is not recorded, so one that the token limit cut cannot be told.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from medeval.answers.options import LABELS
from medeval.errors import MedevalError
from medeval.records.tables import canonical_text
from medeval.scores.imports.questions import shown_in
from medeval.scores.imports.records import json_lines, json_object, require
from medeval.scores.imports.replies import ForeignReply, Shown, gold_index

_NAME = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}\.\d+)\.jsonl")
_FIELDS = ("doc_id", "doc", "target", "arguments", "resps", "filter")
_REMEDY = "Give the files samples_*.jsonl that `lm_eval run --log_samples --output_path FOLDER` writes."


def read(path: Path, id_field: str | None, first_sample: int, notes: list[str]) -> Iterator[ForeignReply]:
    """Yield the replies of one file, each once, whatever the number of filters.

    Args:
        path: The file.
        id_field: The field of a document that names its item; None takes `doc_id`, the row in the split.
        first_sample: Number of the first repeat.
        notes: Receives what should be known of the file: where its model's name comes from.

    Raises:
        MedevalError: The file is not of that format, or a line of it is not; it is named.
    """
    model = _model(path, notes)
    filters: dict[Any, str] = {}
    for where, record in json_lines(path):
        require(record, _FIELDS, where, _REMEDY)
        document, known = record["doc"], filters.setdefault(record["doc_id"], record["filter"])
        if not isinstance(document, dict):
            raise MedevalError(f"{where}: doc is no object", _REMEDY)
        if known == record["filter"]:
            yield from _replies(record, document, where, model, id_field, first_sample)


def _model(path: Path, notes: list[str]) -> str | None:
    """Return the name of the model, which stands in the results file of the same moment."""
    name = _NAME.fullmatch(path.name)
    beside = path.with_name(f"results_{name['date']}.json") if name else None
    if beside is None or not beside.is_file():
        return None
    found = json_object(beside.read_bytes(), str(beside)).get("model_name")
    if not isinstance(found, str) or not found:
        return None
    notes.append(f"{path}: model {found!r}, from {beside.name}")
    return found


def _replies(
    record: Mapping[str, Any],
    document: Mapping[str, Any],
    where: str,
    model: str | None,
    id_field: str | None,
    first_sample: int,
) -> Iterator[ForeignReply]:
    shown = shown_in(document)
    requests = _requests(record["arguments"], where)
    if not requests or len(requests) != len(record["resps"]):
        raise MedevalError(f"{where}: {len(record['resps'])} responses to {len(requests)} requests", _REMEDY)
    identifier = document.get(id_field) if id_field else record["doc_id"]
    common: dict[str, Any] = {
        "where": where,
        "shown": shown,
        "identifier": None if identifier is None else str(identifier),
        "benchmark": document["benchmark"] if "item_id" in document and "benchmark" in document else None,
        "stratum": document.get("stratum") or document.get("subject"),
        "gold": gold_index(record["target"], shown[0].options) if shown else None,
        "model": model,
        "prompt": requests[0][0],
    }
    if isinstance(requests[0][1], str):
        mode = _mode(requests, shown, where)
        logprobs = _logprobs(record["resps"][: _conditional(requests)], where)
        yield ForeignReply(**common, mode=mode, sample=first_sample, option_logprobs=logprobs, generated_tokens=0)
        return
    if len(requests) != 1:
        raise MedevalError(f"{where}: {len(requests)} generated replies to one document, expected one", _REMEDY)
    for sample, text in enumerate(record["resps"][0], start=first_sample):
        if not isinstance(text, str):
            raise MedevalError(f"{where}: resps holds {type(text).__name__}, expected text", _REMEDY)
        yield ForeignReply(**common, sample=sample, text=text)


def _requests(arguments: Any, where: str) -> list[tuple[str, Any]]:
    """Return the prompt of every request and, for multiple choice, its continuation, else the settings of generation.

    Releases before 0.4.3 wrote a list of lists, later ones an object of objects.
    """
    entries = list(arguments.values()) if isinstance(arguments, dict) else arguments
    found = []
    for entry in entries if isinstance(entries, list) else [None]:
        parts = [entry.get("arg_0"), entry.get("arg_1")] if isinstance(entry, dict) else entry
        if not isinstance(parts, list) or len(parts) < 2 or not isinstance(parts[0], str):
            raise MedevalError(f"{where}: a request is not of the form arg_0, arg_1", _REMEDY)
        found.append((parts[0], parts[1]))
    return found


def _conditional(requests: Sequence[tuple[str, Any]]) -> int:
    """Return how many requests show the prompt; lm-eval's mutual information repeats them all without it."""
    half = len(requests) // 2
    repeated = [text for _, text in requests[:half]] == [text for _, text in requests[half:]]
    bare = all(not prompt for prompt, _ in requests[half:])
    return half if half and repeated and bare and requests[0][0] else len(requests)


def _mode(requests: Sequence[tuple[str, Any]], shown: Sequence[Shown], where: str) -> str:
    """Say what the continuations are: the options' labels, or their texts with or without the question before them."""
    continuations = [canonical_text(continuation) for _, continuation in requests[: _conditional(requests)]]
    own = [text.strip("() .") for text in continuations]
    for one in shown:
        if own == list(LABELS[: len(one.options)]):
            return "letter"
        if continuations == [canonical_text(text) for text in one.options]:
            asked = canonical_text(one.question) in canonical_text(requests[0][0])
            return "cloze" if asked else "choices_only"
    if not shown and own == list(LABELS[: len(own)]):
        return "letter"
    raise MedevalError(
        f"{where}: the continuations that were scored are neither the options' letters nor their texts",
        "Log-probabilities of other continuations cannot be scored; leave the file out.",
    )


def _logprobs(responses: Sequence[Any], where: str) -> list[float]:
    """Return one log-probability per option."""
    try:
        return [float(repeats[0][0]) for repeats in responses]
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise MedevalError(f"{where}: a log-probability is missing or is no number ({error})", _REMEDY) from error
