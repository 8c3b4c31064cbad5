"""Commands from scores to verdicts and their publication: compare, verdict, report, track."""

import re
from pathlib import Path

import click

from medeval.cli.common import FILE, json_object
from medeval.errors import MedevalError


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=FILE)
@click.option("--reference", "references", required=True, multiple=True, help="MODEL/VARIANT of a model's reference.")
@click.option("--headline", required=True, help="The mode that decides claims.")
@click.option("--margin", default=1.0, show_default=True, help="Tolerated loss in points.")
@click.option("--seed", default=20260101, show_default=True, help="Seed of the bootstraps.")
@click.option("--out", required=True, type=FILE, help="JSON file to write.")
def compare(
    inputs: tuple[Path, ...], references: tuple[str, ...], headline: str, margin: float, seed: int, out: Path
) -> None:
    """Compare variants and models item by item, from score, grade, items and conversations tables.

    Example: medeval compare --reference smollm2/f16 --headline generate --out comparisons.json *.parquet
    """
    from medeval.compare.run import compare as run

    document = run(inputs, out, references=references, headline=headline, margin_points=margin, seed=seed)
    counts = {
        "scores": "scores",
        "comparisons": "comparisons",
        "conversations": "HealthBench scores",
        "conversation_comparisons": "HealthBench comparisons",
    }
    click.echo(f"{out}: {', '.join(f'{len(document[key])} {name}' for key, name in counts.items())}")


@click.command()
@click.argument("weights", nargs=-1, type=FILE)
@click.option("--claims", required=True, type=FILE, help="Publication file.")
@click.option("--comparisons", required=True, type=FILE, help="The comparisons document.")
@click.option("--subject", "subjects", multiple=True, help="NAME=MODEL/VARIANT for a name in the publication.")
@click.option("--credible-judge", is_flag=True, help="The judge's agreement with physicians is established.")
@click.option("--target", help="Decide on this target only; else on each, and a claim has to hold on all of them.")
@click.option("--out", required=True, type=FILE, help="JSON file to write.")
def verdict(
    weights: tuple[Path, ...],
    claims: Path,
    comparisons: Path,
    subjects: tuple[str, ...],
    credible_judge: bool,
    target: str | None,
    out: Path,
) -> None:
    """Decide the claims of a publication.

    Example: medeval verdict --claims config/claims/demo.yaml --comparisons comparisons.json
    --subject smollm2-f16=smollm2/f16 --out verdicts.json
    """
    from medeval.claims.run import decide_claims
    from medeval.claims.table import verdict_table

    if wrong := [subject for subject in subjects if not re.fullmatch(r".+=[^=/]+/[^=/]+", subject)]:
        raise MedevalError(f"--subject {wrong[0]}: expected NAME=MODEL/VARIANT", "Write it as in the example.")
    names = dict(subject.rsplit("=", 1) for subject in subjects)
    document = decide_claims(claims, comparisons, weights, names, out, credible_judge=credible_judge, target=target)
    click.echo(verdict_table(document))


@click.command()
@click.argument("details", nargs=-1, type=FILE)
@click.option("--config", required=True, help="The run's configuration, as JSON.")
@click.option("--comparisons", required=True, type=FILE, help="The comparisons document.")
@click.option("--verdicts", required=True, type=FILE, help="The verdicts document.")
@click.option("--out", required=True, type=FILE, help="HTML file to write.")
def report(details: tuple[Path, ...], config: str, comparisons: Path, verdicts: Path, out: Path) -> None:
    """Write the report: one HTML page that needs no network.

    DETAILS are descriptions of weights files, overlap reports and desk audits (JSON).

    Example: medeval report --config "$(medeval check --json config/demo.yaml)" --comparisons comparisons.json
    --verdicts verdicts.json --out report.html
    """
    from medeval.report.page import write_report

    write_report(json_object("--config", config), comparisons, verdicts, details, out)
    click.echo(str(out))


@click.command()
@click.argument("row_tables", nargs=-1, type=FILE)
@click.option("--experiment", required=True, help="Name of the MLflow experiment.")
@click.option("--store", required=True, type=FILE, help="SQLite file.")
@click.option("--artifacts", required=True, type=FILE, help="Folder for artifacts.")
@click.option("--config", required=True, help="The run's configuration, as JSON.")
@click.option("--comparisons", required=True, type=FILE, help="The comparisons document.")
@click.option("--verdicts", required=True, type=FILE, help="The verdicts document.")
@click.option("--report", "report_path", required=True, type=FILE, help="The HTML report.")
@click.option("--out", required=True, type=FILE, help="JSON file to write.")
def track(
    row_tables: tuple[Path, ...],
    experiment: str,
    store: Path,
    artifacts: Path,
    config: str,
    comparisons: Path,
    verdicts: Path,
    report_path: Path,
    out: Path,
) -> None:
    """Log the results to a local MLflow store.

    Example: medeval track --experiment demo --store mlflow.db --artifacts mlflow-artifacts
    --config "$(medeval check --json config/demo.yaml)" --comparisons comparisons.json --verdicts verdicts.json
    --report report.html --out mlflow.json
    """
    from medeval.tracking import track as run

    document = run(
        experiment=experiment,
        store=store,
        artifacts=artifacts,
        config=json_object("--config", config),
        comparisons_path=comparisons,
        verdicts_path=verdicts,
        report=report_path,
        row_tables=row_tables,
        out=out,
    )
    click.echo(f"{store}: run {document['parent_run']} with {len(document['child_runs'])} child runs")
