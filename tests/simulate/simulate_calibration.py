"""400 audits of judged scores with known truth: how often the 95 % intervals of corrected figures hold it.

Run by `make simulate`; prints the table of `docs/read/judges.md`. The judge has the same error rates in both sets, and
criteria of one prompt are met together more often than apart.
"""

import numpy as np
import pytest

from medeval.statistics.estimates import Estimate
from medeval.statistics.judged_scores import (
    MetaSet,
    corrected_mean,
    corrected_rates,
    predictive_values,
    unbiased_values,
)

AUDITS = 400
RESAMPLES = 600
SENSITIVITY, SPECIFICITY = 0.88, 0.72
META_PROMPTS, META_ROWS, PHYSICIANS = 200, 3, 2
PROMPTS = 250
POINTS = np.array([7, 5, 5, 3, 3, 2, -4, -6])


def truths(rng: np.random.Generator, rate: float, prompts: int, criteria: int) -> np.ndarray:
    """Which criteria are met; prompts differ in how many."""
    of_prompt = rng.beta(6 * rate, 6 * (1 - rate), size=(prompts, 1))
    return np.asarray(rng.random((prompts, criteria)) < of_prompt)


def grades(rng: np.random.Generator, truth: np.ndarray) -> np.ndarray:
    """What the judge says of them."""
    return np.where(truth, rng.random(truth.shape) < SENSITIVITY, rng.random(truth.shape) > SPECIFICITY)


def meta_set(rng: np.random.Generator, rate: float) -> MetaSet:
    """Rows on which all physicians agree with the truth."""
    truth = truths(rng, rate, META_PROMPTS, META_ROWS)
    said = grades(rng, truth)
    none = np.zeros_like(truth)
    kinds = [truth & said, ~truth & said, truth & ~said, ~truth & ~said, none, none]
    cells = PHYSICIANS * np.stack(kinds, axis=-1).reshape(-1, 6).astype(float)
    prompts = np.repeat(np.arange(META_PROMPTS), META_ROWS).astype(str)
    return MetaSet(cells, np.zeros(len(cells), dtype=np.int64), prompts, 1)


def held(interval: Estimate | None, truth: float) -> bool:
    assert interval is not None and interval.low is not None and interval.high is not None
    return interval.low <= truth <= interval.high


def audit(seed: int, meta_rate: float, rate: float) -> list[bool]:
    """Whether each interval holds the truth in one audit."""
    rng = np.random.default_rng(seed)
    meta = meta_set(rng, meta_rate)
    said = grades(rng, truths(rng, rate, PROMPTS, len(POINTS)))
    possible = POINTS.clip(min=0).sum()
    met, not_met = ((part * POINTS).sum(axis=1, keepdims=True) / possible for part in (said, ~said))
    prompts = np.arange(PROMPTS).astype(str)
    scores = [
        corrected_mean(met, not_met, prompts, meta, worth=worth, resamples=RESAMPLES, seed=seed).corrected
        for worth in (predictive_values, unbiased_values)
    ]
    strata = np.zeros(said.size, dtype=np.int64)
    [part], overall = corrected_rates(
        said.ravel(), strata, np.repeat(prompts, len(POINTS)), meta, resamples=RESAMPLES, seed=seed
    )
    assert part is not None and part.share is not None
    assert part.share.low is not None and part.share.high is not None
    delta = part.share.low <= rate <= part.share.high
    score = float(rate * POINTS.sum() / possible)
    return [held(scores[0], score), held(scores[1], score), held(overall, rate), delta]


@pytest.mark.parametrize(("meta_rate", "rate"), [(0.5, 0.5), (0.55, 0.4)])
def test_intervals_of_corrected_figures_hold_the_truth(meta_rate: float, rate: float) -> None:
    shares = np.mean([audit(seed, meta_rate, rate) for seed in range(AUDITS)], axis=0)
    corrected, by_error_rates, share_met, delta = shares.tolist()
    print(  # noqa: T201 - the table of the page
        f"| {meta_rate:.0%}, {rate:.0%} | {corrected:.1%} | {by_error_rates:.1%} | {share_met:.1%} | delta {delta:.1%}"
    )
    assert 0.92 <= by_error_rates <= 0.98
    assert 0.92 <= share_met <= 0.98
    assert (0.92 <= corrected <= 0.98) == (meta_rate == rate)
    assert delta < 0.92  # it takes the criteria of a prompt for independent, which they are not
