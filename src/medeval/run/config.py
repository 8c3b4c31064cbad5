"""The configuration of one run: which models, benchmarks, targets and protocol."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from medeval.errors import MedevalError
from medeval.records.yaml_files import load_yaml, validate
from medeval.run.audit import Audit
from medeval.run.judge import ApiJudge as ApiJudge
from medeval.run.judge import LocalJudge as LocalJudge
from medeval.run.judge import read_judge
from medeval.run.lock import locked, read_lock
from medeval.run.model import Model, Variant
from medeval.run.section import Section, Slug
from medeval.run.shipped import located, project_of
from medeval.run.sources import AnySource, FileSource, HubSource, Source, path_of
from medeval.run.targets import LlamaCpp, TargetName, Vllm, target_named

BenchmarkId = Literal[
    "medqa", "medmcqa", "pubmedqa", "mmlu_health", "mmlu_pro_health", "medxpertqa", "afrimedqa", "healthbench"
]
Mode = Literal["generate", "letter", "cloze", "choices_only"]
_WILDCARD = re.compile(r"\{\s*[.\w]+\s*[,}]|<[a-z][a-z0-9_]*>")


class Benchmark(Section):
    """One benchmark and the pinned file(s) its rows come from."""

    id: BenchmarkId = Field(description="Which benchmark; decides the loader and how its score is aggregated.")
    sources: list[Source] = Field(min_length=1, description="Source files, in order.")
    expected_items: int | None = Field(None, ge=1, description="Item count; a different one stops the run.")
    licence: str = Field(description="Licence of the rows as their source states it.")


class Protocol(Section):
    """How models are asked: the same for every model, and part of every result."""

    modes: list[Mode] = Field(["generate", "letter"], description="How each multiple-choice item is put.")
    headline: Mode = Field("generate", description="The mode whose scores decide claims.")
    system: str | None = Field(None, description="System message; null leaves the chat template's own default.")
    temperature: float = Field(0.0, ge=0, description="0 is greedy.")
    top_k: int = Field(0, ge=0, description="Keep the k most likely tokens; 0 keeps all.")
    top_p: float = Field(1.0, gt=0, le=1, description="Keep the smallest set of tokens with this probability.")
    min_p: float = Field(0.0, ge=0, lt=1, description="Drop tokens less likely than this share of the likeliest.")
    max_tokens: int = Field(1024, ge=1, description="Token limit of a multiple-choice reply.")
    conversation_max_tokens: int = Field(1024, ge=1, description="Token limit of a HealthBench reply.")
    samples: int = Field(1, ge=1, description="Replies per item, each with its own seed.")
    token_logprobs: bool = Field(False, description="Keep every generated token with its log-probability.")

    @model_validator(mode="after")
    def _headline_is_measured(self) -> Self:
        if self.headline not in self.modes:
            raise ValueError(f"`headline` is {self.headline!r}, which is not among `modes` {self.modes}")
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(f"`samples` is {self.samples} at temperature 0, where every sample is the same")
        return self


class Contamination(Section):
    """What is searched for traces of the test items."""

    corpora: list[Source] = Field(default_factory=list, description="Training-like texts to search, JSONL or text.")


class Hub(Section):
    """How files of the Hugging Face hub and of the Python package index reach this machine."""

    mirror: str | None = Field(
        None, description="Folder or URL of a mirror that `medeval mirror` made, or URL of a hub; null asks the hub."
    )

    @field_validator("mirror")
    @classmethod
    def _holds_no_credentials(cls, mirror: str | None) -> str | None:
        parts = urlsplit(mirror or "")
        if parts.username or parts.password or parts.query:
            raise ValueError("a mirror's address holds no user, password or query; this file is not a secret")
        return mirror


class RunConfig(Section):
    """One whole run, as the Snakefile sees it."""

    name: Slug = Field(description="Name of the run; results go to `results/NAME`.")
    title: str = Field(description="Title of the report.")
    seed: int = Field(20260101, ge=0, description="Seed of every random choice.")
    models: list[Model] = Field(min_length=1, description="Models, or paths of model files.")
    benchmarks: list[Benchmark] = Field(min_length=1, description="Benchmarks, or paths of benchmark files.")
    targets: list[TargetName] = Field(["cpu"], min_length=1, description="Devices to evaluate on.")
    protocol: Protocol = Field(default_factory=Protocol, description="How models are asked.")
    engine: LlamaCpp = Field(default_factory=LlamaCpp, description="How the machine is used.")
    vllm: Vllm = Field(default_factory=Vllm, description="How the target `vllm` uses its GPUs.")
    judge: LocalJudge | ApiJudge | None = Field(
        None, description="Who grades HealthBench, or the path of a judge's file; null leaves it out."
    )
    contamination: Contamination = Field(default_factory=Contamination, description="What is searched for leaks.")
    hub: Hub = Field(default_factory=Hub, description="How files reach this machine.")
    lock: Path | None = Field(
        None, description="Lock file that every hub file must be in, written by `medeval lock`; null: not locked."
    )
    claims: Path = Field(description="Publication file whose claims are decided.")
    desk_audits: list[Path] = Field(default_factory=list, description="Publication files to audit on paper.")
    audit: Audit | None = Field(None, description="Claims that are decided on few items; null: none.")
    margin_points: float = Field(1.0, gt=0, description="Largest loss by quantization that is tolerated, in points.")
    notes: list[str] = Field(default_factory=list, description="Statements printed at the top of the report.")

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        listed: dict[str, list[str]] = {
            "desk_audits, by file name": [path.stem for path in self.desk_audits],
            "models": [model.id for model in self.models],
            "benchmarks": [benchmark.id for benchmark in self.benchmarks],
            "targets": list(self.targets),
        }
        for kind, names in listed.items():
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"`{kind}` holds {repeated} more than once")
        if odd := [str(path) for path in self.desk_audits if not re.fullmatch(r"[\w.-]+", path.stem)]:
            raise ValueError(f"`desk_audits` names {odd[0]!r}: only letters, digits and . _ - can be in its name")
        subjects = [model.published_as for model in self.models if model.published_as]
        subjects += [v.published_as for model in self.models for v in model.variants.values() if v.published_as]
        if repeated := sorted({name for name in subjects if subjects.count(name) > 1}):
            raise ValueError(f"`published_as` gives {repeated} to more than one model or variant")
        for target in self.targets:
            if not any(m.variants[name].runs_on(target) for m in self.models for name in m.evaluate):
                keys = {"server": "`served`", "checkpoint": "`checkpoint`", "gguf": "weights"}
                needed = keys[target_named(target).loads]
                raise ValueError(f"`targets` has {target!r}, and no evaluated variant has {needed} for it")
        for model in self.models:
            for name in model.evaluate:
                if not any(model.variants[name].runs_on(target) for target in self.targets):
                    raise ValueError(f"no target of {list(self.targets)} can evaluate {model.id}/{name}")
        if self.audit is not None and self.audit.target not in (None, *self.targets):
            raise ValueError(f"`audit.target` is {self.audit.target!r}, which is not among `targets` {self.targets}")
        servers = [target for target in self.targets if target_named(target).loads == "server"]
        if servers and self.protocol.modes != ["generate"]:
            raise ValueError(
                f"`targets` has {servers[0]!r}, whose servers cannot score options: set `modes` to [generate]"
            )
        if not self.choice_benchmarks and self.judge is None:
            raise ValueError("`benchmarks` holds only HealthBench, and no `judge` grades it")
        if isinstance(self.judge, LocalJudge):
            variants = {model.id: model.variants for model in self.models}.get(self.judge.model, {})
            name = f"{self.judge.model}/{self.judge.variant}"
            if self.judge.source is None and self.judge.variant not in variants:
                raise ValueError(f"`judge` names {name}, which this run does not make")
            if self.judge.source is not None and self.judge.variant in variants:
                raise ValueError(f"`judge` has a `source` for {name}, which this run makes as well: name it otherwise")
        return self

    def published_subjects(self) -> dict[str, str]:
        """Map each model and weights file of the publication to the MODEL/VARIANT that stands for it here."""
        subjects = {model.published_as: f"{model.id}/{model.reference}" for model in self.models if model.published_as}
        for model in self.models:
            for name, variant in model.variants.items():
                if variant.published_as:
                    subjects[variant.published_as] = f"{model.id}/{name}"
        return subjects

    def sources(self) -> list[AnySource]:
        """Return every source of the run: weights, calibration texts, rows, corpora and judge, in this order."""
        found: list[AnySource] = []

        def note(source: AnySource) -> AnySource:
            found.append(source)
            return source

        self.with_sources(note)
        return found

    def with_sources(self, change: Callable[[AnySource], AnySource]) -> "RunConfig":
        """Return the same run with every source replaced by what `change` makes of it."""
        models = [_changed_model(model, change) for model in self.models]
        benchmarks = [b.model_copy(update={"sources": [change(s) for s in b.sources]}) for b in self.benchmarks]
        corpora = [change(source) for source in self.contamination.corpora]
        contamination = self.contamination.model_copy(update={"corpora": corpora})
        changed: dict[str, Any] = {"models": models, "benchmarks": benchmarks, "contamination": contamination}
        if isinstance(self.judge, LocalJudge) and self.judge.source is not None:
            changed["judge"] = self.judge.model_copy(update={"source": _changed_source(self.judge.source, change)})
        return self.model_copy(update=changed)

    @property
    def fetch_options(self) -> list[str]:
        """Options with which every file of this run is fetched: its lock and its mirror."""
        options = {"--lock": self.lock, "--mirror": self.hub.mirror}
        return [f"{name}={value}" for name, value in options.items() if value is not None]

    def model(self, model_id: str) -> Model:
        """Return the model with this id."""
        return next(model for model in self.models if model.id == model_id)

    def benchmark(self, benchmark_id: str) -> Benchmark:
        """Return the benchmark with this id."""
        return next(benchmark for benchmark in self.benchmarks if benchmark.id == benchmark_id)

    @property
    def choice_benchmarks(self) -> list[str]:
        """Ids of the multiple-choice benchmarks, in the order of the configuration."""
        return [benchmark.id for benchmark in self.benchmarks if benchmark.id != "healthbench"]

    @property
    def grades_healthbench(self) -> bool:
        """Whether HealthBench is part of the run and somebody grades it."""
        return self.judge is not None and any(benchmark.id == "healthbench" for benchmark in self.benchmarks)


def load_run(path: Path, *, with_lock: bool = True) -> RunConfig:
    """Read a run's configuration, with the files it names; errors are those of `from_mapping`."""
    return from_mapping(load_yaml(path), path, with_lock=with_lock)


def from_mapping(
    document: dict[str, Any], path: Path, *, with_lock: bool = True, project: Path | None = None
) -> RunConfig:
    """Validate a configuration that is already read.

    A relative path inside the configuration is looked up in the working directory, then in the project. Unless
    `with_lock` is false, the hub sources of a run that has a lock take their revision, size and SHA-256 from it.

    Args:
        document: What the file holds.
        path: The file, which errors name.
        with_lock: Whether to apply the lock.
        project: Folder with the files that come with the workflow; None for the project that `path` belongs to.

    Raises:
        MedevalError: A key is wrong, the workflow cannot have a file of such a name, or a hub source is absent from the
            lock or contradicts it.
    """
    root = project or project_of(path)
    expanded = dict(document)
    for key, section in (("models", Model), ("benchmarks", Benchmark)):
        entries = document.get(key)
        if isinstance(entries, list):
            expanded[key] = [_expand(entry, section, root) for entry in entries]
    if isinstance(judge := document.get("judge"), str):
        expanded["judge"] = read_judge(located(Path(judge), root)).model_dump()
    run = _with_files_located(validate(RunConfig, expanded, path), root)
    _refuse_names(run, path)
    if run.lock is None or not with_lock:
        return run
    lock_path = located(run.lock, root)
    lock = read_lock(lock_path)
    pinned = run.with_sources(lambda s: locked(s, lock, lock_path) if isinstance(s, HubSource) else s)
    return pinned.model_copy(update={"lock": lock_path})


def _expand(entry: Any, section: type[Section], project: Path) -> Any:
    """Replace the path of a model or benchmark file by its validated content."""
    if not isinstance(entry, str):
        return entry
    path = located(Path(entry), project)
    return validate(section, load_yaml(path), path).model_dump()


def _with_files_located(run: RunConfig, project: Path) -> RunConfig:
    """Return the run with each file that it names where it is found, but for its lock, which may be written."""

    def found(source: AnySource) -> AnySource:
        if not isinstance(source, FileSource):
            return source
        return source.model_copy(update={"path": located(source.path, project)})

    changed: dict[str, Any] = {
        "claims": located(run.claims, project),
        "desk_audits": [located(path, project) for path in run.desk_audits],
    }
    return run.with_sources(found).model_copy(update=changed)


def _changed_model(model: Model, change: Callable[[AnySource], AnySource]) -> Model:
    variants = {name: _changed_variant(variant, change) for name, variant in model.variants.items()}
    imatrices = {name: m.model_copy(update={"text": change(m.text)}) for name, m in model.imatrices.items()}
    return model.model_copy(update={"variants": variants, "imatrices": imatrices})


def _changed_variant(variant: Variant, change: Callable[[AnySource], AnySource]) -> Variant:
    if variant.source is not None:
        return variant.model_copy(update={"source": _changed_source(variant.source, change)})
    if variant.checkpoint is not None:
        return variant.model_copy(update={"checkpoint": [change(source) for source in variant.checkpoint]})
    return variant


def _changed_source(
    source: AnySource | list[AnySource], change: Callable[[AnySource], AnySource]
) -> AnySource | list[AnySource]:
    return [change(one) for one in source] if isinstance(source, list) else change(source)


def _refuse_names(run: RunConfig, path: Path) -> None:
    """Refuse names that the workflow cannot have.

    Snakemake fills in names in braces and in < >, even in what functions return; a record stands beside fetched files.
    """
    named = [path_of(source) for source in run.sources()]
    for file in (*named, str(run.claims), *map(str, run.desk_audits)):
        if _WILDCARD.search(file):
            raise MedevalError(
                f"{path}: {file!r} holds a name in braces or in < >, which the workflow would fill in",
                "Rename the file, or the folder that it is in.",
            )
    if records := [name for name in named if name.endswith(".source.json")]:
        raise MedevalError(
            f"{path}: {records[0]!r} ends as the records do that are written beside fetched files", "Rename the file."
        )


def local_files(config: RunConfig) -> list[Path]:
    """Return every local file that the configuration names, for checks before a run."""
    files = [source.path for source in config.sources() if isinstance(source, FileSource)]
    return [*files, config.claims, *config.desk_audits]
