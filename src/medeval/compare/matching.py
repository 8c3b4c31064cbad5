"""Which systems, benchmarks and items can be compared, and why the others cannot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from medeval.compare.item_scores import ItemScores
from medeval.compare.system import System


@dataclass(frozen=True)
class Match:
    """Two systems in one mode, on the benchmarks of which both have scored the same items.

    Attributes:
        a: A's scores, one entry per benchmark.
        b: B's, of the same benchmarks in the same order.
        not_compared: What is left out, as entries of the document: the pair, the mode, the benchmark
            (null when there is none at all) and the reason.
    """

    a: list[ItemScores]
    b: list[ItemScores]
    not_compared: list[dict[str, Any]]


def pairs_of(systems: Sequence[System], references: Sequence[str]) -> Iterator[tuple[System, System]]:
    """Yield the pairs worth comparing, the reference first.

    These are: a model's reference against its other variants on the same target, the references of
    two models on the same target, and the same weights on two targets.
    """
    for one, two in combinations(systems, 2):
        first, second = (f"{s.model}/{s.variant}" in references for s in (one, two))
        same_weights = (one.model, one.variant) == (two.model, two.variant)
        same_target = one.target == two.target
        if same_weights or (same_target and first and (second or one.model == two.model)):
            yield one, two
        elif same_target and second and one.model == two.model:
            yield two, one


def select(scores: Sequence[ItemScores], system: System, mode: str) -> list[ItemScores]:
    """Return the scores of one system in one mode."""
    return [part for part in scores if part.system == system and part.mode == mode]


def match(scores: Sequence[ItemScores], a: System, b: System, mode: str) -> Match:
    """Return what two systems can be compared on in one mode."""
    of_a, of_b = ({part.benchmark: part for part in select(scores, system, mode)} for system in (a, b))
    shared, reasons = [], {}
    for benchmark in {**of_a, **of_b}:
        if benchmark not in of_a or benchmark not in of_b:
            reasons[benchmark] = f"only {a if benchmark in of_a else b} was scored"
        elif not of_a[benchmark].frame.index.isin(of_b[benchmark].frame.index).any():
            reasons[benchmark] = "the two share no item"
        else:
            shared.append(benchmark)
    names = {"a": vars(a), "b": vars(b), "mode": mode}
    left_out: list[dict[str, Any]] = [{**names, "benchmark": key, "reason": text} for key, text in reasons.items()]
    if not shared:
        left_out.append({**names, "benchmark": None, "reason": "the two share no scored item in this mode"})
    return Match([of_a[name] for name in shared], [of_b[name] for name in shared], left_out)
