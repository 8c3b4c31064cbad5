"""Quantiles and tails of the normal and t distributions behind one switch: no degrees of freedom means normal."""

from scipy import special


def quantile(probability: float, df: float | None = None) -> float:
    """Value below which ``probability`` of the t distribution with ``df`` lies (normal when ``df`` is None)."""
    if df is None:
        return float(special.ndtri(probability))
    return float(special.stdtrit(df, probability))


def upper_tail(statistic: float, df: float | None = None) -> float:
    """Probability above ``statistic`` (normal when ``df`` is None)."""
    # By symmetry the upper tail is the lower tail of the negative, which keeps small tails exact.
    if df is None:
        return float(special.ndtr(-statistic))
    return float(special.stdtr(df, -statistic))


def two_sided(confidence: float, df: float | None = None) -> float:
    """Multiplier of the standard error in a two-sided interval of this confidence."""
    return quantile(0.5 + confidence / 2.0, df)
