"""What the items of an audit cost: a forecast of a whole run, cut down to the items that will be needed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from medeval.audit.questions import Question, conversation_subset
from medeval.audit.units import SUBSETS
from medeval.forecast import Forecast


@dataclass(frozen=True)
class Cost:
    """Tokens and time of one system's share of an audit.

    Attributes:
        system: MODEL/VARIANT.
        target: Where it runs.
        prompt_tokens: Tokens read.
        reply_tokens: Tokens generated.
        seconds: Time, one benchmark after the other.
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
        benchmark = SUBSETS["main"] if conversation_subset(name) else name
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
