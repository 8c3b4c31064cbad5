"""Everything that is compared between two systems, response by response, and its summary over any of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medeval.comparisons.agreement.matching import BoolArray, IntArray, Matched, row_names
from medeval.comparisons.agreement.options import OptionPairs, option_pairs, options_entry
from medeval.comparisons.agreement.outcomes import Outcomes, cluster_codes, correctness_entry
from medeval.comparisons.agreement.replies import ReplyPairs, reply_pairs
from medeval.comparisons.agreement.responses import KEY, Responses
from medeval.records.documents import as_json
from medeval.statistics.agreement import share_of_items
from medeval.statistics.estimates import DEFAULT_CONFIDENCE

Group = tuple[str, str]


@dataclass(frozen=True)
class Compared:
    """Two systems on the responses that both have and that are no error.

    Attributes:
        a: The reference.
        b: What is compared with it.
        matched: Which rows answer the same request, and which have no counterpart.
        group: Benchmark and mode of each compared response, as a number of `groups`, shape (n,).
        groups: Every benchmark and mode of either table, in the order met.
        clusters: Number of the unit of independence, shape (n,).
        same_length: Whether both read the same number of prompt tokens, shape (n,).
        options: Their distributions over options.
        replies: Their generated replies.
        outcomes_a: What A chose, one entry per compared response.
        outcomes_b: What B chose.
        outcomes_again: What a second run of A chose; None without one.
        sampled: Whether either side drew its replies at random.
        seed: Seed of the bootstraps.
    """

    a: Responses
    b: Responses
    matched: Matched
    group: IntArray
    groups: list[Group]
    clusters: IntArray
    same_length: BoolArray
    options: OptionPairs
    replies: ReplyPairs
    outcomes_a: Outcomes
    outcomes_b: Outcomes
    outcomes_again: Outcomes | None
    sampled: bool
    seed: int

    @property
    def modes(self) -> list[str]:
        """Every mode of either table, in the order met."""
        return list(dict.fromkeys(mode for _, mode in self.groups))

    def of_mode(self, mode: str) -> BoolArray:
        """Return which compared responses are in one mode."""
        return np.isin(self.group, [number for number, group in enumerate(self.groups) if group[1] == mode])

    def entries(self) -> list[dict[str, Any]]:
        """Describe each benchmark and mode, with the names of the responses that one side lacks."""
        return [
            {
                "benchmark": benchmark,
                "mode": mode,
                **self._counts([(benchmark, mode)]),
                **self._measured(self.group == number),
            }
            for number, (benchmark, mode) in enumerate(self.groups)
        ]

    def overall(self) -> list[dict[str, Any]]:
        """Describe each mode over all benchmarks, every response counting the same."""
        found = []
        for mode in self.modes:
            groups = [group for group in self.groups if group[1] == mode]
            benchmarks = [benchmark for benchmark, _ in groups]
            counts = {"rows": self._counts(groups)["rows"]}
            found.append({"benchmarks": benchmarks, "mode": mode, **counts, **self._measured(self.of_mode(mode))})
        return found

    def _counts(self, groups: Sequence[Group]) -> dict[str, Any]:
        matched = self.matched
        shared = _of_groups(self.a.rows, matched.a, groups)
        lacking = {
            "only_in_a": _named(self.a.rows, matched.only_a, groups),
            "only_in_b": _named(self.b.rows, matched.only_b, groups),
        }
        failed_a, failed_b = matched.failed_a[shared], matched.failed_b[shared]
        counts = {
            "shared": int(shared.sum()),
            **{name: len(rows) for name, rows in lacking.items()},
            "errors_a": int(failed_a.sum()),
            "errors_b": int(failed_b.sum()),
            "compared": int((~(failed_a | failed_b)).sum()),
            "different_prompts": int((~matched.same_prompt[shared]).sum()),
        }
        return {"rows": counts, **lacking}

    def _measured(self, chosen: BoolArray) -> dict[str, Any]:
        agreement = self.options.agreement(chosen, self.clusters, confidence=DEFAULT_CONFIDENCE, seed=self.seed)
        same_length = share_of_items(self.same_length[chosen], self.clusters[chosen]) if chosen.any() else None
        return {
            "same_prompt_tokens": as_json(same_length),
            "options": options_entry(agreement),
            "replies": self.replies.entry(chosen, self.clusters, sampled=self.sampled),
            "correctness": correctness_entry(
                self.outcomes_a, self.outcomes_b, self.outcomes_again, chosen, self.clusters, self.seed
            ),
        }


def compare_responses(
    a: Responses,
    b: Responses,
    matched: Matched,
    items: pa.Table,
    outcomes_a: Outcomes,
    outcomes_b: Outcomes,
    outcomes_again: Outcomes | None,
    seed: int,
) -> Compared:
    """Compare the matched responses of two systems.

    Args:
        a: The reference.
        b: What is compared with it.
        matched: Which of their rows answer the same request.
        items: Rows of `tables.ITEMS`, for the clusters; none makes every item its own.
        outcomes_a: Outcomes of every row of A.
        outcomes_b: Outcomes of every row of B.
        outcomes_again: Outcomes of a second run of A, for every row of A; None without one.
        seed: Seed of the bootstraps.

    Raises:
        MedevalError: A response lacks what it is compared by.
    """
    usable = ~(matched.failed_a | matched.failed_b)
    rows_a, rows_b = matched.a[usable], matched.b[usable]
    asked = [*KEY, "prompt_tokens"]
    asked_a, asked_b = a.rows.select(asked).take(rows_a), b.rows.select(asked).take(rows_b)
    options = option_pairs(a, b, rows_a, rows_b)
    generated = np.setdiff1d(np.arange(len(rows_a)), options.place)
    groups = list(dict.fromkeys([*_groups(a.rows), *_groups(b.rows)]))
    numbers = {group: number for number, group in enumerate(groups)}
    return Compared(
        a=a,
        b=b,
        matched=matched,
        group=np.array([numbers[group] for group in _groups(asked_a)], dtype=np.int64),
        groups=groups,
        clusters=cluster_codes(items, asked_a),
        same_length=np.asarray(pc.equal(asked_a["prompt_tokens"], asked_b["prompt_tokens"]).to_numpy(), dtype=bool),
        options=options,
        replies=reply_pairs(a.rows.take(rows_a[generated]), b.rows.take(rows_b[generated]), generated),
        outcomes_a=outcomes_a.take(rows_a),
        outcomes_b=outcomes_b.take(rows_b),
        outcomes_again=None if outcomes_again is None else outcomes_again.take(rows_a),
        sampled="sampled" in (a.sampling, b.sampling),
        seed=seed,
    )


def _groups(rows: pa.Table) -> Iterator[Group]:
    return zip(rows["benchmark"].to_pylist(), rows["mode"].to_pylist(), strict=True)


def _of_groups(rows: pa.Table, chosen: IntArray, groups: Sequence[Group]) -> npt.NDArray[np.bool_]:
    """Return which of the chosen rows are of the given benchmarks and modes."""
    wanted = np.zeros(len(rows), dtype=bool)
    for benchmark, mode in groups:
        wanted |= pc.and_(pc.equal(rows["benchmark"], benchmark), pc.equal(rows["mode"], mode)).to_numpy()
    return wanted[chosen]


def _named(rows: pa.Table, chosen: IntArray, groups: Sequence[Group]) -> list[str]:
    return row_names(rows, chosen[_of_groups(rows, chosen, groups)])
