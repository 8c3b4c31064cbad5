"""The documents that a report is made of: read, told apart by content, and checked against each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from medeval.comparisons.document import Comparisons
from medeval.contamination.document import OverlapReport
from medeval.errors import MedevalError
from medeval.publication.desk_audit.findings import DeskAudit
from medeval.records.files import read_json, sha256_file
from medeval.records.system import System
from medeval.report.names import Systems
from medeval.verdicts.document import Verdicts

_WEIGHTS_SUFFIX = ".gguf.json"
# What identifies each kind of detail document.
_KINDS = {
    "weights": frozenset({"bits_per_weight", "tensors_by_type", "bytes_by_type"}),
    "overlap": frozenset({"method", "corpus", "benchmarks"}),
    "audit": frozenset({"title", "claims", "shared"}),
}


@dataclass(frozen=True, slots=True)
class File:
    """One input: its name on the page, and its SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Document(File):
    """An input with its content."""

    content: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """Everything that the report shows.

    Attributes:
        config: The configuration, as `RunConfig.model_dump` gives it.
        comparisons: What the compare stage wrote.
        comparisons_file: Its file.
        verdicts: What the verdict stage wrote.
        verdicts_file: Its file.
        weights: Descriptions of weights files, by MODEL/VARIANT.
        overlaps: Overlap reports, each with its file.
        audits: Desk audits, each with its file.
    """

    config: Mapping[str, Any]
    comparisons: Comparisons
    comparisons_file: File
    verdicts: Verdicts
    verdicts_file: File
    weights: Mapping[str, Document]
    overlaps: Sequence[tuple[File, OverlapReport]]
    audits: Sequence[tuple[File, DeskAudit]]

    @cached_property
    def systems(self) -> Systems:
        """Names, colours and order of the systems that were compared."""
        entries = (*self.comparisons.scores, *self.comparisons.conversations)
        return Systems(self.config, [System(entry.model, entry.variant, entry.target) for entry in entries])

    @property
    def several_targets(self) -> bool:
        """Whether anything was measured on more than one target."""
        return len({system.target for system in self.systems.order}) > 1

    @property
    def headline(self) -> str:
        """The mode whose scores decide claims."""
        return self.comparisons.headline

    @cached_property
    def modes(self) -> list[str]:
        """Every mode with scores, the headline mode first."""
        found = {entry.mode for entry in self.comparisons.scores}
        wanted = [self.headline, *self.config["protocol"]["modes"], *sorted(found)]
        return [mode for mode in dict.fromkeys(wanted) if mode in found]

    def benchmark_rank(self, benchmark: str) -> int:
        """Return the place of a benchmark in the order of the configuration; unlisted ones come last."""
        ids = [entry["id"] for entry in self.config["benchmarks"]]
        return ids.index(benchmark) if benchmark in ids else len(ids)


def read_run(config: Mapping[str, Any], comparisons: Path, verdicts: Path, details: Sequence[Path]) -> Run:
    """Read all documents of a report.

    Raises:
        MedevalError: A file is missing, is of no known kind, or the verdicts were decided on other comparisons.
    """
    compared, decided = Comparisons.read(comparisons), Verdicts.read(verdicts)
    file, stated = File(comparisons.name, sha256_file(comparisons)), decided.inputs["comparisons"]
    if stated != file.sha256:
        raise MedevalError(
            f"{verdicts}: decided on comparisons with SHA-256 {stated[:12]}…, but {comparisons} has "
            f"{file.sha256[:12]}…",
            "Run the verdict stage again.",
        )
    read = [(path, _read(path)) for path in details]
    kinds = [(kind_of(document.content, path), path, document) for path, document in read]
    return Run(
        config=config,
        comparisons=compared,
        comparisons_file=file,
        verdicts=decided,
        verdicts_file=File(verdicts.name, sha256_file(verdicts)),
        weights={_system_of(path): document for kind, path, document in kinds if kind == "weights"},
        overlaps=[(document, OverlapReport.read(path)) for kind, path, document in kinds if kind == "overlap"],
        audits=[(document, DeskAudit.read(path)) for kind, path, document in kinds if kind == "audit"],
    )


def kind_of(content: Any, path: Path) -> str:
    """Tell by its keys which kind of detail a document is.

    Raises:
        MedevalError: It is none of them.
    """
    keys = set(content) if isinstance(content, dict) else set()
    for kind, needed in _KINDS.items():
        if needed <= keys:
            return kind
    raise MedevalError(
        f"{path}: neither a description of weights, an overlap report nor a desk audit; its keys are: "
        f"{', '.join(sorted(keys)) or 'none'}",
        "Give files that `medeval inspect`, `medeval contamination overlap` or `medeval desk-audit --json` wrote.",
    )


def _read(path: Path) -> Document:
    return Document(path.name, sha256_file(path) if path.is_file() else "", read_json(path))


def _system_of(path: Path) -> str:
    """Return MODEL/VARIANT from the path of a description, `.../MODEL/VARIANT.gguf.json`."""
    if not path.name.endswith(_WEIGHTS_SUFFIX):
        raise MedevalError(
            f"{path}: a description of weights whose name does not end in {_WEIGHTS_SUFFIX}",
            f"Name it MODEL/VARIANT{_WEIGHTS_SUFFIX}, as the workflow does.",
        )
    return f"{path.parent.name}/{path.name.removesuffix(_WEIGHTS_SUFFIX)}"
