"""Agreement of several raters who put units into categories, when not every rater has judged every unit."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import FloatArray, finite_matrix, label_codes
from medeval.statistics.bootstrap import resampled_totals, summarise
from medeval.statistics.division import divide_or_nan
from medeval.statistics.estimates import DEFAULT_CONFIDENCE, DEFAULT_SEED, BootstrapEstimate

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class RaterAgreement:
    """How far raters agree, beside what chance would give.

    Attributes:
        alpha: Krippendorff's alpha for nominal data; None where every rating is alike.
        ac1: Gwet's first agreement coefficient; None with a single category.
        percent: Mean share of agreeing pairs of raters over the units with two ratings or more.
        units: Units with two ratings or more; the others say nothing of agreement.
        ratings: All ratings of those units.
    """

    alpha: BootstrapEstimate | None
    ac1: BootstrapEstimate | None
    percent: BootstrapEstimate
    units: int
    ratings: int


def category_counts(ratings: npt.ArrayLike, categories: int) -> FloatArray:
    """Count each unit's ratings by category.

    Args:
        ratings: Category of each unit by each rater, from 0; NaN where a rater gave none, shape (units, raters).
        categories: Number of categories.

    Returns:
        Counts, shape (units, categories).

    Raises:
        ValueError: Wrong shape, or a rating that is no category.
    """
    values = np.asarray(ratings, dtype=float)
    if values.ndim != 2:
        raise ValueError(f"ratings: expected one row per unit and one column per rater, got shape {values.shape}")
    given = ~np.isnan(values)
    if not np.isin(values[given], np.arange(categories)).all():
        raise ValueError(f"ratings: expected whole numbers from 0 to {categories - 1}, or NaN")
    return np.stack([(values == category).sum(axis=1) for category in range(categories)], axis=1).astype(float)


def rater_agreement(
    counts: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = DEFAULT_SEED,
) -> RaterAgreement:
    """Agreement coefficients with percentile intervals from resampled clusters of units.

    Alpha (Krippendorff, Content Analysis, 2004) drops units with fewer than two ratings. AC1 (Gwet, Br J Math Stat
    Psychol 61:29, 2008) takes chance from every rated unit, as does Gwet's own software.

    Args:
        counts: Ratings of each unit by category, shape (units, categories), as :func:`category_counts` gives.
        clusters: One label per unit, shape (units,); None when units are independent.
        confidence: Coverage of the intervals.
        resamples: Number of resamples.
        seed: Seed of the generator.

    Raises:
        ValueError: Wrong shapes, or no unit has two ratings.
    """
    values = finite_matrix(counts, "counts")
    codes = label_codes(clusters, len(values), "clusters")
    rows = np.zeros((int(codes.max()) + 1, 2 * values.shape[1] + 4))
    np.add.at(rows, codes, _summands(values))
    total = rows.sum(axis=0)
    paired = values.sum(axis=1) >= 2
    if not paired.any():
        raise ValueError("counts: expected a unit with at least two ratings")
    drawn = resampled_totals(rows, resamples, np.random.default_rng(seed))

    def estimate(figure: FloatArray, replicates: FloatArray, n: int) -> BootstrapEstimate | None:
        if np.isnan(figure):
            return None
        return summarise(
            replicates[~np.isnan(replicates)],
            value=float(figure),
            n=n,
            clusters=len(rows),
            null=None,
            confidence=confidence,
            seed=seed,
            method="percentile bootstrap of clusters",
        )

    units = int(paired.sum())
    percent = estimate(_percent(total), _percent(drawn), units)
    assert percent is not None  # noqa: S101 - a unit with two ratings has a share of agreeing pairs
    return RaterAgreement(
        alpha=estimate(_alpha(total), _alpha(drawn), units),
        ac1=estimate(_ac1(total), _ac1(drawn), units),
        percent=percent,
        units=units,
        ratings=int(values[paired].sum()),
    )


def _summands(counts: FloatArray) -> FloatArray:
    """What adds up over units: pairable ratings by category, shares by category, and four sums.

    The sums are agreeing pairs over (ratings - 1), agreeing share of pairs, paired units and rated units.
    """
    ratings = counts.sum(axis=1)
    paired, rated = ratings >= 2, ratings >= 1
    agreeing = (counts * (counts - 1)).sum(axis=1)
    within = np.divide(agreeing, ratings - 1, out=np.zeros(len(counts)), where=paired)
    share = np.divide(within, ratings, out=np.zeros(len(counts)), where=paired)
    shares = np.divide(counts, ratings[:, None], out=np.zeros(counts.shape), where=rated[:, None])
    return np.column_stack([counts * paired[:, None], shares, within, share, paired, rated])


def _parts(totals: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    categories = (totals.shape[-1] - 4) // 2
    sums = np.moveaxis(totals[..., 2 * categories :], -1, 0)
    return totals[..., :categories], totals[..., categories : 2 * categories], sums[0], sums[1], sums[2], sums[3]


def _alpha(totals: FloatArray) -> FloatArray:
    pairable, _, within, _, _, _ = _parts(totals)
    n = pairable.sum(axis=-1)
    expected = n**2 - (pairable**2).sum(axis=-1)  # times n - 1: disagreeing pairs among all ratings
    return 1.0 - divide_or_nan((n - 1) * (n - within), expected)


def _ac1(totals: FloatArray) -> FloatArray:
    _, shares, _, agreeing, paired, rated = _parts(totals)
    categories = shares.shape[-1]
    prevalence = shares / rated[..., None]
    chance = (prevalence * (1 - prevalence)).sum(axis=-1) / max(categories - 1, 1)
    observed = divide_or_nan(agreeing, paired)
    return np.asarray((observed - chance) / (1 - chance)) if categories > 1 else np.full(observed.shape, np.nan)


def _percent(totals: FloatArray) -> FloatArray:
    _, _, _, agreeing, paired, _ = _parts(totals)
    return divide_or_nan(agreeing, paired)
