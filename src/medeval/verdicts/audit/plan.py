"""What an audit will probably take, said before anything is run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medeval.publication.publication import Publication
from medeval.statistics.estimates import DEFAULT_SEED
from medeval.statistics.power import detection_factor
from medeval.statistics.sequential.looks import INSIDE, OPEN, OUTSIDE
from medeval.verdicts.audit.figures import assumptions
from medeval.verdicts.audit.questions import NoQuestion, Question, part_risk, questions
from medeval.verdicts.audit.simulate import Simulated, simulate
from medeval.verdicts.audit.units import Unit

AUDITS = 200


@dataclass(frozen=True)
class Prospect:
    """How audits of one question end, if the published figures are right.

    Attributes:
        question: What is asked.
        items_total: Items that exist.
        median: Items per system until a decision, in half of the audits.
        ninth_decile: The same in nine of ten audits.
        mean: Mean of it.
        items_of: Mean items by benchmark.
        holds: Share of audits that end with the claim holding for their items.
        fails: Share that end with it not holding.
        before_end: Share that end before all items are used.
        within_budget: Share that end within the budget; None without one.
        resolution: Smallest distance from the claim's limits that the items, as a sample of questions of their kind,
            show with 80 % power: a fraction.
        distance: Distance of the stated figure from the nearest limit; None when no figure is stated.
        notes: What was assumed.
    """

    question: Question
    items_total: int
    median: float
    ninth_decile: float
    mean: float
    items_of: Mapping[str, float]
    holds: float
    fails: float
    before_end: float
    within_budget: float | None
    resolution: float
    distance: float | None
    notes: tuple[str, ...]

    @property
    def decidable(self) -> bool:
        """Whether the test sets are large enough for the claim to be about more than their own items."""
        return self.distance is None or self.distance >= self.resolution


@dataclass(frozen=True)
class NoProspect:
    """A question about which nothing can be said beforehand, and why."""

    question: Question | NoQuestion
    reason: str


def prospects(
    publication: Publication,
    units: Mapping[str, Sequence[Unit]],
    *,
    risk: float,
    claims: Iterable[str] = (),
    budget: int | None = None,
    correlation: float | None = None,
    audits: int = AUDITS,
    seed: int = DEFAULT_SEED,
) -> list[Prospect | NoProspect]:
    """Simulate the audit of every claim on populations drawn from the published figures.

    Args:
        publication: Figures and claims.
        units: Units of the benchmarks whose items are at hand, by benchmark.
        risk: Risk of a claim; its parts share it.
        claims: Ids of the claims to plan; none for all.
        budget: Items per system that may be spent.
        correlation: Replaces the assumed latent correlation of two systems.
        audits: Audits simulated per question.
        seed: Seed of the generator.
    """
    wanted = set(claims) or {claim.id for claim in publication.claims}
    chosen = [entry for entry in questions(publication) if entry.claim in wanted]
    found: list[Prospect | NoProspect] = []
    for entry in chosen:
        if isinstance(entry, NoQuestion):
            found.append(NoProspect(entry, entry.reason))
            continue
        given = assumptions(entry, publication, units, correlation)
        if isinstance(given, str):
            found.append(NoProspect(entry, given))
            continue
        level = part_risk(risk, chosen, entry)
        drawn = simulate(given.benchmarks, entry.limits, level, correlation=given.correlation, audits=audits, seed=seed)
        found.append(_prospect(entry, drawn, given.notes, budget))
    return found


def _prospect(question: Question, found: Simulated, notes: tuple[str, ...], budget: int | None) -> Prospect:
    decided = found.outcomes != OPEN
    return Prospect(
        question=question,
        items_total=found.items_total,
        median=float(np.quantile(found.items, 0.5, method="higher")),
        ninth_decile=float(np.quantile(found.items, 0.9, method="higher")),
        mean=float(found.items.mean()),
        items_of=dict(zip(question.benchmarks, found.items_of.mean(axis=0).tolist(), strict=True)),
        holds=float((found.outcomes == INSIDE).mean()),
        fails=float((found.outcomes == OUTSIDE).mean()),
        before_end=float((decided & (found.items < found.items_total)).mean()),
        within_budget=None if budget is None else float((decided & (found.items <= budget)).mean()),
        resolution=detection_factor() * float(np.sqrt(found.variance.mean())),
        distance=question.distance,
        notes=notes,
    )
