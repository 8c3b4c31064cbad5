"""A judge held against the official one on anchors, answers whose official scores are known."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import finite_vector, not_negative, same_length

LEAST_ANCHORS = 3


@dataclass(frozen=True, slots=True)
class AnchorOffset:
    """How a judge's scores differ from the official ones.

    Attributes:
        offset: Mean of judged minus official.
        residual_sd: Standard deviation of these differences (ddof 1): how far one more system may lie off the offset;
            None with one anchor.
        n: Number of anchors.
        enough: Whether there are the three anchors that a decision about a value needs at least.
    """

    offset: float
    residual_sd: float | None
    n: int
    enough: bool


@dataclass(frozen=True, slots=True)
class Transported:
    """A judged score carried over to the official judge.

    Attributes:
        raw: The score as judged.
        corrected: The score minus the offset.
        se: Error of the score alone.
        total_se: That error and the residual standard deviation in quadrature; None where the latter is unknown.
        enough: Whether there are anchors enough.
    """

    raw: float
    corrected: float
    se: float
    total_se: float | None
    enough: bool


def anchor_offset(judged: npt.ArrayLike, official: npt.ArrayLike) -> AnchorOffset:
    """Compare a judge with the official one on anchors.

    Args:
        judged: Score of each anchor by this judge, shape (n,).
        official: Official score of the same anchors, shape (n,).

    Raises:
        ValueError: Wrong or unequal shapes, no anchor, or scores that are not finite.
    """
    ours, theirs = finite_vector(judged, "judged"), finite_vector(official, "official")
    same_length(ours, theirs, "judged and official")
    differences = ours - theirs
    spread = float(np.std(differences, ddof=1)) if differences.size > 1 else None
    return AnchorOffset(float(differences.mean()), spread, differences.size, differences.size >= LEAST_ANCHORS)


def transport(score: float, se: float, found: AnchorOffset) -> Transported:
    """Carry a judged score over: subtract the offset, add the residual spread as a systematic error.

    Raises:
        ValueError: A negative error.
    """
    not_negative(se, "se")
    total = None if found.residual_sd is None else math.hypot(se, found.residual_sd)
    return Transported(score, score - found.offset, se, total, found.enough)
