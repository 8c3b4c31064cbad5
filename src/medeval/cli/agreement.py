"""Command that compares responses with responses: agree."""

from pathlib import Path

import click

from medeval.cli.common import FILE

GATE_FAILED = 3


@click.command()
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@click.option("--items", "items_paths", multiple=True, type=FILE, help="Items table, to score by; give several times.")
@click.option("--again", "again_path", type=FILE, help="A second run of A: how far A agrees with itself.")
@click.option("--allow-different-prompts", is_flag=True, help="Compare replies to different prompts too, and say so.")
@click.option(
    "--gate", "with_gate", is_flag=True, help="Same weights, other backend: PASS, FAIL (exit code 3) or neither."
)
@click.option("--seed", default=20260101, show_default=True, help="Seed of the bootstraps.")
@click.option("--out", type=FILE, help="JSON file to write as well.")
@click.pass_context
def agree(
    context: click.Context,
    a: Path,
    b: Path,
    items_paths: tuple[Path, ...],
    again_path: Path | None,
    allow_different_prompts: bool,
    with_gate: bool,
    seed: int,
    out: Path | None,
) -> None:
    """Compare two runs' responses: other backend, batch size, thread count or quantization; A is the reference.

    Example: medeval agree cpu/medqa.parquet vulkan/medqa.parquet --items medqa.parquet --gate --out agreement.json
    """
    from medeval.comparisons.agreement.run import agree as run
    from medeval.comparisons.agreement.show import render
    from medeval.records.files import write_json

    document = run(
        a,
        b,
        items_paths=items_paths,
        again_path=again_path,
        allow_different_prompts=allow_different_prompts,
        with_gate=with_gate,
        seed=seed,
    )
    if out:
        write_json(out, document)
    click.echo(render(document))
    if with_gate and document["gate"]["verdict"] == "FAIL":
        context.exit(GATE_FAILED)
