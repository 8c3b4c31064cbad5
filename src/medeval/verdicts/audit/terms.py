"""What an audit is about, written into the record of its order before the first response."""

from collections.abc import Iterator
from pathlib import Path

from medeval.errors import MedevalError
from medeval.publication.publication import Publication, load_publication
from medeval.run.audited import settings_of, target_of
from medeval.run.config import RunConfig
from medeval.run.plan import Plan
from medeval.verdicts.audit.order import AskedPart, OrderRecord, Terms
from medeval.verdicts.audit.questions import Question, conversation_subset, questions, run_benchmark


def audited_systems(run: RunConfig) -> dict[str, str]:
    """Map published names to MODEL/VARIANT, for what runs on the audit's target."""
    on, found = target_of(run), {}
    for published, system in run.published_subjects().items():
        model, variant = system.split("/")
        if run.model(model).variants[variant].runs_on(on):
            found[published] = system
    return found


def audited_questions(run: RunConfig, publication: Publication) -> Iterator[Question]:
    """Yield the questions that items of this run can decide."""
    settings, systems = settings_of(run), audited_systems(run)
    known = {benchmark.id for benchmark in run.benchmarks}
    credible = run.judge is not None and run.judge.credible
    for entry in questions(publication):
        if isinstance(entry, Question) and (not settings.claims or entry.claim in settings.claims):
            there = all(run_benchmark(name) in known for name in entry.benchmarks)
            judged = credible or not any(conversation_subset(name) for name in entry.benchmarks)
            if there and judged and all(name in systems for name in (entry.a, entry.b) if name is not None):
                yield entry


def needed_files(plan: Plan) -> list[str]:
    """Return what an audit's systems and judge load, and the looks at the device that they need first."""
    run, on = plan.run, target_of(plan.run)
    asked = list(audited_questions(run, load_publication(run.claims)))
    names = audited_systems(run)
    systems = sorted({names[name] for entry in asked for name in (entry.a, entry.b) if name is not None})
    files = [path for system in systems for path in _loaded(plan, system, on)]
    judged = any(conversation_subset(name) for entry in asked for name in entry.benchmarks)
    return [*files, *(path for path in plan.judge_weights() if judged and path not in files)]


def _loaded(plan: Plan, system: str, target: str) -> list[str]:
    model, variant = system.split("/")
    return [*plan.evaluated_files(model, variant, target), *plan.probe(model, variant, target)]


def terms_of(run: RunConfig, publication: Publication) -> Terms:
    """Return the terms of an audit: its risk, and what is asked with the limits.

    Raises:
        MedevalError: The run has no audit section, or it names a claim that is not published.
    """
    settings = settings_of(run)
    check_claims(publication, settings.claims, "audit.claims")
    chosen = [entry for entry in questions(publication) if not settings.claims or entry.claim in settings.claims]
    asked = [entry for entry in chosen if isinstance(entry, Question)]
    parts = (
        AskedPart(claim=one.claim, part=one.part, metric=one.metric, words=one.words, limits=one.limits)
        for one in asked
    )
    return Terms(risk=settings.risk, questions=tuple(parts))


def check_terms(record: Path, risk: float, terms: Terms | None = None) -> None:
    """Raise MedevalError if a record states other terms than these.

    Args:
        record: The record of the order.
        risk: The risk of each claim.
        terms: All terms, which the record has to state; None checks the risk alone, where the record states one.
    """
    stated = OrderRecord.read(record).terms
    different = stated != terms if terms is not None else stated is not None and stated.risk != risk
    if different:
        raise MedevalError(
            f"{record}: states {'no' if stated is None else 'other'} terms (risk, claims, limits) than are asked for",
            "Take the terms that it states; other claims or another risk need an order of their own, with a new seed.",
        )


def check_claims(publication: Publication, claims: tuple[str, ...] | list[str], where: str) -> None:
    """Raise MedevalError unless the publication has all these claims."""
    known = [claim.id for claim in publication.claims]
    if unknown := [name for name in claims if name not in known]:
        raise MedevalError(f"{where}: there is no claim {unknown[0]}", f"Name one of: {', '.join(known)}.")
