"""How many items of each specialty a benchmark has, and whether that is enough to report a score on.

The effective number of strata is exp(-sum of p log p) over the specialties that occur.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from medeval.items.coverage.taxonomy import assign, specialties

INTERVAL_FROM, EXACT_FROM = 30, 10


@dataclass(frozen=True)
class SpecialtyCounts:
    """The specialties of one benchmark.

    Attributes:
        items: Items in all.
        by_specialty: Specialty id -> items, for those that occur.
        broad: Items whose specialty comes from a field that covers more than it.
        unmapped: Reason -> items without a specialty; see `taxonomy.Assignment`.
        unknown_values: Values of the benchmark's field that the mapping table lacks -> items.
    """

    items: int
    by_specialty: Mapping[str, int]
    broad: int = 0
    unmapped: Mapping[str, int] = field(default_factory=dict)
    unknown_values: Mapping[str, int] = field(default_factory=dict)

    @property
    def mapped(self) -> int:
        """Items with a specialty."""
        return sum(self.by_specialty.values())

    @property
    def unmapped_share(self) -> float:
        """Share of the items without a specialty."""
        return 1 - self.mapped / self.items

    @property
    def effective(self) -> float | None:
        """Effective number of strata among the mapped items; None when there are none."""
        return effective_number(self.by_specialty.values()) if self.by_specialty else None


def count_specialties(benchmark: str, strata: Iterable[str]) -> SpecialtyCounts:
    """Return the specialties of a benchmark's items.

    Args:
        benchmark: Benchmark id.
        strata: The value of the benchmark's own field, one per item.
    """
    native = Counter(strata)
    found: Counter[str] = Counter()
    unmapped: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    broad = 0
    for value, count in native.items():
        assignment = assign(benchmark, value)
        if assignment.specialty is not None:
            found[assignment.specialty] += count
            broad += count * (assignment.fit == "broad")
            continue
        unmapped[assignment.fit] += count
        if assignment.fit == "unknown_value":
            unknown[value] += count
    order = [specialty.id for specialty in specialties() if specialty.id in found]
    return SpecialtyCounts(native.total(), {name: found[name] for name in order}, broad, unmapped, unknown)


def effective_number(counts: Iterable[int]) -> float:
    """Return exp(entropy) of the shares that counts make up: k for k equal strata, 1 for a single one."""
    positive = [count for count in counts if count > 0]
    total = sum(positive)
    return math.exp(-sum(count / total * math.log(count / total) for count in positive))


def reporting_rule(items: int) -> str:
    """Return how a score on a stratum of this size may be shown.

    "interval": with a Wilson interval; "exact, greyed": with an exact interval, set back; "suppressed": not shown;
    "empty": there is nothing to show.
    """
    if items >= INTERVAL_FROM:
        return "interval"
    if items >= EXACT_FROM:
        return "exact, greyed"
    return "suppressed" if items else "empty"
