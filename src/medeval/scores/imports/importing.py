"""Files of other harnesses to a table of responses: read, matched with items, and written like our own."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.files import refuse_to_replace, sha256_file, sha256_text
from medeval.records.writer import written_in_parts
from medeval.scores.columns import as_responses
from medeval.scores.imports import delimited, inspect_log, lm_eval
from medeval.scores.imports.lettering import shows_letters
from medeval.scores.imports.matching import Matcher, UnknownItem, refuse_unknown
from medeval.scores.imports.orders import UnlikeRecord
from medeval.scores.imports.replies import ForeignReply
from medeval.scores.items import read_items
from medeval.scores.layout import READ_COLUMNS, UNKNOWN, UNKNOWN_TOKENS, UNNAMED, ResponsesLayout, Stated

Format = Literal["lm-eval", "inspect", "csv"]
FORMATS: tuple[Format, ...] = ("lm-eval", "inspect", "csv")

_BATCH = 2_000
_NAMED = 20  # records left out that are named, before they are only counted
_RUN_ID_DIGITS = 16


@dataclass(frozen=True)
class Import:
    """How files are read.

    Attributes:
        format: Whose files they are.
        stated: What the user says of the replies; its `match` is None to match by text, which CSV cannot.
        benchmark: The benchmark that was run, if the items hold several; None when the records tell.
        columns: Our name of a column -> the field of the file. Of a CSV any; of the others `item_id` only.
        first_sample: Number of the first reply to an item, so that runs in other files get other numbers.
        skip_unknown: Leave out replies that answer no item, and count them.
    """

    format: Format
    stated: Stated = field(default_factory=Stated)
    benchmark: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    first_sample: int = 0
    skip_unknown: bool = False


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        responses: Rows written.
        notes: What was filled in, left out or noticed, as sentences.
    """

    responses: int
    notes: tuple[str, ...]


def import_responses(
    files: Sequence[Path], items_paths: Sequence[Path], out: Path, settings: Import, *, command: str
) -> Imported:
    """Read replies from other harnesses' files and write them as a table of responses.

    A record that shows other options than its item is left out, counted and named in the notes.

    Args:
        files: The files, all of one format.
        items_paths: Items tables with the questions that were asked.
        out: Table to write.
        settings: How the files are read.
        command: The command line, for the record.

    Raises:
        MedevalError: A file or a record of it is unusable, answers no item, or answers one that another has answered,
            or all records were left out; it is named, and nothing is written.
    """
    if len({path.resolve() for path in files}) != len(files):
        raise MedevalError("a file is given twice", "Name every file once.")
    refuse_to_replace(out, [*files, *items_paths])
    items, notes = read_items(items_paths)
    match = settings.stated.match or ("item_id" if settings.format == "csv" else None)
    matcher = Matcher(items, match, settings.benchmark)
    told, counts, unlike = list(notes), Counter[str](), list[str]()
    run_id = _run_id(files, settings)
    inputs = {f"{settings.format} {index}": path for index, path in enumerate(files)}
    inputs |= {f"items {index}": path for index, path in enumerate(items_paths)}
    matched = _matched(_replies(files, settings, told), matcher, settings, counts, unlike)
    with written_in_parts(out, tables.RESPONSES, command=command, inputs=inputs) as file:
        while rows := list(islice(matched, _BATCH)):
            file.add(_responses(rows, items, settings, run_id, counts))
        if not file.rows:
            raise MedevalError(
                f"{', '.join(map(str, files))}: no reply to an item of the table{_first(unlike)}",
                "Give the items of the benchmark that was run.",
            )
        written = file.rows
    taken = (f"{sentence} ({count} rows)" for sentence, count in sorted(counts.items()))
    return Imported(written, (*told, *taken, *_left_out(unlike)))


def _first(unlike: Sequence[str]) -> str:
    return f"; {len(unlike)} record(s) were left out, the first for {unlike[0]}" if unlike else ""


def _left_out(unlike: Sequence[str]) -> Iterator[str]:
    yield from (f"left out: {reason}" for reason in unlike[:_NAMED])
    if len(unlike) > _NAMED:
        yield f"left out: {len(unlike) - _NAMED} more records for such reasons"


def _replies(files: Sequence[Path], settings: Import, notes: list[str]) -> Iterator[ForeignReply]:
    if settings.format == "csv":
        if settings.first_sample:
            raise MedevalError("a CSV file says in its column sample which reply a row is", "Leave out --first-sample.")
        for path in files:
            yield from delimited.read(path, settings.columns)
        return
    if other := sorted(set(settings.columns) - {"item_id"}):
        raise MedevalError(
            f"--column {other[0]}=...: files of {settings.format} have fixed fields",
            "Give --column for item_id only, to name the field that holds the item's id.",
        )
    read = lm_eval.read if settings.format == "lm-eval" else inspect_log.read
    for path in files:
        yield from read(path, settings.columns.get("item_id"), settings.first_sample, notes)


def _matched(
    replies: Iterator[ForeignReply], matcher: Matcher, settings: Import, counts: Counter[str], unlike: list[str]
) -> Iterator[tuple[ForeignReply, int]]:
    """Yield each reply, with its names and its order of the options, and the position of its item."""
    places: dict[tuple[Any, ...], str] = {}
    for reply in (_named(reply, settings) for reply in replies):
        try:
            place, order = matcher.place(reply)
        except UnlikeRecord as reason:
            unlike.append(f"{reply.where}: {reason}")
            continue
        except UnknownItem as reason:
            if not settings.skip_unknown:
                raise refuse_unknown(reply, str(reason)) from None
            counts["left out: answers no item of the table"] += 1
            continue
        key = (place, reply.model, reply.variant, reply.target, reply.mode, str(reply.sample))
        if (earlier := places.setdefault(key, reply.where)) is not reply.where:
            raise MedevalError(
                f"{reply.where}: answers the same item as {earlier}, with the same model, mode and sample",
                "Leave one of them out; a further run gets other sample numbers by `--first-sample`.",
            )
        if matcher.other_gold(place, reply):
            counts["the record calls another option correct than the item does; the item is followed"] += 1
        if order is not None:
            counts["options shown in another order than the item's: kept in shown_order"] += 1
        if not (reply.shown or reply.listed or reply.shown_order):
            counts["the record does not show the options: taken to be the item's, in its order"] += 1
        counts.update(f"{name}: not said, so {said!r}" for name, said in _NAMES.items() if getattr(reply, name) is said)
        yield replace(reply, shown_order=order), place


def _named(reply: ForeignReply, settings: Import) -> ForeignReply:
    """Complete a reply's model, variant and target: as stated, as its record says, or by a placeholder.

    A log calls a model by a path or an alias, so a stated name goes first. A column of a CSV is what its user put
    there; both together are a contradiction.
    """
    names: dict[str, Any] = {}
    for name, placeholder in _NAMES.items():
        said, stated = getattr(reply, name), settings.stated.names.get(name)
        if said is not None and stated is not None and settings.format == "csv":
            raise MedevalError(f"{reply.where}: {name} is {said!r}, and {stated!r} is stated", f"Leave out --{name}.")
        names[name] = stated or said or placeholder
    return replace(reply, **names)


_NAMES = {"model": UNNAMED, "variant": UNKNOWN, "target": UNKNOWN}
_ASKED = ("benchmark", "item_id")
_LAYOUT_COLUMNS = (*READ_COLUMNS, "error")


def _responses(
    rows: Sequence[tuple[ForeignReply, int]], items: pa.Table, settings: Import, run_id: str, counts: Counter[str]
) -> pa.Table:
    options = items["options"].take([place for _, place in rows]).to_pylist()
    replies = [_lettered(reply, texts, settings) for (reply, _), texts in zip(rows, options, strict=True)]
    asked = items.select(list(_ASKED)).take([place for _, place in rows])
    said = {name: [getattr(reply, name) for reply in replies] for name in _LAYOUT_COLUMNS if name not in _ASKED}
    said["generated_tokens"] = [UNKNOWN_TOKENS if n is None else n for n in said["generated_tokens"]]
    batch = pa.table({**{n: _column(v) for n, v in said.items()}, **{name: asked[name] for name in _ASKED}})
    layout = ResponsesLayout(Path(), True, 0, 0.0, _LAYOUT_COLUMNS, stated=settings.stated)
    found, taken = as_responses(batch, layout, lambda row: replies[row].where)
    counts += taken
    return _complete(found, replies, run_id)


def _lettered(reply: ForeignReply, options: Sequence[str], settings: Import) -> ForeignReply:
    """Say whether a reply's prompt showed the options behind letters, where its record tells; Inspect's choices do."""
    if reply.labels_shown is not None:
        return reply
    if reply.prompt is not None:
        return replace(reply, labels_shown=shows_letters(reply.prompt, options))
    return replace(reply, labels_shown=True) if settings.format == "inspect" and reply.shown else reply


def _column(values: Sequence[Any]) -> pa.Array:
    """Make a column of what records say; the texts of a CSV become numbers later, where a bad one is named."""
    if lists := [value for value in values if isinstance(value, (list, tuple))]:
        return pa.array(values, pa.list_(pa.int32() if isinstance(lists[0], tuple) else pa.float64()))
    kinds = {type(value) for value in values if value is not None}
    return pa.array([str(value) for value in values] if len(kinds) > 1 else values)


def _complete(found: pa.Table, replies: Sequence[ForeignReply], run_id: str) -> pa.Table:
    """Add the columns of a response that its score does not need."""
    prompts = [f"unknown-{run_id}" if reply.prompt is None else sha256_text(reply.prompt) for reply in replies]
    scored = pc.and_(pc.not_equal(found["mode"], "generate"), pc.not_equal(found["finish_reason"], "error"))
    tokens = [UNKNOWN_TOKENS if reply.prompt_tokens is None else reply.prompt_tokens for reply in replies]
    columns: dict[str, Any] = {name: found[name] for name in READ_COLUMNS}
    columns |= {
        "run_id": [run_id] * len(replies),
        "prompt_sha256": prompts,
        "prompt_tokens": pa.array(tokens).cast(pa.int32()),
        "finish_reason": pc.if_else(scored, "scored", found["finish_reason"]),
        "error": pa.array([reply.error for reply in replies], pa.string()),
    }
    schema = tables.RESPONSES.schema
    empty = {field.name: pa.nulls(len(replies), field.type) for field in schema if field.name not in columns}
    return pa.table({name: {**columns, **empty}[name] for name in schema.names}, schema=schema)


def _run_id(files: Sequence[Path], settings: Import) -> str:
    """Return a hash of everything that determines the responses."""
    if missing := [path for path in files if not path.is_file()]:
        raise MedevalError(f"{missing[0]}: no such file", "Name the files themselves, not their folder.")
    identity = {
        "format": settings.format,
        "files": [sha256_file(path) for path in files],
        "stated": repr(settings.stated),
        "columns": dict(settings.columns),
        "first_sample": settings.first_sample,
    }
    return sha256_text(json.dumps(identity, sort_keys=True))[:_RUN_ID_DIGITS]
