"""Shares of criteria that are really met, behind a judge with known rates of error (Rogan and Gladen 1978)."""

import math
from dataclasses import dataclass

from medeval.statistics.arrays import FloatArray, closed_fraction, count, open_fraction
from medeval.statistics.division import divide_or_nan
from medeval.statistics.estimates import DEFAULT_CONFIDENCE
from medeval.statistics.quantiles import two_sided

# Sensitivity + specificity - 1 below which a judge is too near to chance for its share to say anything.
LEAST_INFORMEDNESS = 0.2


@dataclass(frozen=True, slots=True)
class CorrectedShare:
    """A share with the judge's errors taken out.

    Attributes:
        value: The corrected share, not clipped to 0..1; None when it is not identified.
        se: Its error by the delta method, of the judged share and of both rates; None likewise.
        low: Lower end of the normal interval, not clipped.
        high: Upper end, not clipped.
        raw: The share as judged.
        informedness: Sensitivity + specificity - 1: 0 for a judge that knows nothing, 1 for one without errors.
        identified: Whether the informedness is at least 0.2.
        n: Grades behind the judged share.
        confidence: Coverage of the interval.
    """

    value: float | None
    se: float | None
    low: float | None
    high: float | None
    raw: float
    informedness: float
    identified: bool
    n: int
    confidence: float = DEFAULT_CONFIDENCE


def rogan_gladen(
    judged: float,
    n: int,
    sensitivity: float,
    n_met: int,
    specificity: float,
    n_not_met: int,
    confidence: float = DEFAULT_CONFIDENCE,
) -> CorrectedShare:
    """Correct a judged share for sensitivity and specificity: ``(p + q0 - 1) / (q1 + q0 - 1)``.

    Assumes that the judge errs on the judged set as it does where the rates were measured, and independent grades.

    Args:
        judged: Share judged met, 0 to 1.
        n: Grades behind it.
        sensitivity: Share of what is met that the judge calls met.
        n_met: Cases behind the sensitivity.
        specificity: Share of what is not met that the judge calls not met.
        n_not_met: Cases behind the specificity.
        confidence: Coverage of the interval.

    Raises:
        ValueError: A share outside 0..1, or a number of cases below 1.
    """
    closed_fraction(judged, "judged")
    closed_fraction(sensitivity, "sensitivity")
    closed_fraction(specificity, "specificity")
    open_fraction(confidence, "confidence")
    for cases, name in ((n, "n"), (n_met, "n_met"), (n_not_met, "n_not_met")):
        count(cases, name, least=1)
    informedness = sensitivity + specificity - 1.0
    if informedness < LEAST_INFORMEDNESS:
        return CorrectedShare(None, None, None, None, judged, informedness, False, n, confidence)
    value = (judged + specificity - 1.0) / informedness
    variance = (
        judged * (1 - judged) / n
        + value**2 * sensitivity * (1 - sensitivity) / n_met
        + (1 - value) ** 2 * specificity * (1 - specificity) / n_not_met
    )
    se = math.sqrt(variance) / informedness
    half = two_sided(confidence) * se
    return CorrectedShare(value, se, value - half, value + half, judged, informedness, True, n, confidence)


def corrected_shares(judged: FloatArray, sensitivity: FloatArray, specificity: FloatArray) -> FloatArray:
    """Apply the correction to arrays, such as resamples; NaN where the judge is no better than chance.

    The limit of 0.2 is for estimates; in a resample any positive informedness counts, or the interval would be too
    short.
    """
    return divide_or_nan(judged + specificity - 1.0, sensitivity + specificity - 1.0)
