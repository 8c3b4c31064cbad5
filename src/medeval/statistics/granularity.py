"""Which item counts and runs the printed digits of a percentage allow (GRIM; Brown & Heathers 2017).

A mean of n right-or-wrong items can only take the values 0/n ... n/n. Printed with d decimals, most
percentages are therefore impossible when n is small, and none is when n is large: the test has no
power once 100/(n*runs) is below the width of a rounding interval. Values are percentages; a *unit* is
one step of the last printed decimal, so 75.05 at two decimals is 7505 units. Everything is integers.

A misfit is not a charge of fraud: dropped items, another n, or a mean of subset means explain it too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from medeval.errors import MedevalError

WINDOW_POINTS = 0.4
# Runs of one model over the same items differ by about a point; one twice as far off is not credible,
# and without a limit nearly every value could be made from absurdly scattered runs.
RUN_REACH_POINTS = 2.0
_STRATUM_REACH = 60


@dataclass(frozen=True)
class GridCheck:
    """How many printed values fit a mean over `n` items and `runs` runs.

    `share` is the mean share of neighbouring printable values that fit as well, and `chance` the
    product of those shares over the values: how likely all would fit by luck, if n were wrong.
    """

    n: int
    runs: int
    rounded_runs: bool
    feasible: int
    total: int
    share: float
    chance: float

    @property
    def fits(self) -> bool:
        """Whether every value fits."""
        return self.feasible == self.total


def to_units(value: float, decimals: int) -> int:
    """Return a printed percentage as an integer number of units of its last decimal.

    Raises:
        MedevalError: The value has more decimals than stated, or lies outside 0 to 100.
    """
    units: int = round(value * 10**decimals)
    if abs(value * 10**decimals - units) > 1e-6 or not 0 <= value <= 100:
        raise MedevalError(
            f"{value} is not a percentage with {decimals} decimals",
            "Give the value and its decimals as printed.",
        )
    return units


def feasible_totals(value: float, decimals: int, n: int, runs: int = 1) -> range:
    """Return the totals of right answers, out of n*runs, whose percentage prints as `value`."""
    units, scale = to_units(value, decimals), _scale(decimals)
    low = -((-(2 * units - 1) * n * runs) // (2 * scale))
    high = (2 * units + 1) * n * runs // (2 * scale)
    return range(max(low, 0), min(high, n * runs) + 1)


def is_feasible(value: float, decimals: int, n: int, runs: int = 1, rounded_runs: bool = False) -> bool:
    """Whether a percentage can be the mean of `runs` runs over n items, at the printed decimals.

    With `rounded_runs`, each run's percentage was rounded to the same decimals before the runs were averaged,
    and no run is more than two points off the value. A tie may be rounded either way, because publications
    do not say which rule they use.
    """
    centre = to_units(value, decimals)
    return _fits(centre, n, runs, decimals, rounded_runs)(centre)


def check_grid(values: Sequence[float], decimals: int, n: int, runs: int = 1, rounded_runs: bool = False) -> GridCheck:
    """Test several printed values against one item count; neighbours within 0.4 points give the chance."""
    shares, feasible = [], 0
    for value in values:
        centre = to_units(value, decimals)
        fits = _fits(centre, n, runs, decimals, rounded_runs)
        feasible += fits(centre)
        shares.append(_share([fits(near) for near in _neighbours(centre, decimals)]))
    return GridCheck(n, runs, rounded_runs, feasible, len(shares), sum(shares) / len(shares), prod(shares))


def coincidence(values: Sequence[float], decimals: int, coarse_n: int, fine_n: int, runs: int = 1) -> float:
    """Return how likely values made with `fine_n` items would all look as if made with `coarse_n`.

    For each value it is the share of the neighbours that fit `fine_n` which fit `coarse_n` too; the
    values count as independent.

    Raises:
        MedevalError: No neighbour of some value fits `fine_n`, so the share does not exist.
    """
    shares = []
    for value in values:
        centre = to_units(value, decimals)
        coarse, fine = (_fits(centre, n, runs, decimals, True) for n in (coarse_n, fine_n))
        both = [coarse(near) for near in _neighbours(centre, decimals) if fine(near)]
        if not both:
            raise MedevalError(f"no value near {value} fits n = {fine_n}", "Compare item counts that fit the values.")
        shares.append(_share(both))
    return prod(shares)


def rounded_run_decimals(values: Sequence[float], decimals: int, runs: int) -> int | None:
    """Return the fewest decimals that each run can have been rounded to before averaging, or None.

    Means of three whole percentages end in .00, .33 or .67, whatever n is. None means that the runs
    need not have been rounded below the printed decimals.
    """
    units = [to_units(value, decimals) for value in values]
    for coarse in range(decimals):
        step = 10 ** (decimals - coarse)
        if all(_near_multiple(runs * centre, step, runs) for centre in units):
            return coarse
    return None


def nested_witness(value: float, decimals: int, strata: Sequence[int], runs: int = 1) -> tuple[int, ...] | None:
    """Return right answers per stratum whose mean of stratum percentages prints as `value`, or None.

    Every stratum starts at the value itself; the largest two are then varied by up to 60 answers. A
    result proves that the value is possible; None only that this search found nothing.
    """
    order = sorted(range(len(strata)), key=lambda index: strata[index])
    sizes = [strata[index] * runs for index in order]
    counts = [round(value / 100 * size) for size in sizes]
    half = 0.5 * 10.0**-decimals
    for step in sorted(range(-_STRATUM_REACH, _STRATUM_REACH + 1), key=abs):
        trial = [*counts[:-2], counts[-2] + step, 0] if len(counts) > 1 else [0]
        trial[-1] = round(
            (value / 100 * len(sizes) - sum(c / s for c, s in zip(trial, sizes, strict=True))) * sizes[-1]
        )
        mean = 100 * sum(c / s for c, s in zip(trial, sizes, strict=True)) / len(sizes)
        if abs(mean - value) <= half and all(0 <= c <= s for c, s in zip(trial, sizes, strict=True)):
            return tuple(trial[order.index(index)] for index in range(len(strata)))
    return None


def _near_multiple(number: int, step: int, runs: int) -> bool:
    remainder = number % step
    return 2 * min(remainder, step - remainder) <= runs


def _scale(decimals: int) -> int:
    return int(100 * 10**decimals)


def _share(outcomes: list[bool]) -> float:
    return sum(outcomes) / len(outcomes)


def _neighbours(centre: int, decimals: int) -> list[int]:
    """Units within 0.4 points of a value, without the value itself: it would count as its own luck."""
    reach = round(WINDOW_POINTS * 10**decimals)
    low, high = max(0, centre - reach), min(_scale(decimals), centre + reach)
    return [unit for unit in range(low, high + 1) if unit != centre]


def _fits(centre: int, n: int, runs: int, decimals: int, rounded_runs: bool) -> Callable[[int], bool]:
    """Return the test of one value in units near `centre`, with the set of attainable sums built once."""
    scale = _scale(decimals)
    if not rounded_runs or runs == 1 or n > scale:  # above `scale` items every rounded run is attainable
        grid = n * runs
        return lambda unit: -(-(2 * unit - 1) * grid // (2 * scale)) <= (2 * unit + 1) * grid // (2 * scale)
    sums = _run_sums(centre, n, runs, decimals)

    def fits(unit: int) -> bool:
        # |sum - runs*unit| <= runs/2, for integer sums: the mean of the runs rounds to the unit.
        low, high = max(0, runs * unit - runs // 2), runs * unit + runs // 2
        return bool(sums >> low & ((1 << (high - low + 1)) - 1))

    return fits


@lru_cache(maxsize=512)
def _run_sums(centre: int, n: int, runs: int, decimals: int) -> int:
    """Return a bit set: bit s is set when s is a sum of `runs` rounded percentages near `centre`."""
    one = _attainable(centre, n, decimals)
    if runs == 1:
        return sum(1 << unit for unit in one)
    shorter, sums = _run_sums(centre, n, runs - 1, decimals), 0
    for unit in one:
        sums |= shorter << unit
    return sums


def _attainable(centre: int, n: int, decimals: int) -> list[int]:
    """Return the rounded percentages of n items near `centre`, in units; a tie gives both neighbours."""
    scale, reach = _scale(decimals), round(RUN_REACH_POINTS * 10**decimals)
    units = set()
    for right in range(max(0, (centre - reach) * n // scale), min(n, -(-(centre + reach) * n // scale)) + 1):
        floor, remainder = divmod(right * scale, n)
        units |= {floor + (2 * remainder > n), floor + (2 * remainder >= n)}
    return sorted(unit for unit in units if abs(unit - centre) <= reach)
