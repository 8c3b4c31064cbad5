"""How long the graded replies are, from a table of responses: ours, or any Parquet table with texts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.grades.cells import Column, index, name
from medeval.records.parquet import read_columns
from medeval.records.system import SYSTEM

_PROMPT = ("prompt_id", "item_id")


class Lengths:
    """Characters of replies, as they were judged: without the reasoning that our tables keep apart.

    Args:
        path: A Parquet table with `prompt_id` (or `item_id`) and `text`, and, where they are needed to tell replies
            apart, `sample`, `model`, `variant` and `target`.

    Raises:
        MedevalError: It lacks a column, or two rows are replies of one system to one prompt and sample.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        table = read_columns(path, [*_PROMPT, "text", "sample", "benchmark", *SYSTEM])
        there = table.schema.names
        prompt = next((column for column in _PROMPT if column in there), None)
        if prompt is None or "text" not in there:
            raise MedevalError(
                f"{path}: needs the columns prompt_id and text; found {', '.join(there) or 'none of them'}",
                "Rename its columns, or give the responses that were graded.",
            )
        self._identity = tuple(column for column in SYSTEM if column in there)
        prompts = self._column(table, prompt).read(name)
        samples = self._column(table, "sample").read(index) if "sample" in there else [0] * len(table)
        identities = [tuple(row.values()) for row in table.select(list(self._identity)).to_pylist()]
        self._found: dict[tuple[Any, ...], int | None] = {}
        texts = table["text"].to_pylist()
        for row, key in enumerate(zip(identities or [()] * len(table), prompts, samples, strict=True)):
            if key in self._found:
                raise MedevalError(
                    f"{path}: row {row} is a second reply to prompt {key[1]!r}, sample {key[2]}",
                    "Keep one of them, or add the columns `sample`, `model`, `variant` and `target`.",
                )
            self._found[key] = None if texts[row] is None else len(texts[row])

    def __call__(self, run: Mapping[str, Any], prompt: str, sample: int) -> int | None:
        """Return the characters of a run's reply; None when the table has none."""
        return self._found.get((tuple(run[column] for column in self._identity), prompt, sample))

    def _column(self, table: Any, column: str) -> Column:
        return Column(str(self.path), column, table[column].to_pylist(), lambda _: "")
