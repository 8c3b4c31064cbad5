"""What a GGUF file holds: architecture, tensors by type, head, tokenizer and chat template."""

import hashlib
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from gguf.constants import LlamaFileType

from medeval.records.files import sha256_text
from medeval.records.gguf_file import GgufFile, weights_sha256
from medeval.weights.document import (
    Head,
    Quantization,
    SpecialToken,
    Split,
    Tokenizer,
    TokenizerParts,
    WeightsDescription,
)

EMBEDDING, HEAD = "token_embd.weight", "output.weight"
TOKENIZER_PARTS = tuple(part.name for part in fields(TokenizerParts))
_SPECIAL = "tokenizer.ggml."


def inspect_gguf(path: Path, *, hash_file: bool = True) -> WeightsDescription:
    """Describe weights from their header; no weight is read, but for the SHA-256, for which files are streamed.

    Args:
        path: The GGUF file; of split weights, the first part, whose other parts are described with it.
        hash_file: Whether to compute the SHA-256, which takes time on large files.

    Raises:
        MedevalError: A file is missing, cut short or not a GGUF, or is not the part that it should be.
    """
    file = GgufFile(path)
    counts, sizes = Counter[str](), Counter[str]()
    for tensor in file.tensors.values():
        counts[tensor.type.name] += 1
        sizes[tensor.type.name] += tensor.bytes
    parameters = sum(tensor.elements for tensor in file.tensors.values())
    architecture = file.text("general.architecture")
    template = file.text("tokenizer.chat_template")
    tokens = file.metadata.get("tokenizer.ggml.tokens")
    return WeightsDescription(
        path=path.name,
        sha256=weights_sha256(path) if hash_file else None,
        bytes=file.size,
        name=file.text("general.name"),
        architecture=architecture,
        parameters=parameters,
        bits_per_weight=round(8 * sum(sizes.values()) / parameters, 4),
        tensors=len(file.tensors),
        tensors_by_type=dict(counts.most_common()),
        bytes_by_type=dict(sizes.most_common()),
        tied_head=HEAD not in file.tensors,
        head=describe_head(file),
        context_length=file.number(f"{architecture}.context_length"),
        layers=file.number(f"{architecture}.block_count"),
        width=file.number(f"{architecture}.embedding_length"),
        vocabulary=None if tokens is None else len(tokens),
        tokenizer=_tokenizer(file),
        chat_template_sha256=sha256_text(template) if template else None,
        quantization=describe_quantization(file),
    )


def describe_head(file: GgufFile) -> Head:
    """Describe the output head."""
    embedding, head = file.tensors.get(EMBEDDING), file.tensors.get(HEAD)
    return Head(
        tied=head is None,
        embedding_type=embedding.type.name if embedding else None,
        embedding_bytes=embedding.bytes if embedding else None,
        head_type=head.type.name if head else None,
        head_bytes=head.bytes if head else None,
        bytes_tied_would_save=0 if head is None else embedding.bytes if embedding else None,
    )


def describe_quantization(file: GgufFile) -> Quantization:
    """Return what the header says of the quantization."""
    number, parts = file.number("general.file_type"), file.number("split.count")
    known = {int(kind): kind.name for kind in LlamaFileType}
    keys = {key: value for key, value in file.metadata.items() if key.startswith("quantize.")}
    return Quantization(
        file_type=None
        if number is None
        else known.get(number, str(number)).removeprefix("MOSTLY_").removeprefix("ALL_"),
        file_type_number=number,
        quantization_version=file.number("general.quantization_version"),
        importance_matrix={key.removeprefix("quantize.imatrix."): value for key, value in keys.items()} or None,
        split=Split(file.number("split.no"), parts) if (parts or 0) > 1 else None,
    )


def _tokenizer(file: GgufFile) -> Tokenizer:
    parts = {part: _hash_array(file.metadata.get(_SPECIAL + part)) for part in TOKENIZER_PARTS}
    joined = "\n".join(f"{part} {digest or 'absent'}" for part, digest in parts.items())
    return Tokenizer(
        model=file.text("tokenizer.ggml.model"),
        pre=file.text("tokenizer.ggml.pre"),
        sha256=sha256_text(joined) if parts["tokens"] else None,
        parts_sha256=TokenizerParts(**parts),
        special_tokens=_special_tokens(file),
        flags={
            key.removeprefix(_SPECIAL): value
            for key, value in sorted(file.metadata.items())
            if key.startswith(_SPECIAL) and isinstance(value, bool)
        },
    )


def _special_tokens(file: GgufFile) -> dict[str, SpecialToken]:
    """Every metadata key that names one token, with the text that the vocabulary gives it."""
    tokens = file.metadata.get("tokenizer.ggml.tokens") or []
    found = {}
    for key, number in sorted(file.metadata.items()):
        if key.startswith(_SPECIAL) and key.endswith("_token_id"):
            text = tokens[number].decode(errors="replace") if 0 <= number < len(tokens) else None
            found[key.removeprefix(_SPECIAL).removesuffix("_token_id")] = SpecialToken(number, text)
    return found


def _hash_array(values: Any) -> str | None:
    """SHA-256 of an array: each text preceded by its length in 8 bytes, or the numbers' little-endian bytes."""
    if values is None:
        return None
    digest = hashlib.sha256()
    if isinstance(values, np.ndarray):
        digest.update(values.tobytes())
    else:
        for value in values:
            digest.update(len(value).to_bytes(8, "little"))
            digest.update(value)
    return digest.hexdigest()
