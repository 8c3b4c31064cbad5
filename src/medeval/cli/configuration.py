"""Commands about configurations and publications: desk-audit, check, schema, demo."""

import sys
from pathlib import Path

import click

from medeval.cli.common import FILE


@click.command("desk-audit")
@click.argument("publication", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def desk_audit(publication: Path, as_json: bool) -> None:
    """Audit a publication's own numbers; needs no model.

    Example: medeval desk-audit config/claims/medpsy.yaml
    """
    from medeval.publication.desk_audit.command import run

    click.echo(run(publication, as_json), nl=False)


@click.command()
@click.argument("config", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the complete configuration as JSON.")
def check(config: Path, as_json: bool) -> None:
    """Validate a run's configuration and print what it will do.

    Example: medeval check config/demo.yaml
    """
    from medeval.run.check import describe_run
    from medeval.run.config import load_run

    run = load_run(config)
    click.echo(run.model_dump_json() if as_json else describe_run(run))


@click.command()
def schema() -> None:
    """Write the JSON schemas of configuration and documents, and the configuration's page, again.

    Example: medeval schema
    """
    from medeval.cli.documentation import write_documentation
    from medeval.run.shipped import CHECKOUT

    for path in write_documentation(CHECKOUT):
        click.echo(str(path))


@click.command()
@click.option("--cores", type=int, help="Cores to use; all when absent.")
def demo(cores: int | None) -> None:
    """Run the whole line on the embedded default and print the verdicts.

    Example: medeval demo
    """
    from medeval.cli.demo import run_demo

    sys.exit(run_demo(cores))
