"""Which systems, benchmarks and items can be compared, and why the others cannot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from medeval.comparisons.document import NotCompared
from medeval.comparisons.item_scores import ItemScores
from medeval.records.system import System

# The name of a publisher's own file begins with this, followed by the name that a file of its type made here has.
PUBLISHED = "published-"


@dataclass(frozen=True)
class Match:
    """Two systems in one mode, on the benchmarks of which both have scored the same items.

    Attributes:
        a: A's scores, one entry per benchmark.
        b: B's, of the same benchmarks in the same order.
        not_compared: What is left out, and why.
    """

    a: list[ItemScores]
    b: list[ItemScores]
    not_compared: list[NotCompared]


def pairs_of(
    systems: Sequence[System], references: Sequence[str], wanted: Sequence[tuple[str, str]] = ()
) -> Iterator[tuple[System, System]]:
    """Yield the pairs worth comparing, the reference first.

    These are: a model's reference against its other variants on the same target, the references of
    two models on the same target, the same weights on two targets, a published file `published-NAME`
    against our own of the same name, and whatever is wanted.

    Args:
        systems: What was measured.
        references: MODEL/VARIANT of each model's reference.
        wanted: Further pairs of MODEL/VARIANT, on each target that has both.
    """
    asked = {frozenset(pair) for pair in wanted}
    for one, two in combinations(systems, 2):
        if one.target != two.target:
            if one.name == two.name:
                yield one, two
            continue
        first, second = (system.name in references for system in (one, two))
        related = one.model == two.model and (first or second or _same_type(one.variant, two.variant))
        if related or (first and second) or {one.name, two.name} in asked:
            yield (two, one) if second and not first else (one, two)


def _same_type(one: str, two: str) -> bool:
    return PUBLISHED in (one.removesuffix(two), two.removesuffix(one))


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
    left_out = [NotCompared(a, b, mode, benchmark, reason) for benchmark, reason in reasons.items()]
    if not shared:
        left_out.append(NotCompared(a, b, mode, None, "the two share no scored item in this mode"))
    return Match([of_a[name] for name in shared], [of_b[name] for name in shared], left_out)
