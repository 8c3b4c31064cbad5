"""Commands of HealthBench: grade, healthbench score, healthbench compare."""

from pathlib import Path

import click

from medeval.cli.common import FILE, command_line
from medeval.errors import MedevalError


@click.command()
@click.option("--conversations", required=True, type=FILE, help="Conversations table.")
@click.option("--responses", required=True, type=FILE, help="Responses table.")
@click.option("--judge", required=True, help="The judge: its settings as JSON, or the path of its YAML file.")
@click.option("--judge-weights", type=FILE, help="GGUF file of a local judge, or its first part.")
@click.option("--threads", default=1, show_default=True, help="Threads of a local judge.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Say what it takes, and ask nothing.")
@click.option("--out", type=FILE, help="Grades table to write.")
def grade(
    conversations: Path,
    responses: Path,
    judge: str,
    judge_weights: Path | None,
    threads: int,
    only_estimate: bool,
    out: Path | None,
) -> None:
    """Let a judge decide every HealthBench criterion; an interrupted call continues.

    Example: medeval grade --conversations healthbench.parquet --responses responses.parquet
    --judge config/judges/gpt-4.1.yaml --out grades.parquet
    """
    from medeval.grades.estimate import estimate
    from medeval.grades.grade import calls_of
    from medeval.grades.grade import grade as run
    from medeval.grades.judge_settings import make_judge, read_settings

    settings = read_settings(judge)
    calls = calls_of(conversations, responses, settings.mode)
    click.echo(
        f"to ask: {estimate([call.question for call in calls if call.question], settings)}", err=not only_estimate
    )
    if only_estimate:
        return
    if out is None:
        raise MedevalError("nowhere to write the grades", "Add --out grades.parquet, or --estimate to ask nothing.")
    found = run(conversations, responses, out, make_judge(settings, judge_weights, threads), command=command_line())
    click.echo(f"{out}: " + ", ".join(f"{count} {status}" for status, count in found.items()))


@click.group()
def healthbench() -> None:
    """Score judged HealthBench criteria, whoever judged them, and compare two systems.

    Example: medeval healthbench score --grades grades.parquet --out scores.json
    """


@healthbench.command()
@click.option("--grades", required=True, type=FILE, help="Judged criteria: ours, or any Parquet table of them.")
@click.option("--responses", type=FILE, help="The graded responses, for the correlation with length.")
@click.option("--out", required=True, type=FILE, help="JSON document to write.")
@click.option("--seed", default=20260101, show_default=True, help="Seed of the bootstraps.")
def score(grades: Path, responses: Path | None, out: Path, seed: int) -> None:
    """Score judged criteria as the benchmark's authors do: overall, themes, axes, worst-at-k, length.

    Example: medeval healthbench score --grades grades.parquet --out scores.json
    """
    from medeval.grades.command import score_file
    from medeval.grades.show import score_lines

    document = score_file(grades, responses, out, seed=seed)
    for line in (*(f"note: {note}" for note in document["notes"]), *score_lines(document), f"written: {out}"):
        click.echo(line)


@healthbench.command()
@click.option("--grades", required=True, multiple=True, type=FILE, help="Judged criteria of A, then those of B.")
@click.option(
    "--responses",
    multiple=True,
    type=FILE,
    help="Responses of A, then those of B, or one table with both: for lengths.",
)
@click.option("--out", type=FILE, help="JSON document to write.")
@click.option("--seed", default=20260101, show_default=True, help="Seed of the bootstraps.")
def compare(grades: tuple[Path, ...], responses: tuple[Path, ...], out: Path | None, seed: int) -> None:
    """Compare two systems on the same conversations: difference, wins, and both with length held fixed.

    Example: medeval healthbench compare --grades a.parquet --grades b.parquet --responses both.parquet
    """
    from medeval.grades.command import compare_files
    from medeval.grades.show import pair_lines

    document = compare_files(grades, responses, out, seed=seed)
    for line in (*(f"note: {note}" for note in document["notes"]), *pair_lines(document)):
        click.echo(line)
