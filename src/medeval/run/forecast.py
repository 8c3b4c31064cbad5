"""How long a run will take: tokens to read and to generate, divided by speeds that were measured on this machine."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from medeval.errors import MedevalError
from medeval.publication.publication import SIZE, Publication
from medeval.records.files import read_json
from medeval.run.config import RunConfig
from medeval.run.plan import Plan
from medeval.run.sources import HubSource, files_of
from medeval.run.targets import target_named

# Characters of a question with its options (or of a conversation), mean over the real files.
_TYPICAL_CHARACTERS = {
    "medqa": 853,
    "medmcqa": 168,
    "pubmedqa": 1450,
    "mmlu_health": 430,
    "mmlu_pro_health": 556,
    "medxpertqa": 1094,
    "afrimedqa": 292,
    "healthbench": 734,
}
_CHARACTERS_PER_TOKEN = 4.0
_TEMPLATE_TOKENS = 80  # instructions and the chat template's own
# Bits per weight of llama.cpp's types, as its quantizer prints them for models of some billion parameters.
_BITS = {"F32": 32, "BF16": 16, "F16": 16, "Q8_0": 8.5, "Q6_K": 6.56, "Q5_K_M": 5.69, "Q4_K_M": 4.85, "Q4_K_S": 4.58}
_BITS |= {"IQ4_XS": 4.46, "IQ3_M": 3.66}


@dataclass(frozen=True)
class Speed:
    """Tokens per second of one weights file on one target.

    Attributes:
        prefill: Reading prompts.
        decode: Generating, all sequences together.
        basis: Where the figures are from.
    """

    prefill: float
    decode: float
    basis: str

    def scaled(self, ratio: float, basis: str) -> "Speed":
        """Return the speed of weights `ratio` times as large: both reading and computing grow with them."""
        return Speed(self.prefill / ratio, self.decode / ratio, basis)


@dataclass(frozen=True)
class Work:
    """What one weights file has to do for one benchmark.

    Attributes:
        benchmark: Its id.
        items: Questions or conversations.
        prompts: Prompts that are read: those of scored modes, and those of replies, samples sharing one.
        prompt_tokens: Tokens of all of them.
        replies: Replies that are generated.
        reply_tokens: Tokens of all of them.
    """

    benchmark: str
    items: int
    prompts: int
    prompt_tokens: float
    replies: int
    reply_tokens: float

    def seconds(self, speed: Speed) -> float:
        """Return the time at these speeds; loading and the last replies' idle slots are left out."""
        return self.prompt_tokens / speed.prefill + self.reply_tokens / speed.decode


@dataclass(frozen=True)
class Forecast:
    """The time of one weights file on one target."""

    model: str
    variant: str
    target: str
    work: tuple[Work, ...]
    speed: Speed
    reply_tokens: float
    reply_basis: str

    @property
    def seconds(self) -> float:
        """Time of all benchmarks, one after the other."""
        return sum(work.seconds(self.speed) for work in self.work)


@dataclass(frozen=True)
class Unknown:
    """One weights file on one target whose time cannot be projected, and why."""

    model: str
    variant: str
    target: str
    reason: str


def forecasts(
    run: RunConfig,
    publication: Publication,
    *,
    reply_tokens: float | None,
    reference: Path | None,
    tokens_suffice: bool = False,
) -> Iterator[Forecast | Unknown]:
    """Project the time of every evaluation of a run on this machine.

    Args:
        run: The run.
        publication: States how many tokens its models' replies have.
        reply_tokens: Tokens per reply; None takes the publication's mean, or else the token limit.
        reference: A probe of other weights on this machine, whose speeds are scaled by size where a weights file
            has no probe of its own.
        tokens_suffice: Whether a forecast without any speed will do, whose times are then not numbers.

    Raises:
        MedevalError: There is no speed at all, or the number of a benchmark's items is not known.
    """
    plan = Plan(run, Path("results") / run.name)
    stated = {model.id: model.tokens.mean for model in publication.models if model.tokens}
    for model in run.models:
        tokens, basis = _reply_tokens(reply_tokens, stated.get(model.published_as or ""), run.protocol.max_tokens)
        for name in model.evaluate:
            for target in run.targets:
                if target_named(target).probe == "never" or not model.variants[name].runs_on(target):
                    continue
                size = weights_bytes(plan, publication, model.id, name)
                probed = _probe_path(plan, model.id, name, target).exists()
                if tokens_suffice and not probed and (size is None or reference is None):
                    unsized = "not known before the size of its weights is: medeval lock"
                    missing = unsized if size is None else "not measured on this machine yet: medeval probe"
                    speed = Speed(math.nan, math.nan, missing)
                elif size is None and not probed:
                    yield Unknown(model.id, name, target, "the size of its weights is not known yet: medeval lock")
                    continue
                else:
                    speed = _speed(plan, model.id, name, target, reference, size or 0.0)
                work = tuple(_work(run, publication, plan, benchmark.id, tokens) for benchmark in run.benchmarks)
                yield Forecast(model.id, name, target, work, speed, tokens, basis)


def _reply_tokens(given: float | None, stated: float | None, limit: int) -> tuple[float, str]:
    if given is not None:
        return given, "as given"
    if stated is not None:
        return stated, "mean that the publication states"
    return float(limit), "the token limit, an upper bound"


def _work(run: RunConfig, publication: Publication, plan: Plan, benchmark: str, tokens: float) -> Work:
    path = plan.results / "items" / f"{benchmark}.parquet"
    items = pq.read_metadata(path).num_rows if path.exists() else run.benchmark(benchmark).expected_items
    if items is None:
        # The first count that the publication's digits are tested for is the likeliest.
        stated = [entry for entry in publication.benchmarks if entry.id == benchmark and entry.candidates]
        items = stated[0].candidates[0].n if stated else None
    if items is None:
        raise MedevalError(
            f"{benchmark}: how many items it has is not known yet",
            f"Set `expected_items` of this benchmark, or make the items first: snakemake {path}",
        )
    modes = ["generate"] if benchmark == "healthbench" else run.protocol.modes
    each = _TYPICAL_CHARACTERS[benchmark] / _CHARACTERS_PER_TOKEN + _TEMPLATE_TOKENS
    replies = items * run.protocol.samples * ("generate" in modes)
    return Work(benchmark, items, items * len(modes), items * len(modes) * each, replies, replies * tokens)


def _probe_path(plan: Plan, model: str, variant: str, target: str) -> Path:
    return plan.results / "probes" / model / variant / f"{target}.json"


def _speed(plan: Plan, model: str, variant: str, target: str, reference: Path | None, size: float) -> Speed:
    own = _probe_path(plan, model, variant, target)
    if own.exists():
        return _measured(read_json(own), f"measured: {own}")
    if reference is None:
        raise MedevalError(
            f"{model}/{variant} on {target}: no speed was measured yet ({own} is not there)",
            "Measure any weights on this machine with `medeval probe` and give the result with --speed-from; its "
            "speeds are then scaled by size.",
        )
    document = read_json(reference)
    if document.get("target") != target:
        raise MedevalError(f"{reference}: a probe of {document.get('target')}, not of {target}", "Probe that target.")
    known = sum(mib for name, mib in document["buffers_mib"].items() if name.endswith(" model")) * 2**20
    ratio = size / known
    basis = f"scaled by 1/{ratio:,.0f} from {reference}, right within a factor of 2 or 3"
    return _measured(document, "").scaled(ratio, basis)


def _measured(document: Mapping[str, object], basis: str) -> Speed:
    decode = document["decode_tokens_per_second"]
    if not isinstance(decode, Mapping):
        raise MedevalError(f"{basis}: not a probe", "Make it with `medeval probe`.")
    width = str(document["sequences"])
    return Speed(float(str(document["prefill_tokens_per_second"])), float(decode[width]), basis)


def weights_bytes(plan: Plan, publication: Publication, model: str, variant: str) -> float | None:
    """Return the bytes of weights, all parts: as they are, as locked or published, or by type; None if unknown."""
    paths = [Path(path) for path in plan.weights_files(model, variant)]
    if all(path.exists() for path in paths):
        return float(sum(path.stat().st_size for path in paths))
    found = plan.variant(model, variant)
    sources = files_of(found.source)
    sizes = [one.size for one in sources if isinstance(one, HubSource) and one.size is not None]
    if sources and len(sizes) == len(sources):
        return float(sum(sizes))
    if (gigabytes := publication.value(found.published_as, SIZE)) is not None:
        return gigabytes * 1e9
    if found.quantize_from is None or found.type is None:
        return None
    # What is quantized here is quantized from 16 bits.
    unquantized = weights_bytes(plan, publication, model, found.quantize_from)
    return None if unquantized is None else unquantized * _BITS[found.type] / _BITS["BF16"]
