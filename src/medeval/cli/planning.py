"""Commands that look ahead: what a device is and can do, what a run will ask and how long that takes."""

from pathlib import Path

import click

from medeval.cli.common import FILE, FOLDER


@click.command()
@click.option("--weights", required=True, type=FILE, help="GGUF file that will be evaluated.")
@click.option("--target", default="cpu", show_default=True, help="cpu, vulkan, metal or cuda.")
@click.option("--threads", default=1, show_default=True, help="Threads.")
@click.option("--sequences", default="auto", show_default=True, help="Replies decoded together; auto measures.")
@click.option("--max-width", default=64, show_default=True, help="Most replies together that auto tries.")
@click.option("--llama-cpp", type=FOLDER, help="Folder with the libraries of a llama.cpp build of your own.")
@click.option("--out", required=True, type=FILE, help="Probe to write.")
def probe(
    weights: Path, target: str, threads: int, sequences: str, max_width: int, llama_cpp: Path | None, out: Path
) -> None:
    """Look at a device before use: is it the one asked for, does it compute what the processor does, how fast is it.

    Example: medeval probe --weights q4_k_m.gguf --target vulkan --out probe.json
    """
    if llama_cpp is not None:
        from medeval.engines.llama_build import use_external_build

        use_external_build(llama_cpp)
    from medeval.engines.probe import check
    from medeval.engines.probe import probe as run

    width = int(sequences) if sequences.isdigit() else "auto"
    found = run(weights, target, threads=threads, sequences=width, max_width=max_width)  # type: ignore[arg-type]
    found.save(out)
    memory = f"{found.device['memory_total'] / 2**30:.1f} GiB" if found.device["memory_total"] else "memory unknown"
    click.echo(f"{target}: {found.device['description']} ({found.device['name']}, {memory})")
    if found.layers is not None:
        click.echo(f"layers on the device: {found.layers_offloaded} of {found.layers}")
    if found.gate is not None:
        mean = sum(found.gate.kl) / len(found.gate.kl)
        click.echo(
            f"against the processor, {len(found.gate.kl)} prompts: mean KL {mean:.2g} nats, "
            f"{found.gate.same_top:.0%} same most likely token"
        )
    again = "the same" if found.repeatable else "DIFFERENT"
    click.echo(f"replies in another order: {again} at a width of {found.sequences}")
    widths = ", ".join(f"{width}: {speed:,.0f}" for width, speed in found.decode_tokens_per_second.items())
    click.echo(f"tokens/s: reading {found.prefill_tokens_per_second:,.0f}; generating by width {widths}")
    check(found, found.weights_sha256, target, found.engine)
