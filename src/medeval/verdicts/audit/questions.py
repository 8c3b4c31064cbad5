"""A publication's claims as questions that an audit can answer: is a mean, or a difference of two, between limits?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from medeval.publication.claims import Claim, Comparison
from medeval.publication.publication import AVERAGE, SIZE, TOKENS, Publication
from medeval.verdicts.audit.units import SUBSETS
from medeval.verdicts.decide import EQUAL_WITHIN, drift
from medeval.verdicts.measured import POINTS


@dataclass(frozen=True)
class Question:
    """One part of a claim.

    The part holds if A's mean score (minus B's, where there is a B) lies strictly between the limits.

    Attributes:
        claim: Id of the claim.
        part: Its part, from 0.
        metric: average, or a benchmark.
        benchmarks: What the mean is over, each with the same weight.
        a: Published name of the system that the claim is about.
        b: Published name of what it is compared with; None for a score alone.
        limits: Lower and upper limit as fractions; None for no limit.
        stated: The stated score or difference, as a fraction; None when none is stated.
        words: The question in words.
    """

    claim: str
    part: int
    metric: str
    benchmarks: tuple[str, ...]
    a: str
    b: str | None
    limits: tuple[float | None, float | None]
    stated: float | None
    words: str

    @property
    def distance(self) -> float | None:
        """Distance of the stated figure from the nearest limit; None when none is stated."""
        if self.stated is None:
            return None
        return min(abs(self.stated - limit) for limit in self.limits if limit is not None)


@dataclass(frozen=True)
class NoQuestion:
    """A part of a claim that no audit of items can decide, and why."""

    claim: str
    part: int
    metric: str
    a: str
    b: str | None
    reason: str


def questions(publication: Publication) -> Iterator[Question | NoQuestion]:
    """Yield every part of every claim of a publication."""
    for claim in publication.claims:
        for index, part in enumerate(claim.comparisons):
            yield _question(publication, claim, index, part)


def part_risk(risk: float, asked: Iterable[Question | NoQuestion], question: Question) -> float:
    """Return the risk of one question: the parts of a claim share the claim's, since any of them can refute it."""
    parts = sum(isinstance(entry, Question) and entry.claim == question.claim for entry in asked)
    return risk / parts


def _question(publication: Publication, claim: Claim, index: int, part: Comparison) -> Question | NoQuestion:
    benchmarks = _benchmarks(publication, part.metric)
    reason = ""
    if part.metric in (SIZE, TOKENS) or claim.type == "T4":
        reason = "a ratio is no mean over items; `medeval verdict` decides it"
    elif not benchmarks:
        reason = "the publication does not say what its average is taken over"
    elif claim.type == "T1" and part.stated_a is None:
        reason = "the claim states no value"
    if reason:
        return NoQuestion(claim.id, index, part.metric, part.a, part.b, reason)
    b = None if claim.type == "T1" else part.b
    stated = part.stated_a if claim.type == "T1" else _stated_difference(publication, part)
    limits, words = _limits(claim, part, stated, len(benchmarks))
    fractions = tuple(None if limit is None else limit / POINTS for limit in limits)
    return Question(
        claim=claim.id,
        part=index,
        metric=part.metric,
        benchmarks=benchmarks,
        a=part.a,
        b=b,
        limits=(fractions[0], fractions[1]),
        stated=None if stated is None else stated / POINTS,
        words=words,
    )


def _benchmarks(publication: Publication, metric: str) -> tuple[str, ...]:
    if metric != AVERAGE:
        return (metric,)
    return tuple(publication.average.over) if publication.average else ()


def _stated_difference(publication: Publication, part: Comparison) -> float | None:
    """Return the stated difference in points: as printed, or from the two printed figures."""
    if part.stated_difference is not None:
        return part.stated_difference
    a, b = (
        publication.value(name, part.metric) if figure is None else figure
        for name, figure in ((part.a, part.stated_a), (part.b, part.stated_b))
    )
    return None if a is None or b is None else a - b


def _limits(
    claim: Claim, part: Comparison, stated: float | None, benchmarks: int
) -> tuple[tuple[float | None, float | None], str]:
    """Return the limits in points, and the question in words."""
    match claim.type:
        case "T1" if stated is not None:
            margin = claim.margin or drift(benchmarks)
            return (stated - margin, stated + margin), f"{part.a} within {margin:g} of {stated:.2f}"
        case "T3":
            margin = claim.margin or EQUAL_WITHIN
            return (-margin, None), f"{part.a} loses less than {margin:g} against {part.b}"
        case "T5":
            margin = claim.margin or EQUAL_WITHIN
            return (-margin, margin), f"{part.a} within {margin:g} of {part.b}"
        case _ if claim.margin is not None and stated is not None:
            least = stated - claim.margin
            return (least, None), f"{part.a} above {part.b} by more than {least:g}"
        case _:
            return (0.0, None), f"{part.a} above {part.b}"


def conversation_subset(benchmark: str) -> str | None:
    """Return the HealthBench subset that a benchmark's name stands for; None for multiple choice."""
    return next((subset for subset, name in SUBSETS.items() if name == benchmark), None)


def run_benchmark(name: str) -> str:
    """Return what a run calls a claim's benchmark: all subsets of HealthBench are one table of conversations."""
    return SUBSETS["main"] if conversation_subset(name) else name
