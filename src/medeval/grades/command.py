"""Files of grades in, documents of scores and comparisons out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.grades.foreign import GradesFile, read_grades
from medeval.grades.lengths import Lengths
from medeval.grades.pair import Side, compare_sides
from medeval.grades.scoring import score_grades
from medeval.records.files import refuse_to_replace, sha256_file, write_json

SCORES, COMPARISON = "healthbench-scores.v1", "healthbench-comparison.v1"
_OWN_REASONING = "removed from replies before they were judged"
_FOREIGN_REASONING = "not known: the table does not say whether replies were judged with their reasoning"


def score_file(grades_path: Path, responses_path: Path | None, out: Path, *, seed: int) -> dict[str, Any]:
    """Score a table of judged criteria and write the document.

    Args:
        grades_path: Our grades, or any Parquet table of judged criteria; see :mod:`medeval.grades.foreign`.
        responses_path: The graded responses, for the correlation with length.
        out: JSON document to write.
        seed: Seed of the bootstraps.

    Returns:
        The document: that of :func:`medeval.grades.scoring.score_grades`, with the inputs' hashes, what was
        noticed (``notes``), and what became of the models' reasoning (``reasoning``).

    Raises:
        MedevalError: A file is unusable, or would be replaced.
    """
    read = [grades_path, *([responses_path] if responses_path else [])]
    refuse_to_replace(out, read)
    grades = read_grades(grades_path)
    document = {
        "schema": SCORES,
        "inputs": _inputs(read),
        "notes": list(grades.notes),
        "reasoning": _reasoning([grades]),
        **score_grades(grades.table, length_of=Lengths(responses_path) if responses_path else None, seed=seed),
    }
    write_json(out, document)
    return document


def compare_files(
    grades_paths: Sequence[Path], responses_paths: Sequence[Path], out: Path | None, *, seed: int
) -> dict[str, Any]:
    """Compare the systems of two tables of judged criteria.

    Args:
        grades_paths: A's table and B's.
        responses_paths: None; one table with both systems' responses; or A's and B's.
        out: JSON document to write; None writes nothing.
        seed: Seed of the bootstraps.

    Raises:
        MedevalError: There are not two tables of grades, one of the files is unusable, or would be replaced.
    """
    if len(grades_paths) != 2 or len(responses_paths) > 2:
        raise MedevalError(
            f"{len(grades_paths)} tables of grades and {len(responses_paths)} of responses, expected two and up to two",
            "Give --grades twice, for A and for B.",
        )
    if out:
        refuse_to_replace(out, [*grades_paths, *responses_paths])
    lengths: list[Lengths | None] = [*(Lengths(path) for path in responses_paths)] or [None]
    found = [read_grades(path) for path in grades_paths]
    a, b = (
        Side(str(path), grades.table, length_of)
        for path, grades, length_of in zip(grades_paths, found, (lengths[0], lengths[-1]), strict=True)
    )
    document = {
        "schema": COMPARISON,
        "inputs": _inputs([*grades_paths, *responses_paths]),
        "notes": list(dict.fromkeys(note for grades in found for note in grades.notes)),
        "reasoning": _reasoning(found),
        **compare_sides(a, b, seed=seed),
    }
    if out:
        write_json(out, document)
    return document


def _inputs(paths: Sequence[Path]) -> dict[str, str]:
    return {str(path): sha256_file(path) for path in paths}


def _reasoning(found: Sequence[GradesFile]) -> str:
    return _OWN_REASONING if all(grades.own for grades in found) else _FOREIGN_REASONING
