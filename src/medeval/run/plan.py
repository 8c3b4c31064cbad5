"""Which files a run needs and makes: the paths that the Snakemake rules connect, and how their jobs begin."""

import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from medeval.errors import MedevalError
from medeval.records.shards import names
from medeval.run.audited import settings_of, target_of
from medeval.run.config import LocalJudge, RunConfig
from medeval.run.model import Variant
from medeval.run.shipped import CHECKOUT, located
from medeval.run.sources import AnySource, FileSource, path_of


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
                if variant.source is not None:
                    found[f"weights/{model.id}/{name}.gguf"] = variant.source
                for source in variant.checkpoint or ():
                    found[f"checkpoints/{model.id}/{name}/{source_name(source)}"] = source
            for name, matrix in model.imatrices.items():
                found[f"imatrices/{model.id}/{name}/{source_name(matrix.text)}"] = matrix.text
        judge = self.run.judge
        if isinstance(judge, LocalJudge) and judge.source:
            found[f"weights/{judge.model}/{judge.variant}.gguf"] = judge.source
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

    def weights(self, model: str, variant: str | None) -> str:
        """Return the path of one weights file."""
        return str(self.results / "weights" / model / f"{variant}.gguf")

    def weights_descriptions(self) -> list[str]:
        """Return the description of every weights file that is evaluated."""
        return [
            f"{self.weights(model.id, name)}.json"
            for model in self.run.models
            for name in model.evaluate
            if model.variants[name].served is None
        ]

    def evaluated_files(self, model: str, variant: str, target: str) -> list[str]:
        """Return what a target loads: a checkpoint's files, one GGUF file, or nothing for a server."""
        match target:
            case "api":
                return []
            case "vllm":
                return self.checkpoint(model, variant)
            case _:
                return [self.weights(model, variant)]

    def source_option(self, model: str, variant: str, target: str) -> str:
        """Return the option with which `medeval evaluate` is told what to ask."""
        match target:
            case "api":
                served = self.variant(model, variant).served
                return f"--served={served.model_dump_json()}" if served else ""
            case "vllm":
                return f"--checkpoint={self.results / 'checkpoints' / model / variant}"
            case _:
                return f"--weights={self.weights(model, variant)}"

    def probe(self, model: str, variant: str, target: str) -> list[str]:
        """Return the look at the device that an evaluation needs first; none where there is nothing to find out."""
        if target in ("api", "vllm") or (target == "cpu" and self.run.engine.sequences != "auto"):
            return []
        return [str(self.results / "probes" / model / variant / f"{target}.json")]

    def program(self, target: str) -> str:
        """Return the `medeval` of a target's own environment where `make setup-TARGET` made one."""
        own = located(Path(f".venv-{target}/bin/medeval"), self.project)
        return str(own) if own.exists() else "medeval"

    def environment(self, target: str) -> str:
        """Return the environment file below workflow/envs that a target needs."""
        return "cpu" if target == "api" else target

    def gpus(self, target: str) -> int:
        """Return how many GPUs a job of this target asks a cluster for."""
        if target == "vllm":
            return self.run.vllm.tensor_parallel_size
        return 1 if target in ("cuda", "vulkan") else 0

    def shards(self, model: str, variant: str, target: str, benchmark: str) -> list[str]:
        """Return the responses of each shard of a benchmark."""
        folder = self.results / "responses" / model / variant / target / f"{benchmark}.shards"
        return [str(folder / f"{name}.parquet") for name in names(self.run.engine.shards)]

    def judge_weights(self) -> list[str]:
        """Return the weights file of a local judge; none for a judge behind an endpoint."""
        judge = self.run.judge
        return [self.weights(judge.model, judge.variant)] if isinstance(judge, LocalJudge) else []

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


def source_name(source: AnySource) -> str:
    """Return the file name of a source, which some loaders read meaning from."""
    return Path(path_of(source)).name


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
