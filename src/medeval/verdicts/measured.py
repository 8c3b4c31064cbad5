"""What a measurement hands to a decision: a difference, a ratio of tokens, or the reason why there is neither."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from medeval.verdicts.verdict import Estimand

POINTS = 100.0


@dataclass(frozen=True)
class Missing:
    """Nothing was measured that bears on a part of a claim, and why."""

    reason: str


@dataclass(frozen=True)
class Constant:
    """Differences of items in which no spread is seen: within each benchmark all are the same.

    Attributes:
        lowest: Smallest of the benchmarks' differences, in points.
        highest: Largest of them, in points.
        draws: Independent items that the mean is worth at least, see :func:`medeval.verdicts.exact.bounds`.
    """

    lowest: float
    highest: float
    draws: int


@dataclass(frozen=True)
class Difference:
    """A measured difference A minus B, or of our value minus a stated one, in points, with what qualifies it.

    Attributes:
        value: The difference.
        se: Its standard error for the estimand that is named; None when it cannot be computed.
        low: Lower end of the interval.
        high: Upper end of the interval.
        p_value: Of no difference.
        items: Items behind it.
        method: How error and interval were made.
        fragile: What would turn its sign.
        partial: What is missing against the whole of what the claim is about.
        items_total: Items that exist; None when they are not known.
        constant: Set when no spread is seen, so that the error says nothing.
        notes: What else a reader must know.
        estimand: What `se` is about.
        fixed_se: Error from the noise between runs alone; None when it is not known.
        absent: Benchmarks of an average that were not measured; with any, the average itself was not.
        truncated: Share of truncated replies of each side, by `a` and `b`.
        alternatives: The difference under other treatments of replies without an answer, by name.
        numbers: What it is made of, for the verdict.
    """

    value: float
    se: float | None
    low: float | None
    high: float | None
    p_value: float | None
    items: int
    method: str
    fragile: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    items_total: int | None = None
    constant: Constant | None = None
    notes: tuple[str, ...] = ()
    estimand: Estimand = Estimand.SAMPLED
    fixed_se: float | None = None
    absent: tuple[str, ...] = ()
    truncated: Mapping[str, float] = field(default_factory=dict)
    alternatives: Mapping[str, float] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """How a stated value was made, as far as it matters to a repetition.

    Attributes:
        value: The stated value, in points.
        runs: Runs that were averaged; 1 when the publication does not say.
        half_unit: Half of the last printed digit, in points.
    """

    value: float
    runs: int
    half_unit: float


@dataclass(frozen=True)
class TokenRatio:
    """Generated tokens of B over A on the same items.

    Attributes:
        value: The ratio of means.
        low: Lower end of its interval.
        high: Upper end of its interval.
        se: Its standard error.
        method: How the interval was made.
        items: Items behind it.
        truncated: Largest share of truncated replies on either side.
        partial: What is left out.
        items_total: Items that exist; None when they are not known.
        numbers: What else is known of the two sides, for the verdict.
    """

    value: float
    low: float | None
    high: float | None
    se: float | None
    method: str
    items: int
    truncated: float = 0.0
    partial: tuple[str, ...] = ()
    items_total: int | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)


def in_points(estimate: Mapping[str, Any], sign: int, **more: Any) -> Difference:
    """Return an estimate of the document (fractions) as a difference in points; sign -1 turns it round.

    Args:
        estimate: `value`, `se`, `low`, `high`, `method`, perhaps `p_value`.
        sign: 1 or -1.
        more: Further fields of the difference; `items` is needed.
    """
    ends = [None if estimate[key] is None else sign * POINTS * estimate[key] for key in ("low", "high")]
    low, high = ends if sign > 0 else ends[::-1]
    return Difference(
        value=sign * POINTS * estimate["value"],
        se=None if estimate["se"] is None else POINTS * estimate["se"],
        low=low,
        high=high,
        p_value=estimate.get("p_value"),
        method=estimate["method"],
        **more,
    )
