"""Commands that read other harnesses' files and write results for others: import, export."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from medeval.cli.common import FILE, FOLDER, command_line, section
from medeval.errors import MedevalError

if TYPE_CHECKING:
    from medeval.scores.layout import Stated


@click.command("import")
@click.option("--items", "items_paths", required=True, multiple=True, type=FILE, help="Items table; several times.")
@click.option("--out", required=True, type=FILE, help="Responses table to write.")
@click.option("--model", help="Name of the model; instead of what the files say.")
@click.option("--variant", help="Name of the weights file's variant.")
@click.option("--target", help="What the model ran on.")
@click.option("--benchmark", help="The benchmark that was run, where the items hold several.")
@click.option(
    "--match",
    type=click.Choice(["item_id", "source_id", "source_row"]),
    help="The items' column that the files' id names.  [default: by text; csv: item_id]",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="A column of a CSV by its name there, such as text=output; of a log item_id=FIELD only.",
)
@click.option(
    "--reasoning",
    help="Marks of reasoning in the replies, as JSON; none reads texts whole.  [default: well-known marks]",
)
@click.option("--first-sample", default=0, show_default=True, help="Number of the first reply to an item in a log.")
@click.option("--skip-unknown", is_flag=True, help="Leave out replies that answer no item, and count them.")
@click.argument("format_", metavar="{lm-eval|inspect|csv}", type=click.Choice(["lm-eval", "inspect", "csv"]))
@click.argument("files", nargs=-1, required=True, type=FILE)
def import_responses(
    format_: str,
    items_paths: tuple[Path, ...],
    out: Path,
    model: str | None,
    variant: str | None,
    target: str | None,
    benchmark: str | None,
    match: str | None,
    columns: tuple[str, ...],
    reasoning: str | None,
    first_sample: int,
    skip_unknown: bool,
    files: tuple[Path, ...],
) -> None:
    """Make a responses table of what lm-eval, Inspect or a CSV file recorded.

    Example: medeval import lm-eval --items medqa.parquet --out responses.parquet
    samples_medqa_4options_2026-01-01T00-00-00.000000.jsonl
    """
    from medeval.scores.imports.importing import FORMATS, Import
    from medeval.scores.imports.importing import import_responses as run

    settings = Import(
        format=FORMATS[FORMATS.index(format_)],
        stated=stated_by(model, variant, target, match, reasoning),
        benchmark=benchmark,
        columns=_mapping("--column", columns),
        first_sample=first_sample,
        skip_unknown=skip_unknown,
    )
    found = run(files, items_paths, out, settings, command=command_line())
    for note in found.notes:
        click.echo(f"note: {note}")
    click.echo(f"{out}: {found.responses} responses")


@click.command()
@click.argument("format_", metavar="{every-eval-ever}", type=click.Choice(["every-eval-ever"]))
@click.option("--scores", "scores_path", required=True, type=FILE, help="Scores table.")
@click.option("--items", "items_paths", required=True, multiple=True, type=FILE, help="Items table; several times.")
@click.option(
    "--responses", type=FILE, help="The responses behind the scores: adds a line for each, with its question."
)
@click.option("--out", required=True, type=FOLDER, help="Folder to write in.")
@click.option("--organization", required=True, help="Who publishes the results.")
@click.option(
    "--relationship",
    required=True,
    type=click.Choice(["first_party", "third_party", "collaborative", "other"]),
    help="Of the publisher to the model's developer.",
)
@click.option("--model-id", "model_ids", multiple=True, metavar="MODEL=ORG/NAME", help="The model's id on the hub.")
@click.option(
    "--availability",
    default="unknown",
    show_default=True,
    type=click.Choice(["open_weights", "closed_weights", "unknown"]),
    help="Of the model's weights.",
)
@click.option("--retrieved", type=int, help="When the record is made, in seconds since 1970.  [default: now]")
def export(
    format_: str,
    scores_path: Path,
    items_paths: tuple[Path, ...],
    responses: Path | None,
    out: Path,
    organization: str,
    relationship: str,
    model_ids: tuple[str, ...],
    availability: str,
    retrieved: int | None,
) -> None:
    """Write scores in the format of a public collection of results.

    Example: medeval export every-eval-ever --scores scores.parquet --items medqa.parquet --out shared
    --organization "Our Institute" --relationship third_party --model-id medpsy-4b=qvac/MedPsy-4B
    """
    from medeval.report.export.every_eval_ever import ResultsPublication
    from medeval.report.export.exporting import export_every_eval_ever

    publication = ResultsPublication(
        organization=organization,
        relationship=relationship,
        model_ids=_mapping("--model-id", model_ids),
        availability=availability,
        retrieved=int(time.time()) if retrieved is None else retrieved,
    )
    for path in export_every_eval_ever(scores_path, items_paths, responses, out, publication):
        click.echo(str(path))


def _mapping(option: str, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if wrong := [value for value, (ours, _, theirs) in zip(values, pairs, strict=True) if not (ours and theirs)]:
        raise MedevalError(f"{option} {wrong[0]}: expected NAME=VALUE", f"Write it as {option} text=output.")
    return {ours: theirs for ours, _, theirs in pairs}


def stated_by(
    model: str | None, variant: str | None, target: str | None, match: str | None, reasoning: str | None
) -> "Stated":
    """Turn the options that describe a table of others into what is stated of it.

    Raises:
        MedevalError: The delimiters of reasoning are not JSON, or not two texts.
    """
    from medeval.run.model import Reasoning
    from medeval.scores.layout import Stated

    as_is = reasoning == "none"
    return Stated(
        model=model,
        variant=variant,
        target=target,
        match=match,
        reasoning=section(Reasoning, "--reasoning", reasoning) if reasoning and not as_is else None,
        texts_as_they_are=as_is,
    )
