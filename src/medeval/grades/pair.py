"""Two systems on the same conversations, judged alike: paired difference, win rates, difference at equal length."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medeval.errors import MedevalError
from medeval.grades.length import LARGEST_RELATIVE_DIFFERENCE, Answers, length_adjusted, win_rate
from medeval.grades.scoring import LengthOf, criteria_of, judge_of
from medeval.records.system import SYSTEM
from medeval.statistics.estimates import DEFAULT_SEED
from medeval.statistics.paired import paired_difference


@dataclass(frozen=True)
class Side:
    """One system's judged criteria.

    Attributes:
        label: What errors call it, such as the file.
        grades: Rows of ``tables.GRADES`` of one system.
        length_of: Tells the characters of its replies; None when they are not known.
    """

    label: str
    grades: pa.Table
    length_of: LengthOf | None

    def system(self) -> dict[str, Any]:
        """Return the names of the one system.

        Raises:
            MedevalError: There are several.
        """
        found = self.grades.select(list(SYSTEM)).group_by(list(SYSTEM), use_threads=False).aggregate([]).to_pylist()
        if len(found) > 1:
            names = "; ".join("/".join(map(str, row.values())) for row in found)
            raise MedevalError(f"{self.label}: holds grades of {names}", "Give the grades of one system per table.")
        return dict(found[0])


def compare_sides(a: Side, b: Side, *, seed: int = DEFAULT_SEED) -> dict[str, Any]:
    """Compare two systems, subset by subset; every figure is A minus B, or A's wins.

    Args:
        a: The first system.
        b: The second system.
        seed: Seed of the bootstraps.

    Returns:
        JSON-ready: the systems, their judge, and one entry per shared subset with ``difference`` (paired, prompts as
        clusters), ``win_rate`` (no look at lengths) and, with lengths, ``length_controlled_win_rate`` and
        ``length_adjusted``. An example counts when both have all of its grades; how many do not is reported.

    Raises:
        MedevalError: The two were judged differently, by other rubrics, or share no subset.
    """
    judge = _shared_judge(a, b)
    _refuse_other_rubrics(a, b)
    subsets = [dict.fromkeys(side.grades["subset"].to_pylist()) for side in (a, b)]
    shared = [subset for subset in subsets[0] if subset in subsets[1]]
    if not shared:
        raise MedevalError(
            f"{a.label} holds the subset {', '.join(subsets[0])}, {b.label} {', '.join(subsets[1])}",
            "Compare grades of the same subset.",
        )
    return {
        "a": a.system(),
        "b": b.system(),
        **judge,
        "seed": seed,
        "length_limit": LARGEST_RELATIVE_DIFFERENCE,
        "subsets": [_subset(a, b, subset, seed) for subset in shared],
    }


def _shared_judge(a: Side, b: Side) -> dict[str, str]:
    judges = [judge_of(side.grades) for side in (a, b)]
    if judges[0] != judges[1]:
        named = " and ".join(f"{judge['judge']!r} (prompt {judge['judge_prompt_sha256'][:12]})" for judge in judges)
        raise MedevalError(
            f"{a.label} and {b.label} were judged by {named}", "Grade both with the same judge, in the same way."
        )
    return judges[0]


def _refuse_other_rubrics(a: Side, b: Side) -> None:
    rubrics = [_rubrics(side.grades) for side in (a, b)]
    for key in rubrics[0].keys() & rubrics[1].keys():
        if rubrics[0][key] != rubrics[1][key]:
            raise MedevalError(
                f"{a.label} and {b.label}: subset {key[0]}, prompt {key[1]!r} has other criteria or points in each",
                "Grade both by the same rubrics; a prompt may differ between subsets, so both need `subset`.",
            )


def _subset(a: Side, b: Side, subset: str, seed: int) -> dict[str, Any]:
    first, second = _Answered(a, subset), _Answered(b, subset)
    shared = [example for example in first.complete if example in second.complete]
    difference = None
    if shared:
        means = [[side.complete[example] for example in shared] for side in (first, second)]
        difference = asdict(paired_difference(*means, seed=seed))
    entry: dict[str, Any] = {
        "subset": subset,
        "examples": len(shared),
        "examples_in_one_only": len(first.prompts ^ second.prompts),
        "examples_without_a_score": len((first.prompts & second.prompts) - set(shared)),
        "difference": difference,
        "win_rate": asdict(win_rate(first.answers, second.answers, limit=None)),
        "length_controlled_win_rate": None,
        "length_adjusted": None,
    }
    if a.length_of and b.length_of:
        entry["length_controlled_win_rate"] = asdict(win_rate(first.with_length, second.with_length))
        entry["length_adjusted"] = asdict(length_adjusted(first.with_length, second.with_length))
        entry["answers_without_length"] = first.without_length + second.without_length
    return entry


class _Answered:
    """One system's scores in a subset: per answer, and per prompt where every answer has one."""

    def __init__(self, side: Side, subset: str) -> None:
        names = side.grades.filter(pc.equal(side.grades["subset"], subset))
        run = names.select([*SYSTEM, "benchmark", "subset"]).slice(0, 1).to_pylist()[0]
        criteria = criteria_of(side.grades, run)
        scores = criteria.scores(np.arange(len(criteria.points))).values
        lengths = np.full(criteria.n, np.nan)
        if side.length_of:
            for i, (prompt, sample) in enumerate(zip(criteria.prompts, criteria.samples, strict=True)):
                found = side.length_of(run, str(prompt), int(sample))
                lengths[i] = np.nan if found is None else found
        self.prompts = {str(prompt) for prompt in criteria.prompts}
        rows: dict[str, list[int]] = {}
        for i, prompt in enumerate(criteria.prompts):
            rows.setdefault(str(prompt), []).append(i)
        self.complete = {
            prompt: float(scores[chosen].mean())
            for prompt, chosen in rows.items()
            if not np.isnan(scores[chosen]).any()
        }
        self.answers = _answers(rows, scores, np.zeros_like(lengths))
        self.with_length = _answers(rows, scores, lengths)
        self.without_length = int(np.isnan(lengths).sum())


def _answers(rows: Mapping[str, Sequence[int]], scores: Any, lengths: Any) -> Answers:
    """Return the answers of each prompt that have a score and a length."""
    usable = ~np.isnan(scores) & ~np.isnan(lengths)
    kept = {prompt: [i for i in chosen if usable[i]] for prompt, chosen in rows.items()}
    return {prompt: (scores[chosen], lengths[chosen]) for prompt, chosen in kept.items() if chosen}


def _rubrics(grades: pa.Table) -> dict[tuple[str, str], dict[int, float]]:
    found: dict[tuple[str, str], dict[int, float]] = {}
    for row in grades.select(["subset", "item_id", "criterion_index", "points"]).to_pylist():
        found.setdefault((row["subset"], row["item_id"]), {})[row["criterion_index"]] = row["points"]
    return found
