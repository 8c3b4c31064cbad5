"""A small simulation: intervals cover and margins are kept; the large one is tests/simulate/simulate_coverage.py."""

import math

import numpy as np
import pytest

from medeval.statistics.equivalence import non_inferiority, tost
from medeval.statistics.macro import Component, macro_average, macro_bootstrap
from medeval.statistics.runs import one_run_variance, replication_se

AUDITS, RUNS, MARGIN = 400, 3, 0.02
SIZES, CHANCES = (300, 400, 500), (0.7, 0.5, 0.3)


def spread(rate: float) -> float:
    """Four Monte-Carlo errors of a rate."""
    return 4 * math.sqrt(rate * (1 - rate) / AUDITS)


@pytest.fixture(scope="module", params=[1, 4], ids=["single items", "clusters of four"])
def rates(request: pytest.FixtureRequest) -> dict[str, float]:
    """Shares of audits of two equally good models in which something happens."""
    rng, size = np.random.default_rng([7, request.param]), request.param
    hits = dict.fromkeys(("normal", "bootstrap", "equal at the margin", "loss at the margin", "value at the margin"), 0)
    for index in range(AUDITS):
        parts, ours, theirs, noise = [], [], [], []
        for n, p in zip(SIZES, CHANCES, strict=True):
            cluster = np.repeat(rng.beta(4 * p, 4 * (1 - p), n // size), size)
            a, b, published = (rng.random((RUNS, n)) < cluster for _ in range(3))
            parts.append(Component(a.mean(axis=0) - b.mean(axis=0), np.arange(n) // size))
            ours.append(a.mean())
            theirs.append(published.mean())
            noise.append(one_run_variance(a.T))
        found, drawn = macro_average(parts), macro_bootstrap(parts, resamples=500, seed=index)
        assert found.se is not None
        for name, estimate in (("normal", found), ("bootstrap", drawn)):
            assert estimate.low is not None
            assert estimate.high is not None
            hits[name] += estimate.low <= 0.0 <= estimate.high
        hits["equal at the margin"] += bool(tost(found.value + MARGIN, found.se, MARGIN).equivalent)
        hits["loss at the margin"] += bool(non_inferiority(MARGIN - found.value, found.se, MARGIN).within)
        difference = float(np.mean(ours) - np.mean(theirs)) + MARGIN
        error = replication_se(noise, [1.0] * len(noise), RUNS, RUNS)
        hits["value at the margin"] += bool(tost(difference, error, MARGIN).equivalent)
    return {name: count / AUDITS for name, count in hits.items()}


@pytest.mark.parametrize("interval", ["normal", "bootstrap"])
def test_intervals_cover_what_they_promise(rates: dict[str, float], interval: str) -> None:
    assert rates[interval] == pytest.approx(0.95, abs=spread(0.95))


@pytest.mark.parametrize("test", ["equal at the margin", "loss at the margin", "value at the margin"])
def test_a_truth_on_the_margin_is_certified_in_one_of_twenty_audits(rates: dict[str, float], test: str) -> None:
    assert rates[test] == pytest.approx(0.05, abs=spread(0.05))
