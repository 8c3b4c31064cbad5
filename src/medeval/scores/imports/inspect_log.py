"""Replies in the logs of Inspect: `.eval`, a ZIP archive with one JSON document per sample, or `.json`.

A sample is one reply to one question; its epoch, from 1, is the number of the reply. The last message of the model is
read. Reasoning that the log keeps apart stays apart.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.scores.imports.archive import Archive
from medeval.scores.imports.questions import listed_in
from medeval.scores.imports.records import RecordField, json_object, require
from medeval.scores.imports.replies import ForeignReply, Shown, gold_index

_ATTACHMENT = "attachment://"
# "unknown" says nothing of whether the text is complete; a filter puts its own words in place of the reply.
_FINISH = {"stop": "stop", "max_tokens": "length", "model_length": "length"}
_FILTERED = "content_filter"
_REMEDY = "Give the logs that `inspect eval` writes, .eval or .json."
_FIELDS = ("id", "epoch", "input", "output")
_VERSION = 2  # of the log's format


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
    require(header.object(), ("eval",), header.where, _REMEDY)
    if (version := header["version"].whole_if_any() or _VERSION) > _VERSION:
        raise MedevalError(
            f"{header.where}: a log of format version {version}, this reads {_VERSION}",
            "Write it again with a release of Inspect that writes that version, or import its replies as CSV.",
        )
    model, status = header["eval"]["model"].text_if_any(), header["status"].text_if_any() or "started"
    if status != "success":
        notes.append(f"{path}: the run's status is {status}, so samples may be missing")
    for sample in samples:
        require(sample.object(), _FIELDS, sample.where, _REMEDY)
        where = f"{path}: sample {sample['id'].identifier()!r} epoch {sample['epoch'].whole()}"
        yield _reply(_with_attachments(sample, where), model, id_field, first_sample)


def _whole(path: Path) -> tuple[RecordField, Iterator[RecordField]]:
    """Return the document of a run and its samples."""
    if not path.is_file():
        raise MedevalError(f"{path}: no such file", "Correct the path.")
    document = RecordField(json_object(path.read_bytes(), str(path)), str(path), _REMEDY)
    samples = document["samples"].entries() if document["samples"].value is not None else []
    named = (RecordField(one.value, f"{path}: sample number {n}", _REMEDY) for n, one in enumerate(samples))
    return document, named


def _archived(path: Path) -> tuple[RecordField, Iterator[RecordField]]:
    """Return the header of an archive and its samples; a run that has not ended has only a start."""
    with Archive(path) as archive:
        for name in ("header.json", "_journal/start.json"):
            if name in archive.names():
                where = f"{path}: {name}"
                return RecordField(json_object(archive.read(name), where), where, _REMEDY), _members(path)
    raise MedevalError(f"{path}: the archive has no header.json", _REMEDY)


def _members(path: Path) -> Iterator[RecordField]:
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
            where = f"{path}: {name}"
            yield RecordField(json_object(archive.read(name), where), where, _REMEDY)


def _reply(sample: RecordField, model: str | None, id_field: str | None, first_sample: int) -> ForeignReply:
    question, options = _asked(sample)
    metadata = sample["metadata"].or_empty()
    text, reasoning, finish, error = _ended(sample)
    usage = sample["output"]["usage"].or_empty()
    read = [usage[f"input_tokens{kind}"].whole_if_any() or 0 for kind in ("", "_cache_read", "_cache_write")]
    return ForeignReply(
        where=sample.where,
        sample=sample["epoch"].whole() - 1 + first_sample,
        shown=(Shown(question, options),) if options else (),
        listed=None if options else listed_in(question),
        identifier=(metadata[id_field] if id_field else sample["id"]).identifier(),
        stratum=metadata["subject"].value if isinstance(metadata["subject"].value, str) else None,
        gold=gold_index(sample["target"].value, options),
        model=model,
        text=text,
        reasoning=reasoning,
        finish_reason=finish,
        prompt_tokens=sum(read) if usage.value else None,
        generated_tokens=usage["output_tokens"].whole_if_any(),
        error=error,
    )


def _asked(sample: RecordField) -> tuple[str, tuple[str, ...]]:
    """Return what the user asked, and the options where the sample keeps them apart."""
    given, choices = sample["input"], sample["choices"]
    if isinstance(given.value, list):
        said = [message for message in given.entries() if message["role"].text() == "user"]
        asked = "\n".join(_parts(message)[0] for message in said)
    else:
        asked = given.text()
    return asked, () if choices.value is None else tuple(option.text() for option in choices.entries())


def _ended(sample: RecordField) -> tuple[str | None, str | None, str | None, str | None]:
    """Return text, reasoning, finish reason (None when it is not known) and error of a sample."""
    if failed := _failure(sample):
        return None, None, "error", failed
    choice = sample["output"]["choices"].entries(least=1)[0]
    text, reasoning = _parts(choice["message"])
    stop = choice["stop_reason"].text_if_any() or "unknown"
    if stop == "tool_calls":
        raise MedevalError(
            f"{sample.where}: the last message calls a tool and answers nothing", "Leave logs of agents out."
        )
    finish = _FINISH.get(stop)
    if finish == "length" and reasoning is not None and not text:
        return None, reasoning, finish, None  # the limit fell inside the reasoning
    return text, reasoning, finish, None


def _failure(sample: RecordField) -> str | None:
    """Say why a sample has no reply that could be scored; None when it has one."""
    if sample["error"].value:
        return sample["error"]["message"].text_if_any() or "error"
    if sample["invalidation"].value:
        return "the sample was declared invalid"
    limit = sample["limit"].or_empty()["type"].text_if_any()
    if limit not in (None, "token", "context"):
        return f"halted by the {limit} limit"
    output = sample["output"]
    if not output["choices"].value:
        return output["error"].text_if_any() or "no reply"
    withheld = output["choices"].entries()[0]["stop_reason"].value == _FILTERED
    return "withheld by a content filter" if withheld else None


def _parts(message: RecordField) -> tuple[str, str | None]:
    """Return the text and the reasoning of a message."""
    content = message["content"]
    if isinstance(content.value, str):
        return content.value, None
    parts = [(part["type"].text(), part) for part in content.entries()]
    thoughts = [part["reasoning"].text_if_any() or "" for kind, part in parts if kind == "reasoning"]
    texts = [part["text"].text_if_any() or "" for kind, part in parts if kind == "text"]
    return "\n".join(texts), "\n".join(thoughts) if thoughts else None


def _with_attachments(sample: RecordField, where: str) -> RecordField:
    """Put texts that a log keeps apart back in the fields that are read."""
    apart = sample["attachments"].or_empty()
    apart.object()

    def whole(value: Any) -> Any:
        if isinstance(value, str) and value.startswith(_ATTACHMENT):
            return apart[value.removeprefix(_ATTACHMENT)].text()
        if isinstance(value, list):
            return [whole(entry) for entry in value]
        if isinstance(value, dict):
            return {key: whole(entry) for key, entry in value.items()}
        return value

    put_back = {name: whole(sample[name].value) for name in ("input", "choices", "output")}
    return RecordField({**sample.object(), **put_back}, where, _REMEDY)
