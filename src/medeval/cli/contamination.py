"""Commands that look for traces of the test items, one per detector: contamination."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from medeval.cli.common import FILE
from medeval.contamination.detectors import DETECTORS, Detector, Given, Need

_NEEDS: dict[Need, Callable[..., Any]] = {
    "items": click.option("--items", required=True, type=FILE, help="Items table."),
    "corpus": click.option("--corpus", required=True, multiple=True, type=FILE, help="JSONL or text file; repeatable."),
}


@click.group()
def contamination() -> None:
    """Look for traces of the test items.

    Example: medeval contamination overlap --items medqa.parquet --corpus corpus.jsonl --out overlap.json
    """


def _command(detector: Detector, about: str) -> click.Command:
    def run(out: Path, **given: Any) -> None:
        finding = detector.run(Given(**given))
        finding.write(out)
        click.echo(f"{out}: {finding.summary()}")

    options = [_NEEDS[need] for need in detector.needs]
    for option in reversed([*options, click.option("--out", required=True, type=FILE, help="JSON file to write.")]):
        run = option(run)
    return click.command(detector.name, help=about)(run)


for detector in DETECTORS.values():
    contamination.add_command(_command(detector, detector.about))

# By its own name as well, since it was here before the others.
overlap = _command(DETECTORS["overlap"], DETECTORS["overlap"].about.replace("medeval contamination", "medeval"))
