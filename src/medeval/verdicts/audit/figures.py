"""Published figures as assumptions about a benchmark's items, before any of them is run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medeval.publication.parts import PublishedBenchmark
from medeval.publication.publication import Publication
from medeval.statistics.arrays import FloatArray
from medeval.verdicts.audit.questions import Question, conversation_subset
from medeval.verdicts.audit.simulate import Assumed
from medeval.verdicts.audit.units import Unit
from medeval.verdicts.measured import POINTS

# Of the normal variables behind two models' answers to an item. Two files of one model agree far more often.
CORRELATION = 0.5
SAME_MODEL_CORRELATION = 0.95
# Standard deviation of an example's rubric score where the publication file states no range.
SCORE_SD = 0.3
# Highest minus lowest score that a HealthBench rubric allows, in a hundred of its examples: cumulative share and span.
_SPAN_LEVELS = (0.0, 0.08, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_SPANS = (1.0, 1.0, 1.1, 1.22, 1.31, 1.37, 1.41, 1.47, 1.52, 1.59, 1.74, 2.0, 3.43, 6.14)


@dataclass(frozen=True)
class Assumptions:
    """What a simulation of one question rests on.

    Attributes:
        benchmarks: One entry per benchmark of the question.
        correlation: Of the normal variables behind the two systems' scores.
        notes: What was assumed, in words.
    """

    benchmarks: tuple[Assumed, ...]
    correlation: float
    notes: tuple[str, ...]


def assumptions(
    question: Question, publication: Publication, units: Mapping[str, Sequence[Unit]], correlation: float | None = None
) -> Assumptions | str:
    """Return the assumptions behind a plan, or the reason why there are none.

    Args:
        question: What is asked.
        publication: Its figures; a weights file without figures of its own has its model's, changed as stated.
        units: Units of the benchmarks whose items are at hand; of others the publication's item counts are taken.
        correlation: Replaces the assumed one.
    """
    found, notes = [], []
    for name in question.benchmarks:
        benchmark = publication.benchmark(name)
        means = [_figure(publication, question, subject, name) for subject in (question.a, question.b) if subject]
        if None in means:
            return f"no figure of {name} is published for {question.a if means[0] is None else question.b}"
        known = units.get(name)
        shape = _shape(known) if known else _published_shape(benchmark)
        if shape is None:
            return f"how many items {name} has is not known; give its items table"
        if conversation_subset(name) is not None and not known:
            notes.append(f"{name}: ranges of scores as in a hundred examples; its items table has the real ones")
        sd = None
        if benchmark.kind == "rubric":
            sd = float(np.mean(benchmark.score_sd)) if benchmark.score_sd else SCORE_SD
            notes.append(f"{name}: scores of examples have a standard deviation of {sd:g}")
        a, b = [*means, None][:2]
        if sd is not None and any(sd**2 >= mean * (1.0 - mean) for mean in (a, b) if mean is not None):
            return f"{name}: no scores from 0 to 1 have this mean and a standard deviation of {sd:g}"
        found.append(Assumed(*shape, _inside(a), None if b is None else _inside(b), sd))
    if correlation is None:
        same = question.b is not None and _model(publication, question.a) == _model(publication, question.b)
        correlation = SAME_MODEL_CORRELATION if same else CORRELATION
    if question.b is not None:
        notes.append(f"latent correlation of the two systems' scores {correlation:g}")
    return Assumptions(tuple(found), correlation, tuple(notes))


def _model(publication: Publication, name: str) -> str:
    file = publication.weight(name)
    return name if file is None else file.model


def _figure(publication: Publication, question: Question, name: str, benchmark: str) -> float | None:
    """Return a published score as a fraction; of A's weights file, its model's score changed by what is stated."""
    value = publication.value(_model(publication, name), benchmark)
    if value is None:
        return None
    if publication.weight(name) is not None and name == question.a and question.b is not None:
        if question.stated is None:
            return None
        value += POINTS * question.stated
    return value / POINTS


def _inside(fraction: float | None) -> float:
    """Keep a fraction off 0 and 1, which no sample of items can be drawn from."""
    return float(np.clip(0.5 if fraction is None else fraction, 0.001, 0.999))


def _shape(units: Sequence[Unit]) -> tuple[FloatArray, FloatArray, np.ndarray]:
    shares = np.array([unit.share for unit in units])
    spans = np.array([unit.size for unit in units]) / shares
    return shares, spans, np.array([len(unit.items) for unit in units], dtype=np.int64)


def _published_shape(benchmark: PublishedBenchmark) -> tuple[FloatArray, FloatArray, np.ndarray] | None:
    if benchmark.aggregate == "mean_of_strata":
        shares = np.concatenate([np.full(n, 1.0 / (len(benchmark.strata) * n)) for n in benchmark.strata.values()])
    elif benchmark.candidates:
        # The first count that the digits are tested for is the most plausible one.
        shares = np.full(benchmark.candidates[0].n, 1.0 / benchmark.candidates[0].n)
    else:
        return None
    spans = np.ones(shares.size)
    if conversation_subset(benchmark.id) is not None:
        spans = np.interp((np.arange(shares.size) + 0.5) / shares.size, _SPAN_LEVELS, _SPANS)
    return shares, spans, np.ones(shares.size, dtype=np.int64)
