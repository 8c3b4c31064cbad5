"""The benchmarks by name: how each is loaded, how large it really is, and how its score is put together."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from medeval.errors import MedevalError
from medeval.items.benchmarks import (
    afrimedqa,
    healthbench,
    healthbench_meta,
    medmcqa,
    medqa,
    medxpertqa,
    mmlu_health,
    mmlu_pro_health,
    pubmedqa,
)
from medeval.items.benchmarks.locate import KnownFiles, locate
from medeval.items.benchmarks.report import Loaded, LoadReport, summary
from medeval.records.tables import CONVERSATIONS, ITEMS, JUDGEMENTS, TableType

__all__ = ["BENCHMARKS", "KnownBenchmark", "LoadReport", "Loaded", "find", "load_benchmark", "source_files", "summary"]


@dataclass(frozen=True)
class KnownBenchmark:
    """What is known of a benchmark before its files are read.

    Attributes:
        load: (files, revision, options of its own) -> Loaded.
        files: Its repositories and the names of its files there.
        expected_items: Usable items of the real benchmark, in its usual split or subset.
        known_unusable: Rows of the real benchmark that no item can be made of.
        aggregate: "items": mean over items; "strata": mean of the means of its strata.
        table_type: The contract that its items follow.
        variants: Other split or subset -> usable items there.
        gold_rule: Which answers count as right.
    """

    load: Callable[..., Loaded]
    files: KnownFiles
    expected_items: int
    known_unusable: int = 0
    aggregate: Literal["items", "strata"] = "items"
    table_type: TableType = ITEMS
    variants: Mapping[str, int] = field(default_factory=dict)
    gold_rule: str = "the one listed letter"


BENCHMARKS: Mapping[str, KnownBenchmark] = {
    "medqa": KnownBenchmark(medqa.load, medqa.FILES, medqa.EXPECTED_ITEMS),
    "medmcqa": KnownBenchmark(medmcqa.load, medmcqa.FILES, medmcqa.EXPECTED_ITEMS),
    "pubmedqa": KnownBenchmark(
        pubmedqa.load, pubmedqa.FILES, pubmedqa.EXPECTED_ITEMS, variants={"all": pubmedqa.EXPECTED_ITEMS_ALL}
    ),
    "mmlu_health": KnownBenchmark(mmlu_health.load, mmlu_health.FILES, mmlu_health.EXPECTED_ITEMS, aggregate="strata"),
    "mmlu_pro_health": KnownBenchmark(mmlu_pro_health.load, mmlu_pro_health.FILES, mmlu_pro_health.EXPECTED_ITEMS),
    "medxpertqa": KnownBenchmark(medxpertqa.load, medxpertqa.FILES, medxpertqa.EXPECTED_ITEMS),
    "afrimedqa": KnownBenchmark(
        afrimedqa.load,
        afrimedqa.FILES,
        afrimedqa.EXPECTED_ITEMS,
        afrimedqa.KNOWN_UNUSABLE,
        gold_rule="any listed letter; with gold=first the first listed letter, as the authors score",
    ),
    "healthbench": KnownBenchmark(
        healthbench.load,
        healthbench.FILES,
        healthbench.EXPECTED_ITEMS["main"],
        table_type=CONVERSATIONS,
        variants=healthbench.EXPECTED_ITEMS,
        gold_rule="rubric points",
    ),
    "healthbench_meta": KnownBenchmark(
        healthbench_meta.load,
        healthbench_meta.FILES,
        healthbench_meta.EXPECTED_ROWS,
        table_type=JUDGEMENTS,
        gold_rule="physicians' labels",
    ),
}


def find(benchmark_id: str) -> KnownBenchmark:
    """Return a benchmark by its id.

    Raises:
        MedevalError: There is none of that id.
    """
    if benchmark_id not in BENCHMARKS:
        raise MedevalError(f"no benchmark is called {benchmark_id!r}", f"Give one of: {', '.join(BENCHMARKS)}.")
    return BENCHMARKS[benchmark_id]


def source_files(benchmark_id: str, sources: Sequence[Path], split: str | None = None) -> list[Path]:
    """Return the files that sources mean: a file itself, or the benchmark's files in a folder.

    Args:
        benchmark_id: A key of `BENCHMARKS`.
        sources: Files, Hugging Face caches, data sets or snapshots in one, or folders with the files.
        split: Split or subset to look for.

    Raises:
        MedevalError: Unknown benchmark, or whatever `locate` raises.
    """
    known = find(benchmark_id).files
    return [file for source in sources for file in locate(benchmark_id, known, source, split)]


def load_benchmark(benchmark_id: str, files: Sequence[Path], revision: str, **options: Any) -> Loaded:
    """Load a benchmark's items from its source files.

    Args:
        benchmark_id: A key of `BENCHMARKS`.
        files: Source files, in the order in which their rows are to be counted.
        revision: Commit of the source, or the SHA-256 of a local file; stored with every item.
        options: What the benchmark's own `load` takes besides: `split` (pubmedqa, healthbench), `encoding`
            (medmcqa), `gold` (afrimedqa).

    Raises:
        MedevalError: Unknown benchmark or option, or whatever the loader raises.
    """
    load = find(benchmark_id).load
    known = list(inspect.signature(load).parameters)[2:]
    if unknown := sorted(set(options) - set(known)):
        raise MedevalError(
            f"{benchmark_id} takes no option {', '.join(unknown)}", f"It takes: {', '.join(known) or 'none'}."
        )
    return load(files, revision, **options)
