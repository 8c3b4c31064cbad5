"""The compare stage: score and grade tables in, one document with every comparison out."""

import logging
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from medeval import tables
from medeval.compare.conversations import conversation_entry, conversation_pair, read_grades
from medeval.compare.item_scores import ItemScores, read_scores
from medeval.compare.pairs import compare_pair
from medeval.compare.scores import accounts, average_entry, score_entry
from medeval.compare.system import System
from medeval.errors import MedevalError
from medeval.files import sha256_file, write_json

log = logging.getLogger(__name__)


def compare(
    paths: Sequence[Path], out: Path, *, references: Sequence[str], headline: str, margin_points: float, seed: int
) -> dict[str, Any]:
    """Compare every system with its model's reference, and the references with each other.

    Args:
        paths: Score, grade and items tables; the items tell the chance of a guess.
        out: JSON document to write. All its scores are fractions.
        references: MODEL/VARIANT of each model's reference.
        headline: The mode that decides claims.
        margin_points: Tolerated loss in points.
        seed: Seed of the bootstraps.

    Raises:
        MedevalError: A table is unusable, or no score has the headline mode.
    """
    kinds = {path: tables.read_record(path).get("table") for path in paths}
    scores = read_scores([path for path, kind in kinds.items() if kind == tables.SCORES.name])
    items = [tables.read(path, tables.ITEMS) for path, kind in kinds.items() if kind == tables.ITEMS.name]
    grades = read_grades([path for path, kind in kinds.items() if kind == tables.GRADES.name], seed)
    if not any(part.mode == headline for part in scores):
        raise MedevalError(
            f"no score has the headline mode {headline!r}; there are: {', '.join(sorted({p.mode for p in scores}))}",
            "Add the mode to `protocol.modes`, or choose another `protocol.headline`.",
        )
    systems = list(dict.fromkeys(part.system for part in scores))
    pairs = list(_pairs(systems, references))
    modes = list(dict.fromkeys(part.mode for part in scores))
    document: dict[str, Any] = {
        "schema": "comparisons.v1",
        "headline": headline,
        "margin_points": margin_points,
        "seed": seed,
        "references": list(references),
        "packages": _packages(paths),
        "inputs": {str(path): sha256_file(path) for path in paths},
        "scores": [score_entry(part, account) for part, account in zip(scores, accounts(scores, items), strict=True)],
        "averages": [average_entry(s, mode, _select(scores, s, mode), seed) for s in systems for mode in modes],
        "comparisons": [
            compare_pair(*_shared(scores, a, b, mode), margin_points=margin_points, seed=seed)
            for a, b in pairs
            for mode in modes
        ],
        "conversations": [conversation_entry(graded) for graded in grades.values()],
        "conversation_comparisons": [
            conversation_pair(grades[a, subset], grades[b, subset], seed)
            for a, b in pairs
            for subset in dict.fromkeys(key[1] for key in grades)
            if (a, subset) in grades and (b, subset) in grades
        ],
    }
    write_json(out, document)
    return document


def _packages(paths: Sequence[Path]) -> dict[str, list[str]]:
    """Return the package versions that wrote the tables; several of one package are all listed."""
    found: dict[str, set[str]] = {}
    for path in paths:
        for name, version in tables.read_record(path)["packages"].items():
            found.setdefault(name, set()).add(version)
    return {name: sorted(versions) for name, versions in sorted(found.items())}


def _pairs(systems: Sequence[System], references: Sequence[str]) -> Iterator[tuple[System, System]]:
    """Yield the pairs worth comparing, the reference first.

    These are: a model's reference against its other variants on the same target, the references of
    two models on the same target, and the same weights on two targets.
    """
    for one, two in combinations(systems, 2):
        first, second = (f"{s.model}/{s.variant}" in references for s in (one, two))
        same_weights = (one.model, one.variant) == (two.model, two.variant)
        same_target = one.target == two.target
        if same_weights or (same_target and first and (second or one.model == two.model)):
            yield one, two
        elif same_target and second and one.model == two.model:
            yield two, one


def _select(scores: Sequence[ItemScores], system: System, mode: str) -> list[ItemScores]:
    return [part for part in scores if part.system == system and part.mode == mode]


def _shared(scores: Sequence[ItemScores], a: System, b: System, mode: str) -> tuple[list[ItemScores], list[ItemScores]]:
    """Return both systems' scores on the benchmarks that both have, in the same order."""
    of_b = {part.benchmark: part for part in _select(scores, b, mode)}
    of_a = [part for part in _select(scores, a, mode) if part.benchmark in of_b]
    return of_a, [of_b[part.benchmark] for part in of_a]
