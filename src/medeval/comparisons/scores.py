"""One entry per system, benchmark and mode: accuracy with its interval, and every failure counted."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from medeval.comparisons.document import Average, Policies, Score, Stages, Statuses, StratumScore
from medeval.comparisons.item_scores import ItemScores
from medeval.comparisons.run_noise import runs_entry
from medeval.records import tables
from medeval.records.system import System
from medeval.scores.accounting import GROUP
from medeval.scores.policies import benchmark_score, why_no_headline
from medeval.scores.score import accounting
from medeval.scores.strata import STRATUM, by_tags
from medeval.statistics.estimates import Estimate
from medeval.statistics.intervals import mean_interval
from medeval.statistics.macro import error_agreement, macro_average, macro_bootstrap


def accounts(scores: Sequence[ItemScores], items: pa.Table) -> list[dict[str, Any]]:
    """Account for every response of each entry, in the same order: statuses, stages and the three policies.

    Args:
        scores: The entries.
        items: The items behind them, which tell the chance of a guess; without rows, it stays unknown.

    Raises:
        MedevalError: There are items, but not those of every score.
    """
    if not scores:
        return []
    table = pa.concat_tables([pa.Table.from_pandas(p.rows, tables.SCORES.schema, preserve_index=False) for p in scores])
    found = {
        tuple(account[key] for key in GROUP): account for account in accounting(table, items if len(items) else None)
    }
    return [found[(*vars(part.system).values(), part.benchmark, part.mode)] for part in scores]


def score_entry(scores: ItemScores, account: dict[str, Any]) -> Score:
    """Describe one system's result on one benchmark.

    Accuracy counts unanswered items as wrong; `policies` shows it also with them as a random guess
    and without them, put together as the benchmark's score is. Where items have several correct options, any of them
    counts, and `accuracy_first` is the share of responses that are right if only the one named first counts.
    """
    rows = scores.rows
    return Score(
        **vars(scores.system),
        benchmark=scores.benchmark,
        mode=scores.mode,
        items=len(scores.frame),
        responses=len(rows),
        aggregate="mean of strata" if scores.mean_of_strata else "mean of items",
        accuracy=_accuracy(scores),
        runs=runs_entry(scores),
        statuses=Statuses(**{name: round(share * account["n"]) for name, share in account["statuses"].items()}),
        stages=Stages(**{name: round(share * account["n"]) for name, share in account["stages"].items()}),
        policies=Policies(*(benchmark_score(account, policy) for policy in ("wrong", "random", "excluded"))),
        no_headline=why_no_headline(account),
        chance=account["chance"],
        several_correct=account["several_correct"],
        accuracy_first=account["accuracy_first"],
        methods=tuple(sorted(set(rows["method"]))),
        mean_generated_tokens=mean_tokens(rows["generated_tokens"]),
        strata=_strata(scores),
    )


def average_entry(system: System, mode: str, parts: Sequence[ItemScores], seed: int) -> Average:
    """Describe a system's unweighted average over benchmarks, by the normal and the bootstrap error."""
    components = [part.component() for part in parts]
    normal = macro_average(components, shared_clusters=True)
    bootstrap = macro_bootstrap(components, shared_clusters=True, null=None, seed=seed)
    return Average(
        **vars(system),
        mode=mode,
        benchmarks=tuple(part.benchmark for part in parts),
        normal=normal,
        bootstrap=bootstrap,
        error_agreement=error_agreement(normal, bootstrap),
    )


def _accuracy(scores: ItemScores) -> Estimate:
    if scores.mean_of_strata:
        return macro_average([scores.component()])
    return mean_interval(scores.frame["score"].to_numpy(dtype=float), scores.frame["cluster_id"].to_numpy())


def mean_tokens(tokens: pd.Series) -> float | None:
    """Return the mean number of generated tokens; None where it is not known of every reply."""
    return None if (tokens < 0).any() else float(tokens.mean())


def _strata(scores: ItemScores) -> tuple[StratumScore, ...]:
    """Return the accuracy by stratum or tag, under the names that the report shows, with what its size allows."""
    return tuple(
        StratumScore(
            stratum=entry["value"] if entry["tag"] == STRATUM else f"{entry['tag']}: {entry['value']}", **entry
        )
        for entry in by_tags(scores.benchmark, scores.frame, "score")
    )
