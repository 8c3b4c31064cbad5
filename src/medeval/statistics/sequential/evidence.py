r"""Evidence against "the total is at most m", which may be looked at after every round.

The population is fixed: strata (benchmarks) of units (items) i with a known size s_i > 0 and an unknown value y_i in
[-1, 1]. The claim is about the total D = sum of s_i y_i over all strata; with s_i the item's share in an average and
y_i a paired difference, D is the difference of two averages. Any bounded quantity has this form: a score in
[low_i, high_i] is a known middle plus half its range times some y_i.

In every round one unit is drawn from each stratum that has any left, strata independently of each other, a unit's
chance being its size over the sizes left there: R_b before the round. So with Y_b the value drawn,

    E[R_b Y_b | past] = sum of s_i y_i over the units left in b,
    E[sum_b R_b Y_b | past] = D - (sum of s_i y_i drawn so far),

whatever the values are, and however the total is divided among strata of different lengths. That is why the strata
need no null hypothesis of their own, and why a stratum that is used up counts with its exact total.

If D <= m, the right-hand side plus sum_b R_b is at most the *slack*: m - drawn + sum_b R_b, how far the total allowed
exceeds the smallest one still possible. With any e_b > 0 fixed before the round, E = sum_b e_b and 0 <= theta < 1, the
round multiplies the evidence by

    prod_b [1 + theta / max(e) * (R_b (1 + Y_b) E / slack - e_b)].

Its factors are positive, independent given the past, and their means average at most 1; by the inequality of the
arithmetic and the geometric mean the product of the means is at most 1, too. The evidence, averaged over several
theta, is therefore a non-negative supermartingale that starts at 1 if D <= m, and by Ville's inequality

    P(it ever reaches 1 / alpha) <= alpha,

at every stopping rule. Betting on each unit of a round and not on the round's mean is what lets theta be large: the
mean of seven differences could in principle be -1, so a bet on it has to be cautious seven times over.

The bets follow Waudby-Smith and Ramdas (arXiv 2006.04347, 2010.09686) and Stark's ALPHA (arXiv 2201.02707); drawing by
size, as auditors of amounts do, is in Shekhar et al. (arXiv 2305.06884). The product over strata is our own.
"""

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import FloatArray

# Shares of the evidence that is put at risk on one unit. The best one depends on the difference and the spread; an
# average over a geometric grid loses little against it. Larger bets get more of the weight, as the square root: they
# are the ones that can end an audit early.
BETS: FloatArray = np.geomspace(0.005, 0.98, 12)
BET_WEIGHTS: FloatArray = np.sqrt(BETS) / np.sqrt(BETS).sum()

# Units of value 0 that the running mean of a stratum starts with. It only steers the bets.
PRIOR_UNITS = 10.0

# Totals are sums of up to some thousand floats; nothing closer than this is told apart.
TOLERANCE = 1e-9


def log_evidence(values: FloatArray, sizes: FloatArray, totals: FloatArray, threshold: float) -> FloatArray:
    """Logarithm of the evidence against "the total is at most ``threshold``", after each round.

    Args:
        values: Value of each unit drawn, in [-1, 1], shape (..., n, B); 0 where a stratum is used up.
        sizes: Size of each, shape (n, B) or (..., n, B); 0 where a stratum is used up, which stays so.
        totals: Sum of all sizes of each stratum, shape (B,).
        threshold: The m of the null hypothesis.

    Returns:
        Shape (..., n); infinity from the round on after which the total must exceed the threshold.

    Raises:
        ValueError: Shapes that do not fit, a value outside [-1, 1], or a round in which nothing is drawn.
    """
    check_rounds(values, sizes, totals)
    left, drawn = _left(sizes, totals), _drawn(values, sizes)
    # The smallest total that is still possible, from before the first round to after the last.
    lowest = drawn - left.sum(axis=-1)
    slack = threshold - lowest[..., :-1]
    left = np.where(sizes > 0.0, left[..., :-1, :], 0.0)
    stakes = left * (1.0 + _running_means(values, sizes))
    largest = stakes.max(axis=-1)
    # No bet where the threshold is all but impossible: the next rounds show whether it is.
    open_rounds = slack > TOLERANCE
    scale = np.divide(stakes.sum(axis=-1), slack * largest, out=np.zeros_like(slack), where=open_rounds)
    gains = left * (1.0 + values) * scale[..., None] - (stakes / largest[..., None])
    gains *= open_rounds[..., None]
    evidence = np.full(slack.shape, -np.inf)
    for bet, weight in zip(BETS, BET_WEIGHTS, strict=True):
        growth = np.log(np.prod(1.0 + bet * gains, axis=-1))
        np.logaddexp(evidence, np.log(weight) + np.cumsum(growth, axis=-1), out=evidence)
    impossible = np.maximum.accumulate(lowest[..., 1:], axis=-1) > threshold + TOLERANCE
    evidence[impossible] = np.inf
    return evidence


def check_rounds(values: FloatArray, sizes: FloatArray, totals: FloatArray) -> None:
    """Raise ValueError unless the arrays describe rounds as :func:`log_evidence` needs them."""
    if values.ndim < 2 or totals.ndim != 1 or values.shape[-1] != totals.size:
        raise ValueError(f"values: expected shape (..., n, {totals.size}), got {values.shape}")
    if sizes.shape not in (values.shape, values.shape[-2:]):
        raise ValueError(f"sizes: expected shape {values.shape[-2:]} or {values.shape}, got {sizes.shape}")
    if not (np.abs(values) <= 1.0 + TOLERANCE).all():
        raise ValueError("values: expected numbers from -1 to 1")
    if not (sizes >= 0.0).all() or not (sizes.sum(axis=-2) <= totals + TOLERANCE).all():
        raise ValueError("sizes: expected positive numbers, 0 where nothing is drawn, that sum to at most the totals")
    if not (sizes > 0.0).any(axis=-1).all():
        raise ValueError("sizes: a round draws from no stratum")
    if ((sizes[..., 1:, :] > 0.0) & (sizes[..., :-1, :] == 0.0)).any():
        raise ValueError("sizes: a stratum is drawn from again after a round without it")


def _left(sizes: FloatArray, totals: FloatArray) -> FloatArray:
    """Sizes left in each stratum before each round and after the last, shape (..., n + 1, B)."""
    return np.maximum(totals - _from_zero(sizes, axis=-2), 0.0)


def _drawn(values: FloatArray, sizes: FloatArray) -> FloatArray:
    """Total of what is drawn before each round and after the last, shape (..., n + 1)."""
    return _from_zero((sizes * values).sum(axis=-1), axis=-1)


def _running_means(values: FloatArray, sizes: FloatArray) -> FloatArray:
    """Mean value of the units drawn from each stratum before each round, drawn towards 0, shape (..., n, B)."""
    before = [slice(None)] * values.ndim
    before[-2] = slice(0, -1)
    counts = _from_zero((sizes > 0.0).astype(float), axis=-2)
    sums = _from_zero(values, axis=-2)
    return np.asarray((sums / (PRIOR_UNITS + counts))[tuple(before)])


def _from_zero(steps: npt.NDArray[np.float64], axis: int) -> FloatArray:
    """Cumulative sum along an axis that starts with 0, one entry longer than the steps."""
    start = np.zeros_like(np.take(steps, [0], axis=axis))
    return np.concatenate([start, np.cumsum(steps, axis=axis)], axis=axis)
