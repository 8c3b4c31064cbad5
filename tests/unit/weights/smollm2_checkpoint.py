"""The demo's model as a Hugging Face checkpoint, made from its F16 GGUF: real weights, a real byte-level tokenizer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from checkpoints import Array, write_safetensors

from medeval.records.gguf_file import GgufFile

_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
_OUTER = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
_CONTROL = 3


def make_smollm2_checkpoint(source: Path, folder: Path) -> None:
    """Write config.json, tokenizer.json, tokenizer_config.json and model.safetensors from the F16 GGUF."""
    folder.mkdir()
    file = GgufFile(source)
    heads, kv_heads = file.number("llama.attention.head_count"), file.number("llama.attention.head_count_kv")
    tensors = {}
    for name in file.tensors:
        data = _read(file, name)
        if name.endswith(("attn_q.weight", "attn_k.weight")):
            count = heads if "attn_q" in name else kv_heads
            data = _halves(data, count)
        tensors[_hugging_face_name(name)] = data
    write_safetensors(folder / "model.safetensors", tensors)
    (folder / "config.json").write_text(json.dumps(_config(file)))
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(file)))
    names = {"bos": "<|im_start|>", "eos": "<|im_end|>", "pad": "<|im_end|>", "unk": "<|endoftext|>"}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": file.text("tokenizer.chat_template")}
    settings |= {f"{key}_token": text for key, text in names.items()}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def _read(file: GgufFile, name: str) -> Array:
    tensor = file.tensors[name]
    dtype = {"F16": np.float16, "F32": np.float32}[tensor.type.name]
    return np.frombuffer(b"".join(file.raw(tensor)), dtype).reshape(tensor.shape)


def _halves(data: Array, heads: int | None) -> Array:
    """Rotary pairs lie side by side in the GGUF and half a head apart in the checkpoint."""
    assert heads
    pairs = data.reshape(heads, -1, 2, data.shape[1])
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(data.shape))


def _hugging_face_name(name: str) -> str:
    if name in _OUTER:
        return _OUTER[name]
    _, layer, inner, _ = name.split(".")
    return f"model.layers.{layer}.{_NAMES[inner]}.weight"


def _config(file: GgufFile) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": file.number("llama.embedding_length"),
        "intermediate_size": file.number("llama.feed_forward_length"),
        "num_hidden_layers": file.number("llama.block_count"),
        "num_attention_heads": file.number("llama.attention.head_count"),
        "num_key_value_heads": file.number("llama.attention.head_count_kv"),
        "vocab_size": len(file.metadata["tokenizer.ggml.tokens"]),
        "max_position_embeddings": file.number("llama.context_length"),
        "rms_norm_eps": file.metadata["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": file.metadata["llama.rope.freq_base"],
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }


def _tokenizer(file: GgufFile) -> dict[str, Any]:
    """A byte-level BPE tokenizer that splits off every digit, as SmolLM2's does."""
    tokens = [token.decode() for token in file.metadata["tokenizer.ggml.tokens"]]
    types = file.metadata["tokenizer.ggml.token_type"]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": i, "content": tokens[i], **plain} for i, kind in enumerate(types) if kind == _CONTROL]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    splits = [{"type": "Digits", "individual_digits": True}, byte_level]
    return {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": splits},
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": [merge.decode() for merge in file.metadata["tokenizer.ggml.merges"]],
        },
    }
