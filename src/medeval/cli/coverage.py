"""Command that says what the benchmarks cover: coverage."""

import json
from pathlib import Path

import click

from medeval.cli.common import FILE


@click.command()
@click.argument("tables", nargs=-1, required=True, type=FILE, metavar="ITEMS...")
@click.option("--json", "as_json", is_flag=True, help="Print the whole account as JSON.")
def coverage(tables: tuple[Path, ...], as_json: bool) -> None:
    """Count specialties, near-duplicates and separate items of benchmarks.

    Example: medeval coverage results/items/*.parquet
    """
    from medeval.items.coverage.report import coverage as account_of
    from medeval.items.coverage.report import read_tables
    from medeval.items.coverage.show import render

    account = account_of(read_tables(tables))
    click.echo(json.dumps(account, indent=2, ensure_ascii=False, allow_nan=False) if as_json else render(account))
