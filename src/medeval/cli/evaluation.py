"""Commands from items to scores: evaluate, grade, score."""

from pathlib import Path

import click

from medeval.cli.common import FILE, command_line, json_object


@click.command()
@click.option("--items", "items_path", required=True, type=FILE, help="Items or conversations table.")
@click.option("--weights", required=True, type=FILE, help="GGUF file.")
@click.option("--out", required=True, type=FILE, help="Responses table to write.")
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
    from medeval.config.files import validate
    from medeval.config.model import Reasoning
    from medeval.config.run import Protocol
    from medeval.evaluate import Run
    from medeval.evaluate import evaluate as run

    settings = Run(
        model=model,
        variant=variant,
        target=target,
        protocol=validate(Protocol, json_object("--protocol", protocol), Path("--protocol")),
        seed=seed,
        threads=threads,
        sequences=sequences,
        reasoning=(
            None
            if reasoning == "null"
            else validate(Reasoning, json_object("--reasoning", reasoning), Path("--reasoning"))
        ),
        template_options=json_object("--template-options", template_options),
    )
    accuracies = run(items_path, weights, out, settings, command=command_line())
    shown = ", ".join(f"{mode} {100 * accuracy:.1f} %" for mode, accuracy in accuracies.items())
    click.echo(f"{out}: lm-eval's accuracy: {shown or 'none, a judge scores conversations'}")


@click.command()
@click.option("--conversations", required=True, type=FILE, help="Conversations table.")
@click.option("--responses", required=True, type=FILE, help="Responses table.")
@click.option("--judge", "judge_json", required=True, help="The judge's settings, as JSON.")
@click.option("--judge-weights", type=FILE, help="GGUF file of a local judge.")
@click.option("--threads", default=1, show_default=True, help="Threads of a local judge.")
@click.option("--out", required=True, type=FILE, help="Grades table to write.")
def grade(
    conversations: Path, responses: Path, judge_json: str, judge_weights: Path | None, threads: int, out: Path
) -> None:
    """Let a judge decide every HealthBench criterion; an interrupted call continues.

    Example: medeval grade --conversations healthbench.parquet --responses responses.parquet
    --judge '{"type": "api", "url": "http://localhost:8000/v1", "model": "judge"}' --out grades.parquet
    """
    from medeval.healthbench.grade import grade as run
    from medeval.healthbench.judges import make_judge

    counts = run(conversations, responses, out, make_judge(judge_json, judge_weights, threads), command=command_line())
    click.echo(f"{out}: " + ", ".join(f"{count} {status}" for status, count in counts.items()))


@click.command()
@click.option("--items", "items_path", required=True, type=FILE, help="Items table.")
@click.option("--responses", required=True, type=FILE, help="Responses table.")
@click.option("--out", required=True, type=FILE, help="Scores table to write.")
def score(items_path: Path, responses: Path, out: Path) -> None:
    """Read the answers in stored responses and score them; costs no tokens.

    Example: medeval score --items medqa.parquet --responses responses.parquet --out scores.parquet
    """
    from medeval.score import score_files

    counts = score_files(items_path, responses, out, command=command_line())
    click.echo(f"{out}: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
