"""HealthBench scores from judged criteria, as the benchmark's authors define them (arXiv 2505.08775).

An example's score is the points of the criteria that were met over the points that could be gained. It may
be negative and is not clipped; only a mean over examples is clipped to 0..1. A criterion without a verdict
makes the score of its example missing: counting it as not met would raise the score wherever its points
are negative.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medeval.errors import MedevalError
from medeval.healthbench.criteria import Criteria, ExampleScores
from medeval.statistics.bootstrap import cluster_rows, resampled_totals
from medeval.statistics.estimates import DEFAULT_SEED

METHOD = "healthbench@1"
RESAMPLES = 1000
_RUN = ["model", "variant", "target", "benchmark", "subset"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TagMean:
    """The mean score of some examples.

    Attributes:
        score: Mean clipped to 0..1; None without examples.
        unclipped: The mean itself; None without examples.
        n: Examples in the mean.
        n_missing: Examples left out because a verdict is missing.
        n_undefined: Examples left out because they have no criterion with positive points.
        se: Standard deviation of the clipped mean over bootstrap resamples of prompts; None without examples.
    """

    score: float | None
    unclipped: float | None
    n: int
    n_missing: int
    n_undefined: int
    se: float | None


def example_score(points: Sequence[float], met: Sequence[bool | None]) -> float | None:
    """Return the points met over the positive points, unclipped.

    Returns:
        The score, at most 1; None when a verdict is missing or no criterion has positive points.

    Raises:
        MedevalError: There is not one verdict per criterion.
    """
    if len(points) != len(met):
        raise MedevalError(
            f"{len(points)} criteria but {len(met)} verdicts",
            "Grade the example again; null marks a missing verdict.",
        )
    possible = sum(value for value in points if value > 0)
    if None in met or possible <= 0:
        return None
    return sum(value for value, reached in zip(points, met, strict=True) if reached) / possible


def clipped_mean(scores: npt.ArrayLike) -> float:
    """Return the mean of example scores, then clipped to 0..1: the examples themselves are not clipped."""
    return float(np.clip(np.mean(np.asarray(scores, dtype=float)), 0.0, 1.0))


def clustered_se(
    scores: npt.ArrayLike, prompts: npt.ArrayLike, *, resamples: int = RESAMPLES, seed: int = DEFAULT_SEED
) -> float:
    """Return the standard deviation (ddof 0) of the clipped mean over bootstrap resamples of whole prompts.

    The authors' own figure resamples rows, which is too small when a prompt is answered several times.

    Args:
        scores: One score per answered example, shape (n,).
        prompts: Which prompt each belongs to, shape (n,).
        resamples: Number of resamples.
        seed: Seed of the generator.
    """
    codes = np.unique(np.asarray(prompts), return_inverse=True)[1]
    rows = cluster_rows(np.asarray(scores, dtype=float), codes)
    totals = resampled_totals(rows, resamples, np.random.default_rng(seed))
    return float(np.clip(totals[:, 0] / totals[:, 1], 0.0, 1.0).std())


def worst_at_k(scores: Sequence[float], k: int) -> float:
    """Return the expected lowest score among k answers drawn without replacement from the N given ones.

    With the scores in ascending order it is the sum over i of s_(i) * C(N - i, k - 1) / C(N, k). Unclipped.

    Raises:
        MedevalError: k is not within 1..N.
    """
    total = len(scores)
    if not 1 <= k <= total:
        raise MedevalError(f"worst-at-{k} of {total} answers: k must be 1 to {total}", "Generate more samples.")
    weights = [comb(total - rank, k - 1) for rank in range(1, total + 1)]
    return sum(s * w for s, w in zip(sorted(scores), weights, strict=True)) / comb(total, k)


def score_grades(grades: pa.Table, *, resamples: int = RESAMPLES, seed: int = DEFAULT_SEED) -> dict[str, Any]:
    """Score every run in a table of grades.

    Args:
        grades: Rows of ``tables.GRADES``.
        resamples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.

    Returns:
        JSON-ready: ``method``, ``seed``, ``resamples`` and ``runs``, a list with one dict per model, variant,
        target, benchmark and subset. A run has these names, its judge, ``overall`` and ``tags`` (fields of
        :class:`TagMean`; ``themes`` and ``axes`` repeat those by short name), ``bounds`` on the overall
        score, ``worst_at_k``, and ``verdicts`` (counts of criteria and of missing verdicts). Scores are
        fractions.

    Raises:
        MedevalError: A run mixes judges, or a verdict contradicts its status.
    """
    _check_verdicts(grades)
    runs = grades.select(_RUN).group_by(_RUN, use_threads=False).aggregate([])
    return {
        "method": METHOD,
        "seed": seed,
        "resamples": resamples,
        "runs": [_score_run(grades, run, resamples, seed) for run in runs.to_pylist()],
    }


def _check_verdicts(grades: pa.Table) -> None:
    graded = pc.equal(grades["status"], "graded").to_numpy(zero_copy_only=False)
    given = grades["met"].is_valid().to_numpy(zero_copy_only=False)
    if len(wrong := np.flatnonzero(graded != given)):
        row = int(wrong[0])
        names = ("item_id", "criterion_index", "status", "met")
        item_id, index, status, met = (grades[name][row].as_py() for name in names)
        raise MedevalError(
            f"grades row {row} (item {item_id!r}, criterion {index}): status {status!r} with met {met!r}; "
            f"expected a verdict if and only if the status is graded",
            "Grade this example again.",
        )


def _score_run(grades: pa.Table, run: Mapping[str, Any], resamples: int, seed: int) -> dict[str, Any]:
    wanted = np.ones(len(grades), dtype=bool)
    for name in _RUN:
        wanted &= pc.equal(grades[name], run[name]).to_numpy(zero_copy_only=False)
    criteria = Criteria(grades.filter(pa.array(wanted)))
    overall = criteria.scores(np.arange(len(criteria.points)))

    def mean(scores: ExampleScores, examples: IntArray) -> dict[str, Any]:
        return asdict(_tag_mean(scores, examples, criteria.prompts, resamples, seed))

    tags = {tag: mean(overall, examples) for tag, examples in criteria.example_tags()}
    for tag, rows in criteria.criterion_tags():
        _refuse_repeated(tag, tags)
        tags[tag] = mean(criteria.scores(rows), np.unique(criteria.example[rows]))
    return {
        **run,
        **criteria.judge(),
        "overall": mean(overall, np.arange(criteria.n)),
        "bounds": criteria.bounds(),
        "verdicts": {"n": len(criteria.points), "n_missing": int(criteria.missing.sum())},
        "tags": tags,
        "themes": {tag.removeprefix("theme:"): tags[tag] for tag in tags if tag.startswith("theme:")},
        "axes": {tag.removeprefix("axis:"): tags[tag] for tag in tags if tag.startswith("axis:")},
        "worst_at_k": _worst_table(overall.values, criteria.prompts),
    }


def _refuse_repeated(tag: str, tags: Mapping[str, Any]) -> None:
    if tag in tags:
        raise MedevalError(
            f"tag {tag!r} is carried by examples and by criteria, whose scores differ",
            "Rename one of the two in the conversations table.",
        )


def _tag_mean(
    scores: ExampleScores, examples: IntArray, prompts: npt.NDArray[np.str_], resamples: int, seed: int
) -> TagMean:
    defined, missing = scores.defined[examples], scores.missing[examples]
    used = examples[defined & ~missing]
    counts = {
        "n": len(used),
        "n_missing": int((defined & missing).sum()),
        "n_undefined": int((~defined).sum()),
    }
    if not len(used):
        return TagMean(score=None, unclipped=None, se=None, **counts)
    values = scores.values[used]
    se = clustered_se(values, prompts[used], resamples=resamples, seed=seed)
    return TagMean(score=clipped_mean(values), unclipped=float(values.mean()), se=se, **counts)


def _worst_table(values: FloatArray, prompts: npt.NDArray[np.str_]) -> list[dict[str, Any]]:
    """Return worst-at-k for each k up to the most answers of a prompt, over the prompts with k scores."""
    scored = ~np.isnan(values)
    if not scored.any():
        return []
    codes = np.unique(prompts[scored], return_inverse=True)[1]
    by_prompt = np.split(values[scored][np.argsort(codes, kind="stable")], np.cumsum(np.bincount(codes))[:-1])
    table = []
    for k in range(1, max(map(len, by_prompt)) + 1):
        worst = [worst_at_k(group.tolist(), k) for group in by_prompt if len(group) >= k]
        table.append(
            {
                "k": k,
                "score": clipped_mean(worst),
                "unclipped": float(np.mean(worst)),
                "n_prompts": len(worst),
            }
        )
    return table
