"""Commands from items to responses: evaluate, merge."""

from pathlib import Path

import click

from medeval.cli.common import FILE, FOLDER, command_line, json_object, section
from medeval.records.yaml_files import validate


@click.command()
@click.option("--out", required=True, type=FILE, help="Responses table to write.")
@click.argument("shards", nargs=-1, required=True, type=FILE)
def merge(out: Path, shards: tuple[Path, ...]) -> None:
    """Put the responses of a benchmark's shards together.

    Example: medeval merge --out medqa.parquet medqa.shards/1-of-2.parquet medqa.shards/2-of-2.parquet
    """
    from medeval.records.shards import merge as run

    click.echo(f"{out}: {run(shards, out, command=command_line())} responses of {len(shards)} shards")


@click.command()
@click.option("--items", "items_path", required=True, type=FILE, help="Items or conversations table.")
@click.option("--weights", type=FILE, help="GGUF file, for a target of llama.cpp.")
@click.option("--checkpoint", type=FOLDER, help="Folder of a Safetensors checkpoint, for vllm.")
@click.option("--served", help="Server, as JSON, for api; docs/run/configuration.md lists the keys.")
@click.option("--out", required=True, type=FILE, help="Responses table to write.")
@click.option("--model", required=True, help="Name of the model, for the rows.")
@click.option("--variant", required=True, help="Name of the weights file's variant, for the rows.")
@click.option("--target", default="cpu", show_default=True, help="cpu, vulkan, metal, cuda, vllm or api.")
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
@click.option("--probe", type=FILE, help="What `medeval probe` found; needed for vulkan, metal and cuda.")
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
    probe: Path | None,
    shard: str | None,
) -> None:
    """Let a model answer every item of a benchmark; an interrupted call continues.

    Example: medeval evaluate --items medqa.parquet --weights q4_k_m.gguf --model smollm2 --variant q4_k_m
    --out responses.parquet
    """
    from medeval.records.shards import Shard
    from medeval.responses.evaluate import EvaluationRun
    from medeval.responses.evaluate import evaluate as run
    from medeval.responses.subject import Subject
    from medeval.run.config import Engine, Protocol, Vllm
    from medeval.run.model import Reasoning, Served

    width = int(sequences) if sequences.isdigit() else sequences
    machine = {**json_object("--engine", engine), "threads": threads, "sequences": width}
    subject = Subject(
        target=target,
        weights=weights or checkpoint,
        served=section(Served, "--served", served) if served else None,
        engine=validate(Engine, machine, Path("--engine, --threads, --sequences")),
        vllm=section(Vllm, "--vllm", vllm),
        probe=probe,
        reasoning=None if reasoning == "null" else section(Reasoning, "--reasoning", reasoning),
        template_options=json_object("--template-options", template_options),
    )
    settings = EvaluationRun(
        model=model,
        variant=variant,
        subject=subject,
        protocol=section(Protocol, "--protocol", protocol),
        seed=seed,
        shard=Shard.parse(shard) if shard else None,
    )
    accuracies = run(items_path, out, settings, command=command_line())
    shown = ", ".join(f"{mode} {100 * accuracy:.1f} %" for mode, accuracy in accuracies.items())
    click.echo(f"{out}: lm-eval's accuracy: {shown or 'none, a judge scores conversations'}")
