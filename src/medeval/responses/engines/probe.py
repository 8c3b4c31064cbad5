"""A look at a device before it is used: what it is, whether it computes what the processor does, how fast, how wide."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, rel_entr

from medeval.errors import MedevalError
from medeval.records.files import read_json, write_json
from medeval.records.gguf_file import weights_sha256
from medeval.responses.engines.llama_context import LlamaContext
from medeval.responses.engines.llama_engine import LlamaEngine
from medeval.responses.engines.llama_model import Allocations, LlamaModel
from medeval.responses.engines.schedule import WIDTHS
from medeval.responses.engines.types import Completion, GenerationRequest

PROBE = "medeval.probe.v1"

# Broken kernels are nats away; these limits leave room for what is honest. Between builds for processors BF16 and
# F16 weights differ by 0.000025 nats on average; with 4-bit weights a device that does not round activations to 8 bits,
# as the processor does, differs by 0.01 on a small model, and Q4_K_M itself from F16 by 0.03 on one of 8 billion.
LARGEST_MEAN_KL = 0.05
SMALLEST_SAME_TOP = 0.8

# A width that is nearly as fast as the best one is taken when it is smaller: fewer replies are in flight.
_NEARLY = 0.95
_PROMPT_TOKENS, _STEPS, _WARM_UP = 128, 16, 3
_PREFILL_TOKENS = 512
_REPLY_TOKENS = 12

PROMPTS = (
    "A 54-year-old man has crushing chest pain that spreads to the left arm, and sweats. The most likely diagnosis is",
    "Insulin is made by the beta cells of the",
    "The bone on the thumb's side of the forearm is called the",
    "A child with a barking cough and a hoarse voice at night most likely has",
    "Vitamin C deficiency leads to bleeding gums and poor wound healing, a disease known as",
    "The artery that supplies the heart muscle itself is the",
    "Penicillin kills bacteria by preventing them from building their",
    "The normal resting heart rate of an adult is between 60 and",
    "A fall on the outstretched hand with tenderness in the anatomical snuffbox suggests a fracture of the",
    "The part of the brain that keeps balance and coordinates movement is the",
    "Red blood cells carry oxygen bound to",
    "The thyroid gland needs the element iodine to make",
    "In type 1 diabetes the immune system destroys the cells that produce",
    "The most common cause of a stomach ulcer, besides painkillers, is an infection with",
    "Which organ filters the blood and makes urine?\nA. Liver\nB. Kidney\nC. Spleen\nD. Lung\nAnswer:",
    "Sudden weakness of one side of the body with slurred speech must be treated as a",
    "The medicine that thins the blood and is watched by the INR is called",
    "Measles, mumps and rubella are prevented by a",
    "A woman with burning urination and frequency most likely has an infection of the urinary",
    "The smallest blood vessels, in which gases are exchanged with the tissue, are the",
)


@dataclass(frozen=True)
class Gate:
    """How far a device's next-token distributions are from the processor's, for the same weights and prompts.

    Attributes:
        kl: Kullback-Leibler divergence of each prompt, processor first, in nats over the vocabulary.
        total_variation: Total variation distance of each prompt, 0 to 1.
        same_top: Share of prompts with the same most likely token.
        passed: Whether the device may be used.
    """

    kl: tuple[float, ...]
    total_variation: tuple[float, ...]
    same_top: float
    passed: bool


@dataclass(frozen=True)
class Probe:
    """What was found of one weights file on one target.

    Attributes:
        weights_sha256: Hash of the weights, all parts of them.
        target: cpu, vulkan, metal or cuda.
        engine: The engine's identity, without what a run chooses itself.
        device: Name, description, type and memory (bytes) of the device.
        layers_offloaded: Layers on the device.
        layers: Layers of the model, counting the output as one; None when llama.cpp did not say.
        buffers_mib: MiB of each buffer, by device and purpose.
        gate: Comparison with the processor; None for the processor itself.
        repeatable: Replies were the same, with their log-probabilities, when asked in another order.
        prefill_tokens_per_second: Speed of reading a prompt.
        decode_tokens_per_second: Speed of generating, all sequences together, by width.
        threads: Threads it was measured with.
        sequences: Replies to decode together here.
    """

    weights_sha256: str
    target: str
    engine: dict[str, Any]
    device: dict[str, Any]
    layers_offloaded: int
    layers: int | None
    buffers_mib: dict[str, float]
    gate: Gate | None
    repeatable: bool
    prefill_tokens_per_second: float
    decode_tokens_per_second: dict[int, float]
    threads: int
    sequences: int

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a probe.

        Raises:
            MedevalError: The file is missing or is no probe.
        """
        document = read_json(path)
        if not isinstance(document, dict) or document.pop("schema", None) != PROBE:
            raise MedevalError(f"{path}: not a probe ({PROBE})", "Make it with `medeval probe`.")
        gate = document["gate"]
        speeds = {int(width): speed for width, speed in document["decode_tokens_per_second"].items()}
        gate = gate and Gate(tuple(gate["kl"]), tuple(gate["total_variation"]), gate["same_top"], gate["passed"])
        return cls(**document | {"gate": gate, "decode_tokens_per_second": speeds})

    def save(self, path: Path) -> None:
        """Write the probe as JSON."""
        write_json(path, {"schema": PROBE, **asdict(self)})


def probe(
    weights: Path, target: str, *, threads: int, sequences: int | Literal["auto"], max_width: int = WIDTHS[-1]
) -> Probe:
    """Look at a device with the weights that are to be evaluated on it.

    Args:
        weights: GGUF file.
        target: cpu, vulkan, metal or cuda.
        threads: Threads.
        sequences: Width to use and to measure; `auto` measures several and takes the fewest that are about as fast
            as any.
        max_width: Largest width that `auto` tries.

    Raises:
        MedevalError: The device is not there, or work went elsewhere than it was asked to.
    """
    expected = None if target == "cpu" else next_token_logits(weights, "cpu", threads)
    engine = LlamaEngine(weights, target=target, threads=threads)
    try:
        found = None if expected is None else gate(expected, _logits(engine.model, threads))
        allocations = _allocations(engine.model, threads)
        require_device(target, allocations)
        widths = [width for width in WIDTHS if width <= max_width] if sequences == "auto" else [sequences]
        prefill, decode = speeds(engine.model, widths, threads)
        engine.sequences = chosen_width(decode)
        return Probe(
            weights_sha256=weights_sha256(weights),
            target=target,
            engine=_build(engine.identity()),
            device={name: value for name, value in asdict(engine.model.device).items() if name != "pointer"},
            layers_offloaded=allocations.layers_offloaded,
            layers=allocations.layers,
            buffers_mib=allocations.mib,
            gate=found,
            repeatable=_repeats(engine),
            prefill_tokens_per_second=prefill,
            decode_tokens_per_second=decode,
            threads=threads,
            sequences=engine.sequences,
        )
    finally:
        engine.close()


def check(found: Probe, weights_sha256: str, target: str, identity: dict[str, Any]) -> None:
    """Refuse a run that its probe does not allow.

    Raises:
        MedevalError: The device failed the comparison with the processor, or the probe is of other weights,
            another target or another build.
    """
    for what, of_probe, of_run in (
        ("weights", found.weights_sha256, weights_sha256),
        ("target", found.target, target),
        ("build or device", found.engine, _build(identity)),
    ):
        if of_probe != of_run:
            raise MedevalError(
                f"the probe is of another {what} than this run: {of_probe} and {of_run}",
                "Run `medeval probe` again with the weights, the target and the environment of this run.",
            )
    if found.gate is not None and not found.gate.passed:
        raise MedevalError(
            f"{found.device['description']} does not compute what the processor computes: mean KL "
            f"{np.mean(found.gate.kl):.3g} nats over {len(found.gate.kl)} prompts (at most {LARGEST_MEAN_KL}), "
            f"{found.gate.same_top:.0%} same most likely token (at least {SMALLEST_SAME_TOP:.0%})",
            "Its driver or llama.cpp's kernels for it are broken for this model: use another target or version.",
        )


def gate(expected: npt.NDArray[np.float32], found: npt.NDArray[np.float32]) -> Gate:
    """Compare next-token distributions.

    Args:
        expected: Logits of the processor, shape (prompts, vocabulary).
        found: Logits of the device, the same shape.
    """
    p, q = (np.exp(log_softmax(logits.astype(np.float64), axis=1)) for logits in (expected, found))
    finite = bool(np.isfinite(found).all())
    kl = rel_entr(p, q).sum(axis=1) if finite else np.full(len(p), np.finfo(np.float64).max)
    tv = np.abs(p - q).sum(axis=1) / 2 if finite else np.ones(len(p))
    same = float(np.mean(p.argmax(axis=1) == q.argmax(axis=1))) if finite else 0.0
    passed = finite and bool(kl.mean() <= LARGEST_MEAN_KL) and same >= SMALLEST_SAME_TOP
    return Gate(tuple(kl.tolist()), tuple(tv.tolist()), same, passed)


def next_token_logits(weights: Path, target: str, threads: int) -> npt.NDArray[np.float32]:
    """Return the logits after each of `PROMPTS`, shape (prompts, vocabulary)."""
    model = LlamaModel(weights, target)
    try:
        return _logits(model, threads)
    finally:
        model.close()


def require_device(target: str, allocations: Allocations) -> None:
    """Check that memory and layers are where they were asked to be.

    Raises:
        MedevalError: They are not: the run would measure another device than it names.
    """
    strangers = sorted(name for name in allocations.devices() if not name.startswith(("CPU", "AMX")))
    if target == "cpu" and strangers:
        raise MedevalError(
            f"target cpu: llama.cpp allocated memory on {', '.join(strangers)}",
            "This build does not keep to the processor; use the environment of `make setup`.",
        )
    if target == "cpu":
        return
    if not strangers:
        raise MedevalError(f"target {target}: llama.cpp allocated nothing on it", "Check the driver of the device.")
    if allocations.layers is None or allocations.layers_offloaded < allocations.layers:
        raise MedevalError(
            f"target {target}: {allocations.layers_offloaded} of {allocations.layers} layers are on the device",
            "Use a device with more memory, smaller weights, or the target cpu.",
        )


def speeds(model: LlamaModel, widths: Sequence[int], threads: int) -> tuple[float, dict[int, float]]:
    """Measure tokens per second: reading a prompt, and generating at each width until wider is slower twice."""
    rng = np.random.default_rng(0)
    decode: dict[int, float] = {}
    prefill = 0.0
    for width in widths:
        room = max(_PROMPT_TOKENS + _STEPS, _PREFILL_TOKENS)
        context = LlamaContext(model, tokens=room, sequences=width, threads=threads, outputs=width)
        try:
            tokens = rng.integers(0, model.vocabulary_size, _PREFILL_TOKENS).tolist()
            if not decode:
                began = time.perf_counter()
                context.read(tokens, 0)
                # The device may still be busy: a token with logits waits for it.
                _step(context, 1, len(tokens) - 1)
                prefill = _PREFILL_TOKENS / (time.perf_counter() - began)
                context.keep(0, 0)
            for sequence in range(width):
                context.read(tokens[:_PROMPT_TOKENS], sequence)
            seconds = []
            for step in range(_STEPS):
                began = time.perf_counter()
                _step(context, width, _PROMPT_TOKENS + step)
                seconds.append(time.perf_counter() - began)
            decode[width] = width / statistics.median(seconds[_WARM_UP:])
        finally:
            context.close()
        best = max(decode, key=lambda known: decode[known])
        if sum(known > best for known in decode) >= 2:
            break
    return prefill, decode


def chosen_width(decode: dict[int, float]) -> int:
    """Return the smallest width that is about as fast as the fastest."""
    best = max(decode.values())
    return min(width for width, speed in decode.items() if speed >= _NEARLY * best)


def _step(context: LlamaContext, width: int, position: int) -> None:
    """Decode one token of each sequence, as a generation does."""
    if position > 0:
        for sequence in range(width):
            context.keep(sequence, position)
    context.decode(
        np.zeros(width, np.int32),
        np.full(width, position, np.int32),
        np.arange(width, dtype=np.int32),
        np.ones(width, np.bool_),
    ).argmax(axis=1)


def _logits(model: LlamaModel, threads: int) -> npt.NDArray[np.float32]:
    context = LlamaContext(model, tokens=512, sequences=1, threads=threads, outputs=1)
    rows = []
    try:
        for prompt in PROMPTS:
            tokens = np.asarray(model.tokenize(prompt), np.int32)
            wanted = np.arange(len(tokens)) == len(tokens) - 1
            context.keep(0, 0)
            positions = np.arange(len(tokens), dtype=np.int32)
            rows.append(context.decode(tokens, positions, np.zeros_like(tokens), wanted)[0].copy())
    finally:
        context.close()
    return np.stack(rows)


def _allocations(model: LlamaModel, threads: int) -> Allocations:
    """Return the buffers of the model and of a small context together."""
    context = LlamaContext(model, tokens=512, sequences=1, threads=threads, outputs=1)
    context.close()
    both = Allocations(model.allocations.mib | context.allocations.mib)
    both.layers_offloaded, both.layers = model.allocations.layers_offloaded, model.allocations.layers
    return both


def _repeats(engine: LlamaEngine) -> bool:
    requests = [GenerationRequest(prompt, _REPLY_TOKENS, token_logprobs=True) for prompt in PROMPTS[:6]]

    def replies(order: Sequence[int]) -> dict[int, Completion]:
        return {order[i]: reply for i, reply in engine.generate([requests[k] for k in order])}

    forward, backward = replies(range(len(requests))), replies(range(len(requests))[::-1])
    return all(
        (forward[i].token_ids, forward[i].token_logprobs) == (backward[i].token_ids, backward[i].token_logprobs)
        for i in range(len(requests))
    )


def _build(identity: dict[str, Any]) -> dict[str, Any]:
    """Leave out of an engine's identity what a run chooses itself."""
    return {name: value for name, value in identity.items() if name not in ("sequences", "schedule")}
