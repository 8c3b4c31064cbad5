"""What a GGUF file holds: architecture, tensors by type, head, tokenizer and chat template."""

from collections import Counter
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.files import sha256_file, sha256_text


def inspect_gguf(path: Path) -> dict[str, Any]:
    """Describe a GGUF file without loading its weights into memory.

    Returns:
        A JSON-ready document: sha256, bytes, architecture, parameters, bits per weight, tensors
        and bytes by type, whether the output head is tied to the embedding, context length,
        vocabulary size and the SHA-256 of the chat template.

    Raises:
        MedevalError: The file is missing, cut short or not a GGUF.
    """
    reader = _open(path)
    tensors = Counter[str]()
    sizes = Counter[str]()
    parameters = 0
    for tensor in reader.tensors:
        tensors[tensor.tensor_type.name] += 1
        sizes[tensor.tensor_type.name] += int(tensor.n_bytes)
        parameters += int(tensor.n_elements)
    names = {tensor.name for tensor in reader.tensors}
    architecture = _value(reader, "general.architecture")
    template = _value(reader, "tokenizer.chat_template")
    tokens = reader.get_field("tokenizer.ggml.tokens")
    return {
        "path": path.name,
        "sha256": sha256_file(path),
        "bytes": path.stat().st_size,
        "name": _value(reader, "general.name"),
        "architecture": architecture,
        "parameters": parameters,
        "bits_per_weight": round(8 * sum(sizes.values()) / parameters, 4),
        "tensors_by_type": dict(tensors.most_common()),
        "bytes_by_type": dict(sizes.most_common()),
        "tied_head": "output.weight" not in names,
        "context_length": _value(reader, f"{architecture}.context_length"),
        "vocabulary": len(tokens.data) if tokens else None,
        "chat_template_sha256": sha256_text(template) if template else None,
    }


def _open(path: Path) -> Any:
    from gguf import GGUFReader

    if not path.is_file():
        raise MedevalError(f"{path}: no such file", "Run the stage that makes these weights, or correct the path.")
    try:
        reader = GGUFReader(path)
        if not reader.tensors:
            raise ValueError("no tensors")
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise MedevalError(
            f"{path}: not a complete GGUF file ({path.stat().st_size:,} bytes): {error}",
            "The file is probably cut short: delete it and run the stage that makes it again.",
        ) from error
    return reader


def _value(reader: Any, key: str) -> Any:
    field = reader.get_field(key)
    return None if field is None else field.contents()
