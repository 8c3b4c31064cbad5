"""Macro-average: the unweighted mean over benchmarks of a score, or of a paired difference of two systems.

A benchmark may itself be the unweighted mean over subjects; then every subject weighs the same inside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import FloatArray, IntArray, count, finite_vector, label_codes, open_fraction
from medeval.statistics.bootstrap import resampled_totals, summarise
from medeval.statistics.estimates import (
    DEFAULT_CONFIDENCE,
    DEFAULT_RESAMPLES,
    DEFAULT_SEED,
    BootstrapEstimate,
    Estimate,
)
from medeval.statistics.quantiles import two_sided, upper_tail

# Disagreement of the two errors that benchmarks of this many items should not show.
SE_TOLERANCE = 0.05
CLT_TRUSTED_FROM = 300


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """One benchmark's items.

    Attributes:
        scores: Score, or paired difference, of each item, shape (n,); runs of an item already averaged.
        clusters: One label per item, shape (n,); None when items are independent.
        subjects: One label per item, shape (n,), when the benchmark is a mean over subjects; else None.
    """

    scores: npt.ArrayLike
    clusters: npt.ArrayLike | None = None
    subjects: npt.ArrayLike | None = None


@dataclass(frozen=True, slots=True)
class MacroEstimate(Estimate):
    """A macro-average with a normal interval; items are a sample of many, the benchmarks are fixed.

    Attributes:
        z: ``value / se``; None when ``se`` is None or 0.
        p_value: Two-sided p-value of a mean of 0; None when ``z`` is None.
        components: Estimate of each benchmark, in the order given, with normal intervals.
    """

    z: float | None = None
    p_value: float | None = None
    components: tuple[Estimate, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorAgreement:
    """Whether the normal and the bootstrap error of a macro-average tell the same story.

    Attributes:
        ratio: Bootstrap error over normal error; None when either is missing or the normal one is 0.
        agree: Whether they are within 5 % of each other; None when ``ratio`` is None.
        trusted: "normal" when they agree and every benchmark has 300 items or more, else "bootstrap".
    """

    ratio: float | None
    agree: bool | None
    trusted: str


@dataclass(frozen=True, slots=True)
class _Stack:
    """All items of all components in one row: the stratum is the subject, or the benchmark when it has none."""

    scores: FloatArray
    components: IntArray
    strata: IntArray
    clusters: IntArray
    stratum_weights: FloatArray


def macro_average(
    components: Sequence[Component], *, shared_clusters: bool = False, confidence: float = DEFAULT_CONFIDENCE
) -> MacroEstimate:
    """Macro-average with a cluster-robust error (CR1 within each benchmark or subject) and a normal interval.

    Args:
        components: The benchmarks, at least one.
        shared_clusters: Whether equal cluster labels in different benchmarks mean the same cluster, as for
            duplicates across benchmarks. Items of a benchmark without labels stay independent.
        confidence: Coverage of the interval.

    Returns:
        The estimate; error and interval are None when a benchmark or subject has a single cluster.

    Raises:
        ValueError: No components, wrong shapes, or scores that are not finite.
    """
    stack = _stack(components, shared_clusters)
    open_fraction(confidence, "confidence")
    value, se = _weighted_mean(stack, np.ones(stack.scores.size, dtype=bool))
    parts = [_weighted_mean(stack, stack.components == index) for index in range(len(components))]
    overall = _normal(value, se, stack.scores.size, confidence)
    z = value / se if se else None
    sizes = np.bincount(stack.components).tolist()
    return MacroEstimate(
        value=value,
        se=se,
        low=overall.low,
        high=overall.high,
        n=stack.scores.size,
        method=f"{_label(components)}, {overall.method}",
        confidence=confidence,
        z=z,
        p_value=None if z is None else 2.0 * upper_tail(abs(z)),
        components=tuple(_normal(*part, n, confidence) for part, n in zip(parts, sizes, strict=True)),
    )


def macro_bootstrap(
    components: Sequence[Component],
    *,
    shared_clusters: bool = False,
    null: float | None = 0.0,
    resamples: int = DEFAULT_RESAMPLES,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = DEFAULT_SEED,
) -> BootstrapEstimate:
    """Macro-average with a percentile interval from a stratified bootstrap of clusters.

    Each subject (or benchmark) keeps as many clusters of its own as it has; clusters that span several are drawn from
    a block of their own, so that no resample leaves a subject without items (see :func:`_blocks`).

    Args:
        components: The benchmarks; pass paired differences for a paired bootstrap.
        shared_clusters: As for :func:`macro_average`.
        null: Value tested by ``p_value``; None for no test.
        resamples: Number of resamples, at least 1.
        confidence: Coverage of the interval.
        seed: Seed of the generator.

    Returns:
        The estimate; error and interval are None when a subject has no two clusters that could be exchanged.

    Raises:
        ValueError: As for :func:`macro_average`.
    """
    stack = _stack(components, shared_clusters)
    count(resamples, "resamples", least=1)
    open_fraction(confidence, "confidence")
    rng = np.random.default_rng(seed)
    blocks = _blocks(stack)
    strata = stack.stratum_weights.size
    totals = np.zeros((resamples, 2 * strata))
    for block in range(int(blocks.max()) + 1):
        present, drawn = _block_totals(stack, blocks[stack.clusters] == block, resamples, rng)
        totals[:, present] += drawn[:, : present.size]
        totals[:, strata + present] += drawn[:, present.size :]
    value, _ = _weighted_mean(stack, np.ones(stack.scores.size, dtype=bool))
    return summarise(
        np.asarray((totals[:, :strata] / totals[:, strata:]) @ stack.stratum_weights, dtype=np.float64),
        value=value,
        n=stack.scores.size,
        # A stratum without spread to resample leaves the whole without an error, too.
        clusters=int(stack.clusters.max()) + 1 if _every_stratum_varies(stack, blocks) else 1,
        null=null,
        confidence=confidence,
        seed=seed,
        method=f"stratified percentile bootstrap of clusters, {len(components)} benchmarks",
    )


def _label(components: Sequence[Component]) -> str:
    if len(components) > 1:
        return f"macro-average of {len(components)} benchmarks"
    return "mean of items" if components[0].subjects is None else "mean over subjects"


def error_agreement(normal: MacroEstimate, bootstrap: BootstrapEstimate) -> ErrorAgreement:
    """Compare the two errors of one macro-average and say which to trust."""
    if not normal.se or bootstrap.se is None:
        return ErrorAgreement(None, None, "bootstrap")
    ratio = bootstrap.se / normal.se
    agree = abs(ratio - 1.0) <= SE_TOLERANCE
    large = all(part.n >= CLT_TRUSTED_FROM for part in normal.components)
    return ErrorAgreement(ratio, agree, "normal" if agree and large else "bootstrap")


def _stack(components: Sequence[Component], shared_clusters: bool) -> _Stack:
    if not components:
        raise ValueError("components: expected at least one benchmark, got none")
    scores = [finite_vector(part.scores, f"components[{i}].scores") for i, part in enumerate(components)]
    index = np.repeat(np.arange(len(scores)), [part.size for part in scores])
    strata, weights, used = [], [], 0
    for i, part in enumerate(components):
        codes = (
            np.zeros(scores[i].size, dtype=np.int64)
            if part.subjects is None
            else label_codes(part.subjects, scores[i].size, f"components[{i}].subjects")
        )
        subjects = int(codes.max()) + 1
        strata.append(codes + used)
        weights += [1.0 / (len(components) * subjects)] * subjects
        used += subjects
    return _Stack(
        scores=np.concatenate(scores),
        components=index,
        strata=np.concatenate(strata),
        clusters=_cluster_codes(components, [part.size for part in scores], shared_clusters),
        stratum_weights=np.array(weights),
    )


def _cluster_codes(components: Sequence[Component], sizes: list[int], shared: bool) -> IntArray:
    """Number clusters 0..G-1 over all components; labels meet across components only when ``shared``."""
    codes, used, met = [], 0, dict[object, int]()
    for i, (part, size) in enumerate(zip(components, sizes, strict=True)):
        own = label_codes(part.clusters, size, f"components[{i}].clusters")
        if shared and part.clusters is not None:
            labels, first, own = np.unique(np.asarray(part.clusters), return_index=True, return_inverse=True)
            # The number of each label of this component among all: met before, or the next free one.
            numbers = np.empty(len(labels), dtype=np.int64)
            for place, label in sorted(enumerate(labels.tolist()), key=lambda pair: int(first[pair[0]])):
                number = met.setdefault(label, used)
                used += number == used
                numbers[place] = number
            codes.append(numbers[own.reshape(-1)])
        else:
            codes.append(own + used)
            used += int(own.max()) + 1
    return np.concatenate(codes)


def _weighted_mean(stack: _Stack, chosen: npt.NDArray[np.bool_]) -> tuple[float, float | None]:
    """Mean over the strata of the chosen items, weights rescaled to sum to 1, and its cluster-robust error."""
    strata, codes = stack.strata[chosen], stack.clusters[chosen]
    present, strata = np.unique(strata, return_inverse=True)
    weights = stack.stratum_weights[present] / stack.stratum_weights[present].sum()
    sizes = np.bincount(strata)
    means = np.bincount(strata, weights=stack.scores[chosen]) / sizes
    value = float(weights @ means)
    width = int(codes.max()) + 1
    groups = np.bincount(np.unique(strata * width + codes) // width)
    if groups.min() < 2:
        return value, None
    # Linearised share of each item in the macro-average; the last factor is CR1 within the stratum.
    pull = (weights / sizes * np.sqrt(groups / (groups - 1)))[strata]
    influence = pull * (stack.scores[chosen] - means[strata])
    by_cluster = np.bincount(np.unique(codes, return_inverse=True)[1], weights=influence)
    return value, float(np.linalg.norm(by_cluster))


def _blocks(stack: _Stack) -> IntArray:
    """Number the block that each cluster is drawn from, shape (G,), so that no draw can empty a stratum.

    The own clusters of a stratum are one block. A cluster that spans strata belongs to a block named by those of its
    strata that have no cluster of their own; whatever such a block draws touches all of them.
    """
    touches = np.zeros((int(stack.clusters.max()) + 1, stack.stratum_weights.size), dtype=bool)
    touches[stack.clusters, stack.strata] = True
    own = touches.sum(axis=1) == 1
    owned = touches[own].any(axis=0)
    spanning = np.unique(touches[~own] & ~owned, axis=0, return_inverse=True)[1].reshape(-1)
    blocks = touches.argmax(axis=1)
    blocks[~own] = stack.stratum_weights.size + spanning
    return np.asarray(np.unique(blocks, return_inverse=True)[1], dtype=np.int64)


def _every_stratum_varies(stack: _Stack, blocks: IntArray) -> bool:
    """Whether every stratum has items in a block of two clusters or more, so that its mean can vary."""
    varying = (np.bincount(blocks) > 1)[blocks[stack.clusters]]
    return bool(len(np.unique(stack.strata[varying])) == stack.stratum_weights.size)


def _block_totals(
    stack: _Stack, inside: npt.NDArray[np.bool_], resamples: int, rng: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Strata of one block, shape (s,), and the resampled sums and sizes of their items there, shape (R, 2 s)."""
    present, strata = np.unique(stack.strata[inside], return_inverse=True)
    codes = np.unique(stack.clusters[inside], return_inverse=True)[1]
    shape = (int(codes.max()) + 1, present.size)
    cell = codes * present.size + strata
    cells = shape[0] * shape[1]
    sums = np.bincount(cell, weights=stack.scores[inside], minlength=cells).reshape(shape)
    sizes = np.bincount(cell, minlength=cells).reshape(shape)
    return present, resampled_totals(np.hstack([sums, sizes]), resamples, rng)


def _normal(value: float, se: float | None, n: int, confidence: float) -> Estimate:
    if se is None:
        return Estimate(value, None, None, None, n, "no interval: a stratum has one cluster", confidence)
    half = two_sided(confidence) * se
    return Estimate(value, se, value - half, value + half, n, "normal, CR1", confidence)
