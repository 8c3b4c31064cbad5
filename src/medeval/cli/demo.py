"""`medeval demo`: the whole line on the embedded default, with the verdicts at the end."""

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import click

from medeval.run.shipped import CHECKOUT
from medeval.verdicts.document import Verdicts
from medeval.verdicts.table import verdict_table

_RESULTS = Path("results/demo")
_UP_TO_DATE = "Nothing to be done"
_STEPS = re.compile(r"(\d+) of (\d+) steps")


def run_demo(cores: int | None) -> int:
    """Run Snakemake on the project's demo, then print the verdicts and where everything is: in the working directory.

    Returns:
        Snakemake's exit code.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(CHECKOUT / "Snakefile")]
    options = ["--cores", str(cores or "all"), "--quiet", "host", "reason"]
    if not (_RESULTS / "report.html").exists():
        click.echo("Running every stage on a small model: 5 to 10 minutes on 2 cores, once its 93 MB are fetched.")
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    progress = _Progress()
    output = [progress.show(line) for line in process.stdout or ()]
    code = process.wait()
    if any("LockException" in line for line in output):
        click.echo("An earlier run was killed before it could unlock the folder. Once none is running any more:")
        click.echo(f"  {shlex.join(command)} --unlock")
        return code
    if code:
        click.echo(f"The run stopped with an error. Logs of each job: {_RESULTS}/logs. Running again continues.")
        return code
    if any(_UP_TO_DATE in line for line in output):
        click.echo("Everything is up to date: nothing was run.")
    click.echo(verdict_table(Verdicts.read(_RESULTS / "verdicts.json")))
    click.echo(f"report:  {_RESULTS}/report.html")
    click.echo(f"MLflow:  mlflow ui --backend-store-uri sqlite:///{_RESULTS}/mlflow.db")
    return 0


class _Progress:
    """Shows what begins, how many steps are done and about how long the rest takes."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def show(self, line: str) -> str:
        """Print what a person wants to see of one line of Snakemake's output, and return the line."""
        steps = _STEPS.search(line)
        if steps:
            done, total = int(steps[1]), int(steps[2])
            elapsed = time.monotonic() - self._began
            left = elapsed * (total - done) / done
            click.echo(f"  {done} of {total} steps done in {elapsed:.0f} s, about {left:.0f} s left")
        elif line.startswith(("Job ", "localrule ")) and ": " in line:
            click.echo(line.split(": ", 1)[1].rstrip())
        elif re.search(r"error|exception|medeval:|->", line, re.IGNORECASE):
            click.echo(line.rstrip())
        return line
