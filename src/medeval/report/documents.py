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
from medeval.verdicts.weights import described_system
from medeval.weights.document import WeightsDescription

_DETAILS = (WeightsDescription, OverlapReport, DeskAudit)


@dataclass(frozen=True, slots=True)
class File:
    """One input: its name on the page, and its SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Run:
    """Everything that the report shows.

    Attributes:
        config: The configuration, as `RunConfig.model_dump` gives it.
        comparisons: What the compare stage wrote.
        comparisons_file: Its file.
        verdicts: What the verdict stage wrote.
        verdicts_file: Its file.
        weights: Descriptions of weights files, each with its file, by MODEL/VARIANT.
        overlaps: Overlap reports, each with its file.
        audits: Desk audits, each with its file.
    """

    config: Mapping[str, Any]
    comparisons: Comparisons
    comparisons_file: File
    verdicts: Verdicts
    verdicts_file: File
    weights: Mapping[str, tuple[File, WeightsDescription]]
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
    file, stated = _file(comparisons), decided.inputs["comparisons"]
    if stated != file.sha256:
        raise MedevalError(
            f"{verdicts}: decided on comparisons with SHA-256 {stated[:12]}…, but {comparisons} has "
            f"{file.sha256[:12]}…",
            "Run the verdict stage again.",
        )
    read = [(path, _file(path), read_detail(path)) for path in details]
    return Run(
        config=config,
        comparisons=compared,
        comparisons_file=file,
        verdicts=decided,
        verdicts_file=_file(verdicts),
        weights={described_system(path): (file, it) for path, file, it in read if isinstance(it, WeightsDescription)},
        overlaps=[(file, it) for _, file, it in read if isinstance(it, OverlapReport)],
        audits=[(file, it) for _, file, it in read if isinstance(it, DeskAudit)],
    )


def read_detail(path: Path) -> WeightsDescription | OverlapReport | DeskAudit:
    """Read a document of whichever kind its schema names.

    Raises:
        MedevalError: It names none that belongs on the page, or is no such document.
    """
    content = read_json(path)
    schema = content.get("schema") if isinstance(content, dict) else None
    for kind in _DETAILS:
        if schema == kind.SCHEMA:
            return kind.parse(content, path)
    raise MedevalError(
        f"{path}: neither a description of weights ({WeightsDescription.SCHEMA}), an overlap report "
        f"({OverlapReport.SCHEMA}) nor a desk audit ({DeskAudit.SCHEMA}); its schema is {schema!r}",
        "Give files that the installed `medeval inspect`, `medeval contamination overlap` or "
        "`medeval desk-audit --json` wrote.",
    )


def _file(path: Path) -> File:
    return File(path.name, sha256_file(path))
