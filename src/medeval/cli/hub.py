"""Commands about the hub: lock, mirror."""

from pathlib import Path

import click

from medeval.cli.common import FILE


@click.command()
@click.argument("config", type=FILE)
@click.option("--update", is_flag=True, help="Move revisions that the configuration does not pin to the present ones.")
def lock(config: Path, update: bool) -> None:
    """Resolve a run's hub files to commit, size and SHA-256. What is pinned stays; what is unknown is filled in.

    Example: medeval lock config/medpsy.yaml
    """
    from medeval.hub.locking import lock_run
    from medeval.run.config import load_run

    for line in lock_run(load_run(config, with_lock=False), config, update=update):
        click.echo(line)


@click.command()
@click.argument("config", type=FILE)
@click.option("--out", required=True, type=FILE, help="Folder of the mirror.")
def mirror(config: Path, out: Path) -> None:
    """Collect everything a run needs from elsewhere in a folder, for machines without a network.

    Example: medeval mirror config/medpsy.yaml --out mirror
    """
    from medeval.hub.collect import collect
    from medeval.run.config import load_run

    for line in collect(load_run(config), out):
        click.echo(line)
