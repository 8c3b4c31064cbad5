"""Shards: parts of a benchmark that are evaluated by different jobs; what lies beside a table of responses."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa

from medeval.errors import MedevalError


@dataclass(frozen=True)
class Shard:
    """Every `count`-th item, beginning with item number `number` (1-based)."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `2-of-8`.

        Raises:
            MedevalError: The text is not of that form, or the number is not among the shards.
        """
        found = re.fullmatch(r"(\d+)-of-(\d+)", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise MedevalError(f"shard {text!r} is not one", "Write it as NUMBER-of-COUNT, such as 2-of-8.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}-of-{self.count}"

    def take(self, table: pa.Table) -> pa.Table:
        """Return this shard's rows."""
        return table.take(list(range(self.number - 1, table.num_rows, self.count)))


def names(count: int) -> list[str]:
    """Return the names of all shards."""
    return [str(Shard(number, count)) for number in range(1, count + 1)]


def timings_path(responses: Path) -> Path:
    """Return where the timings that belong to a table of responses are."""
    return responses.with_name(f"{responses.name}.timings.parquet")


def record_path(responses: Path) -> Path:
    """Return where lm-eval's accuracies and the identity of the run are."""
    return responses.with_name(f"{responses.name}.lm_eval.json")
