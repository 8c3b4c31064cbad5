"""Peak memory of convert, inspect, quantize and diff on weights of several gigabytes.

Run by hand, on Linux: PYTHONPATH=src .venv/bin/python tests/bench/bench_weights_memory.py --gigabytes 6
It writes 2.3 times that much into a folder of its own and removes it. Not a test: no figure is asserted.

The table tells memory of the program's own (anonymous) from pages of files that are mapped, which the system takes
back whenever it needs them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter

sys.path.insert(0, str(Path(__file__).parents[1] / "unit/weights"))
from checkpoints import random_bf16, sentencepiece_model

ROOT = Path(__file__).parents[2]
WIDTH, INNER, HEADS, VOCABULARY = 4096, 14336, 32, 300
_GIGA = 1e9


def layer_shapes(layer: int) -> dict[str, tuple[int, ...]]:
    """Tensors of one Llama layer of the 8B size, without grouped heads."""
    shapes: dict[str, tuple[int, ...]] = {f"self_attn.{x}_proj": (WIDTH, WIDTH) for x in "qkvo"}
    shapes |= {"mlp.gate_proj": (INNER, WIDTH), "mlp.up_proj": (INNER, WIDTH), "mlp.down_proj": (WIDTH, INNER)}
    shapes |= {"input_layernorm": (WIDTH,), "post_attention_layernorm": (WIDTH,)}
    return {f"model.layers.{layer}.{name}.weight": shape for name, shape in shapes.items()}


def write_checkpoint(folder: Path, layers: int) -> None:
    """One safetensors file per layer, streamed: a random block of 32 MB is written over and over."""
    folder.mkdir()
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": layers,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": True,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.model").write_bytes(sentencepiece_model())
    block = random_bf16(np.random.default_rng(0), 1 << 24).tobytes()
    files = [layer_shapes(layer) for layer in range(layers)]
    files[0] |= {"model.embed_tokens.weight": (VOCABULARY, WIDTH), "model.norm.weight": (WIDTH,)}
    weight_map = {}
    for number, shapes in enumerate(files, 1):
        name = f"model-{number:05}-of-{layers:05}.safetensors"
        weight_map |= dict.fromkeys(shapes, name)
        write_part(folder / name, shapes, block)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def write_part(path: Path, shapes: dict[str, tuple[int, ...]], block: bytes) -> None:
    """One safetensors file: the header's length, the header, the data."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        while at:
            stream.write(block[: min(at, len(block))])
            at -= min(at, len(block))


def write_sparse(path: Path, gigabytes: float) -> int:
    """A GGUF of zeros in BF16 that takes no room on the disk; returns its size."""
    writer = GGUFWriter(path, "llama")
    layers = max(1, round(gigabytes * _GIGA / (2 * sum(int(np.prod(shape)) for shape in layer_shapes(0).values()))))
    for layer in range(layers):
        for name, shape in layer_shapes(layer).items():
            size = 2 * int(np.prod(shape))
            writer.add_tensor_info(name, shape, np.dtype(np.float16), size, raw_dtype=GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    size = path.stat().st_size + layers * sum(2 * int(np.prod(shape)) + 32 for shape in layer_shapes(0).values())
    os.truncate(path, size)
    return size


class Watch(threading.Thread):
    """Looks twenty times a second at the memory of a process and of the processes that it started."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self.anonymous, self.total, self.ended = pid, 0, 0, threading.Event()

    def run(self) -> None:
        """Keep the largest sums over the family."""
        while not self.ended.wait(0.05):
            family = [memory(pid) for pid in descendants(self._pid)]
            self.anonymous = max(self.anonymous, sum(anonymous for anonymous, _ in family))
            self.total = max(self.total, sum(total for _, total in family))


def descendants(pid: int) -> list[int]:
    """A process and all that it started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *(found for child in children for found in descendants(int(child)))]


def memory(pid: int) -> tuple[int, int]:
    """Anonymous and total resident bytes; zeros for a process that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
    return sizes.get("RssAnon", 0), sizes.get("VmRSS", 0)


def measure(title: str, *arguments: str | Path, read: int) -> None:
    """Run one medeval command and print its row of the table."""
    began = time.monotonic()
    program = [sys.executable, "-c", "from medeval.cli.app import main; main()"]
    process = subprocess.Popen([*program, *map(str, arguments)], cwd=ROOT, stdout=subprocess.DEVNULL)
    watch = Watch(process.pid)
    watch.start()
    code = process.wait()
    watch.ended.set()
    seconds = time.monotonic() - began
    own, total = watch.anonymous / 1e6, watch.total / 1e6
    failed = f"  FAILED ({code})" if code else ""
    print(f"| {title} | {read / _GIGA:.1f} | {own:,.0f} | {total:,.0f} | {seconds:.0f} |{failed}", flush=True)  # noqa: T201


def main() -> None:
    """Make the files, run the commands, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=6.0)
    parser.add_argument("--sparse-gigabytes", type=float, default=54.0, help="a file of zeros, for inspect and diff")
    parser.add_argument("--folder", type=Path, help="where to write; the system's place for such files by default")
    options = parser.parse_args()
    per_layer = 2 * sum(int(np.prod(shape)) for shape in layer_shapes(0).values())
    layers = max(2, round(options.gigabytes * _GIGA / per_layer))
    size = layers * per_layer
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="medeval-bench-") as name:
        folder = Path(name)
        checkpoint, bf16, q4 = folder / "checkpoint", folder / "bf16.gguf", folder / "q4.gguf"
        write_checkpoint(checkpoint, layers)
        print("| command | reads, GB | peak own memory, MB | with mapped files, MB | s |\n|---|--:|--:|--:|--:|")  # noqa: T201
        measure("convert --type BF16", "convert", checkpoint, "--out", bf16, read=size)
        measure("gguf inspect --no-hash", "gguf", "inspect", bf16, "--no-hash", read=0)
        measure("gguf inspect", "gguf", "inspect", bf16, read=size)
        measure(
            "quantize --type Q4_K_M", "quantize", bf16, "--type", "Q4_K_M", "--threads", "2", "--out", q4, read=size
        )
        measure("gguf diff BF16 Q4_K_M", "gguf", "diff", bf16, q4, read=size + q4.stat().st_size)
        measure("gguf diff, equal files", "gguf", "diff", bf16, bf16, read=2 * size)
        sparse = folder / "sparse.gguf"
        size = write_sparse(sparse, options.sparse_gigabytes)
        measure("gguf inspect --no-hash, sparse", "gguf", "inspect", sparse, "--no-hash", read=0)
        measure("gguf diff, sparse, equal", "gguf", "diff", sparse, sparse, read=2 * size)


if __name__ == "__main__":
    main()
