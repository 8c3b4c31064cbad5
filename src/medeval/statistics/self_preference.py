"""Does a judge favour models of its own family?"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import statsmodels.api as sm
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

from medeval.statistics.arrays import FloatArray, IntArray, finite_vector, label_codes, same_length
from medeval.statistics.clustered import cluster_mean
from medeval.statistics.estimates import DEFAULT_CONFIDENCE, DEFAULT_SEED, ClusteredEstimate
from medeval.statistics.quantiles import two_sided, upper_tail


@dataclass(frozen=True, slots=True)
class OwnFamilyOdds:
    """Odds of a favourable grade when judge and model are of one family, over those when they are not.

    Attributes:
        ratio: The odds ratio, with the judge's leniency and the model's quality held fixed.
        low: Lower end of its interval.
        high: Upper end.
        p_value: Two-sided p-value of a ratio of 1.
        n: Number of grades.
        clusters: Number of prompts.
        confidence: Coverage of the interval.
    """

    ratio: float
    low: float
    high: float
    p_value: float
    n: int
    clusters: int
    confidence: float = DEFAULT_CONFIDENCE


def self_preference(
    scores: npt.ArrayLike,
    judge: int,
    own: npt.ArrayLike,
    other: npt.ArrayLike,
    references: npt.ArrayLike,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = DEFAULT_SEED,
) -> ClusteredEstimate | None:
    """How much more a judge adds to its own family's scores than to others', beside judges of other families.

    It is (own models under the judge - under the references) - (the same of other models), averaged over prompts.

    Args:
        scores: Score by prompt, model and judge, NaN where it is missing, shape (prompts, models, judges).
        judge: The judge's place.
        own: Whether each model is of its family, shape (models,).
        other: Whether each model is of another, known family, shape (models,).
        references: Whether each judge is of another, known family, shape (judges,).
        confidence: Coverage of the interval.
        seed: Seed of the bootstrap that few prompts need.

    Returns:
        The mean with its interval over the prompts that have every score it takes; None where there is no own model,
        no other model, no reference, or no such prompt.

    Raises:
        ValueError: The scores are not of three dimensions.
    """
    values = np.asarray(scores, dtype=float)
    if values.ndim != 3:
        raise ValueError(f"scores: expected prompts, models and judges, got shape {values.shape}")
    mine, theirs, beside = (np.asarray(mask, dtype=bool) for mask in (own, other, references))
    if not (mine.any() and theirs.any() and beside.any()):
        return None
    excess = values[:, :, judge] - values[:, :, beside].mean(axis=2)
    preference = excess[:, mine].mean(axis=1) - excess[:, theirs].mean(axis=1)
    complete = preference[~np.isnan(preference)]
    return cluster_mean(complete, confidence=confidence, seed=seed) if complete.size else None


def own_family_odds(
    favourable: npt.ArrayLike,
    models: npt.ArrayLike,
    judges: npt.ArrayLike,
    own: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
) -> OwnFamilyOdds | None:
    """Logistic regression of grades on model, judge and whether they are of one family, errors by prompt.

    Criteria need no terms of their own where every judge decides every criterion of every model: they cannot confound.

    Args:
        favourable: 1 where the grade gains the model points or spares it a loss, else 0, shape (n,).
        models: Model of each grade, shape (n,).
        judges: Judge of each grade, shape (n,).
        own: 1 where judge and model are of one family, shape (n,).
        clusters: Prompt of each grade, shape (n,).
        confidence: Coverage of the interval.

    Returns:
        The odds ratio; None where the grades cannot tell it, as with one model, or with grades all alike in a cell.

    Raises:
        ValueError: Wrong or unequal shapes.
    """
    outcome, shared = finite_vector(favourable, "favourable"), finite_vector(own, "own")
    same_length(outcome, shared, "favourable and own")
    groups = label_codes(clusters, outcome.size, "clusters")
    columns = [np.ones((outcome.size, 1)), shared[:, None]]
    for labels, name in ((models, "models"), (judges, "judges")):
        columns.append(_indicators(label_codes(labels, outcome.size, name)))
    design = np.column_stack(columns)
    if np.linalg.matrix_rank(design) < design.shape[1] or groups.max() == 0:
        return None
    fitted = _fit(outcome, design, groups)
    if fitted is None:
        return None
    slope, se = fitted
    half = two_sided(confidence) * se
    return OwnFamilyOdds(
        ratio=math.exp(slope),
        low=math.exp(slope - half),
        high=math.exp(slope + half),
        p_value=2.0 * upper_tail(abs(slope) / se),
        n=outcome.size,
        clusters=int(groups.max()) + 1,
        confidence=confidence,
    )


def _indicators(codes: IntArray) -> FloatArray:
    """One column per label but the first, shape (n, labels - 1)."""
    return np.asarray(codes[:, None] == np.arange(1, int(codes.max()) + 1), dtype=np.float64)


def _fit(outcome: FloatArray, design: FloatArray, groups: IntArray) -> tuple[float, float] | None:
    """Return the coefficient of the second column and its clustered error; None where there is no finite one."""
    model = sm.GLM(outcome, design, family=sm.families.Binomial())
    with warnings.catch_warnings():
        warnings.simplefilter("error", PerfectSeparationWarning)
        try:
            result = model.fit(cov_type="cluster", cov_kwds={"groups": groups})
        except (PerfectSeparationWarning, np.linalg.LinAlgError):
            return None
    slope, se = float(result.params[1]), float(result.bse[1])
    usable = result.converged and math.isfinite(slope) and math.isfinite(se) and se > 0 and abs(slope) < 15
    return (slope, se) if usable else None
