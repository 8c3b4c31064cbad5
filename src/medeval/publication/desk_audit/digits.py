"""Which item count and number of runs the printed digits of each benchmark fit, over all its models."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from medeval.publication.parts import PublishedBenchmark
from medeval.publication.publication import Publication
from medeval.statistics.granularity import GridCheck, check_grid, coincidence, nested_witness

_RUNS_TRIED = (1, 2, 3, 4, 5)
# Chance below which agreement of all digits is evidence, and above which the digits say nothing.
_EVIDENCE, _NO_POWER = 0.01, 0.2

FitOutcome = Literal["rejected", "supported", "consistent", "untestable"]


@dataclass(frozen=True)
class CandidateFit:
    """How an item count fits the digits, at the number of runs that serves it best."""

    n: int
    reason: str
    check: GridCheck
    outcome: FitOutcome


@dataclass(frozen=True)
class Digits:
    """What the digits of one benchmark say.

    Attributes:
        items: The item count in use for the total; the strata's sum for a mean of strata; None if unknown.
        effective_n: The count that gives the variance p(1-p)/n; below `items` for a mean of strata.
        nested: Whether every value can be a mean of strata; None when the benchmark has no strata.
        other_runs: For the count in use, how many values fit each other number of runs.
        accident: The larger count that the digits also allow, and how likely values made with it
            would all look as if made with the count in use; None without such a count.
    """

    benchmark: str
    label: str
    values: int
    fits: tuple[CandidateFit, ...]
    items: int | None
    effective_n: float | None
    nested: bool | None
    other_runs: Mapping[int, int]
    accident: tuple[int, float] | None


def audit_digits(publication: Publication, benchmark: PublishedBenchmark) -> Digits | None:
    """Test every candidate count of a choice benchmark; None when no model has a figure for it."""
    values = [
        model.choice.values[benchmark.id]
        for model in publication.models
        if model.choice is not None and benchmark.id in model.choice.values
    ]
    if benchmark.kind != "choice" or not values:
        return None
    decimals, runs = publication.decimals, publication.evaluation.runs
    fits = tuple(_fit(values, decimals, c.n, c.reason, runs) for c in benchmark.candidates)
    chosen = _choose(fits)
    nested = _nested(values, decimals, benchmark, runs or 1)
    items, effective = _counts(benchmark, chosen, nested)
    return Digits(
        benchmark.id,
        benchmark.label,
        len(values),
        fits,
        items,
        effective,
        nested,
        _other_runs(values, decimals, chosen),
        _accident(values, decimals, chosen, fits),
    )


def _fit(values: list[float], decimals: int, n: int, reason: str, runs: int | None) -> CandidateFit:
    """Keep the best of: runs averaged exactly, or each rounded first; 1 to 5 runs when none is stated."""
    checks = [
        check_grid(values, decimals, n, k, rounded)
        for k in ((runs,) if runs else _RUNS_TRIED)
        for rounded in ((False, True) if k > 1 else (False,))
    ]
    best = min(checks, key=lambda check: (-check.feasible, check.chance))
    return CandidateFit(n, reason, best, _outcome(best))


def _outcome(check: GridCheck) -> FitOutcome:
    if not check.fits:
        return "rejected"
    if check.chance < _EVIDENCE:
        return "supported"
    return "untestable" if check.chance > _NO_POWER else "consistent"


def _choose(fits: tuple[CandidateFit, ...]) -> CandidateFit | None:
    """Return the fitting count least likely to fit by luck; the first listed when the digits cannot tell."""
    fitting = [fit for fit in fits if fit.check.fits]
    telling = [fit for fit in fitting if fit.outcome != "untestable"]
    return min(telling, key=lambda fit: fit.check.chance) if telling else next(iter(fitting), None)


def _nested(values: list[float], decimals: int, benchmark: PublishedBenchmark, runs: int) -> bool | None:
    if not benchmark.strata:
        return None
    sizes = list(benchmark.strata.values())
    return all(nested_witness(value, decimals, sizes, runs) is not None for value in values)


def _counts(
    benchmark: PublishedBenchmark, chosen: CandidateFit | None, nested: bool | None
) -> tuple[int | None, float | None]:
    """Return the total and effective counts; a mean of S strata has variance p(1-p) * sum(1/n_s) / S^2."""
    if benchmark.strata and (benchmark.aggregate == "mean_of_strata" or (chosen is None and nested)):
        sizes = benchmark.strata.values()
        return sum(sizes), len(sizes) ** 2 / sum(1 / size for size in sizes)
    if chosen is not None:
        return chosen.n, float(chosen.n)
    # Nothing fits: the most plausible count still gives the order of the error; the misfit is reported.
    first = next((candidate.n for candidate in benchmark.candidates), None)
    return first, None if first is None else float(first)


def _other_runs(values: list[float], decimals: int, chosen: CandidateFit | None) -> dict[int, int]:
    if chosen is None or chosen.outcome == "untestable":
        return {}
    others = [runs for runs in _RUNS_TRIED if runs != chosen.check.runs]
    return {runs: check_grid(values, decimals, chosen.n, runs).feasible for runs in others}


def _accident(
    values: list[float], decimals: int, chosen: CandidateFit | None, fits: tuple[CandidateFit, ...]
) -> tuple[int, float] | None:
    rivals = [fit for fit in fits if chosen and fit.n > chosen.n and fit.check.fits and chosen.outcome == "supported"]
    if chosen is None or not rivals:
        return None
    rival = rivals[0]
    return rival.n, coincidence(values, decimals, chosen.n, rival.n, chosen.check.runs)
