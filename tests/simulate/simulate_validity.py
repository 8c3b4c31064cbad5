"""2,000 audits of each of several true null hypotheses: how many end in a false decision, whenever one looks.

Run by `make simulate`; prints the table of `docs/use/risk-limiting.md`.
"""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from populations import NULLS, Population, equal

from medeval.statistics.sequential.evidence import log_evidence
from medeval.statistics.sequential.looks import first_true
from medeval.verdicts.audit.draws import by_round
from medeval.verdicts.audit.order import draw_order
from medeval.verdicts.audit.units import Unit

AUDITS, RISK = 2_000, 0.05
BATCH = 1_500_000
RULES = (
    "every round",
    "after 50 rounds",
    "a benchmark used up",
    "five good rounds",
    "two standard errors",
    "best moment",
    "the end",
)


def random_orders(
    population: Population, rng: np.random.Generator, audits: int = AUDITS
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield values and sizes of random orders in batches, shape (S, n, B)."""
    longest = max(v.size for v in population.values) * len(population.values)
    for start in range(0, audits, batch := max(1, BATCH // longest)):
        count = min(batch, audits - start)
        places = [(rng.exponential(size=(count, s.size)) / s).argsort(axis=1) for s in population.sizes]
        yield tuple(  # type: ignore[misc]
            by_round([part[place] for part, place in zip(parts, places, strict=True)])
            for parts in (population.values, population.sizes)
        )


def hashed_orders(population: Population) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same in orders that public seeds give."""
    units = {
        f"b{b}": [Unit((f"{i}",), (float(s),), (1.0,)) for i, s in enumerate(sizes)]
        for b, sizes in enumerate(population.sizes)
    }
    for start in range(0, AUDITS, 200):
        orders = [draw_order(units, str(seed)).units for seed in range(start, start + 200)]
        places = [np.array([[int(u.items[0]) for u in order[name]] for order in orders]) for name in units]
        yield tuple(  # type: ignore[misc]
            by_round([part[place] for part, place in zip(parts, places, strict=True)])
            for parts in (population.values, population.sizes)
        )


def looks(values: np.ndarray, sizes: np.ndarray, population: Population, sign: float) -> dict[str, np.ndarray]:
    """Return the round (from 0) at which each rule looks for evidence of a total above (sign 1) or below (-1) the true
    one; an audit in which a rule never stops is looked at in its last round.
    """
    audits, n, _ = values.shape
    last = n - 1
    drawn = np.cumsum((sizes > 0) * values, axis=1)
    counts = np.maximum(np.cumsum(sizes > 0, axis=1), 1)
    estimate = sign * ((drawn / counts * population.totals).sum(axis=2) - population.total)
    blocks = sign * ((values * population.totals).sum(axis=2) - population.total)
    rounds = np.arange(1, n + 1)
    squares = np.cumsum(blocks**2, axis=1) / rounds
    errors = np.sqrt(np.maximum(squares - (np.cumsum(blocks, axis=1) / rounds) ** 2, 1e-12) / rounds)
    good = np.lib.stride_tricks.sliding_window_view(np.pad(blocks > 0, ((0, 0), (4, 0))), 5, axis=1).all(axis=2)
    settled = rounds >= min(10, n)
    first = {
        "five good rounds": first_true(good),
        "two standard errors": first_true((estimate > 2 * errors) & settled),
    }
    found = {name: np.where(round_ > 0, round_ - 1, last) for name, round_ in first.items()}
    found["after 50 rounds"] = np.full(audits, min(49, last))
    found["a benchmark used up"] = np.full(audits, int((sizes[0] > 0).sum(axis=0).min()) - 1)
    found["best moment"] = np.where(settled, estimate, -np.inf).argmax(axis=1)
    found["the end"] = np.full(audits, last)
    return found


def false_decisions(population: Population, orders: Iterator[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return, by rule, whether each audit is decided falsely: above, below, shape (2, audits)."""
    needed = math.log(2 / RISK)
    found: dict[str, list[np.ndarray]] = {rule: [] for rule in RULES}
    for values, sizes in orders:
        sides: dict[str, list[np.ndarray]] = {rule: [] for rule in RULES}
        for sign in (1.0, -1.0):
            evidence = log_evidence(sign * values, sizes, population.totals, sign * population.total)
            for rule, round_ in looks(values, sizes, population, sign).items():
                sides[rule].append(evidence[np.arange(len(values)), round_] >= needed)
            sides["every round"].append((evidence >= needed).any(axis=1))
        for rule in RULES:
            found[rule].append(np.array(sides[rule]))
    return {rule: np.concatenate(parts, axis=1) for rule, parts in found.items()}


def report(name: str, found: dict[str, np.ndarray]) -> None:
    if name == next(iter(NULLS)):
        print(f"\n| true null hypothesis | {' | '.join(RULES)} |")  # noqa: T201
    rates = [100 * found[rule].any(axis=0).mean() for rule in RULES]
    above, below = 100 * found["every round"].mean(axis=1)
    cells = [f"{rates[0]:.2f} ({above:.2f} + {below:.2f})", *(f"{rate:.2f}" for rate in rates[1:])]
    print(f"| {name} | {' | '.join(cells)} |")  # noqa: T201


def check(found: dict[str, np.ndarray], errors: float = 2.0) -> None:
    """No rule is wrong more often than the risk, nor either side than its half of it, within some standard errors."""
    for rule, wrong in found.items():
        for rate, limit in ((wrong.any(axis=0).mean(), RISK), (wrong[0].mean(), RISK / 2), (wrong[1].mean(), RISK / 2)):
            assert rate <= limit + errors * math.sqrt(limit * (1 - limit) / wrong.shape[1]), rule
        assert (wrong <= found["every round"]).all(), rule


@pytest.mark.parametrize("name", NULLS)
def test_false_decisions_keep_to_the_risk(name: str) -> None:
    rng = np.random.default_rng(20260101)
    population = NULLS[name](rng)
    found = false_decisions(population, random_orders(population, rng))
    report(name, found)
    check(found)


def test_false_decisions_keep_to_the_risk_when_items_get_harder_along_the_file() -> None:
    # A is right on the first half of each file and B on the second: only the hashes keep the two apart.
    population = equal([np.where(np.arange(n) < n / 2, 1.0, -1.0) for n in (40, 60, 120, 90, 200, 150, 70)])
    found = false_decisions(population, hashed_orders(population))
    report("order drifts along the file; orders by SHA-256", found)
    check(found)


def test_an_ordinary_test_at_every_round_does_not_keep_to_it() -> None:
    # What the table would look like if it were blind: a z-test at 5 % after each of the first 500 rounds.
    rng = np.random.default_rng(20260101)
    population = NULLS["no difference"](rng)
    wrong = []
    for values, sizes in random_orders(population, rng):
        blocks = (values[:, :500] * population.totals).sum(axis=2) - population.total
        rounds = np.arange(1, 501)
        mean = np.cumsum(blocks, axis=1) / rounds
        error = np.sqrt(np.maximum(np.cumsum(blocks**2, axis=1) / rounds - mean**2, 1e-12) / rounds)
        wrong.append((abs(mean) > 1.96 * error)[:, 10:].any(axis=1))
        assert sizes[:, :500].all()
    rate = np.concatenate(wrong).mean()
    print(f"\nz-test after every round, no difference: {100 * rate:.1f} % false")  # noqa: T201
    assert rate > 0.3
