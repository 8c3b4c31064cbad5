"""The compare stage: score and grade tables in, one document with every comparison out."""

import logging
from collections.abc import Sequence
from pathlib import Path

from medeval.comparisons.conversations import conversation_entry, conversation_pair, read_grades
from medeval.comparisons.document import ComparedPair, Comparisons, NotCompared
from medeval.comparisons.item_scores import ItemScores, read_scores
from medeval.comparisons.matching import match, pairs_of, select
from medeval.comparisons.pairs import compare_pair
from medeval.comparisons.scores import accounts, average_entry, score_entry
from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.files import sha256_file
from medeval.records.inputs import by_kind, package_versions, sizes
from medeval.records.system import System

log = logging.getLogger(__name__)


def compare(
    paths: Sequence[Path],
    out: Path,
    *,
    references: Sequence[str],
    headline: str,
    margin_points: float,
    seed: int,
    pairs: Sequence[tuple[str, str]] = (),
) -> Comparisons:
    """Compare every system with its model's reference, and the references with each other.

    Args:
        paths: Score and grade tables, of which either kind may be absent, and the items and conversations
            behind them, which tell the chance of a guess and how many items there are.
        out: JSON document to write. All its scores are fractions.
        references: MODEL/VARIANT of each model's reference.
        headline: The mode that decides claims.
        margin_points: Tolerated loss in points.
        seed: Seed of the bootstraps.
        pairs: Further pairs of MODEL/VARIANT to compare.

    Raises:
        MedevalError: A table is unusable, there are neither scores nor grades, or no score has the
            headline mode.
    """
    kinds = by_kind(paths)
    scores = read_scores(kinds[tables.SCORES.name])
    items = tables.read_all(kinds[tables.ITEMS.name], tables.ITEMS)
    conversations = tables.read_all(kinds[tables.CONVERSATIONS.name], tables.CONVERSATIONS)
    grades = read_grades(kinds[tables.GRADES.name], seed)
    systems = list(dict.fromkeys([*(part.system for part in scores), *(system for system, _ in grades)]))
    _check_measured(paths, systems, scores, headline)
    for absent in sorted(set(references) - {system.name for system in systems}):
        log.warning("the reference %s has no scores and no grades, so nothing is compared with it", absent)
    chosen = list(pairs_of(systems, references, pairs))
    modes = list(dict.fromkeys(part.mode for part in scores))
    compared, not_compared = _compare_pairs(scores, chosen, modes, margin_points, seed)
    entries = (score_entry(part, account) for part, account in zip(scores, accounts(scores, items), strict=True))
    document = Comparisons(
        headline=headline,
        margin_points=margin_points,
        seed=seed,
        references=tuple(references),
        packages=package_versions(paths),
        inputs={str(path): sha256_file(path) for path in paths},
        items_total=dict(sizes(items, "benchmark")),
        conversations_total=dict(sizes(conversations, "subset")),
        scores=tuple(entries),
        averages=tuple(
            average_entry(system, mode, parts, seed)
            for system in systems
            for mode in modes
            if (parts := select(scores, system, mode))
        ),
        comparisons=compared,
        not_compared=not_compared,
        conversations=tuple(conversation_entry(graded) for graded in grades.values()),
        conversation_comparisons=tuple(
            conversation_pair(grades[a, subset], grades[b, subset], seed)
            for a, b in chosen
            for subset in dict.fromkeys(key[1] for key in grades)
            if (a, subset) in grades and (b, subset) in grades
        ),
    )
    document.write(out)
    return document


def _check_measured(
    paths: Sequence[Path], systems: Sequence[System], scores: Sequence[ItemScores], headline: str
) -> None:
    if not systems:
        raise MedevalError(
            f"no score and no grade in {', '.join(map(str, paths))}",
            "Give the tables that `medeval score` and `medeval grade` wrote.",
        )
    if scores and not any(part.mode == headline for part in scores):
        raise MedevalError(
            f"no score has the headline mode {headline!r}; there are: {', '.join(sorted({p.mode for p in scores}))}",
            "Add the mode to `protocol.modes`, or choose another `protocol.headline`.",
        )


def _compare_pairs(
    scores: Sequence[ItemScores],
    pairs: Sequence[tuple[System, System]],
    modes: Sequence[str],
    margin_points: float,
    seed: int,
) -> tuple[tuple[ComparedPair, ...], tuple[NotCompared, ...]]:
    """Compare every pair in every mode; return the comparisons, and what could not be compared."""
    compared: list[ComparedPair] = []
    not_compared: list[NotCompared] = []
    for a, b in pairs:
        for mode in modes:
            matched = match(scores, a, b, mode)
            not_compared += matched.not_compared
            if matched.a:
                compared.append(compare_pair(matched.a, matched.b, margin_points=margin_points, seed=seed))
    for entry in not_compared:
        where = f"{entry.mode} {entry.benchmark or ''}".rstrip()
        log.warning("not compared: %s and %s, %s: %s", entry.a, entry.b, where, entry.reason)
    return tuple(compared), tuple(not_compared)
