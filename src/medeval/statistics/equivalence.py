"""Is a difference inside a margin fixed in advance? Two one-sided tests, and non-inferiority of a loss.

Differences, errors and margins are fractions. A standard error of 0 leaves every decision None: with no spread
seen, neither test can be done.
"""

from dataclasses import dataclass

from medeval.statistics.arrays import not_negative, open_fraction, positive
from medeval.statistics.quantiles import quantile, two_sided, upper_tail


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Outcome of two one-sided tests of ``|difference| < margin``.

    Attributes:
        value: The difference.
        se: Its standard error.
        margin: Half-width of the equivalence region.
        low: Lower end of the 1 - 2 alpha interval (90 % by default), on which equivalence is decided.
        high: Upper end of the same interval.
        wide_low: Lower end of the 1 - alpha interval (95 % by default), on which being outside is decided.
        wide_high: Upper end of the same interval.
        p_value: Larger of the two one-sided p-values; None when ``se`` is 0.
        equivalent: Whether ``low..high`` lies strictly inside the margin; None when ``se`` is 0.
        below: Whether ``wide_low..wide_high`` lies wholly below ``-margin``; None when ``se`` is 0.
        above: Whether it lies wholly above ``+margin``; None when ``se`` is 0.
        df: Degrees of freedom of the t distribution; None for the normal.
        alpha: Level of each one-sided test.
        method: Name of the procedure.
    """

    value: float
    se: float
    margin: float
    low: float
    high: float
    wide_low: float
    wide_high: float
    p_value: float | None
    equivalent: bool | None
    below: bool | None
    above: bool | None
    df: float | None
    alpha: float
    method: str = "two one-sided tests"


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Outcome of a one-sided test that a loss stays under a bound.

    Attributes:
        value: The loss, reference minus candidate.
        se: Its standard error.
        margin: The bound.
        low: Lower one-sided bound at level ``alpha``.
        high: Upper one-sided bound at level ``alpha``.
        p_value: Of the null that the loss is at least ``margin``; None when ``se`` is 0.
        within: Whether the loss is shown to be below the bound (``high < margin``); None when ``se`` is 0.
        exceeded: Whether it is shown to be above (``low > margin``); None when ``se`` is 0. Both False: undecided.
        df: Degrees of freedom of the t distribution; None for the normal.
        alpha: One-sided level.
        method: Name of the procedure.
    """

    value: float
    se: float
    margin: float
    low: float
    high: float
    p_value: float | None
    within: bool | None
    exceeded: bool | None
    df: float | None
    alpha: float
    method: str = "one-sided non-inferiority"


def tost(difference: float, se: float, margin: float, *, df: float | None = None, alpha: float = 0.05) -> Equivalence:
    """Two one-sided tests that a difference lies within ``margin`` of 0 (Schuirmann 1987; Lakens 2017).

    Args:
        difference: The observed difference.
        se: Its standard error.
        margin: Half-width of the region that counts as equal; above 0.
        df: Degrees of freedom for a t test; None for a normal test.
        alpha: Level of each one-sided test.

    Raises:
        ValueError: A number that is not finite, a negative error, a margin or ``df`` of 0 or less, a wrong ``alpha``.
    """
    _check(difference, se, margin, df, alpha)
    narrow, wide = quantile(1.0 - alpha, df) * se, two_sided(1.0 - alpha, df) * se
    tested = se > 0.0
    return Equivalence(
        value=difference,
        se=se,
        margin=margin,
        low=difference - narrow,
        high=difference + narrow,
        wide_low=difference - wide,
        wide_high=difference + wide,
        p_value=upper_tail((margin - abs(difference)) / se, df) if tested else None,
        equivalent=abs(difference) + narrow < margin if tested else None,
        below=difference + wide < -margin if tested else None,
        above=difference - wide > margin if tested else None,
        df=df,
        alpha=alpha,
    )


def non_inferiority(
    loss: float, se: float, margin: float, *, df: float | None = None, alpha: float = 0.05
) -> NonInferiority:
    """One-sided test that a loss is below ``margin``; "not significant" never counts as evidence of it.

    Args:
        loss: Reference minus candidate, positive when the candidate is worse.
        se: Its standard error.
        margin: The largest loss that is still acceptable; above 0.
        df: Degrees of freedom for a t test; None for a normal test.
        alpha: One-sided level.

    Raises:
        ValueError: As for :func:`tost`.
    """
    _check(loss, se, margin, df, alpha)
    half = quantile(1.0 - alpha, df) * se
    tested = se > 0.0
    return NonInferiority(
        value=loss,
        se=se,
        margin=margin,
        low=loss - half,
        high=loss + half,
        p_value=upper_tail((margin - loss) / se, df) if tested else None,
        within=loss + half < margin if tested else None,
        exceeded=loss - half > margin if tested else None,
        df=df,
        alpha=alpha,
    )


def _check(value: float, se: float, margin: float, df: float | None, alpha: float) -> None:
    not_negative(abs(value), "difference")
    not_negative(se, "se")
    positive(margin, "margin")
    open_fraction(alpha, "alpha")
    if df is not None:
        positive(df, "df")
