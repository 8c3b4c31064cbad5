"""What the items of an audit cost: a forecast of a whole run, cut down to the items that will be needed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medeval.publication.publication import Publication
from medeval.records.files import read_json
from medeval.run.config import RunConfig
from medeval.run.forecast import Forecast, forecasts
from medeval.verdicts.audit.plan import NoProspect, Prospect
from medeval.verdicts.audit.questions import Question, run_benchmark


@dataclass(frozen=True)
class Cost:
    """Tokens and time of one system's share of an audit.

    Attributes:
        system: MODEL/VARIANT.
        target: Where it runs.
        prompt_tokens: Tokens read.
        reply_tokens: Tokens generated.
        seconds: Time, one benchmark after the other; not a number where no speed was measured.
        basis: Where the speed and the reply length are from.
    """

    system: str
    target: str
    prompt_tokens: float
    reply_tokens: float
    seconds: float
    basis: str


def costs(
    question: Question, items_of: Mapping[str, float], systems: Mapping[str, str], forecasts: Iterable[Forecast]
) -> list[Cost]:
    """Return what the systems of a question cost; those without a forecast are left out.

    Args:
        question: What is asked.
        items_of: Items per system that the audit needs, by benchmark.
        systems: Published name -> MODEL/VARIANT.
        forecasts: The forecasts of the whole run, whose tokens and times grow with the number of items.
    """
    wanted = {systems.get(name) for name in (question.a, question.b) if name is not None}
    # A run has HealthBench as one benchmark, whatever subsets its table holds.
    needed: dict[str, float] = {}
    for name, items in items_of.items():
        benchmark = run_benchmark(name)
        needed[benchmark] = needed.get(benchmark, 0.0) + items
    found = []
    for forecast in forecasts:
        system = f"{forecast.model}/{forecast.variant}"
        if system not in wanted:
            continue
        parts = [(work, needed[work.benchmark] / work.items) for work in forecast.work if work.benchmark in needed]
        found.append(
            Cost(
                system=system,
                target=forecast.target,
                prompt_tokens=sum(share * work.prompt_tokens for work, share in parts),
                reply_tokens=sum(share * work.reply_tokens for work, share in parts),
                seconds=sum(share * work.seconds(forecast.speed) for work, share in parts),
                basis=f"speed {forecast.speed.basis}; replies {forecast.reply_basis}",
            )
        )
    return found


def all_costs(
    run: RunConfig,
    publication: Publication,
    found: Sequence[Prospect | NoProspect],
    speed_from: Path | None,
    reply_tokens: float | None,
) -> dict[tuple[str, int], list[Cost]]:
    """Return what every plan costs, by claim and part, on every target that llama.cpp runs.

    Args:
        run: The run.
        publication: Its publication.
        found: The plans.
        speed_from: A probe on this machine, for its target; others take the probes among the run's results.
        reply_tokens: Tokens of a reply; None takes the published mean, or else the limit.
    """
    known: list[Forecast] = []
    # An audit asks in the mode alone that decides claims.
    protocol = run.protocol.model_copy(update={"modes": [run.protocol.headline]})
    for target in run.targets:
        one = run.model_copy(update={"targets": [target], "protocol": protocol})
        reference = _probe_of(run, target, speed_from)
        projected = forecasts(one, publication, reply_tokens=reply_tokens, reference=reference, tokens_suffice=True)
        known += [forecast for forecast in projected if isinstance(forecast, Forecast)]
    systems = run.published_subjects()
    return {
        (entry.question.claim, entry.question.part): costs(entry.question, entry.items_of, systems, known)
        for entry in found
        if isinstance(entry, Prospect)
    }


def _probe_of(run: RunConfig, target: str, given: Path | None) -> Path | None:
    """Return a probe of a target: the one given, or else the first among the run's results."""
    if given is not None and read_json(given).get("target") == target:
        return given
    return next(iter(sorted((Path("results") / run.name / "probes").glob(f"*/*/{target}.json"))), None)
