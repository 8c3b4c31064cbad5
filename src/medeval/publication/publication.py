"""The schema of a publication file: what was printed, where, and what is claimed from it.

Any publication that compares models on benchmarks fits. Scores are percentages exactly as printed;
a figure that is not published is null or left out, never guessed. Which parts exist is optional: a
publication without token counts or weight files simply has no such block.
"""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from medeval.publication.claims import Anchor, Claim, FileDifference, OwnFigure, WeightFile
from medeval.publication.parts import (
    AverageDefinition,
    Evaluation,
    PublicationSection,
    PublishedBenchmark,
    PublishedModel,
    Source,
)
from medeval.records.yaml_files import load_yaml, validate

# Metrics of a claim that are not benchmarks: the stated average, mean answer length, file size.
AVERAGE, TOKENS, SIZE = "average", "tokens", "size"


class Publication(PublicationSection):
    """One publication, with every figure that its claims rest on."""

    title: str = Field(description="What was published, and by whom.")
    unit: str = Field("percent", pattern="^percent$", description="Unit of every score; only percent is supported.")
    decimals: int = Field(ge=0, le=4, description="Decimals of the printed scores.")
    sources: list[Source] = Field(min_length=1, description="Where the figures were read.")
    evaluation: Evaluation = Field(description="How the publication measured, and what it leaves out.")
    benchmarks: list[PublishedBenchmark] = Field(min_length=1, description="Benchmarks of the publication.")
    average: AverageDefinition | None = Field(None, description="What the stated average is taken over.")
    models: list[PublishedModel] = Field(min_length=1, description="Every model that a figure or claim names.")
    own_figures: list[OwnFigure] = Field(
        default_factory=list, description="What the makers of a model print for it themselves."
    )
    weights: list[WeightFile] = Field(default_factory=list, description="Published weight files.")
    file_differences: list[FileDifference] = Field(
        default_factory=list, description="Published differences between two weight files of a model."
    )
    anchors: list[Anchor] = Field(default_factory=list, description="Scores by other people, for scale.")
    claims: list[Claim] = Field(min_length=1, description="The statements that are audited.")

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        for kind, names in (
            ("sources", [source.key for source in self.sources]),
            ("benchmarks", [benchmark.id for benchmark in self.benchmarks]),
            ("models and weights", [model.id for model in self.models] + [file.id for file in self.weights]),
            ("claims", [claim.id for claim in self.claims]),
        ):
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{kind} hold {repeated} more than once; ids must be unique")
        return self

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        sources = {source.key for source in self.sources}
        benchmarks = {benchmark.id for benchmark in self.benchmarks}
        models = {model.id for model in self.models}
        subjects = models | {file.id for file in self.weights}
        problems = [
            *_unknown("source", sources, self._source_references()),
            *_unknown("benchmark", benchmarks, self._benchmark_references()),
            *_unknown("model", models, self._model_references()),
            *_unknown("model or weight file", subjects, self._subject_references()),
            *_unknown("metric", benchmarks | {AVERAGE, TOKENS, SIZE}, self._metric_references()),
            *_unknown("headline claim", {claim.id for claim in self.claims if claim.after is None}, self._gates()),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _source_references(self) -> list[tuple[str, str]]:
        blocks: list[tuple[str, list[str]]] = [("evaluation", self.evaluation.source)]
        for model in self.models:
            parts = [model.choice, model.tokens, model.architecture, *model.rubric]
            blocks += [(f"model {model.id}", part.source) for part in parts if part is not None]
        blocks += [(f"benchmark {b.id}", c.source) for b in self.benchmarks for c in b.candidates]
        blocks += [(f"own figure of {own.model}", own.source) for own in self.own_figures]
        blocks += [(f"weight file {file.id}", file.source + file.loss_source) for file in self.weights]
        blocks += [
            (f"difference {difference.a} - {difference.b}", difference.source) for difference in self.file_differences
        ]
        blocks += [(f"anchor {anchor.label}", anchor.source) for anchor in self.anchors]
        blocks += [(f"claim {claim.id}", claim.source) for claim in self.claims]
        return [(where, key) for where, keys in blocks for key in keys]

    def _benchmark_references(self) -> list[tuple[str, str]]:
        names = [("average", name) for name in (self.average.over if self.average else [])]
        for model in self.models:
            names += [(f"model {model.id}", name) for name in (model.choice.values if model.choice else {})]
            names += [(f"model {model.id}", part.benchmark) for part in model.rubric]
        names += [(f"own figure of {own.model}", own.benchmark) for own in self.own_figures]
        return names + [(f"anchor {anchor.label}", anchor.benchmark) for anchor in self.anchors]

    def _model_references(self) -> list[tuple[str, str]]:
        names = [(f"base of model {model.id}", model.base) for model in self.models if model.base]
        names += [("own_figures", own.model) for own in self.own_figures]
        names += [(f"weight file {file.id}", file.model) for file in self.weights]
        return names + [(f"anchor {anchor.label}", anchor.model) for anchor in self.anchors if anchor.model]

    def _subject_references(self) -> list[tuple[str, str]]:
        pairs: list[tuple[str, str, str | None]] = [
            (f"claim {claim.id}", part.a, part.b) for claim in self.claims for part in claim.comparisons
        ]
        pairs += [("file_differences", difference.a, difference.b) for difference in self.file_differences]
        return [(where, name) for where, a, b in pairs for name in (a, b) if name is not None]

    def _metric_references(self) -> list[tuple[str, str]]:
        names = [(f"claim {claim.id}", part.metric) for claim in self.claims for part in claim.comparisons]
        return names + [("file_differences", metric) for part in self.file_differences for metric in part.values]

    def _gates(self) -> list[tuple[str, str]]:
        return [(f"`after` of claim {claim.id}", claim.after) for claim in self.claims if claim.after is not None]

    def model(self, model_id: str | None) -> PublishedModel | None:
        """Return the model with this id, or None when the id is a weight file's."""
        return next((model for model in self.models if model.id == model_id), None)

    def weight(self, file_id: str | None) -> WeightFile | None:
        """Return the weight file with this id, or None when the id is a model's."""
        return next((file for file in self.weights if file.id == file_id), None)

    def benchmark(self, benchmark_id: str) -> PublishedBenchmark:
        """Return the benchmark with this id."""
        return next(benchmark for benchmark in self.benchmarks if benchmark.id == benchmark_id)

    def value(self, subject: str | None, metric: str) -> float | None:
        """Return the figure printed for a model, or the size in GB of a weight file; None without one."""
        model, file = self.model(subject), self.weight(subject)
        if file is not None:
            return file.size_gb if metric == SIZE else None
        if model is None:
            return None
        if metric == TOKENS:
            return model.tokens.mean if model.tokens else None
        if model.choice is not None and metric == AVERAGE:
            return model.choice.average
        if model.choice is not None and metric in model.choice.values:
            return model.choice.values[metric]
        return next((part.overall for part in model.rubric if part.benchmark == metric), None)


def _unknown(kind: str, known: set[str], references: list[tuple[str, str]]) -> list[str]:
    """Describe each reference that names nothing."""
    return [
        f"{where} names unknown {kind} {name!r}; known: {', '.join(sorted(known))}"
        for where, name in references
        if name not in known
    ]


def load_publication(path: Path) -> Publication:
    """Read a publication file.

    Raises:
        MedevalError: The file is missing or malformed, a key is unknown or missing, or a reference
            names a model, benchmark or source that the file does not define.
    """
    return validate(Publication, load_yaml(path), path)
