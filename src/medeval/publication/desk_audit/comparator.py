"""Was the comparator measured fairly: its makers' own figures against those that a claim uses."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import sqrt

from medeval.publication.desk_audit.arithmetic import average_of
from medeval.publication.publication import Publication

# A gap up to this many points is put down to prompts and versions.
_TOLERATED_POINTS = 2.0


@dataclass(frozen=True)
class Gap:
    """A comparator's own figure minus the one that the publication measured for it, in points."""

    benchmark: str
    own: float
    used: float
    standard_error: float | None
    definition: str
    why_not: str

    @property
    def points(self) -> float:
        """Own minus used: positive when the publication measured less than the makers did."""
        return self.own - self.used

    @property
    def mismatch(self) -> bool:
        """Whether the publication's figure is lower by more than 2 points and 2 standard errors."""
        limit = max(_TOLERATED_POINTS, 2 * self.standard_error if self.standard_error is not None else 0.0)
        return self.definition == "same" and self.points > limit


def gaps(publication: Publication, model_id: str | None, counts: Mapping[str, float]) -> list[Gap]:
    """Return the gap for every benchmark on which both figures exist; `counts` are effective item counts.

    The standard error takes the two figures as independent: sqrt((p(1-p) + q(1-q)) / n).
    """
    model = publication.model(model_id)
    if model is None or model.choice is None:
        return []
    found = []
    for own in publication.own_figures:
        used = model.choice.values.get(own.benchmark)
        if own.model == model_id and used is not None:
            n = counts.get(own.benchmark)
            spread = own.value * (100 - own.value) + used * (100 - used)
            error = None if n is None else sqrt(spread / n)
            found.append(Gap(own.benchmark, own.value, used, error, own.definition, own.why_not))
    return found


def substituted_average(
    publication: Publication, model_id: str | None, definitions: Collection[str]
) -> tuple[float, tuple[str, ...]] | None:
    """Return a model's average with its makers' own figures put in, and which benchmarks were replaced.

    `definitions` says which own figures stand in: "same", "similar", "different".

    Returns:
        None when the model has no average or no such figure.
    """
    model = publication.model(model_id)
    if model is None or model.choice is None or publication.average is None:
        return None
    replacements = {
        own.benchmark: own.value
        for own in reversed(publication.own_figures)  # the first figure of a benchmark is the main one
        if own.model == model_id and own.definition in definitions and own.benchmark in publication.average.over
    }
    average = average_of(publication, model, replacements)
    return None if average is None or not replacements else (average, tuple(replacements))


def namesakes(publication: Publication) -> list[tuple[str, str, str, float, float]]:
    """Find figures that fit the makers' figure of a *sibling* model and not the model's own.

    Returns:
        (model, benchmark, sibling, used, sibling's own figure): perhaps chance, perhaps the wrong checkpoint.
    """
    own = {
        (figure.model, figure.benchmark): (figure.value, set(figure.source))
        for figure in reversed(publication.own_figures)
        if figure.definition == "same"
    }
    found = []
    for model in publication.models:
        for benchmark, used in (model.choice.values if model.choice else {}).items():
            if (model.id, benchmark) not in own or abs(own[model.id, benchmark][0] - used) <= _TOLERATED_POINTS:
                continue
            for (sibling, name), (value, _) in own.items():
                if name == benchmark and sibling != model.id and abs(value - used) <= 0.05:
                    found.append((model.id, benchmark, sibling, used, value))
    return found
