"""Commands about weights files: quantize, inspect."""

import json
from pathlib import Path

import click

from medeval.cli.common import FILE


@click.command()
@click.argument("source", type=FILE)
@click.option("--type", "file_type", required=True, help="Quantization type, such as Q4_K_M.")
@click.option("--out", required=True, type=FILE, help="GGUF file to write.")
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


@click.command()
@click.argument("weights", type=FILE)
@click.option("--out", type=FILE, help="JSON file to write; printed when absent.")
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
