"""What an audit has asked so far: batches of items, each a folder of tables that is written once."""

import fcntl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.files import read_json, sha256_file, write_json
from medeval.records.shards import record_path
from medeval.responses.record import EvaluationRecord, Identity

_NEW_AUDIT = "Undo the change; or begin a new audit: move {folder} away and take a new seed."


@dataclass(frozen=True)
class Batch:
    """Items of one benchmark that one system is asked together.

    Attributes:
        folder: Where its tables are.
        system: MODEL/VARIANT.
        benchmark: The run's name of the benchmark.
    """

    folder: Path
    system: str
    benchmark: str

    @property
    def items(self) -> Path:
        """Table of the items or conversations; it is there before anything is asked."""
        return self.folder / "items.parquet"

    @property
    def responses(self) -> Path:
        """Table of the responses; it is there once all are."""
        return self.folder / "responses.parquet"

    @property
    def scores(self) -> Path:
        """Table of the scores or, for conversations, of the grades."""
        return self.folder / ("grades.parquet" if self.conversations else "scores.parquet")

    @property
    def conversations(self) -> bool:
        """Whether a judge grades the responses."""
        return self.benchmark == "healthbench"

    def identity(self) -> Identity:
        """Return what determined its responses."""
        return EvaluationRecord.read(record_path(self.responses)).identity

    def item_ids(self) -> list[str]:
        """Return the ids of its items."""
        kind = tables.CONVERSATIONS if self.conversations else tables.ITEMS
        return [str(item) for item in tables.read(self.items, kind, ["item_id"])["item_id"].to_pylist()]


class Ledger:
    """The batches of an audit, in one folder. An item is in at most one batch of a system, so nothing is asked twice.

    Args:
        folder: The audit's folder.
        order: The record of the order, whose hash every batch names.
        sources: The run's items and conversations tables by benchmark, from which batches are taken.

    Raises:
        MedevalError: There are batches of another order.
    """

    def __init__(self, folder: Path, order: Path, sources: Mapping[str, Path]) -> None:
        self._folder, self._order, self._sources = folder, order, sources
        self._tables: dict[str, pa.Table] = {}
        digest = sha256_file(order)
        for batch in self.batches():
            if tables.read_record(batch.items)["inputs"].get("order") != digest:
                raise MedevalError(
                    f"{batch.folder}: was asked by another record than {order}: seed, items, claims or risk were "
                    "changed after the first answer",
                    _NEW_AUDIT.format(folder=folder),
                )

    def batches(self) -> list[Batch]:
        """Return every batch, in the order in which they were begun."""
        found = []
        for path in sorted((self._folder / "batches").glob("*/*/*/*/items.parquet")):
            model, variant, benchmark, _ = path.relative_to(self._folder / "batches").parts[:4]
            found.append(Batch(path.parent, f"{model}/{variant}", benchmark))
        return found

    def asked(self) -> dict[tuple[str, str], set[str]]:
        """Return the ids of the items in batches, by system and benchmark."""
        found: dict[tuple[str, str], set[str]] = {}
        for batch in self.batches():
            found.setdefault((batch.system, batch.benchmark), set()).update(batch.item_ids())
        return found

    def begin(self, system: str, benchmark: str, items: Iterable[str], *, command: str) -> Batch:
        """Write the items of a new batch."""
        folder = self._folder / "batches" / system / benchmark
        number = 1 + len(list(folder.glob("*/items.parquet")))
        batch = Batch(folder / f"{number:04}", system, benchmark)
        kind = tables.CONVERSATIONS if batch.conversations else tables.ITEMS
        source = self._sources[benchmark]
        if benchmark not in self._tables:
            self._tables[benchmark] = tables.read(source, kind)
        whole, wanted = self._tables[benchmark], set(items)
        chosen = pa.array([item in wanted for item in whole["item_id"].to_pylist()], pa.bool_())
        inputs = {"items": source, "order": self._order}
        tables.write(batch.items, whole.filter(chosen), kind, command=command, inputs=inputs)
        return batch

    def check_alike(self) -> None:
        """Raise MedevalError unless all responses of a system are by the same weights, settings and engine."""
        first: dict[tuple[str, bool], tuple[Path, Identity]] = {}
        for batch in self.batches():
            if not batch.responses.exists():
                continue
            identity = batch.identity()
            path, other = first.setdefault((batch.system, batch.conversations), (batch.folder, identity))
            if different := identity.differences(replace(other, items_sha256=identity.items_sha256)):
                raise MedevalError(
                    f"{batch.folder}: {batch.system} answered otherwise than in {path}: other {', '.join(different)}",
                    _NEW_AUDIT.format(folder=self._folder),
                )

    def identities(self) -> dict[str, Identity]:
        """Return what determined the responses of each system, from its first answered batch."""
        found: dict[str, Identity] = {}
        for batch in self.batches():
            if batch.responses.exists() and batch.system not in found:
                found[batch.system] = batch.identity()
        return found

    def seconds(self) -> dict[str, float]:
        """Return the seconds spent on the answers of each system, judging included."""
        path = self._folder / "seconds.json"
        return {str(name): float(spent) for name, spent in read_json(path).items()} if path.exists() else {}

    def spend(self, system: str, seconds: float) -> None:
        """Note seconds spent."""
        spent = self.seconds()
        write_json(self._folder / "seconds.json", {**spent, system: spent.get(system, 0.0) + seconds})


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes from conducting the same audit.

    Raises:
        MedevalError: Another process does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as stream:
        try:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise MedevalError(
                f"{folder}: another process is conducting this audit",
                "Wait for it, or end it; then run the same command again.",
            ) from error
        yield
