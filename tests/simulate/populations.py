"""Finite populations whose total is exactly the threshold that is tested: every decision about them is false."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# Items of the seven benchmarks of the MedPsy cards (MMLU pooled), and of a quarter of them.
FULL = (500, 1089, 3910, 818, 4183, 1273, 2450)
QUARTER = tuple(n // 4 for n in FULL)
MEDPSY_1_7B = (0.6953, 0.8272, 0.6484, 0.6137, 0.6356, 0.7505, 0.2128)


@dataclass(frozen=True, eq=False)
class Population:
    """Values and sizes of each benchmark's units; the threshold is their total."""

    values: Sequence[np.ndarray]
    sizes: Sequence[np.ndarray]

    @property
    def total(self) -> float:
        return float(sum((v * s).sum() for v, s in zip(self.values, self.sizes, strict=True)))

    @property
    def totals(self) -> np.ndarray:
        return np.array([s.sum() for s in self.sizes])


def equal(values: Sequence[np.ndarray]) -> Population:
    """Every benchmark with the same weight, every item of a benchmark with the same share."""
    return Population(values, [np.full(v.size, 1.0 / (len(values) * v.size)) for v in values])


def no_difference(rng: np.random.Generator) -> Population:
    """Two models of the same accuracy, right on different items: as many items gained as lost in each benchmark."""
    values = []
    for n, p in zip(FULL, MEDPSY_1_7B, strict=True):
        flips = round(0.67 * p * (1 - p) * n)
        values.append(rng.permutation(np.repeat([1.0, -1.0, 0.0], [flips, flips, n - 2 * flips])))
    return equal(values)


def loss_at_the_margin(rng: np.random.Generator) -> Population:
    """A quantized file that loses exactly what is bounded; 96 of 100 items are ties."""
    return equal(
        [rng.permutation(np.repeat([1.0, -1.0, 0.0], [n // 70, n // 40, n - n // 70 - n // 40])) for n in FULL]
    )


def score_at_the_margin(rng: np.random.Generator) -> Population:
    """Scores of one model, tested against exactly its own mean; benchmarks from 21 to 83 % right."""
    return equal([np.where(rng.permutation(n) < p * n, 1.0, -1.0) for n, p in zip(FULL, MEDPSY_1_7B, strict=True)])


def small_ones_for_a(rng: np.random.Generator) -> Population:
    """A leads where items are few, B where they are many: the mean of what is left moves as benchmarks run out."""
    gains = (0.6, 0.1, -0.15, 0.4, -0.4, 0.2, -0.3)
    return equal(
        [np.where(rng.permutation(n) < abs(g) * n, np.sign(g), 0.0) for n, g in zip(QUARTER, gains, strict=True)]
    )


def small_ones_for_b(rng: np.random.Generator) -> Population:
    """The same, turned round."""
    turned = small_ones_for_a(rng)
    return Population([-v for v in turned.values], turned.sizes)


def correlated_benchmarks(rng: np.random.Generator) -> Population:
    """Seven benchmarks that hold the same items, as duplicates across benchmarks do."""
    values = np.repeat([1.0, -1.0, 0.0, 0.5], [80, 100, 110, 10])
    return equal([rng.permutation(values) for _ in range(7)])


def clustered(rng: np.random.Generator) -> Population:
    """Near duplicates, drawn one by one: runs of four items of the same value."""
    return equal([np.repeat(rng.choice([-1.0, 0.0, 0.0, 1.0], size=n // 4), 4) for n in QUARTER])


def all_or_nothing(rng: np.random.Generator) -> Population:
    """Every item is gained or lost: the largest spread there is."""
    return equal([rng.permutation(np.resize([1.0, -1.0], n)) for n in (40, 100, 250)])


def rare_and_large(rng: np.random.Generator) -> Population:
    """One item in fifty is lost, which no early round shows; the others gain a little."""
    return equal([rng.permutation(np.repeat([-1.0, 0.03], [n // 50, n - n // 50])) for n in (400, 800, 1500)])


def tiny(rng: np.random.Generator) -> Population:
    """Benchmarks of one to twenty items."""
    return equal([rng.uniform(-1.0, 1.0, size=n) for n in (1, 2, 3, 8, 20)])


def rubrics(rng: np.random.Generator) -> Population:
    """HealthBench: examples drawn by the range of their rubric, the wide ones scoring against A."""
    n = 1200
    spans = 1.0 + rng.gamma(1.2, 0.4, size=n)
    differences = rng.normal(0.03, 0.25, size=n) - 0.06 * (spans - 1.5) * spans
    return Population([np.clip(differences / spans, -1.0, 1.0)], [spans / n])


def uneven_shares(rng: np.random.Generator) -> Population:
    """A mean of subjects: items of small subjects have larger shares, and there A is behind."""
    subjects = (135, 265, 144, 173, 100, 272)
    shares = np.concatenate([np.full(n, 1.0 / (6 * n)) for n in subjects])
    levels = np.repeat([-0.3, 0.25, -0.2, 0.1, -0.5, 0.4], subjects)
    values = np.where(rng.random(shares.size) < abs(levels), np.sign(levels), 0.0)
    plain = rng.choice([-1.0, 0.0, 1.0], size=500)
    return Population([values, plain], [shares / 2, np.full(500, 1 / 1000)])


NULLS: dict[str, Callable[[np.random.Generator], Population]] = {
    "no difference": no_difference,
    "loss exactly at the margin, heavy ties": loss_at_the_margin,
    "score exactly at the margin": score_at_the_margin,
    "small benchmarks for A, large for B": small_ones_for_a,
    "small benchmarks for B, large for A": small_ones_for_b,
    "correlated benchmarks": correlated_benchmarks,
    "near duplicates": clustered,
    "all or nothing": all_or_nothing,
    "rare large losses": rare_and_large,
    "tiny benchmarks": tiny,
    "rubrics, drawn by range": rubrics,
    "mean of subjects, drawn by share": uneven_shares,
}
