"""Audits that are simulated: of populations drawn from published figures, and of known ones in random orders."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from medeval.statistics.arrays import FloatArray, IntArray
from medeval.statistics.estimates import DEFAULT_SEED
from medeval.statistics.sequential.looks import Endings, endings
from medeval.verdicts.audit.draws import by_round

# Floats of one array of values; a handful of such arrays are in memory at once.
_BATCH = 2_000_000

Limits = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, eq=False)
class Assumed:
    """What is assumed of a benchmark before anything is run.

    Attributes:
        shares: Share of each unit in the benchmark's score, shape (n,); they sum to 1.
        spans: Highest minus lowest score of each, shape (n,), at least 1; the highest is 1.
        counts: Items of each, shape (n,).
        mean_a: Expected score of A, a fraction.
        mean_b: Expected score of B; None for a score alone.
        sd: Standard deviation of a unit's score; None for right or wrong.
    """

    shares: FloatArray
    spans: FloatArray
    counts: IntArray
    mean_a: float
    mean_b: float | None
    sd: float | None = None

    @property
    def difference(self) -> bool:
        """Whether two systems are compared."""
        return self.mean_b is not None


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """Simulated audits, one entry each.

    Attributes:
        outcomes: See :class:`medeval.statistics.sequential.looks.Endings`.
        rounds: Rounds until then.
        items: Items per system until then.
        items_of: The same by benchmark, shape (S, B).
        truth: The mean or difference over the whole population.
        variance: Variance of such a truth, if the population is a sample of items of their kind.
        items_total: Items of the population.
    """

    outcomes: IntArray
    rounds: IntArray
    items: IntArray
    items_of: IntArray
    truth: FloatArray
    variance: FloatArray
    items_total: int


def simulate(
    benchmarks: Sequence[Assumed],
    limits: Limits,
    risk: float,
    *,
    correlation: float,
    audits: int,
    seed: int = DEFAULT_SEED,
) -> Simulated:
    """Simulate audits of populations that are drawn anew for each: a Gaussian copula ties the two systems.

    Args:
        benchmarks: What is assumed of each.
        limits: Between which the mean or difference is claimed to lie.
        risk: Risk of the audit.
        correlation: Of the two normal variables behind an item's two scores.
        audits: Number of audits S.
        seed: Seed of the generator.
    """
    rng = np.random.default_rng(seed)
    longest = max(part.shares.size for part in benchmarks)
    batch = max(1, _BATCH // (longest * len(benchmarks)))
    parts = []
    for start in range(0, audits, batch):
        columns = [_drawn(part, len(benchmarks), correlation, min(batch, audits - start), rng) for part in benchmarks]
        tables = [by_round([column[i] for column in columns]) for i in range(4)]
        parts.append(_followed(_Drawn(*tables), _middle(benchmarks), limits, risk))
    return _joined(parts)


def replay(
    values: Sequence[FloatArray], sizes: Sequence[FloatArray], limits: Limits, risk: float, *, audits: int, seed: int
) -> Simulated:
    """Simulate audits of one known population in random orders; every unit is one item.

    Args:
        values: Value of each unit in [-1, 1], an array per benchmark, shape (n_b,).
        sizes: Size of each, likewise; a next unit's chance to be drawn.
        limits: Limits of the sum of values times sizes.
        risk: Risk of the audit.
        audits: Number of orders S.
        seed: Seed of the generator.
    """
    rng = np.random.default_rng(seed)
    batch = max(1, _BATCH // (max(part.size for part in values) * len(values)))
    parts = []
    for start in range(0, audits, batch):
        places = [_places(part, min(batch, audits - start), rng) for part in sizes]
        drawn, weights = (by_round([p[o] for p, o in zip(x, places, strict=True)]) for x in (values, sizes))
        parts.append(_followed(_Drawn(drawn, weights, (weights > 0).astype(float), weights), 0.0, limits, risk))
    return _joined(parts)


def _drawn(
    part: Assumed, benchmarks: int, correlation: float, audits: int, rng: np.random.Generator
) -> tuple[FloatArray, ...]:
    """Values, sizes, counts and weights of one benchmark's units in a random order, shape (audits, n) each."""
    places = _places(part.shares * part.spans, audits, rng)
    spans = part.spans[places]
    first = rng.standard_normal(places.shape)
    scores = _scores(first, part.mean_a, part.sd)
    if part.mean_b is None:
        reach = spans / 2.0
        values = (scores - 1.0) / reach + 1.0
    else:
        reach = spans
        own = rng.standard_normal(places.shape)
        second = correlation * first + np.sqrt(1.0 - correlation**2) * own
        values = (scores - _scores(second, part.mean_b, part.sd)) / reach
    weights = part.shares[places] / benchmarks
    return values, weights * reach, part.counts[places].astype(float), weights


def _scores(normal: FloatArray, mean: float, sd: float | None) -> FloatArray:
    """Scores with this mean: right or wrong, or beta-distributed with this standard deviation."""
    if sd is None:
        return np.asarray(normal < special.ndtri(mean), dtype=np.float64)
    concentration = mean * (1.0 - mean) / sd**2 - 1.0
    quantiles: FloatArray = special.betaincinv(mean * concentration, (1.0 - mean) * concentration, special.ndtr(normal))
    return quantiles


def _places(sizes: FloatArray, audits: int, rng: np.random.Generator) -> IntArray:
    """Random orders of units, each next one drawn by size from those left, shape (audits, n)."""
    waits = rng.exponential(size=(audits, sizes.size)) / sizes
    return np.asarray(waits.argsort(axis=1), dtype=np.int64)


def _middle(benchmarks: Sequence[Assumed]) -> float:
    if benchmarks[0].difference:
        return 0.0
    return 1.0 - sum(float((part.shares * part.spans).sum()) for part in benchmarks) / (2.0 * len(benchmarks))


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """Units in the order in which they are drawn, shape (S, n, B) each; 0 where a benchmark is used up."""

    values: FloatArray
    sizes: FloatArray
    counts: FloatArray
    weights: FloatArray  # of a unit's score in the mean


def _followed(drawn: _Drawn, middle: float, limits: Limits, risk: float) -> Simulated:
    values, sizes, counts = drawn.values, drawn.sizes, drawn.counts
    low, high = (None if limit is None else limit - middle for limit in limits)
    totals = sizes[0].sum(axis=0)
    found: Endings = endings(values, values, sizes, totals, (low, high), risk)
    until = np.cumsum(counts, axis=1)[np.arange(len(counts)), found.rounds - 1]
    return Simulated(
        outcomes=found.outcomes,
        rounds=found.rounds,
        items=until.sum(axis=1).astype(np.int64),
        items_of=until.astype(np.int64),
        truth=middle + (values * sizes).sum(axis=(1, 2)),
        variance=_variance(drawn),
        items_total=int(counts[0].sum()),
    )


def _variance(drawn: _Drawn) -> FloatArray:
    """Variance of each population's mean over samples of items of their kind, benchmarks apart, shape (S,)."""
    there = drawn.weights > 0.0
    units = there.sum(axis=1)
    scores = np.divide(drawn.values * drawn.sizes, drawn.weights, out=np.zeros_like(drawn.values), where=there)
    means = scores.sum(axis=1) / units
    spread = np.where(there, (scores - means[:, None]) ** 2, 0.0).sum(axis=1) / np.maximum(units - 1, 1)
    return np.asarray((spread * (drawn.weights**2).sum(axis=1)).sum(axis=1))


def _joined(parts: Sequence[Simulated]) -> Simulated:
    names = ("outcomes", "rounds", "items", "items_of", "truth", "variance")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Simulated(**columns, items_total=parts[0].items_total)
