"""Commands of a risk-limiting audit: plan, order, run, status."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from medeval.cli.common import FILE, FOLDER, command_line, json_object
from medeval.errors import MedevalError

if TYPE_CHECKING:
    from medeval.run.config import RunConfig
    from medeval.verdicts.audit.document import Audited

_RISK = click.FloatRange(0, 0.5, min_open=True)
_DEFAULT_RISK = 0.05


@click.group()
def audit() -> None:
    """Decide claims on as few items as a stated risk allows, in a random order fixed in advance.

    Example: medeval audit plan config/medpsy.yaml --claim c04
    """


@audit.command("plan")
@click.argument("config", type=FILE)
@click.argument("items", nargs=-1, type=FILE)
@click.option("--risk", type=_RISK, help="Chance of a wrong verdict on a claim.  [default: the run's, or 0.05]")
@click.option("--claim", "claims", multiple=True, help="Claim to plan; several times.  [default: the run's, or all]")
@click.option("--budget", type=click.IntRange(min=1), help="Items per system that may be spent.  [default: the run's]")
@click.option("--correlation", type=click.FloatRange(-1, 1), help="Latent correlation of two systems' scores.")
@click.option("--audits", default=200, show_default=True, type=click.IntRange(min=2), help="Audits to simulate.")
@click.option("--seed", default=20260101, show_default=True, help="Seed of the simulation.")
@click.option("--speed-from", type=FILE, help="Probe on this machine.  [default: those of the run]")
@click.option("--reply-tokens", type=float, help="Mean tokens of a reply.  [default: as published, or the limit]")
@click.option("--out", type=FILE, help="JSON file to write as well.")
def audit_plan(
    config: Path,
    items: tuple[Path, ...],
    risk: float | None,
    claims: tuple[str, ...],
    budget: int | None,
    correlation: float | None,
    audits: int,
    seed: int,
    speed_from: Path | None,
    reply_tokens: float | None,
    out: Path | None,
) -> None:
    """Say what an audit will probably take, before anything is run; ITEMS replace the published item counts.

    Example: medeval audit plan config/medpsy.yaml --claim c04 --budget 450
    """
    from medeval.publication.publication import load_publication
    from medeval.records.files import write_json
    from medeval.run.config import load_run
    from medeval.verdicts.audit.cost import all_costs
    from medeval.verdicts.audit.plan import prospects
    from medeval.verdicts.audit.show import plan_document, prospect_lines
    from medeval.verdicts.audit.terms import check_claims
    from medeval.verdicts.audit.units import read_units

    run = load_run(config)
    publication = load_publication(run.claims)
    level, chosen = _terms(run, risk, claims)
    check_claims(publication, chosen, "--claim")
    found = prospects(
        publication,
        read_units(items),
        risk=level,
        claims=chosen,
        budget=budget or (run.audit.max_items if run.audit else None),
        correlation=correlation,
        audits=audits,
        seed=seed,
    )
    costs = all_costs(run, publication, found, speed_from, reply_tokens)
    if out:
        write_json(out, plan_document(found, level, costs) | {"audits": audits, "seed": seed})
    click.echo("\n".join(prospect_lines(found, level, costs)))


@audit.command("order")
@click.argument("items", nargs=-1, required=True, type=FILE)
@click.option("--seed", help="Public seed, chosen after claims and items were fixed.")
@click.option("--config", help="Run whose audit section gives seed and terms: a file, or JSON.")
@click.option("--out", type=FILE, help="Record to write, and to publish before the first response.")
@click.option("--check", type=FILE, help="Record to verify against the items.")
@click.option("--rounds", type=click.IntRange(min=1), help="Write the items of the first rounds as tables.")
@click.option("--rounds-to", type=FOLDER, help="Folder for them.")
def audit_order(
    items: tuple[Path, ...],
    seed: str | None,
    config: str | None,
    out: Path | None,
    check: Path | None,
    rounds: int | None,
    rounds_to: Path | None,
) -> None:
    """Fix the order of the items from a public seed, or verify one; ITEMS are items and conversations tables.

    Example: medeval audit order results/demo/items/medqa.parquet --seed 31415926 --out order.json
    """
    from medeval.publication.publication import load_publication
    from medeval.run.audited import settings_of
    from medeval.verdicts.audit.order import draw_order, read_order, write_order
    from medeval.verdicts.audit.rounds import write_rounds
    from medeval.verdicts.audit.terms import terms_of
    from medeval.verdicts.audit.units import read_units

    if [seed, config, check].count(None) != 2:
        raise MedevalError(
            "expected one of --seed, --config and --check",
            "Draw an order with --seed or --config, verify one with --check.",
        )
    record = check or out
    if (rounds is None) != (rounds_to is None) or (rounds is not None and record is None):
        raise MedevalError("--rounds needs --rounds-to and a record", "Give --rounds-to, and --out or --check.")
    units = read_units(items)
    run = _run_of(config) if config else None
    order = read_order(check, units) if check else draw_order(units, settings_of(run).seed if run else seed or "")
    if out:
        write_order(out, order, terms_of(run, load_publication(run.claims)) if run else None)
    counts = ", ".join(f"{name} {len(part):,}" for name, part in order.units.items())
    click.echo(f"{'verified: ' if check else ''}{counts} units in the order of seed {order.seed}")
    click.echo(f"commitment {order.commitment}")
    if rounds and rounds_to and record:
        for path, count in write_rounds(items, order, record, rounds, rounds_to, command=command_line()):
            click.echo(f"{path}: {count} items of the first {rounds} rounds")


@audit.command("status")
@click.argument("config", type=FILE)
@click.argument("tables", nargs=-1, type=FILE)
@click.option("--order", "order_path", type=FILE, help="The record of the order.")
@click.option("--risk", type=_RISK, help="Chance of a wrong verdict on a claim.  [default: the run's, or 0.05]")
@click.option("--claim", "claims", multiple=True, help="Claim to judge; several times.  [default: the run's, or all]")
@click.option("--target", help="Judge the replies of this target; needed when the tables hold several.")
@click.option("--plot", type=FILE, help="SVG file to draw how the interval of each part closed in.")
@click.option("--out", type=FILE, help="JSON file to write as well.")
def audit_status(
    config: Path,
    tables: tuple[Path, ...],
    order_path: Path | None,
    risk: float | None,
    claims: tuple[str, ...],
    target: str | None,
    plot: Path | None,
    out: Path | None,
) -> None:
    """Judge an audit by the rounds answered so far; TABLES are items, conversations, scores and grades.

    Without TABLES, those of the run's own audit are read, which `snakemake audit` keeps in results/NAME/audit.

    Example: medeval audit status config/medpsy.yaml --order order.json --claim c04 items/*.parquet scores/*.parquet
    """
    from medeval.report.audit_trace import write_drawing
    from medeval.run.config import load_run
    from medeval.verdicts.audit import document
    from medeval.verdicts.audit.show import status_lines
    from medeval.verdicts.audit.terms import check_claims

    run = load_run(config)
    if (order_path is None) != (not tables):
        raise MedevalError(
            "--order and TABLES belong together", "Give both, or neither for the audit that `snakemake audit` keeps."
        )
    level, chosen = _terms(run, risk, claims)
    state = _audit_of_tables(run, tables, order_path, level, target) if order_path else _audit_of_run(run, level)
    check_claims(state.publication, chosen, "--claim")
    parts = document.audit_parts(state, chosen)
    status = document.audit_status(state, parts)
    if out:
        status.write(out)
    if plot:
        write_drawing(plot, state, parts)
    click.echo("\n".join(status_lines(status)))


@audit.command("run")
@click.option("--config", required=True, help="The run: a file, or JSON.")
@click.option("--order", required=True, type=FILE, help="Record of the order, by `medeval audit order --config`.")
@click.option("--out", required=True, type=FILE, help="State of the audit at its end, to write.")
@click.argument("items", nargs=-1, required=True, type=FILE)
def audit_run(config: str, order: Path, out: Path, items: tuple[Path, ...]) -> None:
    """Ask and judge until every claim is decided or the budget ends; ITEMS are the run's items and conversations.

    The rule `audit` of the workflow calls it, once weights are there. An interrupted call continues.

    Example: medeval audit run --config config/demo.yaml --order order.json --out audit.json results/demo/items/*
    """
    from medeval.verdicts.audit.conduct import Site, conduct
    from medeval.verdicts.audit.show import look_line, status_lines

    run = _run_of(config)
    # The run itself is in the record of the order; the command names it only.
    command = f"medeval audit run --config {run.name} --order {order} --out {out}"
    site = Site(run, Path("results") / run.name, order, items, command)
    status = conduct(site, say=lambda state: click.echo(look_line(state)))
    status.write(out)
    click.echo("\n".join(["", *status_lines(status)]))


@audit.command("answer")
@click.option("--config", required=True, help="The run: a file, or JSON.")
@click.option("--results", required=True, type=FOLDER, help="The run's results folder.")
@click.option("--system", required=True, help="MODEL/VARIANT.")
@click.argument("batches", nargs=-1, required=True, type=FOLDER)
def audit_answer(config: str, results: Path, system: str, batches: tuple[Path, ...]) -> None:
    """Let a system answer batches of an audit, loading its weights once; `medeval audit run` calls it.

    Example: medeval audit answer --config config/demo.yaml --results results/demo --system smollm2/f16 FOLDER
    """
    from medeval.run.audited import target_of
    from medeval.verdicts.audit.asking import answer, settings_of

    run = _run_of(config)
    command = f"medeval audit answer --config {run.name} --results {results} --system {system}"
    settings = settings_of(run, results, system, target_of(run))
    answer(settings, [(batch / "items.parquet", batch / "responses.parquet") for batch in batches], command=command)


def _run_of(text: str) -> "RunConfig":
    """Read a run: a file, or JSON as the workflow gives it."""
    from medeval.run.config import from_mapping, load_run

    return (
        from_mapping(json_object("--config", text), Path("--config")) if text.startswith("{") else load_run(Path(text))
    )


def _audit_of_tables(
    run: "RunConfig", paths: Sequence[Path], order_path: Path, risk: float, target: str | None
) -> "Audited":
    from medeval.publication.publication import load_publication
    from medeval.records.inputs import by_kind
    from medeval.verdicts.audit.answers import read_answers
    from medeval.verdicts.audit.document import Audited
    from medeval.verdicts.audit.order import read_order
    from medeval.verdicts.audit.terms import check_terms
    from medeval.verdicts.audit.units import read_units

    kinds = by_kind(paths)
    check_terms(order_path, risk)
    order = read_order(order_path, read_units([*kinds["items"], *kinds["conversations"]]))
    answers = read_answers(kinds["scores"], kinds["grades"], mode=run.protocol.headline, target=target)
    credible = run.judge is not None and run.judge.credible
    return Audited(load_publication(run.claims), order, answers, run.published_subjects(), risk, credible)


def _audit_of_run(run: "RunConfig", risk: float) -> "Audited":
    from medeval.run.plan import Plan
    from medeval.verdicts.audit.conduct import Site, state_of
    from medeval.verdicts.audit.terms import check_terms

    results = Path("results") / run.name
    plan, order = Plan(run, results), results / "audit" / "order.json"
    check_terms(order, risk)
    return state_of(
        Site(run, results, order, [Path(p) for p in (*plan.items(), *plan.conversations())], command_line())
    )


def _terms(run: "RunConfig", risk: float | None, claims: tuple[str, ...]) -> tuple[float, tuple[str, ...]]:
    """Return risk and claims: as given, or else the run's own."""
    if run.audit is None:
        return risk or _DEFAULT_RISK, claims
    return risk or run.audit.risk, claims or tuple(run.audit.claims)
