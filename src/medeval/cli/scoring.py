"""The command from responses to scores."""

import os
from pathlib import Path

import click

from medeval.cli.common import FILE, command_line


@click.command()
@click.option(
    "--items",
    "items_paths",
    required=True,
    multiple=True,
    type=FILE,
    help="Items: ours, or any Parquet table of questions; several times.",
)
@click.option("--responses", required=True, type=FILE, help="Responses: ours, or any Parquet table with texts.")
@click.option("--out", required=True, type=FILE, help="Scores table to write.")
@click.option("--account", type=FILE, help="JSON file for the whole account, of which the terminal shows a part.")
@click.option("--model", help="Name of the model, for a table that does not say it.")
@click.option("--variant", help="Name of the weights file's variant, likewise.")
@click.option("--target", help="What the model ran on, likewise.")
@click.option(
    "--match",
    type=click.Choice(["item_id", "source_id", "source_row"]),
    help="The items' column that `item_id` of a table of others names.  [default: item_id]",
)
@click.option(
    "--reasoning",
    help="Marks of reasoning in a table of others, as JSON; none reads texts whole.  [default: well-known marks]",
)
@click.option(
    "--processes", type=click.IntRange(1), help="Processes that read the answers of a large table.  [default: cores]"
)
def score(
    items_paths: tuple[Path, ...],
    responses: Path,
    out: Path,
    account: Path | None,
    model: str | None,
    variant: str | None,
    target: str | None,
    match: str | None,
    reasoning: str | None,
    processes: int | None,
) -> None:
    """Read the answers in stored responses and score them; costs no tokens.

    Example: medeval score --items medqa.parquet --responses responses.parquet --out scores.parquet
    """
    from medeval.cli.exchange import stated_by
    from medeval.records.files import refuse_to_replace, write_json
    from medeval.scores.account import account_of, shown
    from medeval.scores.stream import score_files

    if account:
        refuse_to_replace(account, [*items_paths, responses, out])
    stated = stated_by(model, variant, target, match, reasoning)
    found = score_files(
        items_paths,
        responses,
        out,
        command=command_line(),
        stated=stated,
        processes=processes or os.cpu_count() or 1,
    )
    for note in found.notes:
        click.echo(f"note: {note}")
    document = account_of(out, items_paths)
    if account:
        write_json(account, document)
    click.echo(f"{out}: " + ", ".join(f"{count} {status}" for status, count in found.statuses.items()))
    click.echo(shown(document))
