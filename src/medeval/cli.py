"""The command line: one command per stage. Each parses its arguments, calls one function and prints."""

import json
import logging
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from medeval import __version__
from medeval.errors import MedevalError

_FILE = click.Path(path_type=Path)


class _Group(click.Group):
    """Keeps commands in the order of the line and turns user errors into one message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MedevalError as error:
            click.echo(f"medeval: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_Group, context_settings={"max_content_width": 110})
@click.version_option(__version__)
@click.option("-v", "--verbose", is_flag=True, help="Log every step.")
def main(verbose: bool) -> None:
    """Does a published claim about a medical language model reproduce?

    Each command is one stage of the line claim -> items -> responses -> scores -> verdicts, and one
    Snakemake rule. Run the whole line with `snakemake`, or a single stage by hand.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    for name in ("urllib3", "matplotlib", "filelock", "asyncio", "httpx", "alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lm_eval").setLevel(logging.ERROR)  # its warnings are about options that we set on purpose


@main.command("desk-audit")
@click.argument("publication", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def desk_audit(publication: Path, as_json: bool) -> None:
    """Audit a publication's own numbers; needs no model.

    Example: medeval desk-audit config/claims/medpsy.yaml
    """
    from medeval.desk_audit.command import run

    click.echo(run(publication, as_json), nl=False)


@main.command()
@click.argument("config", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the complete configuration as JSON.")
def check(config: Path, as_json: bool) -> None:
    """Validate a run's configuration and print what it will do.

    Example: medeval check config/demo.yaml
    """
    from medeval.config.check import describe_run
    from medeval.config.run import load_run

    run = load_run(config)
    click.echo(run.model_dump_json() if as_json else describe_run(run))


@main.command()
@click.option("--source", required=True, help="Where the file comes from, as JSON.")
@click.option("--out", required=True, type=_FILE, help="File to write.")
def fetch(source: str, out: Path) -> None:
    """Fetch one file by its pinned source and verify it.

    Example: medeval fetch --source '{"type": "file", "path": "rows.jsonl"}' --out rows.jsonl
    """
    from medeval.config.sources import parse_source
    from medeval.hub.fetch import fetch as run

    record = run(parse_source(source), out)
    click.echo(f"{out}: {record['bytes']:,} bytes, SHA-256 {record['sha256']}, from {record['description']}")


@main.command()
@click.argument("source", type=_FILE)
@click.option("--type", "file_type", required=True, help="Quantization type, such as Q4_K_M.")
@click.option("--out", required=True, type=_FILE, help="GGUF file to write.")
@click.option("--threads", default=1, show_default=True, help="Threads.")
@click.option("--allow-requantize", is_flag=True, help="Permit a source that is itself quantized.")
def quantize(source: Path, file_type: str, out: Path, threads: int, allow_requantize: bool) -> None:
    """Quantize a GGUF file with llama.cpp.

    Example: medeval quantize f16.gguf --type Q4_K_M --out q4_k_m.gguf
    """
    from medeval.weights.quantize import quantize as run

    record = run(source, out, file_type, threads=threads, allow_requantize=allow_requantize)
    types = ", ".join(f"{count} {name}" for name, count in record["tensors_by_type"].items())
    click.echo(f"{out}: {record['bytes']:,} bytes, {record['bits_per_weight']} bits per weight; tensors: {types}")


@main.command()
@click.argument("weights", type=_FILE)
@click.option("--out", type=_FILE, help="JSON file to write; printed when absent.")
def inspect(weights: Path, out: Path | None) -> None:
    """Describe a GGUF file: architecture, tensor types, head, tokenizer, chat template.

    Example: medeval inspect q4_k_m.gguf
    """
    from medeval.files import write_json
    from medeval.weights.inspect import inspect_gguf

    document = inspect_gguf(weights)
    if out:
        write_json(out, document)
    else:
        click.echo(json.dumps(document, indent=2))


@main.command()
@click.option("--benchmark", required=True, help="Id of the benchmark, such as medqa.")
@click.option("--source", "sources", required=True, multiple=True, type=_FILE, help="Source file; repeatable.")
@click.option("--expected", type=int, help="Number of items that must come out.")
@click.option("--out", required=True, type=_FILE, help="Table to write.")
def items(benchmark: str, sources: tuple[Path, ...], expected: int | None, out: Path) -> None:
    """Turn a benchmark's source rows into items.

    Example: medeval items --benchmark medqa --source test.jsonl --out medqa.parquet
    """
    from medeval.items import make_items

    click.echo(make_items(benchmark, sources, out, expected=expected, command=_command()))


@main.command()
@click.option("--items", "items_path", required=True, type=_FILE, help="Items or conversations table.")
@click.option("--weights", required=True, type=_FILE, help="GGUF file.")
@click.option("--out", required=True, type=_FILE, help="Responses table to write.")
@click.option("--model", required=True, help="Name of the model, for the rows.")
@click.option("--variant", required=True, help="Name of the weights file's variant, for the rows.")
@click.option("--target", default="cpu", show_default=True, help="cpu, vulkan, metal or cuda.")
@click.option("--protocol", default="{}", help="How the model is asked, as JSON; docs/configuration.md lists the keys.")
@click.option("--reasoning", default="null", help="Reasoning delimiters, as JSON.")
@click.option("--template-options", default="{}", help="Variables for the chat template, as JSON.")
@click.option("--seed", default=20260101, show_default=True, help="Seed of the sampling.")
@click.option("--threads", default=1, show_default=True, help="Threads.")
@click.option("--sequences", default=1, show_default=True, help="Replies decoded together.")
def evaluate(
    items_path: Path,
    weights: Path,
    out: Path,
    model: str,
    variant: str,
    target: str,
    protocol: str,
    reasoning: str,
    template_options: str,
    seed: int,
    threads: int,
    sequences: int,
) -> None:
    """Let a model answer every item of a benchmark; an interrupted call continues.

    Example: medeval evaluate --items medqa.parquet --weights q4_k_m.gguf --model smollm2 --variant q4_k_m
    --out responses.parquet
    """
    from medeval.config.run import Protocol, Reasoning
    from medeval.evaluate import Run
    from medeval.evaluate import evaluate as run

    settings = Run(
        model=model,
        variant=variant,
        target=target,
        protocol=Protocol.model_validate_json(protocol),
        seed=seed,
        threads=threads,
        sequences=sequences,
        reasoning=None if reasoning == "null" else Reasoning.model_validate_json(reasoning),
        template_options=json.loads(template_options),
    )
    accuracies = run(items_path, weights, out, settings, command=_command())
    shown = ", ".join(f"{mode} {100 * accuracy:.1f} %" for mode, accuracy in accuracies.items())
    click.echo(f"{out}: lm-eval's accuracy: {shown or 'none, a judge scores conversations'}")


@main.command()
@click.option("--conversations", required=True, type=_FILE, help="Conversations table.")
@click.option("--responses", required=True, type=_FILE, help="Responses table.")
@click.option("--judge", "judge_json", required=True, help="The judge's settings, as JSON.")
@click.option("--judge-weights", type=_FILE, help="GGUF file of a local judge.")
@click.option("--threads", default=1, show_default=True, help="Threads of a local judge.")
@click.option("--out", required=True, type=_FILE, help="Grades table to write.")
def grade(
    conversations: Path, responses: Path, judge_json: str, judge_weights: Path | None, threads: int, out: Path
) -> None:
    """Let a judge decide every HealthBench criterion; an interrupted call continues.

    Example: medeval grade --conversations healthbench.parquet --responses responses.parquet
    --judge '{"type": "api", "url": "http://localhost:8000/v1", "model": "judge"}' --out grades.parquet
    """
    from medeval.healthbench.grade import grade as run
    from medeval.healthbench.judges import make_judge

    counts = run(conversations, responses, out, make_judge(judge_json, judge_weights, threads), command=_command())
    click.echo(f"{out}: " + ", ".join(f"{count} {status}" for status, count in counts.items()))


@main.command()
@click.option("--items", "items_path", required=True, type=_FILE, help="Items table.")
@click.option("--responses", required=True, type=_FILE, help="Responses table.")
@click.option("--out", required=True, type=_FILE, help="Scores table to write.")
def score(items_path: Path, responses: Path, out: Path) -> None:
    """Read the answers in stored responses and score them; costs no tokens.

    Example: medeval score --items medqa.parquet --responses responses.parquet --out scores.parquet
    """
    from medeval.score import score_files

    counts = score_files(items_path, responses, out, command=_command())
    click.echo(f"{out}: " + ", ".join(f"{count} {status}" for status, count in counts.items()))


@main.command()
@click.option("--items", "items_path", required=True, type=_FILE, help="Items table.")
@click.option("--corpus", "corpora", required=True, multiple=True, type=_FILE, help="JSONL or text file; repeatable.")
@click.option("--out", required=True, type=_FILE, help="JSON file to write.")
def overlap(items_path: Path, corpora: tuple[Path, ...], out: Path) -> None:
    """Search given texts for the test items.

    Example: medeval overlap --items medqa.parquet --corpus corpus.jsonl --out overlap.json
    """
    from medeval.contamination.overlap import overlap_files

    click.echo(overlap_files(items_path, corpora, out))


@main.command()
@click.argument("inputs", nargs=-1, required=True, type=_FILE)
@click.option("--reference", "references", required=True, multiple=True, help="MODEL/VARIANT of a model's reference.")
@click.option("--headline", required=True, help="The mode that decides claims.")
@click.option("--margin", default=1.0, show_default=True, help="Tolerated loss in points.")
@click.option("--seed", default=20260101, show_default=True, help="Seed of the bootstraps.")
@click.option("--out", required=True, type=_FILE, help="JSON file to write.")
def compare(
    inputs: tuple[Path, ...], references: tuple[str, ...], headline: str, margin: float, seed: int, out: Path
) -> None:
    """Compare variants and models item by item, from score, grade and items tables.

    Example: medeval compare --reference smollm2/f16 --headline generate --out comparisons.json *.parquet
    """
    from medeval.compare.run import compare as run

    document = run(inputs, out, references=references, headline=headline, margin_points=margin, seed=seed)
    click.echo(f"{out}: {len(document['scores'])} scores, {len(document['comparisons'])} comparisons")


@main.command()
@click.argument("weights", nargs=-1, type=_FILE)
@click.option("--claims", required=True, type=_FILE, help="Publication file.")
@click.option("--comparisons", required=True, type=_FILE, help="The comparisons document.")
@click.option("--subject", "subjects", multiple=True, help="NAME=MODEL/VARIANT for a name in the publication.")
@click.option("--credible-judge", is_flag=True, help="The judge's agreement with physicians is established.")
@click.option("--out", required=True, type=_FILE, help="JSON file to write.")
def verdict(
    weights: tuple[Path, ...],
    claims: Path,
    comparisons: Path,
    subjects: tuple[str, ...],
    credible_judge: bool,
    out: Path,
) -> None:
    """Decide the claims of a publication.

    Example: medeval verdict --claims config/claims/demo.yaml --comparisons comparisons.json
    --subject smollm2-f16=smollm2/f16 --out verdicts.json
    """
    from medeval.claims.run import decide_claims
    from medeval.claims.table import verdict_table

    names = dict(subject.rsplit("=", 1) for subject in subjects)
    document = decide_claims(claims, comparisons, weights, names, out, credible_judge=credible_judge)
    click.echo(verdict_table(document))


@main.command()
@click.argument("details", nargs=-1, type=_FILE)
@click.option("--config", required=True, help="The run's configuration, as JSON.")
@click.option("--comparisons", required=True, type=_FILE, help="The comparisons document.")
@click.option("--verdicts", required=True, type=_FILE, help="The verdicts document.")
@click.option("--out", required=True, type=_FILE, help="HTML file to write.")
def report(details: tuple[Path, ...], config: str, comparisons: Path, verdicts: Path, out: Path) -> None:
    """Write the report: one HTML page that needs no network.

    DETAILS are descriptions of weights files, overlap reports and desk audits (JSON).

    Example: medeval report --config "$(medeval check --json config/demo.yaml)" --comparisons comparisons.json
    --verdicts verdicts.json --out report.html
    """
    from medeval.report.page import write_report

    write_report(json.loads(config), comparisons, verdicts, details, out)
    click.echo(str(out))


@main.command()
@click.argument("row_tables", nargs=-1, type=_FILE)
@click.option("--experiment", required=True, help="Name of the MLflow experiment.")
@click.option("--store", required=True, type=_FILE, help="SQLite file.")
@click.option("--artifacts", required=True, type=_FILE, help="Folder for artifacts.")
@click.option("--config", required=True, help="The run's configuration, as JSON.")
@click.option("--comparisons", required=True, type=_FILE, help="The comparisons document.")
@click.option("--verdicts", required=True, type=_FILE, help="The verdicts document.")
@click.option("--report", "report_path", required=True, type=_FILE, help="The HTML report.")
@click.option("--out", required=True, type=_FILE, help="JSON file to write.")
def track(
    row_tables: tuple[Path, ...],
    experiment: str,
    store: Path,
    artifacts: Path,
    config: str,
    comparisons: Path,
    verdicts: Path,
    report_path: Path,
    out: Path,
) -> None:
    """Log the results to a local MLflow store.

    Example: medeval track --experiment demo --store mlflow.db --artifacts mlflow-artifacts
    --config "$(medeval check --json config/demo.yaml)" --comparisons comparisons.json --verdicts verdicts.json
    --report report.html --out mlflow.json
    """
    from medeval.tracking import track as run

    document = run(
        experiment=experiment,
        store=store,
        artifacts=artifacts,
        config=json.loads(config),
        comparisons_path=comparisons,
        verdicts_path=verdicts,
        report=report_path,
        row_tables=row_tables,
        out=out,
    )
    click.echo(f"{store}: run {document['parent_run']} with {len(document['child_runs'])} child runs")


@main.command()
def schema() -> None:
    """Write the configuration's JSON schema and its documentation page again.

    Example: medeval schema
    """
    from medeval.config.documentation import write_documentation

    for path in write_documentation(Path()):
        click.echo(str(path))


@main.command()
@click.option("--cores", type=int, help="Cores to use; all when absent.")
def demo(cores: int | None) -> None:
    """Run the whole line on the embedded default and print the verdicts.

    Example: medeval demo
    """
    from medeval.demo import run_demo

    sys.exit(run_demo(cores))


def _command() -> str:
    """Return the command line that is running, for the record in the tables."""
    return shlex.join(["medeval", *sys.argv[1:]])
