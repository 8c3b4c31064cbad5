"""Small GGUF files, written by the gguf package."""

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
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


def split_gguf(source: Path, stem: Path, counts: Sequence[int]) -> list[Path]:
    """Write a file's tensors in parts, so many in each, as llama-gguf-split does: the first has all other keys."""
    reader = GGUFReader(source)
    left = iter(reader.tensors)
    paths = [Path(f"{stem}-{number:05}-of-{len(counts):05}.gguf") for number in range(1, len(counts) + 1)]
    for index, (path, count) in enumerate(zip(paths, counts, strict=True)):
        writer = GGUFWriter(path, "llama")
        writer.kv_data[0].clear()
        for key, field in reader.fields.items() if index == 0 else ():
            if not key.startswith("GGUF."):
                inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
                writer.add_key_value(key, field.contents(), field.types[0], inner)
        writer.add_uint16("split.no", index)
        writer.add_uint16("split.count", len(counts))
        writer.add_int32("split.tensors.count", len(reader.tensors))
        for tensor in islice(left, count):
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return paths
