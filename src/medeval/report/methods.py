"""Section 7: how each number was made, and what was not measured."""

from collections.abc import Iterator
from dataclasses import dataclass

from medeval.comparisons.document import Average, ComparedAverage
from medeval.grades.questions import TEMPLATES as JUDGE_TEMPLATES
from medeval.report.contamination import unsearched
from medeval.report.conversations import judge_notes
from medeval.report.documents import Run
from medeval.report.names import MODES, benchmark_name
from medeval.report.quantization import is_quantization, source_text, undescribed
from medeval.responses.prompts.render import TEMPLATES, template_sha256
from medeval.statistics.estimates import Estimate
from medeval.statistics.paired import PairedDifference
from medeval.verdicts.verdict import Verdict

_LINES = {
    "system": "System message",
    "temperature": "Temperature",
    "top_k": "Top-k",
    "top_p": "Top-p",
    "max_tokens": "Token limit of a reply",
    "conversation_max_tokens": "Token limit of a conversation reply",
    "samples": "Replies per item",
}
_UNLIMITED = {("temperature", 0.0): "0 (greedy)", ("top_k", 0): "0 (all tokens)", ("top_p", 1.0): "1 (all tokens)"}


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt template: its name, its hash and its text."""

    name: str
    sha256: str
    text: str


def prompts(run: Run) -> list[Prompt]:
    """Return the templates that this run's prompts were rendered from."""
    judge = run.config["judge"]
    graded = judge is not None and run.comparisons.conversations
    names = [*run.modes, *([JUDGE_TEMPLATES[judge.get("mode", "criterion")]] if graded else [])]
    return [
        Prompt(name, template_sha256(name), (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")) for name in names
    ]


def protocol_lines(run: Run) -> list[tuple[str, str]]:
    """Return how the models were asked and how the machine was used, as names and values."""
    config = run.config
    protocol, engine = config["protocol"], config["engine"]
    lines = [
        ("Modes", ", ".join(MODES[mode][0] for mode in protocol["modes"])),
        ("Headline mode", MODES[run.headline][0]),
    ]
    for key, name in _LINES.items():
        value = protocol[key]
        text = "none of our own" if value is None else _UNLIMITED.get((key, value), str(value))
        lines.append((name, text))
    lines += [
        ("Seed of the replies", str(config["seed"])),
        ("Seed of the bootstraps", str(run.comparisons.seed)),
        ("Engine", "llama.cpp through llama-cpp-python"),
        ("Threads", str(engine["threads"])),
        ("Sequences decoded together", str(engine["sequences"])),
        ("Targets", ", ".join(config["targets"])),
        ("Tolerated loss", f"{run.comparisons.margin_points:g} points"),
    ]
    return lines


def benchmark_lines(run: Run) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Return per benchmark its name, the items scored, its licence and its sources."""
    counted: dict[str, set[int]] = {}
    for entry in run.comparisons.scores:
        counted.setdefault(entry.benchmark, set()).add(entry.items)
    for graded in run.comparisons.conversations:
        counted.setdefault("healthbench", set()).add(graded.items + graded.missing)
    return [
        (
            benchmark_name(entry["id"]),
            " / ".join(f"{items:,}" for items in sorted(counted.get(entry["id"], ()))) or "not scored",
            entry["licence"],
            tuple(source_text(source) for source in entry["sources"]),
        )
        for entry in run.config["benchmarks"]
    ]


def input_hashes(run: Run) -> list[tuple[str, str]]:
    """Return the name and SHA-256 of every document of this page and of every table behind them."""
    others = [file for file, _ in (*run.weights.values(), *run.overlaps, *run.audits)]
    documents = [run.comparisons_file, run.verdicts_file, *others]
    return [
        *(
            (
                f"publication file (claims of {run.verdicts.publication})",
                run.verdicts.inputs["claims"],
            ),
        ),
        *((document.name, document.sha256) for document in documents),
        *run.comparisons.inputs.items(),
    ]


def statistics_methods(run: Run) -> list[tuple[str, tuple[str, ...]]]:
    """Return the methods that the documents name, by what they were used for."""
    document = run.comparisons
    differences = [entry.difference for pair in document.comparisons for entry in pair.benchmarks]
    averages = [pair.average for pair in document.comparisons]
    graded: list[Estimate] = [entry.overall for entry in document.conversations if entry.overall]
    graded += [pair.difference for pair in document.conversation_comparisons if pair.difference]
    both: list[Average | ComparedAverage] = [*document.averages, *averages]
    found = [
        ("Reading of answers", [method for entry in document.scores for method in entry.methods]),
        ("Interval of an accuracy", [entry.accuracy.method for entry in document.scores]),
        ("Interval of a difference", [entry.method for entry in differences]),
        ("Test of a difference", [entry.test for entry in differences if isinstance(entry, PairedDifference)]),
        ("Average", [entry.normal.method for entry in both]),
        ("Average, second opinion", [entry.bootstrap.method for entry in both]),
        ("Loss against the margin", [entry.non_inferiority.method for entry in averages if entry.non_inferiority]),
        ("HealthBench", [entry.method for entry in graded]),
        ("Adjustment over benchmarks", ["Holm"] if differences else []),
    ]
    return [(name, tuple(sorted(set(methods)))) for name, methods in found if methods]


def package_versions(run: Run) -> list[tuple[str, str]]:
    """Return the package versions that wrote the run's tables; several of one package are all listed."""
    return [(name, ", ".join(versions)) for name, versions in run.comparisons.packages.items()]


def not_measured(run: Run) -> list[str]:
    """Say what this run leaves open, in plain sentences."""
    return [
        *_claims_left_out(run),
        *_pairs_left_out(run),
        *_models_left_out(run),
        *_benchmarks_left_out(run),
        *_protocol_left_out(run),
    ]


def _claims_left_out(run: Run) -> Iterator[str]:
    for entry in run.verdicts.verdicts:
        for part in entry.parts:
            if part.verdict is Verdict.NOT_TESTABLE:
                on = f" on {part.target}" if part.target and run.several_targets else ""
                yield f"Claim {entry.claim_id}, {part.metric}{on}: {part.reasons[0]}."


def _pairs_left_out(run: Run) -> Iterator[str]:
    for entry in run.comparisons.not_compared:
        benchmark = f", {benchmark_name(entry.benchmark)}" if entry.benchmark else ""
        pair = run.systems.pair(entry.a, entry.b)
        yield f"Not compared ({MODES[entry.mode][0]}{benchmark}): {pair}; {entry.reason}."
    for graded in run.comparisons.conversation_comparisons:
        if graded.difference is None:
            pair = run.systems.pair(graded.a, graded.b)
            yield f"Not compared (HealthBench {graded.subset}): {pair}; no conversation has a score for both."


def _models_left_out(run: Run) -> Iterator[str]:
    for model in run.config["models"]:
        if skipped := [name for name in model["variants"] if name not in model["evaluate"]]:
            yield f"Not evaluated of {model['title']}: {', '.join(skipped)}."
    if missing := undescribed(run):
        yield f"No description of these weights files was given: {', '.join(missing)}."
    if not any(is_quantization(entry) for entry in run.comparisons.comparisons):
        yield "No quantized file was compared with its reference."
    if len(run.config["models"]) == 1:
        yield "One model was run, so no two models were compared."
    if len(run.config["targets"]) == 1:
        yield f"One target was run ({run.config['targets'][0]}), so nothing is known of differences between devices."


def _benchmarks_left_out(run: Run) -> Iterator[str]:
    scored = {entry.benchmark for entry in run.comparisons.scores}
    if run.comparisons.conversations:
        scored.add("healthbench")
        if judge_notes(run.config)[1] is False:
            yield "The agreement of the HealthBench judge with physicians was not measured, or not found good."
    for entry in run.config["benchmarks"]:
        if entry["id"] not in scored:
            yield f"{benchmark_name(entry['id'])} is configured and has no score in this run."
    if not run.overlaps:
        yield "No text was searched for the test items, so nothing is known of contamination by overlap."
    else:
        yield "The models' own training data were not searched, only the given texts."
        if missing := unsearched(run):
            yield f"The given texts were not searched for the items of {', '.join(missing)}."


def _protocol_left_out(run: Run) -> Iterator[str]:
    protocol = run.config["protocol"]
    if unused := [MODES[mode][0] for mode in MODES if mode not in run.modes]:
        yield f"Not asked in these ways: {', '.join(unused)}."
    if protocol["samples"] == 1:
        yield "Every item was asked once, so the spread over repeated runs is not known."
    yield "Each item was put with its options in one order; sensitivity to the order was not measured."
    yield "Intervals cover the choice of items, not the choice of benchmarks, prompts or answer readers."
