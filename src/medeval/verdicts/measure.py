"""From tables of scores to the comparisons that a publication's claims need, without a run's configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from medeval.comparisons.run import compare
from medeval.errors import MedevalError
from medeval.publication.publication import load_publication
from medeval.records import tables
from medeval.records.inputs import by_kind, tables_below
from medeval.verdicts.subjects import match_subjects


def measure_claims(
    claims_path: Path,
    paths: Sequence[Path],
    subjects: Mapping[str, str],
    out: Path,
    *,
    headline: str | None,
    margin_points: float,
    seed: int,
) -> None:
    """Compare every pair of systems that a claim compares, on each target that has both.

    Args:
        claims_path: The publication file.
        paths: Tables of scores, grades, items and conversations, or folders of them.
        subjects: Published name -> MODEL/VARIANT; names that agree need none.
        out: Comparisons document to write.
        headline: The mode that decides claims; None when the scores have only one.
        margin_points: Tolerated loss in points.
        seed: Seed of the bootstraps.

    Raises:
        MedevalError: A table is unusable, nothing was scored or graded, or the scores have several modes and none is
            named.
    """
    publication, found = load_publication(claims_path), tables_below(paths)
    kinds = by_kind(found)
    systems = _distinct([(kinds[kind.name], kind) for kind in (tables.SCORES, tables.GRADES)], ("model", "variant"))
    known = match_subjects(publication, ["/".join(system) for system in systems], subjects)
    pairs = [
        (a, b)
        for claim in publication.claims
        for part in claim.comparisons
        if part.b is not None and (a := known[part.a].system) and (b := known[part.b].system)
    ]
    modes = [mode for (mode,) in _distinct([(kinds[tables.SCORES.name], tables.SCORES)], ("mode",))]
    mode = headline or _only(modes)
    compare(found, out, references=[], headline=mode, margin_points=margin_points, seed=seed, pairs=pairs)


def _only(modes: Sequence[str]) -> str:
    if len(modes) > 1:
        raise MedevalError(
            f"the scores have several modes: {', '.join(modes)}", "Name the one that decides claims with --headline."
        )
    return modes[0] if modes else "generate"


def _distinct(
    files: Sequence[tuple[Sequence[Path], tables.TableType]], columns: Sequence[str]
) -> list[tuple[str, ...]]:
    """Return the distinct values of some columns over several tables, in the order met."""
    rows: dict[tuple[str, ...], None] = {}
    for paths, kind in files:
        for path in paths:
            table = tables.read(path, kind, columns).group_by(list(columns), use_threads=False).aggregate([])
            rows |= dict.fromkeys(tuple(str(row[name]) for name in columns) for row in table.to_pylist())
    return list(rows)
