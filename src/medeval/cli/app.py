"""The command line: one command per stage. Each parses its arguments, calls one function and prints."""

import faulthandler
import logging
import sys
from typing import Any

import click

from medeval import __version__
from medeval.cli import (
    agreement,
    audit,
    configuration,
    contamination,
    coverage,
    data,
    evaluation,
    exchange,
    healthbench,
    hub,
    judge,
    planning,
    results,
    scoring,
    weights,
)
from medeval.errors import MedevalError


class _Group(click.Group):
    """Keeps commands in the order of the line, shows each with its example, and prints user errors as one message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            for command in self.commands.values():
                summary, _, example = " ".join((command.help or "").split()).partition(" Example: ")
                formatter.write_text(f"{command.name}: {summary.split('. ')[0].rstrip('.')}.")
                with formatter.indentation():
                    formatter.write_text(example)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MedevalError as error:
            click.echo(f"medeval: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_Group, context_settings={"max_content_width": 110})
@click.version_option(__version__)
@click.option("-v", "--verbose", is_flag=True, help="Log every step.")
def main(verbose: bool) -> None:
    """Does a published claim about a medical language model reproduce?

    Each command is one stage of the line claim -> items -> responses -> scores -> verdicts, and one
    Snakemake rule. Run the whole line with `snakemake`, or a single stage by hand.
    """
    faulthandler.enable(sys.__stderr__ or sys.stderr)  # an engine that crashes says where in the job's log
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    for name in ("urllib3", "matplotlib", "filelock", "asyncio", "httpx", "alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lm_eval").setLevel(logging.ERROR)  # its warnings are about options that we set on purpose


# In the order of the line, which is also the order of the help text.
for command in (
    configuration.desk_audit,
    configuration.check,
    hub.lock,
    data.fetch,
    hub.mirror,
    weights.convert,
    weights.imatrix,
    weights.quantize,
    weights.inspect,
    weights.gguf,
    data.items,
    coverage.coverage,
    contamination.contamination,
    contamination.overlap,
    planning.plan,
    planning.probe,
    evaluation.evaluate,
    evaluation.merge,
    exchange.import_responses,
    scoring.score,
    exchange.export,
    healthbench.grade,
    healthbench.healthbench,
    judge.judge,
    agreement.agree,
    results.compare,
    results.verdict,
    audit.audit,
    results.report,
    results.track,
    configuration.schema,
    configuration.demo,
):
    main.add_command(command)
