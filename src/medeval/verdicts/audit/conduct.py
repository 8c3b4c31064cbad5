"""An audit from its first look to its last: ask, judge, and ask more until every claim is decided or the budget ends.

All that an audit knows is on disk: the record of its order, and batches whose tables are written once. Whenever it is
killed, the next call finishes the batches that were begun and goes on.
"""

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medeval.errors import MedevalError
from medeval.publication.publication import Publication, load_publication
from medeval.run.audited import settings_of as audit_of
from medeval.run.audited import target_of
from medeval.run.config import RunConfig
from medeval.run.plan import Plan
from medeval.scores.stream import score_files
from medeval.verdicts.audit.answers import read_answers
from medeval.verdicts.audit.asking import check_unchanged, settings_of
from medeval.verdicts.audit.batches import Batch, Ledger, held
from medeval.verdicts.audit.document import Audited, audit_parts, audit_status
from medeval.verdicts.audit.looks import Spent, next_look
from medeval.verdicts.audit.order import Order, read_order
from medeval.verdicts.audit.status import AuditStatus
from medeval.verdicts.audit.terms import audited_systems, check_terms, terms_of
from medeval.verdicts.audit.units import read_units

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Site:
    """Where an audit is conducted.

    Attributes:
        run: The run, with an audit section.
        results: Its results folder.
        order: The record of the order.
        sources: Items and conversations tables of the run.
        command: The command line, for the records.
    """

    run: RunConfig
    results: Path
    order: Path
    sources: Sequence[Path]
    command: str

    @property
    def folder(self) -> Path:
        """Where the batches are."""
        return self.results / "audit"


# Answers batches of one system.
Ask = Callable[[Site, str, Sequence[Batch]], None]


def conduct(
    site: Site, *, say: Callable[[AuditStatus], None], ask: Ask | None = None, grade: Ask | None = None
) -> AuditStatus:
    """Conduct an audit to its end and return its state as a document.

    Args:
        site: Where.
        say: Told the state after every look.
        ask: Answers batches; by default a process in the target's own environment does.
        grade: Has the judge grade answered batches; by default `medeval grade` does.

    Raises:
        MedevalError: What was asked before is not of this order, or was answered by other weights or settings.
    """
    publication = load_publication(site.run.claims)
    settings = audit_of(site.run)
    check_terms(site.order, settings.risk, terms_of(site.run, publication))
    order = read_order(site.order, read_units(site.sources))
    with held(site.folder):
        ledger = Ledger(site.folder, site.order, {path.stem: path for path in site.sources})
        for system, identity in ledger.identities().items():
            check_unchanged(settings_of(site.run, site.results, system, target_of(site.run)), identity)
        while True:
            _finish(site, ledger, ask or ask_process, grade or grade_process)
            audit = _audit(site, ledger, order, publication)
            parts = audit_parts(audit, settings.claims)
            spent = Spent(ledger.asked(), ledger.seconds())
            still_open = [p.standing for group in parts.values() for p in group if p.is_open and p.standing]
            look = next_look(still_open, order, audit.systems, spent, settings)
            status = audit_status(
                audit,
                parts,
                ended=look.ended or None,
                items={system: spent.of(system) for system in sorted({system for system, _ in spent.items})},
                hours=sum(spent.seconds.values()) / 3600,
            )
            say(status)
            if look.ended:
                return status
            for (system, benchmark), items in sorted(look.items.items()):
                ledger.begin(system, benchmark, items, command=site.command)


def state_of(site: Site) -> Audited:
    """Return the audit that is kept in a run's results, as it stands.

    Raises:
        MedevalError: There is none, or it is of another order.
    """
    ledger = Ledger(site.folder, site.order, {path.stem: path for path in site.sources})
    order = read_order(site.order, read_units(site.sources))
    return _audit(site, ledger, order, load_publication(site.run.claims))


def _audit(site: Site, ledger: Ledger, order: Order, publication: Publication) -> Audited:
    scored = [batch for batch in ledger.batches() if batch.scores.exists()]
    answers = read_answers(
        [batch.scores for batch in scored if not batch.conversations],
        [batch.scores for batch in scored if batch.conversations],
        mode=site.run.protocol.headline,
        target=target_of(site.run) if scored else None,
    )
    credible = site.run.judge is not None and site.run.judge.credible
    return Audited(publication, order, answers, audited_systems(site.run), audit_of(site.run).risk, credible)


def _finish(site: Site, ledger: Ledger, ask: Ask, grade: Ask) -> None:
    """Bring every batch that was begun to its scores."""
    for system, batches in _by_system(batch for batch in ledger.batches() if not batch.responses.exists()).items():
        began = time.monotonic()
        ask(site, system, batches)
        ledger.spend(system, time.monotonic() - began)
    ledger.check_alike()
    for system, batches in _by_system(batch for batch in ledger.batches() if not batch.scores.exists()).items():
        began = time.monotonic()
        for batch in batches:
            if not batch.conversations:
                score_files([batch.items], batch.responses, batch.scores, command=site.command)
        grade(site, system, [batch for batch in batches if batch.conversations])
        ledger.spend(system, time.monotonic() - began)


def _by_system(batches: Iterable[Batch]) -> dict[str, list[Batch]]:
    found: dict[str, list[Batch]] = {}
    for batch in batches:
        found.setdefault(batch.system, []).append(batch)
    return found


def ask_process(site: Site, system: str, batches: Sequence[Batch]) -> None:
    """Answer batches in a process of the target's own environment, which loads the weights once.

    Raises:
        MedevalError: It fails.
    """
    target = target_of(site.run)
    own = Plan(site.run, site.results).program(target)
    _call(
        [str(_program() if own == "medeval" else own), "audit", "answer", "--config", site.run.model_dump_json()],
        ["--system", system, "--results", str(site.results), *(str(batch.folder) for batch in batches)],
        f"{system} on {target} did not answer",
    )


def grade_process(site: Site, system: str, batches: Sequence[Batch]) -> None:
    """Have the judge grade answered batches of conversations.

    Raises:
        MedevalError: It fails.
    """
    judge = site.run.judge
    for batch in batches:
        if judge is None:
            raise MedevalError(f"{batch.folder}: nobody grades these conversations", "Name a `judge` in the run.")
        weights = Plan(site.run, site.results).judge_weights()[:1]  # of several files, the first
        _call(
            [str(_program()), "grade", "--judge", judge.model_dump_json(), *(f"--judge-weights={w}" for w in weights)],
            [
                f"--conversations={batch.items}",
                f"--responses={batch.responses}",
                f"--threads={site.run.engine.threads}",
                f"--out={batch.scores}",
            ],
            f"the replies of {system} were not graded",
        )


def _program() -> Path:
    return Path(sys.executable).with_name("medeval")


def _call(program: list[str], arguments: list[str], problem: str) -> None:
    log.info("%s", " ".join([*program[:3], "...", *arguments]))  # without the configuration
    done = subprocess.run([*program, *arguments], stdout=sys.stderr, check=False)
    if done.returncode:
        raise MedevalError(
            f"{problem} (exit status {done.returncode})", "See the lines above; the same command continues."
        )
