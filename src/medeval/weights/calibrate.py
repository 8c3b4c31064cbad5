"""An importance matrix from a calibration text: the text is read in chunks, each in an empty context."""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from medeval.errors import MedevalError
from medeval.records.files import sha256_file, write_json
from medeval.records.gguf_file import weights_sha256
from medeval.records.progress import Tracker
from medeval.responses.engines.llama_model import LlamaModel
from medeval.weights.activations import ActivationCollector
from medeval.weights.imatrix import ImportanceMatrix, write_imatrix
from medeval.weights.versions import llama_cpp_versions

CHUNK_TOKENS = 512
_FEWEST_CHUNK_TOKENS = 16


def make_imatrix(
    model: Path,
    text: Path,
    out: Path,
    *,
    chunk_tokens: int = CHUNK_TOKENS,
    chunks: int | None = None,
    threads: int = 1,
    target: str = "cpu",
) -> dict[str, Any]:
    """Run a calibration text through a model and write the importance matrix, with its record beside it.

    As in llama.cpp's tool, the text is one row of tokens cut into whole chunks (what is left over is not used, and
    counted in the record), and each chunk begins with the beginning-of-sequence token if the model uses one.

    Args:
        model: The unquantized GGUF file; of split weights, the first part.
        text: The calibration text, UTF-8.
        out: GGUF file to write; the record goes to `out` + `.provenance.json`.
        chunk_tokens: Tokens of a chunk, at least 16.
        chunks: Number of chunks to read; all of them when None.
        threads: Threads; the result does not depend on them.
        target: Device to run on: cpu, vulkan, metal or cuda.

    Returns:
        The record: hashes of model, text and result, tokens, chunks, and the build of llama.cpp.

    Raises:
        MedevalError: The text is too short, a file cannot be read, or the model cannot be used for this.
    """
    loaded = LlamaModel(model, target)
    try:
        tokens = _tokenize(loaded, text)
        pieces = _cut(tokens, chunk_tokens, chunks, text)
        collector = _run(loaded, pieces, threads)
        architecture = loaded.metadata("general.architecture") or "unknown"
    finally:
        loaded.close()
    matrix = ImportanceMatrix(
        {name: sums.astype(np.float32) for name, sums in collector.sums.items()},
        {name: np.array([count], np.float32) for name, count in collector.counts.items()},
        (text.name,),
        len(pieces),
        chunk_tokens,
    )
    write_imatrix(out, matrix, architecture)
    record = {
        "made_by": {"program": "medeval imatrix", **llama_cpp_versions()},
        "target": target,
        "model": {"file": model.name, "sha256": weights_sha256(model)},
        "calibration": {
            "file": text.name,
            "sha256": sha256_file(text),
            "bytes": text.stat().st_size,
            "tokens": len(tokens),
            "tokens_used": len(pieces) * chunk_tokens,
            "chunks": len(pieces),
            "chunk_tokens": chunk_tokens,
        },
        "tensors": len(matrix.sums),
        "sha256": sha256_file(out),
        "bytes": out.stat().st_size,
    }
    write_json(out.with_name(out.name + ".provenance.json"), record)
    return record


def _tokenize(model: LlamaModel, text: Path) -> list[int]:
    """Tokens of the text with the model's beginning of sequence; control tokens in the text stay plain text."""
    try:
        data = text.read_text(encoding="utf-8").encode()
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise MedevalError(f"{text}: not a readable UTF-8 text ({error})", "Correct the calibration text.") from error
    room = len(data) + 8
    tokens = (llama_cpp.llama_token * room)()
    count = llama_cpp.llama_tokenize(model.vocabulary, data, len(data), tokens, room, True, False)
    return list(tokens[:count])


def _cut(tokens: Sequence[int], chunk_tokens: int, chunks: int | None, text: Path) -> list[Sequence[int]]:
    if chunk_tokens < _FEWEST_CHUNK_TOKENS:
        raise MedevalError(f"a chunk of {chunk_tokens} tokens is too short", f"Use {_FEWEST_CHUNK_TOKENS} or more.")
    available = len(tokens) // chunk_tokens
    wanted = available if chunks is None else chunks
    if not 0 < wanted <= available:
        raise MedevalError(
            f"{text}: {len(tokens):,} tokens make {available} chunks of {chunk_tokens}; {max(wanted, 1)} are needed",
            "Give a longer calibration text, or ask for fewer or shorter chunks.",
        )
    return [tokens[i * chunk_tokens : (i + 1) * chunk_tokens] for i in range(wanted)]


def _run(model: LlamaModel, chunks: Sequence[Sequence[int]], threads: int) -> ActivationCollector:
    collector = ActivationCollector()
    first = llama_cpp.llama_vocab_bos(model.vocabulary) if llama_cpp.llama_vocab_get_add_bos(model.vocabulary) else None
    with (
        _context(model, len(chunks[0]), threads, collector) as (context, batch),
        Tracker("calibrating", len(chunks)) as tracker,
    ):
        for chunk in chunks:
            llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
            _fill(batch, chunk if first is None else [first, *chunk[1:]])
            code = llama_cpp.llama_decode(context, batch)
            if collector.error or code:
                raise MedevalError(
                    f"{model.path}: no importance matrix: {collector.error or f'llama_decode returned {code}'}",
                    "Make the matrix with llama.cpp's own imatrix tool and pass that file to `medeval quantize`.",
                ) from collector.error
            tracker.advance(len(chunk))
    return collector


def _fill(batch: Any, tokens: Sequence[int]) -> None:
    """Ask for every token's output: the last layer would otherwise be computed for the last token alone."""
    for index, token in enumerate(tokens):
        batch.token[index], batch.pos[index] = token, index
        batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
        batch.logits[index] = True
    batch.n_tokens = len(tokens)


@contextmanager
def _context(
    model: LlamaModel, tokens: int, threads: int, collector: ActivationCollector
) -> Iterator[tuple[ctypes.c_void_p, Any]]:
    callback = llama_cpp.ggml_backend_sched_eval_callback(collector.callback)
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = tokens
    params.n_seq_max, params.n_threads, params.n_threads_batch = 1, threads, threads
    params.flash_attn_type = 0  # fixed, since switching it on changes the numbers
    params.no_perf = True
    params.cb_eval = callback
    if model.target == "cpu":
        params.op_offload = params.offload_kqv = False
    context = llama_cpp.llama_init_from_model(model.pointer, params)
    if not context:
        raise MedevalError(f"{model.path}: no memory for {tokens:,} tokens", "Ask for shorter chunks.")
    batch = llama_cpp.llama_batch_init(tokens, 0, 1)
    try:
        yield context, batch
    finally:
        llama_cpp.llama_batch_free(batch)
        llama_cpp.llama_free(context)
