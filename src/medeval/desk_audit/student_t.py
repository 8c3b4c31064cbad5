"""Student's t distribution for whole degrees of freedom, in closed form.

Importing scipy takes longer than the whole desk audit, so the finite series of Abramowitz & Stegun
(1964), 26.7.3 and 26.7.4, are used instead.
"""

from math import atan, cos, pi, sin, sqrt


def two_sided_p(t: float, df: int) -> float:
    """Return P(|T| >= |t|) for Student's t with `df` >= 1 degrees of freedom."""
    return 1.0 - _central_probability(abs(t), df)


def critical_value(confidence: float, df: int) -> float:
    """Return t with P(|T| <= t) = confidence, by bisection to 1e-10."""
    low, high = 0.0, 1.0
    while _central_probability(high, df) < confidence:
        high *= 2
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (middle, high) if _central_probability(middle, df) < confidence else (low, middle)
    return (low + high) / 2


def _central_probability(t: float, df: int) -> float:
    """Return P(|T| <= t), t >= 0."""
    theta = atan(t / sqrt(df))
    # Each term is the one before times cos^2(theta) * (even/odd) or (odd/even), by the parity of df.
    term = cos(theta) if df % 2 else 1.0
    total = term if df > 1 or df % 2 == 0 else 0.0
    for step in range(2 if df % 2 else 1, df - 2, 2):
        term *= cos(theta) ** 2 * step / (step + 1)
        total += term
    if df % 2:
        return 2 / pi * (theta + sin(theta) * total)
    return sin(theta) * total
