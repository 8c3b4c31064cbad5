"""Commands that bring files and make items: fetch, items."""

from pathlib import Path

import click

from medeval.cli.common import FILE, command_line


@click.command()
@click.option("--source", required=True, help="Where the file comes from, as JSON.")
@click.option("--lock", type=FILE, help="Lock file that a hub file must be in.")
@click.option("--mirror", help="Folder or address to read from, instead of the hub and the package index.")
@click.option("--project", type=FILE, help="Folder in which a relative path is looked up after the working directory.")
@click.option("--out", required=True, type=FILE, help="File to write.")
def fetch(source: str, lock: Path | None, mirror: str | None, project: Path | None, out: Path) -> None:
    """Fetch one file by its pinned source and verify it.

    Example: medeval fetch --source '{"type": "file", "path": "rows.jsonl"}' --out rows.jsonl
    """
    from medeval.hub.fetch import fetch as run
    from medeval.run.shipped import CHECKOUT, located
    from medeval.run.sources import FileSource, parse_source

    wanted = parse_source(source)
    if isinstance(wanted, FileSource):
        wanted = wanted.model_copy(update={"path": located(wanted.path, project or CHECKOUT)})
    record = run(wanted, out, lock=lock, mirror=mirror)
    click.echo(f"{out}: {record['bytes']:,} bytes, SHA-256 {record['sha256']}, from {record['description']}")


@click.command()
@click.option("--benchmark", required=True, help="Id of the benchmark, such as medqa.")
@click.option(
    "--source", "sources", required=True, multiple=True, type=FILE, help="Source file, or folder with it; repeatable."
)
@click.option("--split", help="Part to take: all (pubmedqa); main, hard, consensus or all (healthbench).")
@click.option("--encoding", help="How medmcqa counts its answers: hub (from 0) or authors (from 1).")
@click.option("--gold", help="What counts as right in afrimedqa: any listed option, or the first.")
@click.option("--expected", type=int, help="Number of items that must come out.")
@click.option("--out", required=True, type=FILE, help="Table to write.")
def items(benchmark: str, sources: tuple[Path, ...], expected: int | None, out: Path, **options: str | None) -> None:
    """Turn a benchmark's source rows into items.

    Example: medeval items --benchmark medqa --source test.jsonl --out medqa.parquet
    """
    from medeval.items.make import make_items

    given = {name: value for name, value in options.items() if value is not None}
    click.echo(make_items(benchmark, sources, out, expected=expected, command=command_line(), options=given))
