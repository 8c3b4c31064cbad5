"""Replies in the files that lm-eval writes with `--log_samples`: `samples_TASK_DATE.jsonl`, as of 0.4.

A line is one document under one filter. `resps` holds what the model gave, as text: for a generated reply one text
per repeat, for multiple choice the log-probability of every continuation. Filters are not read: `resps` is the same
under each. How a reply ended is not recorded, so one that the token limit cut cannot be told.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medeval.answers.options import LABELS
from medeval.errors import MedevalError
from medeval.records.tables import canonical_text
from medeval.scores.imports.questions import listed_in, shown_in
from medeval.scores.imports.records import RecordField, json_lines, json_object, require
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
    filters: dict[str | None, str] = {}
    for where, line in json_lines(path):
        require(line, _FIELDS, where, _REMEDY)
        record = RecordField(line, where, _REMEDY)
        name = record["filter"].text()
        if filters.setdefault(record["doc_id"].identifier(), name) == name:
            yield from _replies(record, where, model, id_field, first_sample)


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
    record: RecordField, where: str, model: str | None, id_field: str | None, first_sample: int
) -> Iterator[ForeignReply]:
    document, responses = record["doc"], record["resps"].entries()
    values, shown, requests = document.object(), shown_in(document), _requests(record["arguments"])
    if not requests or len(requests) != len(responses):
        raise MedevalError(f"{where}: {len(responses)} responses to {len(requests)} requests", _REMEDY)
    common: dict[str, Any] = {
        "where": where,
        "identifier": (document[id_field] if id_field else record["doc_id"]).identifier(),
        "benchmark": document["benchmark"].text_if_any() if "item_id" in values else None,
        "stratum": next((values[n] for n in ("stratum", "subject") if isinstance(values.get(n), str)), None),
        "gold": gold_index(record["target"].value, shown[0].options) if shown else None,
        "model": model,
        "prompt": requests[0].prompt,
    }
    if requests[0].continuation is not None:
        asked = requests[: _conditional(requests)]
        logprobs = [_logprob(response) for response in responses[: len(asked)]]
        common |= _scored(asked, shown)
        yield ForeignReply(**common, sample=first_sample, option_logprobs=logprobs, generated_tokens=0)
        return
    if len(requests) != 1:
        raise MedevalError(f"{where}: {len(requests)} generated replies to one document, expected one", _REMEDY)
    listed = listed_in(_spoken(requests[0].prompt))
    for sample, text in enumerate(_texts(responses[0]), start=first_sample):
        yield ForeignReply(**common, shown=shown, listed=listed, sample=sample, text=text)


@dataclass(frozen=True)
class _Request:
    """What the model was asked; of multiple choice with the continuation that was scored, else None."""

    prompt: str
    continuation: str | None


def _requests(arguments: RecordField) -> list[_Request]:
    """Return every request. Releases before 0.4.3 wrote a list of lists, later ones an object of objects."""
    named = isinstance(arguments.value, dict)
    found = []
    for entry in [arguments[key] for key in arguments.object()] if named else arguments.entries():
        parts = [entry["arg_0"], entry["arg_1"]] if isinstance(entry.value, dict) else entry.entries(least=2)
        settings = isinstance(parts[1].value, dict)
        found.append(_Request(_prompt(parts[0]), None if settings else parts[1].text()))
    if len({request.continuation is None for request in found}) > 1:
        raise arguments.wrong("requests of one kind")
    return found


def _prompt(field: RecordField) -> str:
    """Return a prompt; one for a server of chats is the JSON text of its messages, in a list of its own."""
    if isinstance(field.value, list) and len(field.value) == 1:
        return field.entries()[0].text()
    return field.text()


def _spoken(prompt: str) -> str:
    """Return what the messages of a chat say, if the prompt is the JSON text of such."""
    if not prompt.startswith("[{"):
        return prompt
    try:
        return "\n\n".join(message["content"] for message in json.loads(prompt))
    except (ValueError, KeyError, TypeError):
        return prompt


def _texts(responses: RecordField) -> list[str]:
    """Return the replies to a request: a list with a text per repeat, or the text itself, as lmms-eval has it."""
    if isinstance(responses.value, str):
        return [responses.value]
    return [response.text() for response in responses.entries(least=1)]


def _conditional(requests: Sequence[_Request]) -> int:
    """Return how many requests show the prompt; lm-eval's mutual information repeats them all without it."""
    half = len(requests) // 2
    repeated = [one.continuation for one in requests[:half]] == [one.continuation for one in requests[half:]]
    bare = all(not one.prompt for one in requests[half:])
    return half if half and repeated and bare and requests[0].prompt else len(requests)


def _scored(requests: Sequence[_Request], shown: Sequence[Shown]) -> dict[str, Any]:
    """Say what the continuations are, the options' labels or their texts with or without the question before them.

    Texts stand in an order of their own, which is that of the log-probabilities.
    """
    prompt = _spoken(requests[0].prompt)
    continuations = [canonical_text(one.continuation or "") for one in requests]
    if [text.strip("() .") for text in continuations] == list(LABELS[: len(continuations)]):
        return {"mode": "letter", "shown": tuple(shown), "listed": listed_in(prompt)}
    for one in shown:
        if sorted(continuations) == sorted(map(canonical_text, one.options)):
            asked = canonical_text(one.question) in canonical_text(prompt)
            return {"mode": "cloze" if asked else "choices_only", "shown": (Shown(one.question, tuple(continuations)),)}
    return {
        "mode": "letter",
        "refused": "the continuations that were scored are neither the options' letters nor their texts",
    }


def _logprob(response: RecordField) -> float:
    """Return the log-probability of a continuation, which stands beside whether it is the most probable one."""
    return response.entries(least=1)[0].entries(least=1)[0].number()
