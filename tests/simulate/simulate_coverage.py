"""2,000 evaluations of two models with known accuracies: do intervals and tests keep what they promise?

Seven benchmarks with the item counts of the MedPsy cards; a correlation of 0.4 between the models' single-run scores,
30 % of their variance within items, three runs averaged, items alone or in clusters of four. Run by `make simulate`.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from populations import FULL, MEDPSY_1_7B
from scipy import optimize, special, stats

from medeval.statistics.equivalence import non_inferiority, tost
from medeval.statistics.macro import Component, macro_average, macro_bootstrap
from medeval.statistics.multiplicity import holm

EVALUATIONS, RUNS = 2_000, 3
BETWEEN, WITHIN = 0.4, 0.3
MARGIN = 0.01
# Share of an item's lasting variance that is its cluster's.
CLUSTER_SHARE = 0.5


@cache
def latent(p: float, correlation: float) -> float:
    """Correlation of two normal variables whose signs at level p correlate as given."""
    cut = special.ndtri(p)

    def excess(rho: float) -> float:
        both = stats.multivariate_normal.cdf([cut, cut], cov=[[1.0, rho], [rho, 1.0]])
        return float((both - p * p) / (p * (1 - p)) - correlation)

    return float(optimize.brentq(excess, 0.0, 0.999))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Run-averaged scores of two models on one benchmark, and the cluster of each item."""

    a: np.ndarray
    b: np.ndarray
    clusters: np.ndarray | None


def evaluation(rng: np.random.Generator, n: int, p: float, cluster_size: int) -> Evaluation:
    """Draw one benchmark: both models are right with probability p."""
    shared, lasting = latent(p, BETWEEN), latent(p, 1.0 - WITHIN)
    clusters = np.arange(n) // cluster_size
    together = CLUSTER_SHARE if cluster_size > 1 else 0.0

    def level() -> np.ndarray:
        own = rng.standard_normal(n)
        if not together:
            return own
        return math.sqrt(together) * rng.standard_normal(clusters[-1] + 1)[clusters] + math.sqrt(1 - together) * own

    common = math.sqrt(shared) * level()
    models = []
    for _ in range(2):
        fixed = common + math.sqrt(lasting - shared) * level()
        noise = math.sqrt(1.0 - lasting) * rng.standard_normal((RUNS, n))
        models.append((fixed + noise < special.ndtri(p)).mean(axis=0))
    return Evaluation(models[0], models[1], clusters if cluster_size > 1 else None)


def share(hits: list[bool]) -> float:
    return float(np.mean(hits))


@pytest.mark.parametrize("cluster_size", [1, 4])
def test_intervals_cover_and_tests_keep_their_level(cluster_size: int) -> None:
    rng = np.random.default_rng([20260101, cluster_size])
    normal, resampled, tied, not_inferior, family = [], [], [], [], []
    for index in range(EVALUATIONS):
        drawn = [evaluation(rng, n, p, cluster_size) for n, p in zip(FULL, MEDPSY_1_7B, strict=True)]
        parts = [Component(part.a - part.b, part.clusters) for part in drawn]
        found = macro_average(parts)
        assert found.se is not None
        assert found.low is not None
        assert found.high is not None
        normal.append(found.low <= 0.0 <= found.high)
        bootstrap = macro_bootstrap(parts, resamples=1_000, seed=index)
        assert bootstrap.low is not None
        assert bootstrap.high is not None
        resampled.append(bootstrap.low <= 0.0 <= bootstrap.high)
        # The models are equal, so a constant added to the difference is the truth: on the edge of each margin.
        tied.append(bool(tost(found.value + MARGIN, found.se, MARGIN).equivalent))
        not_inferior.append(bool(non_inferiority(MARGIN - found.value, found.se, MARGIN).within))
        p_values = [2.0 * special.ndtr(-abs(c.value / c.se)) for c in found.components if c.se]
        family.append(any(holm(p_values).rejected))
    rates = {
        "coverage, normal": share(normal),
        "coverage, bootstrap": share(resampled),
        "equal within 1 point, at the margin": share(tied),
        "loses less than 1 point, at the margin": share(not_inferior),
        "any of 7 benchmarks differs (Holm), none does": share(family),
    }
    for name, rate in rates.items():
        print(f"\n| {name} | clusters of {cluster_size} | {100 * rate:.2f} |", end="")  # noqa: T201
    assert 0.935 <= rates["coverage, normal"] <= 0.965
    assert 0.935 <= rates["coverage, bootstrap"] <= 0.965
    for name in list(rates)[2:]:
        assert rates[name] <= 0.06, name


def test_clusters_that_are_ignored_lose_coverage() -> None:
    # The simulation can fail: with clusters of four the interval of separate items is too short.
    rng = np.random.default_rng(20260101)
    covered = []
    for _ in range(300):
        drawn = [evaluation(rng, n, p, 4) for n, p in zip(FULL, MEDPSY_1_7B, strict=True)]
        found = macro_average([Component(part.a - part.b) for part in drawn])
        assert found.low is not None
        assert found.high is not None
        covered.append(found.low <= 0.0 <= found.high)
    print(f"\nclusters of 4 taken as separate items: {100 * share(covered):.1f} % coverage")  # noqa: T201
    assert share(covered) < 0.92


@pytest.mark.parametrize("p", sorted(MEDPSY_1_7B))
def test_the_drawn_scores_are_as_said(p: float) -> None:
    drawn = evaluation(np.random.default_rng(1), 200_000, p, 1)
    assert drawn.a.mean() == pytest.approx(p, abs=0.004)
    # Variance of a mean of three runs: lasting part plus a third of the rest.
    expected = p * (1 - p) * (1 - WITHIN + WITHIN / RUNS)
    assert drawn.a.var() == pytest.approx(expected, rel=0.02)
    assert np.cov(drawn.a, drawn.b)[0, 1] == pytest.approx(BETWEEN * p * (1 - p), rel=0.05)
