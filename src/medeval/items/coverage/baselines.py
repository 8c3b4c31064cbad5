"""What a benchmark gives away before any model is asked: guessing, and the most frequent gold position.

They need no model. A score is worth reading above these floors only.
"""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from medeval.items.benchmarks.fields import LETTERS


@dataclass(frozen=True)
class Baselines:
    """The floors of a multiple-choice benchmark.

    Attributes:
        option_counts: Number of options -> items.
        chance: Expected score of a uniform guess, where any listed gold counts.
        gold_positions: Letter of the (first) gold -> items.
        best_constant: Highest share that one letter, given throughout, would score.
        several_golds: Items with more than one correct option.
    """

    option_counts: dict[int, int]
    chance: float
    gold_positions: dict[str, int]
    best_constant: float
    several_golds: int


def baselines(items: pa.Table) -> Baselines:
    """Return the floors of one benchmark.

    Args:
        items: Rows of `tables.ITEMS`, at least one.
    """
    golds: list[list[int]] = items["answers"].to_pylist()
    lengths = [len(options) for options in items["options"].to_pylist()]
    constant = Counter(position for gold in golds for position in set(gold))
    first = Counter(items["answer"].to_pylist())
    return Baselines(
        option_counts=dict(sorted(Counter(lengths).items())),
        chance=sum(len(set(gold)) / length for gold, length in zip(golds, lengths, strict=True)) / len(golds),
        gold_positions={LETTERS[position]: first[position] for position in sorted(first)},
        best_constant=max(constant.values()) / len(golds),
        several_golds=sum(len(set(gold)) > 1 for gold in golds),
    )


def chance_corrected(score: float, chance: float) -> float:
    """Return a score rescaled so that guessing is 0 and perfection 1: (score - chance) / (1 - chance)."""
    return (score - chance) / (1 - chance)
