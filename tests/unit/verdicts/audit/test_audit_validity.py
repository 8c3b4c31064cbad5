"""A small edition of `make simulate`: audits of true null hypotheses are wrong as rarely as they promise."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

AUDITS, ERRORS = 300, 3.0


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "simulate")
    import simulate_validity

    return simulate_validity


@pytest.mark.parametrize("name", ["small benchmarks for A, large for B", "mean of subjects, drawn by share"])
def test_false_decisions_keep_to_the_risk(simulation: ModuleType, name: str) -> None:
    rng = np.random.default_rng(11)
    population = simulation.NULLS[name](rng)
    found = simulation.false_decisions(population, simulation.random_orders(population, rng, AUDITS))
    assert found["every round"].shape == (2, AUDITS)
    simulation.check(found, ERRORS)


def test_units_that_are_not_drawn_by_their_size_are_noticed(simulation: ModuleType) -> None:
    # The check can fail: all alike are drawn, though items of small subjects weigh more and differ from the others.
    rng = np.random.default_rng(11)
    population = simulation.NULLS["mean of subjects, drawn by share"](rng)
    orders = []
    for _ in range(AUDITS):
        places = [rng.permutation(sizes.size) for sizes in population.sizes]
        parts = (population.values, population.sizes)
        orders.append([simulation.by_round([c[p] for c, p in zip(part, places, strict=True)]) for part in parts])
    values, sizes = (np.array(part) for part in zip(*orders, strict=True))
    with pytest.raises(AssertionError):
        simulation.check(simulation.false_decisions(population, iter([(values, sizes)])), ERRORS)
