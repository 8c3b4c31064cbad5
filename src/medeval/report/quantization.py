"""Section 3: what quantization costs, pair by pair, and what the weights files are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medeval.comparisons.document import ComparedPair
from medeval.report.differences import Fact, average_facts, difference_forest, non_inferiority_parts
from medeval.report.documents import Run
from medeval.report.forest import Forest
from medeval.report.names import MODES, benchmark_name, known
from medeval.report.numbers import (
    POINTS,
    Cell,
    Figure,
    cell,
    count,
    figure,
    megabytes,
    number_cell,
    p_value,
    percent,
    points,
    points_cell,
)
from medeval.statistics.estimates import Estimate
from medeval.weights.document import WeightsDescription


@dataclass(frozen=True, slots=True)
class Pair:
    """One comparison of two systems in one mode."""

    title: str
    mode: str
    headline: bool
    outcome: str
    sentence: tuple[Figure | str, ...]
    tone: str
    forest: Forest
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Arm:
    """One quantized file against its model's reference, as a row of the summary."""

    title: str
    cells: tuple[Cell, ...]


ARM_COLUMNS = ("Loss (95 % interval)", "One-sided bound", "Flips", "Reference with itself", "Excess", "Worst benchmark")


@dataclass(frozen=True, slots=True)
class Share:
    """One kind of tensors in a weights file; `width` is its percentage of the bytes, `tone` its colour."""

    name: str
    width: float
    tensors: Cell
    size: Cell
    percent: Cell
    tone: int


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """One weights file: what it is, how it was made, and what its tensors are stored as."""

    system: str
    role: str
    made: str
    note: str
    size: Cell
    bits: Cell
    parameters: Cell
    head: str
    sha256: str
    template_sha256: str
    shares: tuple[Share, ...]


def pairs(run: Run) -> tuple[list[Pair], list[Pair]]:
    """Return the comparisons of a reference with its quantized files, and all others; the headline mode first."""
    entries = list(enumerate(run.comparisons.comparisons))
    entries.sort(key=lambda pair: run.modes.index(pair[1].mode))
    quantized = [_pair(run, index, entry, True) for index, entry in entries if is_quantization(entry)]
    others = [_pair(run, index, entry, False) for index, entry in entries if not is_quantization(entry)]
    return quantized, others


def arms(run: Run) -> list[Arm]:
    """Return one row per quantized file in the headline mode: ours and the publisher's side by side."""
    return [
        Arm(run.systems.label(entry.b), _arm_cells(entry))
        for entry in run.comparisons.comparisons
        if is_quantization(entry) and entry.mode == run.headline and entry.a.name in run.comparisons.references
    ]


def _arm_cells(entry: ComparedPair) -> tuple[Cell, ...]:
    test, worst = entry.average.non_inferiority, max(entry.benchmarks, key=lambda one: one.difference.value)
    parts = [benchmark.churn for benchmark in entry.benchmarks]
    flips = ([part.rate for part in parts], [part.floor for part in parts], [part.excess for part in parts])
    return (
        points_cell(entry.average.normal),
        number_cell(points(test.high if test else None, absent="no spread")),
        *(number_cell(percent(_mean(shares), absent="unknown: one run")) for shares in flips),
        cell(
            f"{benchmark_name(worst.benchmark)} ",
            points(worst.difference.value),
            " (Holm p ",
            p_value(worst.holm_p_value),
            ")",
        ),
    )


def _mean(estimates: Sequence[Estimate | None]) -> float | None:
    values = [estimate.value for estimate in estimates if estimate is not None]
    return sum(values) / len(values) if len(values) == len(estimates) else None


def is_quantization(entry: ComparedPair) -> bool:
    """Whether a comparison is of two files of one model on one target (A is then the reference)."""
    a, b = entry.a, entry.b
    return a.model == b.model and a.target == b.target and a.variant != b.variant


def _pair(run: Run, index: int, entry: ComparedPair, quantized: bool) -> Pair:
    outcome, sentence, tone = non_inferiority_parts(entry.average)
    margin = run.comparisons.margin_points / POINTS
    return Pair(
        title=run.systems.pair(entry.a, entry.b),
        mode=known(MODES, entry.mode, "mode")[0],
        headline=entry.mode == run.headline,
        outcome=outcome if quantized else "",
        sentence=sentence if quantized else (),
        tone=tone,
        forest=difference_forest(run, index, 1, margin=margin if quantized else None),
        facts=tuple(average_facts(run, index, 1)),
    )


def weights_files(run: Run) -> list[WeightsFile]:
    """Return every weights file that was described, in the order of the configuration."""
    models = {model["id"]: model for model in run.config["models"]}
    order = [f"{model['id']}/{name}" for model in run.config["models"] for name in model["variants"]]
    listed = sorted(run.weights, key=lambda system: order.index(system) if system in order else len(order))
    kinds = sorted({kind for _, described in run.weights.values() for kind in described.bytes_by_type}, key=_width)
    return [_weights_file(system, run.weights[system][1], models, kinds) for system in listed]


def undescribed(run: Run) -> list[str]:
    """Return the evaluated files that no given document describes, as MODEL/VARIANT."""
    wanted = [f"{model['id']}/{name}" for model in run.config["models"] for name in model["evaluate"]]
    return [system for system in wanted if system not in run.weights]


def _width(kind: str) -> tuple[int, str]:
    """Order tensor types by their bits, the widest first; the digits in a type's name tell them."""
    digits = "".join(character for character in kind if character.isdigit())
    return -int(digits[:2] if digits[:2] in ("16", "32") else digits[:1] or 0), kind


def _weights_file(
    system: str, described: WeightsDescription, models: Mapping[str, Any], kinds: list[str]
) -> WeightsFile:
    model_id, _, name = system.partition("/")
    model = models.get(model_id)
    variant = model["variants"].get(name) if model else None
    return WeightsFile(
        system=system,
        role="reference" if model and model["reference"] == name else "compared with the reference",
        made=_made(variant),
        note=variant["note"] if variant else "",
        size=cell(megabytes(described.bytes), " MB"),
        bits=number_cell(figure(described.bits_per_weight, 2)),
        parameters=number_cell(count(described.parameters)),
        head="shared with the embedding" if described.tied_head else "stored separately",
        sha256=described.sha256 or "not computed",
        template_sha256=described.chat_template_sha256 or "",
        shares=tuple(_shares(described, kinds)),
    )


def _made(variant: Mapping[str, Any] | None) -> str:
    if variant is None:
        return "not in the configuration"
    if variant["quantize_from"] is not None:
        again = ", which is itself quantized" if variant["allow_requantize"] else ""
        matrix = f", with the importance matrix {variant['imatrix']}" if variant["imatrix"] else ""
        return f"made here as {variant['type']} from {variant['quantize_from']}{again}{matrix}"
    if variant["checkpoint"] is not None:
        return f"converted here to {variant['type']} from {_files_text(variant['checkpoint'])}"
    source = variant["source"]
    return _files_text(source) if isinstance(source, list) else source_text(source)


def _files_text(sources: list[Mapping[str, Any]]) -> str:
    return f"{len(sources)} files, first {source_text(sources[0])}"


def source_text(source: Mapping[str, Any]) -> str:
    """Return one line that names the exact file a source stands for."""
    match source["type"]:
        case "hub":
            return f"hub {source['kind']} {source['repo']}@{source['revision'] or 'NOT PINNED'}:{source['file']}"
        case "pypi":
            return f"PyPI {source['package']}=={source['version']}:{source['member']}"
        case _:
            return f"file {source['path']}"


def _shares(described: WeightsDescription, kinds: list[str]) -> list[Share]:
    sizes, total = described.bytes_by_type, sum(described.bytes_by_type.values())
    return [
        Share(
            name=kind,
            width=round(100.0 * sizes[kind] / total, 3),
            tensors=number_cell(count(described.tensors_by_type[kind])),
            size=cell(megabytes(sizes[kind]), " MB"),
            percent=cell(f"{100.0 * sizes[kind] / total:.1f} %"),
            tone=kinds.index(kind) % 8,
        )
        for kind in kinds
        if kind in sizes
    ]
