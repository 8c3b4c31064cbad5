"""Replies in the logs of Inspect: `.eval`, a ZIP archive with one JSON document per sample, or `.json`.

A sample is one reply to one question; its epoch, from 1, is the number of the reply. The last message of the model is
read. Reasoning that the log keeps apart stays apart.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.scores.imports.archive import Archive
from medeval.scores.imports.questions import shown_in
from medeval.scores.imports.records import json_object, require
from medeval.scores.imports.replies import ForeignReply, Shown, gold_index

_ATTACHMENT = "attachment://"
# "unknown" says nothing of whether the text is complete; a filter puts its own words in place of the reply.
_FINISH = {"stop": "stop", "max_tokens": "length", "model_length": "length"}
_FILTERED = "content_filter"
_REMEDY = "Give the logs that `inspect eval` writes, .eval or .json."
_FIELDS = ("id", "epoch", "input", "output")


def read(path: Path, id_field: str | None, first_sample: int, notes: list[str]) -> Iterator[ForeignReply]:
    """Yield the replies of one log.

    Args:
        path: The log.
        id_field: The field of a sample's metadata that names its item; None takes the sample's own id.
        first_sample: Number of the first epoch.
        notes: Receives what should be known of the log: whether its run has ended well.

    Raises:
        MedevalError: The file is no log, or a sample of it cannot be read; it is named.
    """
    header, samples = _whole(path) if path.suffix == ".json" else _archived(path)
    require(header, ("eval",), str(path), _REMEDY)
    model, status = header["eval"].get("model"), header.get("status", "started")
    if status != "success":
        notes.append(f"{path}: the run's status is {status}, so samples may be missing")
    for name, sample in samples:
        require(sample, _FIELDS, f"{path}: {name}", _REMEDY)
        where = f"{path}: sample {sample['id']!r} epoch {sample['epoch']}"
        yield _reply(_with_attachments(sample), where, model, id_field, first_sample)


_Samples = Iterator[tuple[str, dict[str, Any]]]


def _whole(path: Path) -> tuple[dict[str, Any], _Samples]:
    """Return the document of a run and its samples, each with a name for messages."""
    if not path.is_file():
        raise MedevalError(f"{path}: no such file", "Correct the path.")
    document = json_object(path.read_bytes(), str(path))
    samples = document.get("samples") or []
    return document, ((f"sample number {number}", sample) for number, sample in enumerate(samples))


def _archived(path: Path) -> tuple[dict[str, Any], _Samples]:
    """Return the header of an archive and its samples; a run that has not ended has only a start."""
    with Archive(path) as archive:
        for name in ("header.json", "_journal/start.json"):
            if name in archive.names():
                return json_object(archive.read(name), f"{path}: {name}"), _members(path)
    raise MedevalError(f"{path}: the archive has no header.json", _REMEDY)


def _members(path: Path) -> _Samples:
    with Archive(path) as archive:
        for name in archive.names():
            folder, _, file = name.partition("/")
            if folder != "samples":
                continue
            if "/" in file:
                raise MedevalError(
                    f"{path}: {name}: the sample is stored in pieces",
                    f"Write it as one document: `inspect log dump {path.name} > {path.stem}.json`.",
                )
            yield name, json_object(archive.read(name), f"{path}: {name}")


def _reply(
    sample: Mapping[str, Any], where: str, model: str | None, id_field: str | None, first_sample: int
) -> ForeignReply:
    shown = _shown(sample)
    metadata = sample.get("metadata") or {}
    identifier = metadata.get(id_field) if id_field else sample["id"]
    text, reasoning, finish, error = _ended(sample, where)
    usage = sample["output"].get("usage") or {}
    read = [usage.get(f"input_tokens{kind}") or 0 for kind in ("", "_cache_read", "_cache_write")]
    return ForeignReply(
        where=where,
        sample=int(sample["epoch"]) - 1 + first_sample,
        shown=shown,
        identifier=None if identifier is None else str(identifier),
        stratum=metadata.get("subject"),
        gold=gold_index(sample.get("target"), shown[0].options) if shown else None,
        model=model,
        text=text,
        reasoning=reasoning,
        finish_reason=finish,
        prompt_tokens=sum(read) if usage else None,
        generated_tokens=usage.get("output_tokens"),
        error=error,
    )


def _shown(sample: Mapping[str, Any]) -> tuple[Shown, ...]:
    given = sample["input"]
    if isinstance(given, list):
        given = "\n".join(_parts(message)[0] for message in given if message.get("role") == "user")
    if not sample.get("choices"):
        return ()
    return shown_in({"input": given, "choices": sample["choices"]})


def _ended(sample: Mapping[str, Any], where: str) -> tuple[str | None, str | None, str | None, str | None]:
    """Return text, reasoning, finish reason (None when it is not known) and error of a sample."""
    if failed := _failure(sample):
        return None, None, "error", failed
    choice = sample["output"]["choices"][0]
    text, reasoning = _parts(choice["message"])
    stop = choice.get("stop_reason", "unknown")
    if stop == "tool_calls":
        raise MedevalError(f"{where}: the last message calls a tool and answers nothing", "Leave logs of agents out.")
    finish = _FINISH.get(stop)
    if finish == "length" and reasoning is not None and not text:
        return None, reasoning, finish, None  # the limit fell inside the reasoning
    return text, reasoning, finish, None


def _failure(sample: Mapping[str, Any]) -> str | None:
    """Say why a sample has no reply that could be scored; None when it has one."""
    if error := sample.get("error"):
        return str(error.get("message") or "error")
    if sample.get("invalidation"):
        return "the sample was declared invalid"
    limit = (sample.get("limit") or {}).get("type")
    if limit not in (None, "token", "context"):
        return f"halted by the {limit} limit"
    if not (choices := sample["output"].get("choices")):
        return str(sample["output"].get("error") or "no reply")
    return "withheld by a content filter" if choices[0].get("stop_reason") == _FILTERED else None


def _parts(message: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the text and the reasoning of a message."""
    content = message.get("content")
    if isinstance(content, str):
        return content, None
    parts = [part for part in content or [] if isinstance(part, dict)]
    thoughts = [str(part.get("reasoning") or "") for part in parts if part.get("type") == "reasoning"]
    texts = [str(part.get("text") or "") for part in parts if part.get("type") == "text"]
    return "\n".join(texts), "\n".join(thoughts) if thoughts else None


def _with_attachments(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Put texts that a log keeps apart back in the fields that are read."""
    apart = sample.get("attachments") or {}

    def whole(value: Any) -> Any:
        if isinstance(value, str) and value.startswith(_ATTACHMENT):
            return apart.get(value.removeprefix(_ATTACHMENT), value)
        if isinstance(value, list):
            return [whole(entry) for entry in value]
        if isinstance(value, dict):
            return {key: whole(entry) for key, entry in value.items()}
        return value

    return {**sample, **{name: whole(sample.get(name)) for name in ("input", "choices", "output")}}
