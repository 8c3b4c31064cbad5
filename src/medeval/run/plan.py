"""Which files a run needs and makes: the paths that the Snakemake rules connect, and how their jobs begin."""

import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from medeval.errors import MedevalError
from medeval.records.gguf_parts import PartName
from medeval.records.shards import names
from medeval.run.audited import settings_of, target_of
from medeval.run.config import LocalJudge, RunConfig
from medeval.run.model import Variant
from medeval.run.section import Section
from medeval.run.shipped import CHECKOUT, located
from medeval.run.sources import AnySource, FileSource, files_of, source_name
from medeval.run.targets import target_named

# Settings that rule `evaluate` gives to every target.
_GIVEN_BY_RULE = ("engine", "vllm")


class Plan:
    """The files of one run, below its results folder, as text for Snakemake.

    Args:
        run: The run's configuration.
        results: The run's results folder.
        project: Folder in which `make setup-TARGET` makes environments.
    """

    def __init__(self, run: RunConfig, results: Path, project: Path = CHECKOUT) -> None:
        self.run, self.results, self.project = run, results, project

    def variant(self, model: str, variant: str) -> Variant:
        """Return the configuration of one weights file, which may be a judge's own."""
        judge = self.run.judge
        if isinstance(judge, LocalJudge) and judge.source and (judge.model, judge.variant) == (model, variant):
            return Variant(source=judge.source)
        return self.run.model(model).variants[variant]

    @cached_property
    def fetched(self) -> dict[str, AnySource]:
        """The source of every file that is fetched, by the file's path below the results folder."""
        found = self._numbered("corpora", self.run.contamination.corpora)
        for benchmark in self.run.benchmarks:
            found |= self._numbered(benchmark.id, benchmark.sources)
        for model in self.run.models:
            for name, variant in model.variants.items():
                found |= _weights_sources(model.id, name, variant.source)
                for source in variant.checkpoint or ():
                    found[f"checkpoints/{model.id}/{name}/{source_name(source)}"] = source
            for name, matrix in model.imatrices.items():
                found[f"imatrices/{model.id}/{name}/{source_name(matrix.text)}"] = matrix.text
        judge = self.run.judge
        if isinstance(judge, LocalJudge):
            found |= _weights_sources(judge.model, judge.variant, judge.source)
        return found

    def converted(self) -> list[str]:
        """Return MODEL/VARIANT of every weights file that is converted from a checkpoint."""
        return [f"{m.id}/{name}" for m in self.run.models for name, variant in m.variants.items() if variant.checkpoint]

    def quantized(self) -> list[str]:
        """Return MODEL/VARIANT of every weights file that llama.cpp makes from another."""
        models = self.run.models
        return [f"{m.id}/{name}" for m in models for name, variant in m.variants.items() if variant.quantize_from]

    def checkpoint(self, model: str, variant: str) -> list[str]:
        """Return the fetched files of a checkpoint, all in one folder."""
        folder = self.results / "checkpoints" / model / variant
        return [str(folder / source_name(source)) for source in self.variant(model, variant).checkpoint or ()]

    def imatrix(self, model: str, variant: str) -> list[str]:
        """Return the importance matrix that a variant is quantized with; none for a plain quantization."""
        name = self.variant(model, variant).imatrix
        return [str(self.results / "imatrices" / model / f"{name}.gguf")] if name else []

    def calibration_text(self, model: str, imatrix: str) -> str:
        """Return the fetched text that an importance matrix is made from."""
        source = self.run.model(model).imatrices[imatrix].text
        return str(self.results / "imatrices" / model / imatrix / source_name(source))

    def weights(self, model: str, variant: str) -> str:
        """Return the path that loads some weights: their file or, of split weights, the first part."""
        return self.weights_files(model, variant)[0]

    def weights_files(self, model: str, variant: str) -> list[str]:
        """Return the path of every file of some weights, in order."""
        names = _weights_sources(model, variant, self.variant(model, variant).source)
        return self._below_results(names or [f"weights/{model}/{variant}.gguf"])

    def weights_descriptions(self) -> list[str]:
        """Return the description of every weights file that is evaluated."""
        return [
            str(self.results / "weights" / model.id / f"{name}.gguf.json")
            for model in self.run.models
            for name in model.evaluate
            if model.variants[name].served is None
        ]

    def loaded(self, model: str, variant: str, target: str) -> Path | None:
        """Return the GGUF file (the first of several) or the checkpoint's folder of a target; None for a server."""
        match target_named(target).loads:
            case "server":
                return None
            case "checkpoint":
                return self.results / "checkpoints" / model / variant
            case "gguf":
                return Path(self.weights(model, variant))

    def evaluated_files(self, model: str, variant: str, target: str) -> list[str]:
        """Return the files that a target loads: a checkpoint's, those of a GGUF, or none for a server."""
        match target_named(target).loads:
            case "server":
                return []
            case "checkpoint":
                return self.checkpoint(model, variant)
            case "gguf":
                return self.weights_files(model, variant)

    def settings(self, model: str, variant: str, target: str) -> Section:
        """Return how the engine of a target is used.

        Raises:
            MedevalError: The target is a server, and the variant names none.
        """
        row = target_named(target)
        holder = self.variant(model, variant) if row.loads == "server" else self.run
        found: Section | None = getattr(holder, row.section)
        if found is None:
            raise MedevalError(
                f"{model}/{variant} has no `{row.section}` for target {target!r}", "Choose another target or variant."
            )
        return found

    def source_option(self, model: str, variant: str, target: str) -> str | list[str]:
        """Return the option that tells `medeval evaluate` what to ask, and with it the settings that its rule lacks.

        A single option is no list: Snakemake would take that for another value and ask everything again.
        """
        row, settings = target_named(target), self.settings(model, variant, target)
        if row.loads == "server":
            return f"{row.option}={settings.model_dump_json()}"
        subject = f"{row.option}={self.loaded(model, variant, target)}"
        return subject if row.section in _GIVEN_BY_RULE else [subject, f"--settings={settings.model_dump_json()}"]

    def probe(self, model: str, variant: str, target: str) -> list[str]:
        """Return the look at the device that an evaluation needs first; none where there is nothing to find out."""
        when = target_named(target).probe
        if when == "never" or (when == "auto" and self.run.engine.sequences != "auto"):
            return []
        return [str(self.results / "probes" / model / variant / f"{target}.json")]

    def program(self, target: str) -> str:
        """Return the `medeval` of a target's environment where `make setup-NAME` made one of its own."""
        own = located(Path(f".venv-{self.environment(target)}/bin/medeval"), self.project)
        return str(own) if own.exists() else "medeval"

    def environment(self, target: str) -> str:
        """Return the environment file below workflow/envs that a target needs."""
        return target_named(target).environment

    def gpus(self, target: str) -> int:
        """Return how many GPUs a job of this target asks a cluster for."""
        row = target_named(target)
        return row.gpus if isinstance(row.gpus, int) else int(getattr(getattr(self.run, row.section), row.gpus))

    def shards(self, model: str, variant: str, target: str, benchmark: str) -> list[str]:
        """Return the responses of each shard of a benchmark."""
        folder = self.results / "responses" / model / variant / target / f"{benchmark}.shards"
        return [str(folder / f"{name}.parquet") for name in names(self.run.engine.shards)]

    def judge_weights(self) -> list[str]:
        """Return the files of a local judge's weights, in order; none for a judge behind an endpoint."""
        judge = self.run.judge
        return self.weights_files(judge.model, judge.variant) if isinstance(judge, LocalJudge) else []

    def sources(self, benchmark: str) -> list[str]:
        """Return the fetched source files of a benchmark, in order."""
        return self._below_results(self._numbered(benchmark, self.run.benchmark(benchmark).sources))

    def local_source(self, fetched: str) -> list[str]:
        """Return the path of a file of the user's that is fetched, so that a change of it is seen; none for others."""
        source = self.fetched[fetched]
        return [str(source.path)] if isinstance(source, FileSource) and not self._shipped(source) else []

    def source(self, fetched: str) -> str:
        """Return a fetched file's source as JSON; a shipped file's path is the configuration's: projects may move."""
        source = self.fetched[fetched]
        if isinstance(source, FileSource) and self._shipped(source):
            source = source.model_copy(update={"path": source.path.relative_to(self.project)})
        return source.model_dump_json()

    def fetch_options(self) -> list[str]:
        """Return the options with which every file is fetched: lock, mirror and where shipped files are."""
        return [*self.run.fetch_options, f"--project={self.project}"]

    def _shipped(self, source: FileSource) -> bool:
        return source.path.is_absolute() and source.path.is_relative_to(self.project)

    def items(self) -> list[str]:
        """Return the items tables of the multiple-choice benchmarks."""
        return [str(self.results / "items" / f"{name}.parquet") for name in self.run.choice_benchmarks]

    def conversations(self) -> list[str]:
        """Return the conversations table; none when nobody grades HealthBench."""
        return [str(self.results / "items" / "healthbench.parquet")] if self.run.grades_healthbench else []

    def scores(self) -> list[str]:
        """Return every table of scores."""
        names = [f"{name}.parquet" for name in self.run.choice_benchmarks]
        return [str(folder / name) for folder in self._evaluated("scores") for name in names]

    def grades(self) -> list[str]:
        """Return every table of grades; none when nobody grades HealthBench."""
        if not self.run.grades_healthbench:
            return []
        return [f"{folder}.parquet" for folder in self._evaluated("grades")]

    def given(self, need: str, benchmark: str) -> list[str]:
        """Return the files of one kind that a detector of contamination may need; none where the run has none."""
        match need:
            case "items":
                return [str(self.results / "items" / f"{benchmark}.parquet")]
            case "corpus":
                return self._below_results(self._numbered("corpora", self.run.contamination.corpora))
            case _:
                raise ValueError(f"nobody has said what a detector's need {need!r} is")

    def findings(self, detector: str, needs: Iterable[str]) -> list[str]:
        """Return every document of a detector; none when the run has nothing that it needs."""
        benchmarks = [name for name in self.run.choice_benchmarks if all(self.given(need, name) for need in needs)]
        return [str(self.results / "contamination" / detector / f"{name}.json") for name in benchmarks]

    def desk_audits(self) -> list[str]:
        """Return the audits of the publications' own numbers."""
        return [str(self.results / "desk_audits" / f"{path.stem}.json") for path in self.run.desk_audits]

    def publication(self, name: str) -> str:
        """Return the publication file of this name."""
        return str(next(path for path in self.run.desk_audits if path.stem == name))

    def audit_target(self) -> str:
        """Return the target whose replies are audited."""
        return target_of(self.run)

    def audit_terms(self) -> str:
        """Return what fixes an audit's order and record, as text."""
        return settings_of(self.run).model_dump_json(include={"seed", "risk", "claims"})

    def _evaluated(self, kind: str) -> list[Path]:
        return [
            self.results / kind / model.id / variant / target
            for model in self.run.models
            for variant in model.evaluate
            for target in self.run.targets
            if model.variants[variant].runs_on(target)
        ]

    def _below_results(self, paths: Iterable[str]) -> list[str]:
        return [str(self.results / path) for path in paths]

    @staticmethod
    def _numbered(owner: str, sources: Sequence[AnySource]) -> dict[str, AnySource]:
        return {f"sources/{owner}/{index}/{source_name(source)}": source for index, source in enumerate(sources)}


def _weights_sources(model: str, variant: str, source: AnySource | list[AnySource] | None) -> dict[str, AnySource]:
    """Return the source of each file of fetched weights by its path below the results; split, as llama.cpp names it."""
    parts = PartName(variant, 1, len(source)).all() if isinstance(source, list) else [f"{variant}.gguf"]
    return {f"weights/{model}/{name}": one for name, one in zip(parts, files_of(source), strict=False)}


def one_of(paths: Iterable[str]) -> str:
    """Return a regular expression that matches these paths only; one that matches nothing when there are none."""
    return "|".join(map(re.escape, paths)) or "(?!)"


def job_prefix(project: Path) -> str:
    """Return what every job's shell runs first, with braces doubled, since Snakemake expands them.

    It replaces Snakemake's own prefix, so it stops at the first failing command as well. The programs beside this
    Python are found even when its environment is not activated; after those of PATH, since an environment that
    Snakemake made for the job comes first.

    Raises:
        MedevalError: The project's path has braces.
    """
    programs, logs = Path(sys.executable).parent, project / "workflow/scripts/log.sh"
    if set("{}") & set(str(project)):
        raise MedevalError(
            f"{project}: has braces, which Snakemake fills in wherever it reads them", "Move the project's folder."
        )
    prefix = f'set -euo pipefail; export PATH="$PATH":{shlex.quote(str(programs))}; . {shlex.quote(str(logs))}; '
    return prefix.replace("{", "{{").replace("}", "}}")
