"""The description of a weights file: what `medeval inspect` reads in the header of a GGUF."""

from dataclasses import dataclass
from typing import Any, ClassVar

from medeval.records.documents import Document


@dataclass(frozen=True)
class Head:
    """The output head: tied to the embedding or stored apart, and what that costs.

    Attributes:
        tied: Whether it is the embedding itself.
        embedding_type: Tensor type of the embedding; None without one.
        embedding_bytes: Its size; None without one.
        head_type: Tensor type of the head; None when it is tied.
        head_bytes: Its size; None when it is tied.
        bytes_tied_would_save: Size of the embedding: of the two tensors, a tied file keeps one, and llama.cpp gives
            that one the head's type. 0 for a tied file, None when the file has no embedding.
    """

    tied: bool
    embedding_type: str | None
    embedding_bytes: int | None
    head_type: str | None
    head_bytes: int | None
    bytes_tied_would_save: int | None


@dataclass(frozen=True)
class Split:
    """The part that was described, from 0, with which all others are described, and the number of parts."""

    number: int | None
    count: int | None


@dataclass(frozen=True)
class Quantization:
    """What a header says of the quantization; None where it says nothing.

    Attributes:
        file_type: Name of the file type, such as Q4_K_M; its number where llama.cpp has no name for it.
        file_type_number: Its number.
        quantization_version: Version of the format of quantized tensors.
        importance_matrix: What is stated of the importance matrix, by the header's own keys.
        split: The parts of split weights; None for weights in one file.
    """

    file_type: str | None
    file_type_number: int | None
    quantization_version: int | None
    importance_matrix: dict[str, Any] | None
    split: Split | None


@dataclass(frozen=True)
class TokenizerParts:
    """SHA-256 of each part of a tokenizer; None for one that it has not."""

    tokens: str | None
    scores: str | None
    token_type: str | None
    merges: str | None


@dataclass(frozen=True)
class SpecialToken:
    """A token with a role: its id, and its text in the vocabulary, None when the id is not in it."""

    id: int
    text: str | None


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer.

    Attributes:
        model: Its kind, such as gpt2; None when it is not stated.
        pre: How texts are divided before; None when it is not stated.
        sha256: Hash of the hashes of its parts; None without tokens.
        parts_sha256: Hashes of its parts.
        special_tokens: Tokens with a role, by role.
        flags: Yes-or-no settings by name, such as add_bos_token.
    """

    model: str | None
    pre: str | None
    sha256: str | None
    parts_sha256: TokenizerParts
    special_tokens: dict[str, SpecialToken]
    flags: dict[str, bool]


class WeightsDescription(Document):
    """What weights in GGUF hold, in one file or in parts; None where their header does not say.

    Attributes:
        path: Name of the file, or of the first part.
        sha256: Its SHA-256, or that of all parts (`weights_sha256`); None where it was not asked for.
        bytes: Its size, or that of all parts.
        name: The name in the header.
        architecture: llama, qwen3 and so on.
        parameters: Number of weights.
        bits_per_weight: Bits of all tensors over the number of weights.
        tensors: Number of tensors.
        tensors_by_type: Number of tensors of each type, the most frequent first.
        bytes_by_type: Their bytes, the largest first.
        tied_head: Whether the embedding is the output head.
        head: The output head.
        context_length: Tokens that the model was trained for.
        layers: Number of layers.
        width: Width of the embedding.
        vocabulary: Number of tokens in the vocabulary.
        tokenizer: The tokenizer.
        chat_template_sha256: SHA-256 of the chat template; None without one.
        quantization: What the header says of the quantization.
    """

    SCHEMA: ClassVar[str] = "weights.v1"
    WRITER: ClassVar[str] = "medeval inspect"

    path: str
    sha256: str | None
    bytes: int
    name: str | None
    architecture: str | None
    parameters: int
    bits_per_weight: float
    tensors: int
    tensors_by_type: dict[str, int]
    bytes_by_type: dict[str, int]
    tied_head: bool
    head: Head
    context_length: int | None
    layers: int | None
    width: int | None
    vocabulary: int | None
    tokenizer: Tokenizer
    chat_template_sha256: str | None
    quantization: Quantization
