"""The configuration of one model: its weights files, how each is made, and how the model is asked."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from medeval.run.section import Section, Slug
from medeval.run.sources import Source, WeightsSource
from medeval.run.targets import Served, target_named

QuantizationType = Literal["F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_K_S", "IQ4_XS", "IQ3_M"]


class Imatrix(Section):
    """How an importance matrix is made: which model reads which text."""

    variant: Slug = Field(description="Variant that reads the text, usually the unquantized one.")
    text: Source = Field(description="Calibration text, UTF-8.")
    chunk_tokens: int = Field(512, ge=16, description="Tokens read at a time.")


class Variant(Section):
    """One form of a model: weights that are fetched, converted or quantized, or a server that has them."""

    source: WeightsSource | None = Field(
        None, description="Where the file is fetched from; of split weights, a list with the source of each part."
    )
    checkpoint: list[Source] | None = Field(
        None,
        min_length=1,
        description="Files of a Safetensors checkpoint that llama.cpp's converter turns into a GGUF.",
    )
    quantize_from: Slug | None = Field(None, description="Variant that llama.cpp quantizes to make this one.")
    served: Served | None = Field(
        None, description="Server that answers for the model; nothing is known of its weights."
    )
    type: QuantizationType | None = Field(
        None, description="Type to make; with `checkpoint` (BF16, F16, F32 or Q8_0) or `quantize_from`."
    )
    imatrix: Slug | None = Field(None, description="Importance matrix of the model to quantize with.")
    allow_requantize: bool = Field(False, description="Permit a source that is itself quantized.")
    published_as: str | None = Field(None, description="Id of the weights file in the publication that is tested.")
    note: str = Field("", description="What a reader of the report must know about this file.")

    @model_validator(mode="after")
    def _made_in_one_way(self) -> Self:
        if sum(way is not None for way in (self.source, self.checkpoint, self.quantize_from, self.served)) != 1:
            raise ValueError("give either `source`, `checkpoint`, `quantize_from` or `served`, and only one of them")
        if (self.source is None and self.served is None) != (self.type is not None):
            raise ValueError("`type` goes with `checkpoint` and `quantize_from`, and is needed there")
        if self.checkpoint is not None and self.type not in ("BF16", "F16", "F32", "Q8_0"):
            raise ValueError(f"a checkpoint is converted to BF16, F16, F32 or Q8_0, not to {self.type}")
        if self.imatrix is not None and self.quantize_from is None:
            raise ValueError("`imatrix` goes with `quantize_from`")
        return self

    def runs_on(self, target: str) -> bool:
        """Whether a target can evaluate this variant: a server, a checkpoint, or any weights as a GGUF file."""
        match target_named(target).loads:
            case "server":
                return self.served is not None
            case "checkpoint":
                return self.checkpoint is not None
            case "gguf":
                return self.served is None


class Reasoning(Section):
    """The delimiters between which a model thinks before it answers."""

    open: str = Field(description="Text that starts the reasoning, such as `<think>`.")
    close: str = Field(description="Text that ends it.")
    opened_by_template: bool = Field(False, description="The chat template itself writes the opening delimiter.")


class Model(Section):
    """One model with the weights files that are made and compared."""

    id: Slug = Field(description="Short name, used in paths.")
    title: str = Field(description="Name for people.")
    published_as: str | None = Field(None, description="The model's id in the publication whose claims are tested.")
    family: str | None = Field(
        None, description="Model family that it was made from, to find judges that are related; null: not known."
    )
    licence: str = Field(description="Licence of the weights.")
    variants: dict[Slug, Variant] = Field(description="Every weights file, by name.")
    imatrices: dict[Slug, Imatrix] = Field(default_factory=dict, description="Importance matrices, by name.")
    reference: Slug = Field(description="The variant that stands for the unquantized model.")
    evaluate: list[Slug] = Field(description="The variants that are evaluated.")
    reasoning: Reasoning | None = Field(None, description="Reasoning delimiters; null for a model that does not think.")
    template_options: dict[str, Any] = Field(
        default_factory=dict, description="Variables for the chat template, such as `enable_thinking`."
    )

    @model_validator(mode="after")
    def _names_known_variants(self) -> Self:
        known = set(self.variants)
        if self.reference not in self.evaluate:
            raise ValueError(f"`evaluate` lacks the reference {self.reference!r}, with which the others are compared")
        if len(set(self.evaluate)) < len(self.evaluate):
            raise ValueError(f"`evaluate` names a variant twice: {self.evaluate}")
        used = {"reference": [self.reference], "evaluate": self.evaluate}
        for key, names in used.items():
            if unknown := [name for name in names if name not in known]:
                raise ValueError(f"`{key}` names unknown variant(s) {unknown}; known: {sorted(known)}")
        for name, variant in self.variants.items():
            if variant.quantize_from is not None and variant.quantize_from not in known - {name}:
                raise ValueError(
                    f"`variants.{name}.quantize_from` names unknown variant {variant.quantize_from!r}; "
                    f"known: {sorted(known - {name})}"
                )
            if variant.imatrix is not None and variant.imatrix not in self.imatrices:
                raise ValueError(
                    f"`variants.{name}.imatrix` names unknown matrix {variant.imatrix!r}; "
                    f"known: {sorted(self.imatrices)}"
                )
        for name, matrix in self.imatrices.items():
            if matrix.variant not in known:
                raise ValueError(f"`imatrices.{name}.variant` names unknown variant {matrix.variant!r}")
        return self
