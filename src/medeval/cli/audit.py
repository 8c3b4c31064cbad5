"""Commands of a risk-limiting audit: order, plan, status."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from medeval.cli.common import FILE, FOLDER, command_line
from medeval.errors import MedevalError

if TYPE_CHECKING:
    from medeval.audit.cost import Cost
    from medeval.audit.plan import NoProspect, Prospect
    from medeval.config.publication import Publication
    from medeval.config.run import RunConfig

_RISK = click.FloatRange(0, 0.5, min_open=True)


@click.group()
def audit() -> None:
    """Decide claims on as few items as a stated risk allows, in a random order fixed in advance.

    Example: medeval audit plan config/medpsy.yaml --claim c04
    """


@audit.command("plan")
@click.argument("config", type=FILE)
@click.argument("items", nargs=-1, type=FILE)
@click.option("--risk", default=0.05, show_default=True, type=_RISK, help="Chance of a wrong verdict on a claim.")
@click.option("--claim", "claims", multiple=True, help="Claim to plan; give several times; all by default.")
@click.option("--budget", type=click.IntRange(min=1), help="Items per system that may be spent.")
@click.option("--correlation", type=click.FloatRange(-1, 1), help="Latent correlation of two systems' scores.")
@click.option("--audits", default=200, show_default=True, type=click.IntRange(min=2), help="Audits to simulate.")
@click.option("--seed", default=20260101, show_default=True, help="Seed of the simulation.")
@click.option("--speed-from", type=FILE, help="Probe on this machine: adds tokens and hours.")
@click.option("--reply-tokens", type=float, help="Mean tokens of a reply, for the hours.")
@click.option("--out", type=FILE, help="JSON file to write as well.")
def audit_plan(
    config: Path,
    items: tuple[Path, ...],
    risk: float,
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
    from medeval.audit.plan import prospects
    from medeval.audit.show import prospect_lines
    from medeval.audit.units import read_units
    from medeval.compare.document import as_json
    from medeval.config.publication import load_publication
    from medeval.config.run import load_run
    from medeval.files import write_json

    run = load_run(config)
    publication = load_publication(run.claims)
    _check_claims(publication, claims)
    found = prospects(
        publication,
        read_units(items),
        risk=risk,
        claims=claims,
        budget=budget,
        correlation=correlation,
        audits=audits,
        seed=seed,
    )
    costs = _costs(run, publication, found, speed_from, reply_tokens) if speed_from else {}
    if out:
        plans = [{"claim": p.question.claim, "part": p.question.part, **as_json(p)} for p in found]
        for entry in plans:
            entry["costs"] = as_json(costs.get((entry["claim"], entry["part"]), []))
        write_json(out, {"schema": "audit-plan.v1", "risk": risk, "audits": audits, "seed": seed, "plans": plans})
    click.echo("\n".join(prospect_lines(found, risk, costs)))


@audit.command("order")
@click.argument("items", nargs=-1, required=True, type=FILE)
@click.option("--seed", help="Public seed, chosen after claim and items were fixed; needed unless --check is given.")
@click.option("--out", type=FILE, help="Record to write, and to publish before the first response.")
@click.option("--check", type=FILE, help="Record to verify against the items.")
@click.option("--rounds", type=click.IntRange(min=1), help="Write the items of the first rounds as tables.")
@click.option("--rounds-to", type=FOLDER, help="Folder for them.")
def audit_order(
    items: tuple[Path, ...],
    seed: str | None,
    out: Path | None,
    check: Path | None,
    rounds: int | None,
    rounds_to: Path | None,
) -> None:
    """Fix the order of the items from a public seed, or verify one; ITEMS are items and conversations tables.

    Example: medeval audit order results/demo/items/medqa.parquet --seed 31415926 --out order.json
    """
    from medeval.audit.order import draw_order, read_order, write_order
    from medeval.audit.rounds import write_rounds
    from medeval.audit.units import read_units

    if (seed is None) == (check is None):
        raise MedevalError("expected either --seed or --check", "Draw an order with --seed, verify one with --check.")
    record = check or out
    if (rounds is None) != (rounds_to is None) or (rounds is not None and record is None):
        raise MedevalError("--rounds needs --rounds-to and a record", "Give --rounds-to, and --out or --check.")
    units = read_units(items)
    order = read_order(check, units) if check else draw_order(units, seed or "")
    if out:
        write_order(out, order)
    counts = ", ".join(f"{name} {len(part):,}" for name, part in order.units.items())
    click.echo(f"{'verified: ' if check else ''}{counts} units in the order of seed {order.seed}")
    click.echo(f"commitment {order.commitment}")
    if rounds and rounds_to and record:
        for path, count in write_rounds(items, order, record, rounds, rounds_to, command=command_line()):
            click.echo(f"{path}: {count} items of the first {rounds} rounds")


@audit.command("status")
@click.argument("config", type=FILE)
@click.argument("tables", nargs=-1, required=True, type=FILE)
@click.option("--order", "order_path", required=True, type=FILE, help="The record that `medeval audit order` wrote.")
@click.option("--risk", default=0.05, show_default=True, type=_RISK, help="Chance of a wrong verdict on a claim.")
@click.option("--claim", "claims", multiple=True, help="Claim to judge; give several times; all by default.")
@click.option("--target", help="Judge the replies of this target; needed when the tables hold several.")
@click.option("--out", type=FILE, help="JSON file to write as well.")
def audit_status(
    config: Path,
    tables: tuple[Path, ...],
    order_path: Path,
    risk: float,
    claims: tuple[str, ...],
    target: str | None,
    out: Path | None,
) -> None:
    """Judge an audit by the rounds answered so far; TABLES are items, conversations, scores and grades.

    Example: medeval audit status config/medpsy.yaml --order order.json --claim c04 items/*.parquet scores/*.parquet
    """
    from medeval.audit.answers import read_answers
    from medeval.audit.document import Audit, audit_document
    from medeval.audit.order import read_order
    from medeval.audit.show import status_lines
    from medeval.audit.units import read_units
    from medeval.compare.inputs import by_kind
    from medeval.config.publication import load_publication
    from medeval.config.run import load_run
    from medeval.files import write_json

    run = load_run(config)
    publication = load_publication(run.claims)
    _check_claims(publication, claims)
    kinds = by_kind(tables)
    order = read_order(order_path, read_units([*kinds["items"], *kinds["conversations"]]))
    answers = read_answers(kinds["scores"], kinds["grades"], mode=run.protocol.headline, target=target)
    credible = run.judge is not None and run.judge.credible
    audited = Audit(publication, order, answers, run.published_subjects(), risk, credible)
    document = audit_document(audited, claims)
    if out:
        write_json(out, document)
    click.echo("\n".join(status_lines(document)))


def _check_claims(publication: "Publication", claims: Sequence[str]) -> None:
    known = [claim.id for claim in publication.claims]
    if unknown := [name for name in claims if name not in known]:
        raise MedevalError(f"--claim {unknown[0]}: no such claim", f"Name one of: {', '.join(known)}.")


def _costs(
    run: "RunConfig",
    publication: "Publication",
    found: "Sequence[Prospect | NoProspect]",
    speed_from: Path,
    reply_tokens: float | None,
) -> "Mapping[tuple[str, int], list[Cost]]":
    from medeval.audit.cost import costs
    from medeval.audit.plan import Prospect
    from medeval.forecast import Forecast, forecasts

    known = [
        forecast
        for forecast in forecasts(run, publication, reply_tokens=reply_tokens, reference=speed_from)
        if isinstance(forecast, Forecast)
    ]
    return {
        (entry.question.claim, entry.question.part): costs(
            entry.question, entry.items_of, run.published_subjects(), known
        )
        for entry in found
        if isinstance(entry, Prospect)
    }
