"""Small GGUF files, written by the gguf package."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

TOKENS = ["<unk>", "<s>", "</s>", "a", "b", "ab"]


def write_gguf(
    path: Path,
    tensors: Mapping[str, npt.NDArray[Any]],
    *,
    types: Mapping[str, GGMLQuantizationType] | None = None,
    merges: tuple[str, ...] = ("a b",),
    file_type: int | None = None,
) -> Path:
    """Write float32 tensors, in the given types where one is named, with a tokenizer of six tokens."""
    writer = GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(128)
    writer.add_block_count(1)
    writer.add_embedding_length(32)
    if file_type is not None:
        writer.add_file_type(file_type)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(TOKENS)
    writer.add_token_types([2, 3, 3, 1, 1, 1])
    writer.add_token_merges(list(merges))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_chat_template("{{ messages }}")
    for name, data in tensors.items():
        kind = (types or {}).get(name, GGMLQuantizationType.F32)
        stored = data.astype(np.float32) if kind == GGMLQuantizationType.F32 else quantize(data, kind)
        writer.add_tensor(name, stored, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
