"""Small random checkpoints as Hugging Face would hold them, and the GGUF that a conversion must give.

The expected tensors are written down here by hand from the published layouts, not by the converter.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, GGUFWriter

Array = npt.NDArray[Any]
_TYPES = {np.dtype(np.uint16): "BF16", np.dtype(np.float16): "F16", np.dtype(np.float32): "F32"}
LAYERS, WIDTH, INNER, HEADS, KV_HEADS, HEAD, VOCABULARY = 2, 64, 128, 4, 2, 32, 300


def random_bf16(rng: np.random.Generator, *shape: int) -> npt.NDArray[np.uint16]:
    """Bits of normal random numbers in BF16: the upper half of float32."""
    return (rng.standard_normal(shape, dtype=np.float32).view(np.uint32) >> 16).astype(np.uint16)


def widen(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """BF16 bits as float32, exactly."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def write_safetensors(path: Path, tensors: Mapping[str, Array]) -> None:
    """A header's length (8 bytes), the header in JSON, the data: the whole of the format. uint16 stands for BF16."""
    header, at = {}, 0
    for name, data in tensors.items():
        header[name] = {"dtype": _TYPES[data.dtype], "shape": data.shape, "data_offsets": [at, at + data.nbytes]}
        at += data.nbytes
    text = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        for data in tensors.values():
            stream.write(data.tobytes())


def write_expected(path: Path, tensors: Mapping[str, Array]) -> None:
    writer = GGUFWriter(path, "expected")
    for name, data in tensors.items():
        bf16 = data.dtype == np.uint16
        writer.add_tensor(name, data, raw_dtype=GGMLQuantizationType.BF16 if bf16 else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_checkpoint(folder: Path, architecture: str, *, tied: bool, seed: int = 1) -> dict[str, Array]:
    """Write a checkpoint in two parts and return the tensors that its conversion to BF16 must hold.

    Args:
        folder: Folder to make.
        architecture: Qwen3ForCausalLM, Gemma3ForCausalLM or LlamaForCausalLM.
        tied: Whether the output head is the embedding.
        seed: Seed of the weights.
    """
    folder.mkdir()
    rng = np.random.default_rng(seed)
    tensors = _tensors(rng, architecture, tied)
    (folder / "config.json").write_text(json.dumps(_config(architecture, tied)))
    (folder / "tokenizer.model").write_bytes(sentencepiece_model())
    half = len(tensors) // 2
    parts = {"model-00001-of-00002.safetensors": 0, "model-00002-of-00002.safetensors": 1}
    weight_map = {name: list(parts)[int(i >= half)] for i, name in enumerate(tensors)}
    for part in parts:
        write_safetensors(folder / part, {name: data for name, data in tensors.items() if weight_map[name] == part})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return {_gguf_name(name, architecture): _expected(name, data, architecture) for name, data in tensors.items()}


def _tensors(rng: np.random.Generator, architecture: str, tied: bool) -> dict[str, Array]:
    shapes = {"self_attn.q_proj": (HEADS * HEAD, WIDTH), "self_attn.o_proj": (WIDTH, HEADS * HEAD)}
    shapes |= {f"self_attn.{x}_proj": (KV_HEADS * HEAD, WIDTH) for x in "kv"}
    shapes |= {"mlp.gate_proj": (INNER, WIDTH), "mlp.up_proj": (INNER, WIDTH), "mlp.down_proj": (WIDTH, INNER)}
    norms = {"input_layernorm": WIDTH, "post_attention_layernorm": WIDTH}
    if architecture != "LlamaForCausalLM":
        norms |= {"self_attn.q_norm": HEAD, "self_attn.k_norm": HEAD}
    if architecture == "Gemma3ForCausalLM":
        norms |= {"pre_feedforward_layernorm": WIDTH, "post_feedforward_layernorm": WIDTH}
    tensors: dict[str, Array] = {"model.embed_tokens.weight": random_bf16(rng, VOCABULARY, WIDTH)}
    for layer in range(LAYERS):
        for name, shape in {**shapes, **{name: (width,) for name, width in norms.items()}}.items():
            tensors[f"model.layers.{layer}.{name}.weight"] = random_bf16(rng, *shape)
    tensors["model.norm.weight"] = random_bf16(rng, WIDTH)
    if not tied:
        tensors["lm_head.weight"] = random_bf16(rng, VOCABULARY, WIDTH)
    return tensors


_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
_OUTER = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def _gguf_name(name: str, architecture: str) -> str:
    if name in _OUTER:
        return _OUTER[name]
    _, _, layer, *middle, _ = name.split(".")
    inner = ".".join(middle)
    gemma = architecture == "Gemma3ForCausalLM" and inner == "post_attention_layernorm"
    return f"blk.{layer}.{'post_attention_norm' if gemma else _NAMES[inner]}.weight"


def _expected(name: str, data: Array, architecture: str) -> Array:
    """Matrices keep their bits, vectors become float32; two models need more than that."""
    if data.ndim == 1:  # Gemma multiplies by 1 + weight, and llama.cpp by the weight
        return widen(data) + np.float32(architecture == "Gemma3ForCausalLM")
    if architecture == "LlamaForCausalLM" and ("q_proj" in name or "k_proj" in name):
        # Rotary pairs lie half a head apart in the checkpoint and side by side in a llama GGUF.
        pairs = data.reshape(-1, 2, HEAD // 2, WIDTH)
        return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(data.shape))
    return data


def _config(architecture: str, tied: bool) -> dict[str, Any]:
    kind = {"Qwen3ForCausalLM": "qwen3", "Gemma3ForCausalLM": "gemma3_text", "LlamaForCausalLM": "llama"}
    config = {
        "architectures": [architecture],
        "model_type": kind[architecture],
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": tied,
        "torch_dtype": "bfloat16",
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    return config | ({"sliding_window": 128} if architecture == "Gemma3ForCausalLM" else {})


def sentencepiece_model() -> bytes:
    """A SentencePiece vocabulary of 300 pieces: unknown, begin, end, the 256 bytes, and some letters."""
    normal, unknown, control, byte = 1, 2, 3, 6
    pieces = [("<unk>", 0.0, unknown), ("<s>", 0.0, control), ("</s>", 0.0, control)]
    pieces += [(f"<0x{value:02X}>", 0.0, byte) for value in range(256)]
    letters = "▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
    pieces += [(letter, -1.0 - index, normal) for index, letter in enumerate(letters)]
    assert len(pieces) == VOCABULARY, len(pieces)
    data = b"".join(_field(1, _piece(*piece)) for piece in pieces)
    bpe_with_byte_fallback = b"\x18\x02" + b"\x98\x02\x01"  # trainer_spec: model_type = 2, byte_fallback = true
    return data + _field(2, bpe_with_byte_fallback) + _field(3, _field(1, b"identity"))


def _piece(text: str, score: float, kind: int) -> bytes:
    return _field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kind])


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    length, digits = len(data), bytearray()
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *digits, length]) + data
