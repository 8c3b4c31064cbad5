"""HealthBench scores from judged criteria, as the benchmark's authors define them (arXiv 2505.08775).

An example's score is the points of the criteria that were met over the points that could be gained. It may
be negative and is not clipped; only a mean over examples is clipped to 0..1. A criterion without a grade
makes the score of its example missing: counting it as not met would raise the score wherever its points
are negative.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medeval.errors import MedevalError
from medeval.grades.criteria import Criteria, ExampleScores
from medeval.grades.length import correlation
from medeval.grades.means import RESAMPLES, clipped_mean, clustered_se, reference_std, worst_at_k
from medeval.grades.means import example_score as example_score
from medeval.records.system import SYSTEM
from medeval.statistics.clustered import cluster_mean
from medeval.statistics.estimates import DEFAULT_SEED

METHOD = "healthbench@1"
# Beyond this share of missing grades a HealthBench score is not to be used.
LARGEST_MISSING_SHARE = 0.005
TOO_MANY_MISSING = "TOO_MANY_MISSING_VERDICTS"
_RUN = [*SYSTEM, "benchmark", "subset"]
_JUDGE = ("judge", "judge_prompt_sha256")
_MEANING = {
    "score": "mean of example scores, which are not clipped, then clipped to 0..1",
    "unclipped": "the same mean, not clipped",
    "se": "standard deviation of the clipped mean over bootstrap resamples of whole prompts",
    "reference_std": "the same over resamples of rows, as the authors' code computes its bootstrap_std; too small when "
    "a prompt has several answers",
    "interval": "95 % interval of the unclipped mean, prompts as clusters",
    "bounds": "the score if every missing grade were met, not met, to the run's favour, or to its disfavour",
}

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
# (run's names, prompt, sample) -> characters of the reply; None when they are not known.
LengthOf = Callable[[Mapping[str, Any], str, int], int | None]


@dataclass(frozen=True)
class TagMean:
    """The mean score of some examples.

    Attributes:
        score: Mean clipped to 0..1; None without examples.
        unclipped: The mean itself; None without examples.
        n: Examples in the mean.
        n_missing: Examples left out because a grade is missing.
        n_undefined: Examples left out because they have no criterion with positive points.
        se: Standard deviation of the clipped mean over bootstrap resamples of prompts; None without examples.
        reference_std: The same of rows, as the authors' code computes it; None without examples.
    """

    score: float | None
    unclipped: float | None
    n: int
    n_missing: int
    n_undefined: int
    se: float | None
    reference_std: float | None


def score_grades(
    grades: pa.Table, *, length_of: LengthOf | None = None, resamples: int = RESAMPLES, seed: int = DEFAULT_SEED
) -> dict[str, Any]:
    """Score every run in a table of grades.

    Args:
        grades: Rows of ``tables.GRADES``.
        length_of: Tells the characters of a reply; None leaves the correlation with length out.
        resamples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.

    Returns:
        JSON-ready: ``method``, ``seed``, ``resamples``, ``meaning`` of the figures, and ``runs``, a list with one dict
        per model, variant, target, benchmark and subset. A run has these, its ``name`` with the judge, ``overall`` and
        ``tags`` (fields of :class:`TagMean`; ``themes`` and ``axes`` repeat those by short name), ``interval`` of the
        unclipped mean, ``bounds`` on the overall score, ``worst_at_k``, ``length`` (correlation of score and
        characters), ``verdicts`` (counts of criteria and of missing grades) and ``flags``. Scores are fractions.

    Raises:
        MedevalError: The table mixes judges, or a grade contradicts its status.
    """
    _check_grades(grades)
    judge = judge_of(grades)
    runs = grades.select(_RUN).group_by(_RUN, use_threads=False).aggregate([])
    return {
        "method": METHOD,
        "seed": seed,
        "resamples": resamples,
        "meaning": _MEANING,
        "runs": [
            {
                "name": _name(run, judge),
                **run,
                **judge,
                **_score_run(criteria_of(grades, run), run, length_of, resamples, seed),
            }
            for run in runs.to_pylist()
        ],
    }


def _name(run: Mapping[str, Any], judge: Mapping[str, str]) -> str:
    """Name a score: without its judge, how that was asked and by which prompt, it means nothing."""
    prompt = judge["judge_prompt_sha256"][:12]
    return f"{run['benchmark']} {run['subset']}, judged by {judge['judge']}, prompt {prompt}"


def judge_of(grades: pa.Table) -> dict[str, str]:
    """Return the judge behind a table of grades, whose name includes its mode and settings, and its prompt's hash.

    Raises:
        MedevalError: The grades come from more than one.
    """
    found = {name: pc.unique(grades[name]).to_pylist() for name in _JUDGE}
    if mixed := [name for name in _JUDGE if len(found[name]) > 1]:
        raise MedevalError(
            f"the grades mix {' and '.join(found[mixed[0]])} as {mixed[0]}",
            "Give one file per judge, one way of asking it and one prompt; `medeval judge panel` compares judges.",
        )
    return {name: found[name][0] for name in _JUDGE if found[name]}


def criteria_of(grades: pa.Table, run: Mapping[str, Any]) -> Criteria:
    """Return the judged criteria of one run: of one model, variant, target, benchmark and subset."""
    wanted = np.ones(len(grades), dtype=bool)
    for name in _RUN:
        wanted &= pc.equal(grades[name], run[name]).to_numpy(zero_copy_only=False)
    return Criteria(grades.filter(pa.array(wanted)))


def _check_grades(grades: pa.Table) -> None:
    graded = pc.equal(grades["status"], "graded").to_numpy(zero_copy_only=False)
    given = grades["met"].is_valid().to_numpy(zero_copy_only=False)
    if len(wrong := np.flatnonzero(graded != given)):
        row = int(wrong[0])
        names = ("item_id", "criterion_index", "status", "met")
        item_id, index, status, met = (grades[name][row].as_py() for name in names)
        raise MedevalError(
            f"grades row {row} (item {item_id!r}, criterion {index}): status {status!r} with met {met!r}; "
            f"expected a grade if and only if the status is graded",
            "Grade this example again.",
        )


def _score_run(
    criteria: Criteria, run: Mapping[str, Any], length_of: LengthOf | None, resamples: int, seed: int
) -> dict[str, Any]:
    overall = criteria.scores(np.arange(len(criteria.points)))

    def mean(scores: ExampleScores, examples: IntArray) -> dict[str, Any]:
        return asdict(_tag_mean(scores, examples, criteria.prompts, resamples, seed))

    tags = {tag: mean(overall, examples) for tag, examples in criteria.example_tags()}
    for tag, rows in criteria.criterion_tags():
        _refuse_repeated(tag, tags)
        tags[tag] = mean(criteria.scores(rows), np.unique(criteria.example[rows]))
    counts = _counts(criteria)
    return {
        "overall": mean(overall, np.arange(criteria.n)),
        "interval": _interval(overall.values, criteria.prompts, seed),
        "bounds": criteria.bounds(),
        "verdicts": counts,
        "flags": [TOO_MANY_MISSING] if counts["missing_share"] > LARGEST_MISSING_SHARE else [],
        "tags": tags,
        "themes": {tag.removeprefix("theme:"): tags[tag] for tag in tags if tag.startswith("theme:")},
        "axes": {tag.removeprefix("axis:"): tags[tag] for tag in tags if tag.startswith("axis:")},
        "worst_at_k": _worst_table(overall.values, criteria.prompts),
        "length": _length(criteria, overall.values, run, length_of, seed),
    }


def _counts(criteria: Criteria) -> dict[str, Any]:
    missing = int(criteria.missing.sum())
    return {"n": len(criteria.points), "n_missing": missing, "missing_share": missing / len(criteria.points)}


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
        return TagMean(score=None, unclipped=None, se=None, reference_std=None, **counts)
    values = scores.values[used]
    return TagMean(
        score=clipped_mean(values),
        unclipped=float(values.mean()),
        se=clustered_se(values, prompts[used], resamples=resamples, seed=seed),
        reference_std=reference_std(values, resamples=resamples, seed=seed),
        **counts,
    )


def _interval(values: FloatArray, prompts: npt.NDArray[np.str_], seed: int) -> dict[str, Any] | None:
    scored = ~np.isnan(values)
    return asdict(cluster_mean(values[scored], prompts[scored], seed=seed)) if scored.any() else None


def _length(
    criteria: Criteria, values: FloatArray, run: Mapping[str, Any], length_of: LengthOf | None, seed: int
) -> dict[str, Any] | None:
    """Return the correlation of score and characters, and how many replies it leaves out; None without lengths."""
    if length_of is None:
        return None
    names = zip(criteria.prompts, criteria.samples, strict=True)
    found = [length_of(run, str(prompt), int(sample)) for prompt, sample in names]
    lengths = np.array([np.nan if length is None else length for length in found], dtype=float)
    used = ~np.isnan(values) & ~np.isnan(lengths)
    estimate = correlation(values[used], lengths[used], criteria.prompts[used], seed=seed) if used.any() else None
    return {
        "correlation": asdict(estimate) if estimate else None,
        "mean_characters": float(lengths[used].mean()) if used.any() else None,
        "n": int(used.sum()),
        "n_without_length": int(np.isnan(lengths).sum()),
        "n_without_score": int(np.isnan(values).sum()),
    }


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
