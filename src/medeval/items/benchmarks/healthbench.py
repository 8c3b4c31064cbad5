"""HealthBench: conversations with rubrics, as JSON lines in the schema of openai/healthbench.

One prompt_id occurs in several subsets with different rubrics, so the subset is part of a row's key. The
canary string is kept: it marks text that must not be trained on.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.items.benchmarks.fields import UnusableRow, text
from medeval.items.benchmarks.locate import KnownFiles
from medeval.items.benchmarks.report import Loaded
from medeval.items.benchmarks.source import SourceRow, read_files
from medeval.items.benchmarks.tally import Tally, note, source_id
from medeval.records.tables import canonical_text

EXPECTED_ITEMS = {"main": 5000, "hard": 1000, "consensus": 3671}
_MAIN, _HARD, _CONSENSUS = "*oss_eval.jsonl", "hard_*.jsonl", "consensus_*.jsonl"
FILES = KnownFiles(
    ("openai/healthbench",),
    ((_MAIN,),),
    {"hard": ((_HARD,),), "consensus": ((_CONSENSUS,),), "all": ((_MAIN, _HARD, _CONSENSUS),)},
)
_MARKS = {"main": ("main", "oss_eval"), "hard": ("hard",), "consensus": ("consensus",)}
_COLUMNS = ("prompt_id", "prompt", "rubrics", "example_tags", "canary")
_ROLES = ("system", "user", "assistant")
_THEME = "theme:"


def load(files: Sequence[Path], revision: str, split: str = "all") -> Loaded:
    """Return the conversations of HealthBench; the stratum is the theme.

    Args:
        files: One file per subset; see `subset_of`.
        revision: Commit or hash of the source.
        split: The subset that every file must be of (main, hard or consensus), or "all".

    Raises:
        MedevalError: A file or column is missing or broken, its subset is not clear or not the one asked for, or a
            row is unusable.
    """
    if split not in ("all", *EXPECTED_ITEMS):
        raise MedevalError(f"HealthBench has no split {split!r}", f"Give all or one of: {', '.join(EXPECTED_ITEMS)}.")
    subsets = {file: subset_of(file) for file in files}
    if strange := [file for file, subset in subsets.items() if split not in ("all", subset)]:
        raise MedevalError(f"{strange[0]}: holds the subset {subsets[strange[0]]}, asked for {split}", "Give its file.")
    tally = Tally("healthbench", sum(EXPECTED_ITEMS[subset] for subset in set(subsets.values())))
    items: list[dict[str, Any]] = []
    seen: dict[tuple[str, str], int] = {}
    for row in read_files(files, _COLUMNS):
        identifier = source_id(row, "prompt_id")
        with tally.row(row, identifier):
            parsed = _parse(row)
            _record(tally, row, identifier, parsed)
            items.append(_item(tally, seen, row, subsets[row.file], parsed, revision))
    if uncanaried := sum(item["canary"] is None for item in items):
        tally.notes.append(f"{uncanaried} rows have no canary")
    return tally.finish(items)


def subset_of(file: Path) -> str:
    """Return the subset that a file's name declares: main (also "oss_eval"), hard or consensus.

    Raises:
        MedevalError: The name declares none or several.
    """
    found = [subset for subset, marks in _MARKS.items() if any(mark in file.name.lower() for mark in marks)]
    if len(found) != 1:
        raise MedevalError(
            f"{file}: its name does not declare one HealthBench subset",
            "Name the file with exactly one of: main (or oss_eval), hard, consensus.",
        )
    return found[0]


@dataclass(frozen=True)
class _Conversation:
    prompt_id: str
    messages: list[dict[str, str]]
    rubrics: list[dict[str, Any]]
    tags: list[str]
    theme: str


def _parse(row: SourceRow) -> _Conversation:
    values = row.values
    tags = _tags(values["example_tags"], "example_tags")
    themes = [tag.removeprefix(_THEME) for tag in tags if tag.startswith(_THEME)]
    if len(themes) != 1:
        raise UnusableRow(f"example_tags has {len(themes)} themes, expected one")
    rubrics = [_criterion(criterion) for criterion in _objects(values, "rubrics")]
    if not any(criterion["points"] > 0 for criterion in rubrics):
        raise UnusableRow("no criterion has positive points, so no score is defined")
    return _Conversation(text(values, "prompt_id"), conversation(values), rubrics, tags, themes[0])


def conversation(values: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the messages of a row's prompt.

    Raises:
        UnusableRow: It is no conversation, or does not end with the user.
    """
    messages = _objects(values, "prompt")
    for message in messages:
        if message.get("role") not in _ROLES:
            raise UnusableRow(f"a message has a role that is none of {', '.join(_ROLES)}")
        if not isinstance(message.get("content"), str) or not message["content"].strip():
            raise UnusableRow("a message has no content")
    if messages[-1]["role"] != "user":
        raise UnusableRow("the last message is not the user's")
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def _criterion(criterion: Mapping[str, Any]) -> dict[str, Any]:
    points = criterion.get("points")
    if isinstance(points, bool) or not isinstance(points, int | float) or not math.isfinite(points):
        raise UnusableRow("a criterion's points are no number")
    if not isinstance(criterion.get("criterion"), str) or not criterion["criterion"].strip():
        raise UnusableRow("a criterion has no text")
    tags = _tags(criterion.get("tags"), "a criterion's tags")
    return {"criterion": criterion["criterion"], "points": float(points), "tags": tags}


def _objects(values: Mapping[str, Any], column: str) -> list[dict[str, Any]]:
    value = values[column]
    if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
        raise UnusableRow(f"{column} is no list of objects, or an empty one")
    return value


def _tags(value: Any, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise UnusableRow(f"{what}: expected a list of texts")
    return list(value)


def _record(tally: Tally, row: SourceRow, identifier: str | None, parsed: _Conversation) -> None:
    texts = [message["content"] for message in parsed.messages]
    tally.scan(row, identifier, [*texts, *_criteria(parsed)])
    folded = [canonical_text(criterion) for criterion in _criteria(parsed)]
    if len(set(folded)) < len(folded):
        tally.repeated_options.append(note(row, identifier, "criteria read the same"))


def _criteria(parsed: _Conversation) -> Iterator[str]:
    return (criterion["criterion"] for criterion in parsed.rubrics)


def _item(
    tally: Tally,
    seen: dict[tuple[str, str], int],
    row: SourceRow,
    subset: str,
    parsed: _Conversation,
    revision: str,
) -> dict[str, Any]:
    key = (subset, parsed.prompt_id)
    seen[key] = seen.get(key, 0) + 1
    if seen[key] > 1:
        tally.repeats.append(note(row, parsed.prompt_id, f"again in subset {subset}"))
    return {
        "benchmark": tally.benchmark,
        "subset": subset,
        "item_id": parsed.prompt_id if seen[key] == 1 else f"{parsed.prompt_id}-{seen[key]}",
        "messages": parsed.messages,
        "rubrics": parsed.rubrics,
        "example_tags": parsed.tags,
        "stratum": parsed.theme,
        "cluster_id": parsed.prompt_id,
        "source_row": row.position,
        "source_revision": revision,
        "canary": row.values["canary"],
    }
