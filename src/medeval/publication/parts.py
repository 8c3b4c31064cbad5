"""Parts of a publication file: sources, evaluation settings, benchmarks, models and their figures."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Status = Literal["exact", "secondary", "derived", "conflict"]
Percent = Annotated[float, Field(ge=0, le=100)]
Keys = Annotated[list[str], Field(min_length=1)]


class PublicationSection(BaseModel):
    """A part of a publication file: unknown keys are errors and values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sourced(PublicationSection):
    """Figures with the place where they were read and how directly."""

    source: Keys = Field(description="Keys of the sources.")
    status: Status = Field(description="exact: read in the primary text; secondary: restated; derived: computed.")
    note: str = Field("", description="What a reader must know about these figures.")


class Source(PublicationSection):
    """A text in which figures were read."""

    key: str = Field(description="Short name, used by the figures.")
    what: str = Field(description="What the text is.")
    url: str | None = Field(None, description="Where it is published; null when only a copy is known.")
    kind: Literal["primary", "primary_partial", "secondary", "independent", "derived"] = Field(
        description="How near the text is to the people who measured."
    )


class PublishedSampling(PublicationSection):
    """Sampling settings as stated."""

    temperature: float | None = Field(default=None, ge=0, description="Sampling temperature.")
    top_k: int | None = Field(default=None, ge=0, description="Most likely tokens kept.")
    top_p: float | None = Field(default=None, gt=0, le=1, description="Probability mass kept.")
    max_output_tokens: int | None = Field(default=None, ge=1, description="Limit of one answer.")


class Evaluation(Sourced):
    """How the publication measured."""

    runs: int | None = Field(None, ge=1, description="Runs averaged into each figure; null when unstated.")
    sampling: PublishedSampling = Field(
        default=PublishedSampling(), description="Sampling settings, for every model alike."
    )
    judge: str | None = Field(None, description="Model that graded free-text answers.")
    judge_family: str | None = Field(None, description="Model family the judge was made from.")
    other_judges: list[str] = Field(default_factory=list, description="Further judges that are mentioned.")
    spread_published: bool = Field(description="Whether error bars or the spread over runs are printed.")
    usage_max_tokens: int | None = Field(None, ge=1, description="Token limit in the advice to users.")
    template_digest: str | None = Field(None, description="SHA-256 of the chat template.")
    undisclosed: list[str] = Field(default_factory=list, description="What was looked for and not found.")


class CandidateCount(PublicationSection):
    """An item count that the figures may rest on; list the most plausible first."""

    n: int = Field(ge=1, description="Number of items.")
    reason: str = Field(description="Which set of items has this count.")
    source: list[str] = Field(default_factory=list, description="Keys of the sources.")


class Theme(PublicationSection):
    """A part of a rubric benchmark."""

    id: str = Field(description="Tag of the theme in the data.")
    label: str = Field(description="Name in the publication.")
    examples: int | None = Field(None, ge=1, description="Number of examples; null when unknown.")


class PublishedBenchmark(PublicationSection):
    """A benchmark and how its items become one figure."""

    id: str = Field(description="Short name.")
    label: str = Field(description="Name in the publication.")
    kind: Literal["choice", "rubric"] = Field("choice", description="Right-or-wrong items, or graded answers.")
    aggregate: Literal["items", "mean_of_strata"] = Field(
        "items", description="Mean over all items, or mean of the strata's means."
    )
    candidates: list[CandidateCount] = Field(default_factory=list, description="Item counts to test the digits for.")
    strata: dict[str, int] = Field(default_factory=dict, description="Items per stratum, for a mean of strata.")
    themes: list[Theme] = Field(default_factory=list, description="Themes of a rubric benchmark.")
    majority_share: Percent | None = Field(None, description="Score of always giving the commonest answer.")
    reference_judge: str | None = Field(None, description="Judge that the benchmark's authors specify.")
    score_sd: list[float] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="Range of the SD of one example's rubric score, as a fraction.",
    )
    note: str = Field("", description="What a reader must know about this benchmark.")

    @model_validator(mode="after")
    def _strata_match_aggregate(self) -> Self:
        if self.aggregate == "mean_of_strata" and len(self.strata) < 2:
            raise ValueError("`aggregate: mean_of_strata` needs `strata` with at least two sizes")
        return self


class AverageDefinition(PublicationSection):
    """The stated average: the unweighted mean of some benchmarks."""

    label: str = Field(description="Name in the publication.")
    over: list[str] = Field(min_length=2, description="Ids of the benchmarks.")


class ChoiceFigures(Sourced):
    """A model's accuracies."""

    average: Percent | None = Field(None, description="The stated average.")
    values: dict[str, Percent] = Field(description="Accuracy by benchmark id.")


class RubricFigures(Sourced):
    """A model's scores on one rubric benchmark."""

    benchmark: str = Field(description="Id of the benchmark.")
    overall: Percent = Field(description="Overall score.")
    themes: dict[str, Percent] = Field(default_factory=dict, description="Score by theme id.")


class TokenFigures(Sourced):
    """A model's answer lengths."""

    mean: float = Field(gt=0, description="Mean number of tokens of an answer.")


class Architecture(Sourced):
    """What a model's shape says about its file sizes."""

    parameters: int | None = Field(None, ge=1, description="Parameters, an output head tied to the embedding once.")
    hidden_size: int = Field(ge=1, description="Width of the hidden state.")
    vocabulary: int = Field(ge=1, description="Rows of the embedding.")
    tied_embeddings: bool | None = Field(None, description="Whether the base model shares embedding and output head.")


class PublishedModel(PublicationSection):
    """A model with every figure printed for it."""

    id: str = Field(description="Short name.")
    label: str = Field(description="Name in the publication.")
    hub: str | None = Field(None, description="Repository.")
    base: str | None = Field(None, description="Id of the model it was trained from.")
    role: Literal["audited", "comparator", "context"] = Field(description="Why it is here.")
    reported_by: str | None = Field(None, description="Who measured its figures; null when it has none here.")
    choice: ChoiceFigures | None = Field(None, description="Accuracies.")
    rubric: list[RubricFigures] = Field(default_factory=list, description="Rubric scores.")
    tokens: TokenFigures | None = Field(None, description="Answer lengths.")
    architecture: Architecture | None = Field(None, description="Shape, to check file sizes.")
