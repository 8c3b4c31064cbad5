"""Parts of a publication file: claims, weight files, the comparators' own figures, scores by others."""

from typing import Literal, Self

from pydantic import Field, model_validator

from medeval.publication.parts import Percent, PublicationSection, Sourced

ClaimType = Literal["T1", "T2", "T3", "T4", "T5"]


class OwnFigure(Sourced):
    """A figure that the makers of a model print for it, whoever else measured it too."""

    model: str = Field(description="Id of the model.")
    benchmark: str = Field(description="Id of the benchmark.")
    value: Percent = Field(description="The figure.")
    definition: Literal["same", "similar", "different"] = Field(
        description="Whether the figure may stand in for the publication's: similar may, with a caution."
    )
    why_not: str = Field("", description="What differs; needed unless the definition is the same.")

    @model_validator(mode="after")
    def _a_difference_has_a_reason(self) -> Self:
        if self.definition != "same" and not self.why_not:
            raise ValueError(f"`definition: {self.definition}` needs `why_not`")
        return self


class WeightFile(Sourced):
    """A published file of weights."""

    id: str = Field(description="Short name, unique among files and models.")
    model: str = Field(description="Id of the model.")
    file: str | None = Field(None, description="File name; null when unknown.")
    hub: str | None = Field(None, description="Repository.")
    revision: str | None = Field(None, description="Commit of the repository.")
    quantization: str = Field(description="Type, such as BF16 or Q4_K_M.")
    imatrix: bool | None = Field(None, description="Whether an importance matrix was used; null when unknown.")
    gigabytes: float | None = Field(None, gt=0, description="Size in units of 10^9 bytes, as printed.")
    bytes: int | None = Field(None, gt=0, description="Exact size.")
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="Hash of the file.")
    stated_loss: float | None = Field(None, description="Stated change against the unquantized file, in points.")
    loss_source: list[str] = Field(default_factory=list, description="Keys of the sources of the loss.")
    advised_against: bool = Field(False, description="Whether the publisher advises against the file.")

    @property
    def size_gb(self) -> float | None:
        """Size in 10^9 bytes as printed, else from the exact size; None when neither is known."""
        if self.gigabytes is not None:
            return self.gigabytes
        return None if self.bytes is None else self.bytes / 1e9


class FileDifference(Sourced):
    """Published differences a minus b between two weight files, in points."""

    a: str = Field(description="Id of a weight file.")
    b: str = Field(description="Id of another.")
    values: dict[str, float] = Field(description="Difference by metric.")


class Anchor(Sourced):
    """A score that others measured, for scale."""

    label: str = Field(description="What was scored.")
    model: str | None = Field(None, description="Id, when it is a model of this publication.")
    benchmark: str = Field(description="Id of the benchmark.")
    value: Percent = Field(description="The score.")
    standard_error: float | None = Field(None, gt=0, description="Its standard error, in points.")
    n: int | None = Field(None, ge=1, description="Number of items.")
    method: str = Field(description="Judge, or harness and way of scoring.")


class Comparison(PublicationSection):
    """What one sentence says about one metric: `a` against `b`."""

    metric: str = Field(description="average, tokens, size, or a benchmark id.")
    a: str = Field(description="Id of a model or weight file, the one the claim is about.")
    b: str | None = Field(None, description="Id of what it is compared with; null for a value alone (T1).")
    stated_a: float | None = Field(None, description="Figure stated for `a`.")
    at_least: bool = Field(False, description="Whether `stated_a` is a lower bound, which more does not contradict.")
    stated_b: float | None = Field(None, description="Figure stated for `b`.")
    stated_difference: float | None = Field(None, description="Stated `a` minus `b`, in points.")
    stated_ratio: float | None = Field(None, gt=0, description="Stated multiple: `b` divided by `a`.")
    ratio_decimals: int = Field(1, ge=0, le=3, description="Decimals of the stated multiple.")
    stated_reduction: float | None = Field(None, description="Stated reduction from `b` to `a`, in whole percent.")


class Claim(Sourced):
    """A statement that is audited.

    Types: T1 a value, T2 an order or difference, T3 a bounded loss, T4 a ratio, T5 equality.
    """

    id: str = Field(description="Short name.")
    type: ClaimType = Field(description="T1 to T5.")
    sentence: str = Field(description="The claim in plain words.")
    margin: float | None = Field(None, gt=0, description="Points within which loss or equality is claimed.")
    after: str | None = Field(
        None, description="Id of the headline claim that has to reproduce before this one, of a subgroup, is tested."
    )
    comparisons: list[Comparison] = Field(min_length=1, description="The parts of the claim.")

    @model_validator(mode="after")
    def _a_comparison_has_two_sides(self) -> Self:
        if self.type != "T1" and any(part.b is None for part in self.comparisons):
            raise ValueError(f"a claim of type {self.type} compares: each of its comparisons needs `b`")
        return self

    @model_validator(mode="after")
    def _a_bound_has_a_margin(self) -> Self:
        if self.type == "T3" and self.margin is None:
            raise ValueError("a claim of type T3 needs `margin`: the loss that it bounds, in points")
        return self
