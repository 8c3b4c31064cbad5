"""The report: one HTML page that needs no network and leads with the verdicts."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from medeval import __version__
from medeval.records.files import atomic_path
from medeval.report import audit, contamination, conversations, methods, names, quantization, scores, verdicts
from medeval.report.documents import Run, read_run

TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    config: Mapping[str, Any], comparisons: Path, verdicts: Path, details: Sequence[Path], out: Path
) -> None:
    """Write the report of a run.

    Args:
        config: The configuration, as `RunConfig.model_dump` gives it.
        comparisons: The document of the compare stage.
        verdicts: The document of the verdict stage, decided on these comparisons.
        details: Descriptions of weights files, overlap reports and desk audits, told apart by content.
        out: HTML file to write.

    Raises:
        MedevalError: A document is missing, of no known kind, or does not belong to the others.
    """
    html = render(read_run(config, comparisons, verdicts, details))
    with atomic_path(out) as temporary:
        temporary.write_text(html, encoding="utf-8")


def render(run: Run) -> str:
    """Return the page of a run as text."""
    return _environment().get_template("page.html.jinja").render(view(run))


def view(run: Run) -> dict[str, Any]:
    """Return everything that the template shows."""
    claims = verdicts.claim_rows(run)
    quantized, others = quantization.pairs(run)
    judge, credible, judge_note = conversations.judge_notes(run.config)
    return {
        "config": run.config,
        "version": __version__,
        "publication": run.verdicts.publication,
        "alpha": run.verdicts.alpha,
        "claims": claims,
        "tally": verdicts.tally(claims),
        "flags": names.FLAGS,
        "margin_points": run.comparisons.margin_points,
        "modes": scores.mode_scores(run),
        "pairs": quantized,
        "other_pairs": others,
        "arms": quantization.arms(run),
        "arm_columns": quantization.ARM_COLUMNS,
        "weights": quantization.weights_files(run),
        "undescribed": quantization.undescribed(run),
        "subsets": conversations.subsets(run),
        "judge": judge,
        "judge_credible": credible,
        "judge_note": judge_note,
        "overlap": contamination.overlap(run),
        "control": contamination.control(run),
        "audits": audit.audits(run),
        "prompts": methods.prompts(run),
        "protocol": methods.protocol_lines(run),
        "benchmarks": methods.benchmark_lines(run),
        "hashes": methods.input_hashes(run),
        "methods": methods.statistics_methods(run),
        "packages": methods.package_versions(run),
        "not_measured": methods.not_measured(run),
    }


@cache
def _environment() -> Environment:
    """Escaping is on for every template; macros and included files are our own."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
