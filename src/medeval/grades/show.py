"""Scores and comparisons of HealthBench in lines for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from medeval.grades.scoring import LARGEST_MISSING_SHARE, TOO_MANY_MISSING


def score_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the scores of every run: overall, what is missing, themes, axes, worst-at-k and length."""
    for run in document["runs"]:
        yield f"{run['model']}/{run['variant']} on {run['target']}, subset {run['subset']}, judged by {run['judge']}"
        yield f"  overall {_mean(run['overall'])}"
        counts, bounds = run["verdicts"], run["bounds"]
        missing = f"{counts['n_missing']:,} ({_percent(counts['missing_share'])})"
        yield f"  grades: {counts['n']:,}, missing {missing}"
        if counts["n_missing"]:
            shown = ", ".join(f"{name.replace('_', ' ')} {_percent(value)}" for name, value in bounds.items())
            yield f"  overall with missing grades filled in: {shown}"
        if TOO_MANY_MISSING in run["flags"]:
            yield f"  {TOO_MANY_MISSING}: more than {_percent(LARGEST_MISSING_SHARE)}; this score is not to be used"
        for kind in ("themes", "axes"):
            for name, mean in run[kind].items():
                yield f"  {kind[:-1] if kind == 'themes' else 'axis'} {name}: {_mean(mean)}"
        yield from _worst(run["worst_at_k"])
        yield from _length(run["length"])


def pair_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the comparison of two systems, subset by subset."""
    a, b = ("/".join(map(str, document[side].values())) for side in ("a", "b"))
    yield f"A {a} against B {b}, judged by {document['judge']}"
    for entry in document["subsets"]:
        yield (
            f"  subset {entry['subset']}: {entry['examples']:,} examples; "
            f"{entry['examples_in_one_only']:,} in one only, {entry['examples_without_a_score']:,} without a score"
        )
        yield f"    A minus B: {_estimate(entry['difference'])}"
        yield f"    A wins: {_wins(entry['win_rate'])}"
        if entry["length_controlled_win_rate"]:
            yield f"    A wins at like length: {_wins(entry['length_controlled_win_rate'])}"
            yield f"    A minus B at equal length: {_estimate(entry['length_adjusted']['estimate'])}"


def _mean(mean: Mapping[str, Any]) -> str:
    left_out = mean["n_missing"] + mean["n_undefined"]
    counts = f"n {mean['n']:,}" + (f", left out {left_out:,}" if left_out else "")
    if mean["score"] is None:
        return f"no score ({counts})"
    errors = f"SE {_percent(mean['se'])} by prompts, {_percent(mean['reference_std'])} by rows"
    return f"{_percent(mean['score'])} (unclipped {_percent(mean['unclipped'])}; {errors}; {counts})"


def _worst(table: Any) -> Iterator[str]:
    if len(table) > 1:
        shown = ", ".join(f"{row['k']}: {_percent(row['score'])}" for row in table)
        yield f"  worst-at-k, prompts with that many answers: {shown}"


def _length(length: Mapping[str, Any] | None) -> Iterator[str]:
    if length is None:
        return
    r = length["correlation"]
    shown = "not defined" if r is None else f"{r['value']:+.3f}"
    yield f"  r(score, characters) {shown} (n {length['n']:,}; {length['n_without_length']:,} without a length)"


def _wins(rate: Mapping[str, Any]) -> str:
    counts = (
        f"{rate['kept_examples']:,} of {rate['examples']:,} examples; of {rate['pairs']:,} pairs "
        f"{rate['tied']:,} tied, {rate['apart']:,} of other length"
    )
    return f"{_estimate(rate['estimate'])} ({counts})"


def _estimate(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None:
        return "not defined"
    if estimate["low"] is None:
        return f"{_percent(estimate['value'])} (no interval)"
    return f"{_percent(estimate['value'])} ({_percent(estimate['low'])} to {_percent(estimate['high'])})"


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.2f} %"
