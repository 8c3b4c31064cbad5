"""Do the printed figures follow from one another: averages, weighted themes, ratios, file sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

from medeval.publication.claims import Comparison, WeightFile
from medeval.publication.parts import PublishedBenchmark, PublishedModel
from medeval.publication.publication import Publication
from medeval.statistics.granularity import rounded_run_decimals

_BYTES_PER_BF16 = 2


@dataclass(frozen=True)
class AverageCheck:
    """A stated average and the mean of its parts."""

    model: str
    stated: float
    recomputed: float
    holds: bool


@dataclass(frozen=True)
class ThemeCheck:
    """A rubric score and the means of its themes, with and without weights by example count."""

    model: str
    stated: float
    weighted: float
    unweighted: float
    tolerance: float

    @property
    def weighted_fits(self) -> bool:
        """Whether the example-weighted mean explains the overall score."""
        return abs(self.weighted - self.stated) <= self.tolerance

    @property
    def unweighted_fits(self) -> bool:
        """Whether the plain mean of the themes explains it."""
        return abs(self.unweighted - self.stated) <= self.tolerance


@dataclass(frozen=True)
class HeadCheck:
    """A BF16 file against the bytes its model needs with the output head tied to the embedding."""

    file: str
    gigabytes: float
    tied_gigabytes: float
    head_gigabytes: float

    @property
    def head_stored_apart(self) -> bool:
        """Whether the surplus is one output head, to within a tenth of a head."""
        return abs(self.gigabytes - self.tied_gigabytes - self.head_gigabytes) < 0.1 * self.head_gigabytes


def recompute_averages(publication: Publication) -> list[AverageCheck]:
    """Recompute each stated average; parts and result are both rounded, so they may differ by one unit."""
    if publication.average is None:
        return []
    checks = []
    for model in publication.models:
        mean = average_of(publication, model)
        stated = model.choice.average if model.choice else None
        if mean is not None and stated is not None:
            tolerance = 10.0**-publication.decimals + 1e-9
            checks.append(AverageCheck(model.id, stated, mean, abs(mean - stated) <= tolerance))
    return checks


def average_of(
    publication: Publication, model: PublishedModel, replacements: Mapping[str, float] | None = None
) -> float | None:
    """Return the plain mean over the average's benchmarks, some replaced; None when a figure is missing."""
    if publication.average is None or model.choice is None:
        return None
    values = {**model.choice.values, **(replacements or {})}
    parts = [values.get(name) for name in publication.average.over]
    known = [part for part in parts if part is not None]
    return sum(known) / len(known) if len(known) == len(parts) else None


def rubric_rounding(publication: Publication) -> tuple[int | None, int]:
    """Return the decimals each run was rounded to first (None if not coarser), and the figure count."""
    runs = publication.evaluation.runs or 1
    figures = [figure for model in publication.models for figure in model.rubric]
    values = [value for figure in figures for value in (figure.overall, *figure.themes.values())]
    return (rounded_run_decimals(values, publication.decimals, runs) if values and runs > 1 else None), len(values)


def check_themes(publication: Publication, benchmark: PublishedBenchmark) -> list[ThemeCheck]:
    """Compare each overall score with its themes, weighted by example counts; empty when a count is unknown.

    The tolerance is three standard deviations of rounding: a figure averaged over k runs, each rounded
    to steps of s points, is off by s/sqrt(12k), and so are the themes.
    """
    counts = {theme.id: theme.examples for theme in benchmark.themes}
    known = {theme: count for theme, count in counts.items() if count is not None}
    if not known or len(known) < len(counts):
        return []
    weights = {theme: count / sum(known.values()) for theme, count in known.items()}
    decimals, _ = rubric_rounding(publication)
    step = 10.0 ** -(publication.decimals if decimals is None else decimals)
    rounding = step / sqrt(12 * (publication.evaluation.runs or 1))
    tolerance = 3 * rounding * sqrt(1 + sum(weight**2 for weight in weights.values()))
    checks = []
    for model in publication.models:
        for figure in model.rubric:
            if figure.benchmark == benchmark.id and set(figure.themes) == set(weights):
                weighted = sum(weights[theme] * value for theme, value in figure.themes.items())
                plain = sum(figure.themes.values()) / len(figure.themes)
                checks.append(ThemeCheck(model.id, figure.overall, weighted, plain, tolerance))
    return checks


def ratio_holds(part: Comparison, a: float, b: float) -> bool:
    """Whether b/a, rounded, is the stated multiple."""
    return part.stated_ratio is None or abs(b / a - part.stated_ratio) <= 0.5 * 10.0**-part.ratio_decimals + 1e-9


def reduction(a: float, b: float) -> float:
    """Return by how many percent `a` is smaller than `b`."""
    return 100 * (1 - a / b)


def stated_matches(publication: Publication, part: Comparison, a: float, b: float) -> bool:
    """Whether a claim's figures are those of the tables, and its difference follows from them."""
    unit = 10.0**-publication.decimals + 1e-9
    figures = all(
        stated is None or abs(stated - value) < unit / 2 for stated, value in ((part.stated_a, a), (part.stated_b, b))
    )
    return figures and (part.stated_difference is None or abs(a - b - part.stated_difference) <= unit)


def check_heads(publication: Publication) -> list[HeadCheck]:
    """Compare each BF16 file with its model's size, for models whose base ties the output head."""
    checks = []
    for file in publication.weights:
        model = publication.model(file.model)
        shape = model.architecture if model else None
        if file.quantization != "BF16" or shape is None or not shape.tied_embeddings or shape.parameters is None:
            continue
        if file.size_gb is not None:
            tied = shape.parameters * _BYTES_PER_BF16 / 1e9
            head = shape.vocabulary * shape.hidden_size * _BYTES_PER_BF16 / 1e9
            checks.append(HeadCheck(file.id, file.size_gb, tied, head))
    return checks


def sizes_disagree(files: list[WeightFile]) -> list[str]:
    """Return the files whose exact size is not the printed one, rounded or cut to two decimals."""
    return [
        file.id
        for file in files
        if file.bytes is not None and file.gigabytes is not None and abs(file.bytes / 1e9 - file.gigabytes) >= 0.01
    ]


def loss_scales(publication: Publication) -> list[tuple[str, str, tuple[str, ...]]]:
    """Find which metrics' mean difference equals the difference of two files' stated losses.

    Returns:
        (file a, file b, metrics) for each pair that one set of metrics explains and no other does.
    """
    explained = []
    for difference in publication.file_differences:
        a, b = publication.weight(difference.a), publication.weight(difference.b)
        if a is None or b is None or a.stated_loss is None or b.stated_loss is None:
            continue
        gap, metrics = a.stated_loss - b.stated_loss, list(difference.values)
        sets = [chosen for size in range(1, len(metrics) + 1) for chosen in combinations(metrics, size)]
        fitting = [s for s in sets if abs(sum(difference.values[m] for m in s) / len(s) - gap) < 0.0101]
        if len(fitting) == 1:
            explained.append((a.id, b.id, fitting[0]))
    return explained
