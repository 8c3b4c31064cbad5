"""Commands from items to responses: evaluate, merge."""

from pathlib import Path

import click

from medeval.cli.common import FILE, FOLDER, command_line, json_object, section
from medeval.records.yaml_files import validate
from medeval.run.targets import Served, names, target_named


@click.command()
@click.option("--out", required=True, type=FILE, help="Responses table to write.")
@click.argument("shards", nargs=-1, required=True, type=FILE)
def merge(out: Path, shards: tuple[Path, ...]) -> None:
    """Put the responses of a benchmark's shards together.

    Example: medeval merge --out medqa.parquet medqa.shards/1-of-2.parquet medqa.shards/2-of-2.parquet
    """
    from medeval.responses.merge import merge as run

    click.echo(f"{out}: {run(shards, out, command=command_line())} responses of {len(shards)} shards")


@click.command()
@click.option("--items", "items_path", required=True, type=FILE, help="Items or conversations table.")
@click.option("--weights", type=FILE, help=f"GGUF file, or its first part, for {names(lambda t: t.loads == 'gguf')}.")
@click.option("--checkpoint", type=FOLDER, help=f"Checkpoint folder, for {names(lambda t: t.loads == 'checkpoint')}.")
@click.option("--served", help="Server, as JSON, for api; its keys are in docs/run/configuration.md.")
@click.option("--out", required=True, type=FILE, help="Responses table to write.")
@click.option("--model", required=True, help="Name of the model, for the rows.")
@click.option("--variant", required=True, help="Name of the weights file's variant, for the rows.")
@click.option("--target", default="cpu", show_default=True, help=f"Where: {names()}.")
@click.option(
    "--protocol", default="{}", help="How the model is asked, as JSON; docs/run/configuration.md lists the keys."
)
@click.option("--reasoning", default="null", help="Reasoning delimiters, as JSON.")
@click.option("--template-options", default="{}", help="Variables for the chat template, as JSON.")
@click.option("--seed", default=20260101, show_default=True, help="Seed of the sampling.")
@click.option("--engine", default="{}", help="How llama.cpp uses the machine, as JSON, but for the two options below.")
@click.option("--threads", default=1, show_default=True, help="Threads.")
@click.option("--sequences", default="1", show_default=True, help="Replies decoded together; auto takes --probe's.")
@click.option("--vllm", default="{}", help="How vLLM uses its GPUs, as JSON.")
@click.option("--settings", default="{}", help="How an engine without an option of its own is used, as JSON.")
@click.option("--probe", type=FILE, help=f"A probe, needed for {names(lambda t: t.probe == 'always')}.")
@click.option(
    "--replies",
    multiple=True,
    type=FOLDER,
    help="Folder whose journals, at any depth, may hold replies already, such as results; repeatable.",
)
@click.option("--shard", help="Part of the items, such as 2-of-8.")
def evaluate(
    items_path: Path,
    weights: Path | None,
    checkpoint: Path | None,
    served: str | None,
    out: Path,
    model: str,
    variant: str,
    target: str,
    protocol: str,
    reasoning: str,
    template_options: str,
    seed: int,
    engine: str,
    threads: int,
    sequences: str,
    vllm: str,
    settings: str,
    probe: Path | None,
    replies: tuple[Path, ...],
    shard: str | None,
) -> None:
    """Let a model answer every item of a benchmark; what was answered before is not asked again.

    Example: medeval evaluate --items medqa.parquet --weights q4_k_m.gguf --model smollm2 --variant q4_k_m
    --out responses.parquet
    """
    from medeval.records.shards import Shard
    from medeval.responses.evaluate import EvaluationRun
    from medeval.responses.evaluate import evaluate as run
    from medeval.responses.subject import Subject
    from medeval.run.config import Protocol
    from medeval.run.model import Reasoning

    width = int(sequences) if sequences.isdigit() else sequences
    machine = {**json_object("--engine", engine), "threads": threads, "sequences": width}
    row = target_named(target)
    given = {
        "engine": ("--engine, --threads, --sequences", machine),
        "vllm": ("--vllm", json_object("--vllm", vllm)),
        "served": ("--served", {}),  # not given, or else read below, whatever the target
    }
    option, values = given.get(row.section) or ("--settings", json_object("--settings", settings))
    subject = Subject(
        target=target,
        weights=weights or checkpoint,
        settings=section(Served, "--served", served) if served else validate(row.settings, values, Path(option)),
        probe=probe,
        reasoning=None if reasoning == "null" else section(Reasoning, "--reasoning", reasoning),
        template_options=json_object("--template-options", template_options),
    )
    asked = EvaluationRun(
        model=model,
        variant=variant,
        subject=subject,
        protocol=section(Protocol, "--protocol", protocol),
        seed=seed,
        shard=Shard.parse(shard) if shard else None,
    )
    accuracies = run(items_path, out, asked, command=command_line(), replies=replies)
    shown = ", ".join(f"{mode} {100 * accuracy:.1f} %" for mode, accuracy in accuracies.items())
    click.echo(f"{out}: lm-eval's accuracy: {shown or 'none, a judge scores conversations'}")
