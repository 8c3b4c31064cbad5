"""What gap the items of the benchmarks can resolve, from printed accuracies and item counts alone.

Items count as a sample of the questions that could be asked (Miller, arXiv 2411.00640). Without
per-item answers the two models' errors are taken as unrelated (unpaired), which overstates the error
of a difference; a paired design with assumed correlations shows the best that data could do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import erfc, inf, sqrt
from statistics import NormalDist

# Equality is judged within this many points when a claim states no margin.
EQUALITY_MARGIN = 1.0
_NORMAL = NormalDist()
Z_95 = _NORMAL.inv_cdf(0.975)
Z_90 = _NORMAL.inv_cdf(0.95)
# Smallest difference found with 80 % power at the two-sided 5 % level, in standard errors: 2.8016.
MDE_FACTOR = Z_95 + _NORMAL.inv_cdf(0.8)


@dataclass(frozen=True)
class Design:
    """Assumptions: correlation of the two models' scores, share of variance within items, runs."""

    rho: float = 0.0
    within: float = 0.0
    runs: int = 1


UNPAIRED = Design()


def optimistic_design(runs: int) -> Design:
    """Return the most favourable paired design that published model comparisons make plausible."""
    return Design(rho=0.5, within=0.3, runs=runs)


@dataclass(frozen=True)
class Resolution:
    """A difference with its error, in points; `items_factor` is how many times the items 80 % power needs."""

    difference: float
    standard_error: float
    z: float
    p: float
    low: float
    high: float
    mde: float
    items_factor: float

    @property
    def resolved(self) -> bool:
        """Whether the 95 % interval excludes zero."""
        return self.low > 0 or self.high < 0

    def equal_within(self, margin: float) -> bool:
        """Whether the 90 % interval lies inside +-margin: two one-sided tests at 5 %."""
        reach = Z_90 * self.standard_error
        return -margin < self.difference - reach and self.difference + reach < margin


def two_sided_p(z: float) -> float:
    """Return P(|Z| >= |z|) of the standard normal, exact in the far tail too."""
    return erfc(abs(z) / sqrt(2))


def resolve(difference: float, standard_error: float) -> Resolution:
    """Judge a difference against its standard error, both in points."""
    z = difference / standard_error
    mde = MDE_FACTOR * standard_error
    factor = (mde / difference) ** 2 if difference else inf
    return Resolution(
        difference,
        standard_error,
        z,
        two_sided_p(z),
        difference - Z_95 * standard_error,
        difference + Z_95 * standard_error,
        mde,
        factor,
    )


def difference_variance(a: float, b: float, n: float, design: Design = UNPAIRED) -> float:
    """Return the variance of the difference of two accuracies (percent) over n items, in points squared.

    Averaging runs shrinks the part of each variance that lies within items, but not the covariance, which
    lies between items: `rho` is the correlation of single runs. For a mean of strata, n is the
    effective count S^2 / sum(1/n_s).
    """
    shrink = 1 - design.within + design.within / design.runs
    var_a, var_b = a * (100 - a), b * (100 - b)
    return ((var_a + var_b) * shrink - 2 * design.rho * sqrt(var_a * var_b)) / n


def macro_standard_error(
    a: Mapping[str, float], b: Mapping[str, float], counts: Mapping[str, float], design: Design = UNPAIRED
) -> float:
    """Return the standard error of the difference of two unweighted means over the benchmarks of `counts`."""
    return sqrt(sum(difference_variance(a[name], b[name], n, design) for name, n in counts.items())) / len(counts)


def discordance_coefficient(counts: Mapping[str, float]) -> float:
    """Return c with SE = c * sqrt(phi) points, when a share phi of the items is right in one arm only."""
    return 100 * sqrt(sum(1 / n for n in counts.values())) / len(counts)


def rubric_standard_error(score_sd: float, n: int) -> float:
    """Return the unpaired standard error, in points, of the difference of two means of n rubric scores."""
    return 100 * score_sd * sqrt(2 / n)
