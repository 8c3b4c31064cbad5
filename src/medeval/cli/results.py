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
    from medeval.comparisons.run import compare as run

    document = run(inputs, out, references=references, headline=headline, margin_points=margin, seed=seed)
    counts = (
        f"{len(document.scores)} scores",
        f"{len(document.comparisons)} comparisons",
        f"{len(document.conversations)} HealthBench scores",
        f"{len(document.conversation_comparisons)} HealthBench comparisons",
    )
    click.echo(f"{out}: {', '.join(counts)}")


@click.command()
@click.argument("weights", nargs=-1, type=FILE)
@click.option("--claims", required=True, type=FILE, help="Publication file.")
@click.option("--comparisons", type=FILE, help="The comparisons document of a run.")
@click.option(
    "--scores",
    multiple=True,
    type=FILE,
    help="Instead: tables of scores, grades, items or conversations, or folders of them.",
)
@click.option("--run", "run_path", type=FILE, help="The run's configuration: what stands for a name, and its protocol.")
@click.option("--subject", "subjects", multiple=True, help="NAME=MODEL/VARIANT for a name in the publication.")
@click.option("--headline", help="With --scores: the mode that decides claims.")
@click.option("--seed", type=int, help="With --scores: seed of the bootstraps.")
@click.option(
    "--other-protocol", "protocols", multiple=True, type=FILE, help="Comparisons of the same systems asked otherwise."
)
@click.option("--credible-judge", is_flag=True, help="The judge's agreement with physicians is established.")
@click.option("--target", help="Decide on this target only; else on each, and a claim has to hold on all of them.")
@click.option("--against", type=FILE, help="Earlier verdicts on the same publication: say what changed since.")
@click.option("--out", required=True, type=FILE, help="JSON file to write.")
@click.pass_context
def verdict(
    context: click.Context,
    weights: tuple[Path, ...],
    claims: Path,
    comparisons: Path | None,
    scores: tuple[Path, ...],
    run_path: Path | None,
    subjects: tuple[str, ...],
    headline: str | None,
    seed: int | None,
    protocols: tuple[Path, ...],
    credible_judge: bool,
    target: str | None,
    against: Path | None,
    out: Path,
) -> None:
    """Decide the claims of a publication, from a run's comparisons or straight from tables of scores.

    With --scores the comparisons that the claims need are made first and written beside the verdicts, as
    OUT.comparisons.json. A system whose name is the published one needs no --subject.

    With --against the exit code is 0 when every verdict is the same as before and 3 when one changed; which, from what
    to what and what went in otherwise is printed. Whatever cannot be used is 2.

    Example: medeval verdict --claims config/claims/demo.yaml --scores results/demo/scores
    --scores results/demo/items --run config/demo.yaml --out verdicts.json
    """
    from medeval.publication.publication import load_publication
    from medeval.records.files import refuse_to_replace
    from medeval.run.config import load_run
    from medeval.statistics.estimates import DEFAULT_SEED
    from medeval.verdicts.against import changes, read_earlier
    from medeval.verdicts.run import decide_claims
    from medeval.verdicts.table import verdict_table

    if (comparisons is None) == (not scores):
        raise MedevalError("give either --comparisons or --scores", "The one is made from the other.")
    previous = None
    if against:
        refuse_to_replace(out, [against])
        previous = read_earlier(against, load_publication(claims).title)
    run = load_run(run_path, with_lock=False) if run_path else None
    names = {**(run.published_subjects() if run else {}), **_subjects(subjects)}
    if comparisons is None:
        from medeval.verdicts.measure import measure_claims

        comparisons = out.with_name(f"{out.stem}.comparisons.json")
        refuse_to_replace(comparisons, [against] if against else [])
        measure_claims(
            claims,
            scores,
            names,
            comparisons,
            headline=headline or (run.protocol.headline if run else None),
            margin_points=run.margin_points if run else 1.0,
            seed=seed if seed is not None else run.seed if run else DEFAULT_SEED,
        )
    credible = credible_judge or bool(run and run.judge and run.judge.credible)
    document = decide_claims(
        claims, comparisons, weights, names, out, credible_judge=credible, target=target, protocols=protocols
    )
    click.echo(verdict_table(document))
    if previous:
        found = changes(previous, document)
        click.echo(str(found))
        context.exit(3 if found.verdicts else 0)


def _subjects(options: tuple[str, ...]) -> dict[str, str]:
    if wrong := [subject for subject in options if not re.fullmatch(r".+=[^=/]+/[^=/]+", subject, re.DOTALL)]:
        raise MedevalError(f"--subject {wrong[0]}: expected NAME=MODEL/VARIANT", "Write it as in the example.")
    return dict(subject.rsplit("=", 1) for subject in options)


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
    from medeval.report.tracking import track as run

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
