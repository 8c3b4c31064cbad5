"""Scores to files of the Every Eval Ever schema."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from medeval.comparisons.item_scores import read_scores
from medeval.comparisons.scores import accounts, score_entry
from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.documents import as_json
from medeval.records.files import atomic_path, refuse_to_replace, sha256_file, write_json
from medeval.records.system import SYSTEM, System
from medeval.report.export.every_eval_ever import Record, ResultsPublication, aggregate
from medeval.report.export.instances import instances
from medeval.scores.breakdown import class_reports
from medeval.scores.items import read_items

_BATCH = 2_000
_ANSWER = ("text", "reasoning", "option_logprobs", "prompt_tokens", "generated_tokens", "error")


def export_every_eval_ever(
    scores_path: Path,
    items_paths: Sequence[Path],
    responses_path: Path | None,
    out: Path,
    publication: ResultsPublication,
) -> list[Path]:
    """Write one document per system, and beside it a line per response if responses are given.

    Args:
        scores_path: A table of scores.
        items_paths: The items behind it.
        responses_path: The responses that were scored, in the same order; None for the results alone. The lines
            repeat the items' questions, so mind their licences.
        out: Folder to write in, by the paths that the schema's collection uses.
        publication: What the scores do not say.

    Returns:
        The documents that were written.

    Raises:
        MedevalError: A table is unusable, a model has no id, or the responses are not those that were scored.
    """
    items, _ = read_items(items_paths)
    parts = read_scores([scores_path])
    if not parts:
        raise MedevalError(f"{scores_path}: holds no score", "Give the table that `medeval score` wrote.")
    digest = sha256_file(scores_path)
    systems = list(dict.fromkeys(part.system for part in parts))
    records = {system: Record.of(system, publication.model_id(system.model), digest) for system in systems}
    entries = [
        {**as_json(score_entry(part, account)), "account": account}
        for part, account in zip(parts, accounts(parts, items), strict=True)
    ]
    classes = class_reports(tables.read(scores_path, tables.SCORES), items)
    revisions = _revisions(items)
    read = [scores_path, *items_paths, *([responses_path] if responses_path else [])]
    for record in records.values():
        refuse_to_replace(out / record.folder / f"{record.uuid}.json", read)
        refuse_to_replace(out / record.samples_path, read)
    samples = _write_samples(records, items, scores_path, responses_path, out) if responses_path else {}
    written = []
    for system, record in records.items():
        own, of_classes = ([entry for entry in group if _is_of(entry, system)] for group in (entries, classes))
        document = aggregate(record, publication, own, of_classes, revisions)
        path = out / record.folder / f"{record.uuid}.json"
        write_json(path, {**document, **samples.get(system, {})})
        written.append(path)
    return written


def _is_of(entry: Mapping[str, Any], system: System) -> bool:
    return all(entry[name] == value for name, value in vars(system).items())


def _revisions(items: pa.Table) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    columns = (items[name].to_pylist() for name in ("benchmark", "source_revision"))
    for benchmark, revision in zip(*columns, strict=True):
        found.setdefault(benchmark, set()).add(revision)
    return {benchmark: ", ".join(sorted(revisions)) for benchmark, revisions in found.items()}


def _write_samples(
    records: Mapping[System, Record], items: pa.Table, scores_path: Path, responses_path: Path, out: Path
) -> dict[System, dict[str, Any]]:
    """Write the lines of every system and return how its document refers to them."""
    known = {(item["benchmark"], item["item_id"]): item for item in items.to_pylist()}
    rows = dict.fromkeys(records, 0)
    with ExitStack() as stack:
        paths: dict[System, Path] = {}
        files: dict[System, IO[str]] = {}
        for system, record in records.items():
            paths[system] = stack.enter_context(atomic_path(out / record.samples_path))
            files[system] = stack.enter_context(paths[system].open("w", encoding="utf-8", newline="\n"))
        for scores, responses in _scored_responses(scores_path, responses_path):
            for score, response in zip(scores, responses, strict=True):
                system = System(*(score[name] for name in SYSTEM))
                (line,) = instances(records[system], known, [score], [response])
                files[system].write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
                rows[system] += 1
    return {system: _reference(record, out, rows[system]) for system, record in records.items()}


def _reference(record: Record, out: Path, rows: int) -> dict[str, Any]:
    return {
        "detailed_evaluation_results": {
            "format": "jsonl",
            "file_path": record.samples_path,
            "hash_algorithm": "sha256",
            "checksum": sha256_file(out / record.samples_path),
            "total_rows": rows,
        }
    }


def _scored_responses(
    scores_path: Path, responses_path: Path
) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Yield scores with the responses behind them, which `medeval score` left in the same order."""
    tables.read(responses_path, tables.RESPONSES, columns=["sample"])  # refuses other tables, ours or not
    key = list(tables.RESPONSES.key)
    with pq.ParquetFile(scores_path) as scores, pq.ParquetFile(responses_path) as responses:
        if scores.metadata.num_rows != responses.metadata.num_rows:
            raise _not_those(scores_path, responses_path)
        first = scores.iter_batches(_BATCH)
        second = responses.iter_batches(_BATCH, columns=[*key, *_ANSWER])
        for some, others in zip(first, second, strict=True):
            if not pa.table(some).select(key).equals(pa.table(others).select(key)):
                raise _not_those(scores_path, responses_path)
            yield some.to_pylist(), others.to_pylist()


def _not_those(scores_path: Path, responses_path: Path) -> MedevalError:
    return MedevalError(
        f"{scores_path}: its rows are not those of {responses_path}",
        "Give the responses that were scored, or score these.",
    )
