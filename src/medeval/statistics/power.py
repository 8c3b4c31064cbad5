"""Planning: what a design can resolve, and how many items a question needs. All effects are fractions."""

import math
from dataclasses import dataclass

import numpy.typing as npt

from medeval.statistics.arrays import (
    closed_fraction,
    count,
    finite_vector,
    not_negative,
    open_fraction,
    positive,
)
from medeval.statistics.quantiles import quantile, upper_tail


@dataclass(frozen=True, slots=True)
class RequiredItems:
    """Items needed to detect an effect: the exact solution and the next whole number."""

    exact: float
    items: int


@dataclass(frozen=True, slots=True)
class ItemSufficiency:
    """How the items at hand compare with the items needed.

    Attributes:
        ratio: Items at hand over items needed.
        underpowered: Whether the ratio is below 1.
    """

    ratio: float
    underpowered: bool


def detection_factor(alpha: float = 0.05, power: float = 0.8) -> float:
    """Multiplier ``z(1 - alpha/2) + z(power)`` from standard error to smallest detectable effect.

    Raises:
        ValueError: ``alpha`` or ``power`` is not strictly between 0 and 1.
    """
    return quantile(1.0 - open_fraction(alpha, "alpha") / 2.0) + quantile(open_fraction(power, "power"))


def minimum_detectable_effect(se: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest true difference that a two-sided test at ``alpha`` finds with this power, given its error.

    Raises:
        ValueError: A negative error, or a wrong ``alpha`` or ``power``.
    """
    return detection_factor(alpha, power) * not_negative(se, "se")


def difference_variance(
    item_variance: float, noise_a: float = 0.0, noise_b: float = 0.0, runs_a: int = 1, runs_b: int = 1
) -> float:
    """Variance of one item's run-averaged difference between two systems.

    Args:
        item_variance: Variance over items of the expected difference.
        noise_a: Run-to-run variance of an item's score for A.
        noise_b: The same for B.
        runs_a: Runs of A averaged.
        runs_b: Runs of B averaged.

    Raises:
        ValueError: A negative variance or a count below 1.
    """
    for value, name in ((item_variance, "item_variance"), (noise_a, "noise_a"), (noise_b, "noise_b")):
        not_negative(value, name)
    return item_variance + noise_a / count(runs_a, "runs_a", least=1) + noise_b / count(runs_b, "runs_b", least=1)


def required_items(effect: float, variance: float, alpha: float = 0.05, power: float = 0.8) -> RequiredItems:
    """Items that a paired comparison needs to detect ``effect`` (Miller, arXiv 2411.00640).

    Args:
        effect: True difference to detect; its sign does not matter.
        variance: Variance of one item's difference, see :func:`difference_variance`.
        alpha: Two-sided level of the test.
        power: Chance of finding the effect.

    Raises:
        ValueError: An effect of 0, a variance of 0 or less, or a wrong ``alpha`` or ``power``.
    """
    positive(abs(effect), "effect")
    exact = (detection_factor(alpha, power) / effect) ** 2 * positive(variance, "variance")
    return RequiredItems(exact, math.ceil(exact))


def resolution(items: float, needed: float) -> ItemSufficiency:
    """Items at hand over items needed; below 1 a comparison cannot be expected to settle the claim.

    Raises:
        ValueError: Either number is 0 or less.
    """
    ratio = positive(items, "items") / positive(needed, "needed")
    return ItemSufficiency(ratio, ratio < 1.0)


def planned_variance(
    share_a: float, share_b: float, n: float, correlation: float, within_share: float = 0.0, runs: int = 1
) -> float:
    """Variance of the difference of two accuracies on the same ``n`` items, before any is measured.

    ``[(v_a + v_b)(1 - f + f / k) - 2 rho sqrt(v_a v_b)] / n`` with ``v = p (1 - p)``. Averaging runs shrinks each
    system's variance but not the covariance, because the run noise of two systems is independent; for the same reason
    ``|rho|`` cannot exceed ``1 - f``.

    Args:
        share_a: Expected accuracy of A.
        share_b: Expected accuracy of B.
        n: Items; effective items for a mean of subjects.
        correlation: Correlation rho of the two systems' item scores in single runs.
        within_share: Share f of the single-run score variance that is run-to-run noise.
        runs: Runs k averaged for each system.

    Raises:
        ValueError: Shares outside [0, 1], a correlation above ``1 - within_share`` in size, ``n`` of 0 or less,
            ``runs`` below 1.
    """
    closed_fraction(within_share, "within_share")
    if not abs(correlation) <= 1.0 - within_share + 1e-12:
        raise ValueError(
            f"correlation: expected at most 1 - within_share = {1.0 - within_share} in size, got {correlation}"
        )
    shrink = 1.0 - within_share + within_share / count(runs, "runs", least=1)
    var_a = closed_fraction(share_a, "share_a") * (1.0 - share_a)
    var_b = closed_fraction(share_b, "share_b") * (1.0 - share_b)
    covariance = correlation * math.sqrt(var_a * var_b)
    return max(0.0, (var_a + var_b) * shrink - 2.0 * covariance) / positive(n, "n")


def planned_loss_variance(flip_rate: float, loss: float, n: float) -> float:
    """Variance of an accuracy loss when a share ``flip_rate`` of answers change between right and wrong.

    Raises:
        ValueError: A rate outside [0, 1], a loss larger than the rate, or ``n`` of 0 or less.
    """
    closed_fraction(flip_rate, "flip_rate")
    if not abs(loss) <= flip_rate:
        raise ValueError(f"loss: expected at most the flip rate {flip_rate} in size, got {loss}")
    return (flip_rate - loss**2) / positive(n, "n")


def effective_flip_rate(within_variance: float, runs: int, excess: float) -> float:
    """Mean squared difference of run-averaged scores, ``2 sigma**2 / k + excess``, with k runs on both sides.

    Raises:
        ValueError: A negative variance or excess, or ``runs`` below 1.
    """
    noise = 2.0 * not_negative(within_variance, "within_variance") / count(runs, "runs", least=1)
    return noise + not_negative(excess, "excess")


def planned_macro_se(variances: npt.ArrayLike) -> float:
    """Error of the unweighted mean of B independent benchmark values from their variances, shape (B,).

    Raises:
        ValueError: No variances, or one that is negative or not finite.
    """
    values = finite_vector(variances, "variances")
    not_negative(float(values.min()), "variances")
    return math.sqrt(float(values.sum())) / values.size


def subjects_effective_n(subject_sizes: npt.ArrayLike) -> float:
    """Items that an unweighted mean of S subject accuracies is worth, ``S**2 / sum(1 / n_s)``.

    Args:
        subject_sizes: Items of each subject, shape (S,).

    Raises:
        ValueError: No subjects, or a size of 0 or less.
    """
    sizes = finite_vector(subject_sizes, "subject_sizes")
    positive(float(sizes.min()), "subject_sizes")
    return float(sizes.size**2 / (1.0 / sizes).sum())


def non_inferiority_power(true_loss: float, se: float, margin: float, alpha: float = 0.05) -> float:
    """Chance that a one-sided test shows the loss to be below ``margin``, given the true loss.

    Raises:
        ValueError: An error or margin of 0 or less, or a wrong ``alpha``.
    """
    return upper_tail(-(largest_certifiable_loss(se, margin, alpha) - true_loss) / positive(se, "se"))


def largest_certifiable_loss(se: float, margin: float, alpha: float = 0.05) -> float:
    """Largest observed loss that a one-sided test still shows to be below ``margin``; may be negative.

    Raises:
        ValueError: A negative error, a margin of 0 or less, or a wrong ``alpha``.
    """
    return positive(margin, "margin") - quantile(1.0 - open_fraction(alpha, "alpha")) * not_negative(se, "se")
