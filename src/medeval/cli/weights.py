"""Commands about weights files: convert, imatrix, quantize, inspect, gguf."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from medeval.cli.common import FILE
from medeval.run.targets import names


@click.command()
@click.argument("checkpoint", type=FILE)
@click.option("--type", "file_type", default="BF16", show_default=True, help="BF16, F16, F32 or Q8_0.")
@click.option("--out", required=True, type=FILE, help="GGUF file to write.")
@click.option("--name", help="Name for the file's header; by default the converter finds one.")
@click.option("--environment", type=FILE, help="Python environment of the converter; found by itself by default.")
def convert(checkpoint: Path, file_type: str, out: Path, name: str | None, environment: Path | None) -> None:
    """Convert a checkpoint (config.json, *.safetensors) to GGUF with llama.cpp's own converter.

    Example: medeval convert checkpoints/medpsy-4b --type BF16 --out bf16.gguf
    """
    from medeval.weights.convert import convert as run

    _say_made(out, run(checkpoint, out, file_type, name=name, environment=environment))


@click.command()
@click.argument("model", type=FILE)
@click.option("--text", required=True, type=FILE, help="Calibration text, UTF-8.")
@click.option("--out", required=True, type=FILE, help="GGUF file to write.")
@click.option("--chunk-tokens", default=512, show_default=True, help="Tokens read at a time.")
@click.option("--chunks", type=int, help="Chunks to read; the whole text by default.")
@click.option("--threads", default=1, show_default=True, help="Threads.")
@click.option("--target", default="cpu", show_default=True, help=f"Where: {names(lambda t: t.engine == 'llama.cpp')}.")
def imatrix(
    model: Path, text: Path, out: Path, chunk_tokens: int, chunks: int | None, threads: int, target: str
) -> None:
    """Make an importance matrix: which columns of the weights a calibration text uses, and how strongly.

    Example: medeval imatrix bf16.gguf --text config/demo/calibration.txt --out imatrix.gguf
    """
    from medeval.weights.calibrate import make_imatrix

    record = make_imatrix(model, text, out, chunk_tokens=chunk_tokens, chunks=chunks, threads=threads, target=target)
    used = record["calibration"]
    click.echo(
        f"{out}: {record['tensors']} tensors from {used['tokens_used']:,} of {used['tokens']:,} tokens "
        f"in {used['chunks']} chunks"
    )


@click.command()
@click.argument("source", type=FILE)
@click.option("--type", "file_type", required=True, help="Quantization type, such as Q4_K_M.")
@click.option("--out", required=True, type=FILE, help="GGUF file to write.")
@click.option("--threads", default=1, show_default=True, help="Threads.")
@click.option("--allow-requantize", is_flag=True, help="Permit a source that is itself quantized.")
@click.option("--imatrix", "matrix", type=FILE, help="Importance matrix, such as `medeval imatrix` makes.")
def quantize(
    source: Path, file_type: str, out: Path, threads: int, allow_requantize: bool, matrix: Path | None
) -> None:
    """Quantize a GGUF file with llama.cpp.

    Example: medeval quantize f16.gguf --type Q4_K_M --imatrix imatrix.gguf --out q4_k_m.gguf
    """
    from medeval.weights.quantize import quantize as run

    record = run(source, out, file_type, threads=threads, allow_requantize=allow_requantize, importance_matrix=matrix)
    _say_made(out, record)


@click.command()
@click.argument("weights", type=FILE)
@click.option("--out", type=FILE, help="JSON file to write; printed when absent.")
def inspect(weights: Path, out: Path | None) -> None:
    """Describe a GGUF file: architecture, tensor types, head, tokenizer, chat template.

    Example: medeval inspect q4_k_m.gguf
    """
    from medeval.weights.inspect import inspect_gguf

    found = inspect_gguf(weights)
    if out:
        found.write(out)
    else:
        click.echo(json.dumps(found.as_json(), indent=2))


@click.group()
def gguf() -> None:
    """Look into GGUF files and compare two of them.

    Example: medeval gguf diff bf16.gguf q4_k_m.gguf
    """


@gguf.command("inspect")
@click.argument("weights", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the whole document as JSON.")
@click.option("--no-hash", is_flag=True, help="Leave out the file's SHA-256, which takes time on large files.")
def gguf_inspect(weights: Path, as_json: bool, no_hash: bool) -> None:
    """Describe a GGUF file from its header.

    Example: medeval gguf inspect q4_k_m.gguf
    """
    from medeval.weights.inspect import inspect_gguf
    from medeval.weights.text import inspect_lines

    found = inspect_gguf(weights, hash_file=not no_hash)
    _print(found.as_json(), inspect_lines(found), as_json)


@gguf.command("diff")
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@click.option("--imatrix", "matrix", type=FILE, help="Importance matrix: weighs errors, and is used by --requantize.")
@click.option("--requantize", is_flag=True, help="Does b follow from a? Quantize a to b's type and compare.")
@click.option("--claimed-reduction", type=float, help="Published reduction in percent, such as 69.")
@click.option("--threads", default=1, show_default=True, help="Threads for --requantize.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole document as JSON.")
@click.option("--out", type=FILE, help="JSON file to write as well.")
def gguf_diff(
    a: Path,
    b: Path,
    matrix: Path | None,
    requantize: bool,
    claimed_reduction: float | None,
    threads: int,
    as_json: bool,
    out: Path | None,
) -> None:
    """Compare two GGUF files tensor by tensor, and their sizes.

    Example: medeval gguf diff bf16.gguf q4_k_m.gguf --requantize --claimed-reduction 69
    """
    from medeval.records import documents
    from medeval.records.files import write_json
    from medeval.weights.diff import diff_gguf
    from medeval.weights.text import diff_lines

    claimed = None if claimed_reduction is None else claimed_reduction / 100
    document = diff_gguf(a, b, importance_matrix=matrix, claimed_reduction=claimed)
    if requantize:
        from medeval.weights.requantize import requantize_and_compare

        document["requantized"] = requantize_and_compare(a, b, importance_matrix=matrix, threads=threads)
    plain = documents.as_json(document)
    if out:
        write_json(out, plain)
    _print(plain, diff_lines(document), as_json)


def _print(document: dict[str, Any], lines: Iterable[str], as_json: bool) -> None:
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(lines))


def _say_made(out: Path, record: dict[str, Any]) -> None:
    types = ", ".join(f"{count} {name}" for name, count in record["tensors_by_type"].items())
    click.echo(f"{out}: {record['bytes']:,} bytes, {record['bits_per_weight']} bits per weight; tensors: {types}")
    matrix = record.get("importance_matrix")
    if matrix and matrix["tensors_quantized_without_it"]:
        click.echo(f"  quantized without importance: {', '.join(matrix['tensors_quantized_without_it'])}")
