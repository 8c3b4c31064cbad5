"""Commands that look ahead: what a device is and can do, what a run will ask and how long that takes."""

from pathlib import Path

import click

from medeval.cli.common import FILE, FOLDER
from medeval.run.targets import names


@click.command()
@click.option("--weights", required=True, type=FILE, help="GGUF file that will be evaluated, or its first part.")
@click.option("--target", default="cpu", show_default=True, help=f"Where: {names(lambda t: t.engine == 'llama.cpp')}.")
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
        from medeval.responses.engines.llama_build import use_external_build

        use_external_build(llama_cpp)
    from medeval.responses.engines.probe import check
    from medeval.responses.engines.probe import probe as run

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


@click.command()
@click.argument("config", type=FILE)
@click.option("--time", "with_time", is_flag=True, help="Project how long the evaluations take on this machine.")
@click.option("--reply-tokens", type=float, help="Mean tokens of a reply; by default the publication's, or the limit.")
@click.option("--speed-from", type=FILE, help="Probe of other weights on this machine, to be scaled by size.")
def plan(config: Path, with_time: bool, reply_tokens: float | None, speed_from: Path | None) -> None:
    """Say what a run will ask of each model, and how long that takes on this machine.

    Example: medeval plan config/medpsy.yaml --time --speed-from probe.json
    """
    from medeval.publication.publication import load_publication
    from medeval.run.config import load_run
    from medeval.run.forecast import Unknown, forecasts

    run = load_run(config)
    if not with_time:
        for model in run.models:
            for name in model.evaluate:
                on = [target for target in run.targets if model.variants[name].runs_on(target)]
                click.echo(f"{model.id}/{name} on {', '.join(on)}")
        for benchmark in run.benchmarks:
            click.echo(f"{benchmark.id}: {benchmark.expected_items or 'unknown'} items")
        click.echo(f"modes {', '.join(run.protocol.modes)}; {run.protocol.samples} sample(s) of each reply")
        return
    total = 0.0
    notes: dict[str, None] = {}
    found = forecasts(run, load_publication(run.claims), reply_tokens=reply_tokens, reference=speed_from)
    click.echo(f"{'weights on target':44} {'tokens read':>12} {'generated':>14} {'hours':>10}")
    for forecast in found:
        name = f"{forecast.model}/{forecast.variant} on {forecast.target}"
        if isinstance(forecast, Unknown):
            click.echo(f"{name:44} {'':12} {'':14} {'unknown':>10}")
            notes[f"{name}: {forecast.reason}"] = None
            continue
        read = sum(work.prompt_tokens for work in forecast.work)
        generated = sum(work.reply_tokens for work in forecast.work)
        click.echo(f"{name:44} {read:12,.0f} {generated:14,.0f} {forecast.seconds / 3600:10,.1f}")
        replies = f"{forecast.reply_tokens:,.0f} tokens per reply, {forecast.reply_basis}"
        notes[f"{name}: speed {forecast.speed.basis}; {replies}"] = None
        total += forecast.seconds
    click.echo(f"{'all, one after the other':44} {'':12} {'':14} {total / 3600:10,.1f}")
    click.echo("Prompts: real mean lengths at 4 characters per token. Judging is not included.")
    for note in notes:
        click.echo(f"  {note}")
