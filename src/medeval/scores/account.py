"""The account beside the scores: one document with everything that a reader of an accuracy should know of it."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medeval.records import tables
from medeval.records.system import SYSTEM
from medeval.scores.accounting import GROUP, POLICIES, accounting
from medeval.scores.breakdown import class_reports, position_reports
from medeval.scores.coverage import missing_items
from medeval.scores.items import read_items
from medeval.scores.modes import modes_side_by_side
from medeval.scores.policies import average_effect, benchmark_score, difference_effect, why_no_headline
from medeval.scores.strata import strata_reports

ACCOUNT = "account.v1"
_TEXTS = [field.name for field in tables.SCORES.schema if pa.types.is_string(field.type)]


def account_of(scores_path: Path, items_paths: Sequence[Path]) -> dict[str, Any]:
    """Account for a file of scores.

    Args:
        scores_path: A table of scores that was just written.
        items_paths: The items behind it, as for `score_files`.

    Returns:
        A document of the schema "account.v1", in which every figure is a fraction: `scores` (the entries of
        `accounting`, with the benchmark's score by policy and why it is no headline), `averages` and `differences`
        (systems in one mode by policy, with how far that moves them), `modes`, `classes`, `strata`, `positions`, and
        `missing`: the items without a response, by run.
    """
    scores = pq.read_table(scores_path, read_dictionary=_TEXTS).unify_dictionaries()
    items, _ = read_items(items_paths)
    accounts = accounting(scores, items)
    return {
        "schema": ACCOUNT,
        "scores": [
            {
                **account,
                "score": {policy: benchmark_score(account, policy) for policy in POLICIES},
                "no_headline": why_no_headline(account),
            }
            for account in accounts
        ],
        "averages": list(_averages(accounts)),
        "differences": list(_differences(accounts)),
        "modes": modes_side_by_side(scores),
        "classes": class_reports(scores, items),
        "strata": strata_reports(scores),
        "positions": position_reports(scores, items),
        "missing": _missing(items, scores) if _incomplete(accounts, items) else [],
    }


def _incomplete(accounts: Sequence[Mapping[str, Any]], items: pa.Table) -> bool:
    asked = {account["benchmark"] for account in accounts}
    return any(account["partial"] for account in accounts) or asked != set(items["benchmark"].to_pylist())


def _systems(accounts: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], list[Mapping[str, Any]]]:
    found: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for account in accounts:
        found.setdefault((account["mode"], *(account[name] for name in SYSTEM)), []).append(account)
    return dict(sorted(found.items()))


def _averages(accounts: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for (mode, *system), own in _systems(accounts).items():
        benchmarks = [account["benchmark"] for account in own]
        names = dict(zip(SYSTEM, system, strict=True))
        effect = dataclasses.asdict(average_effect(own))
        withheld = [account["benchmark"] for account in own if why_no_headline(account)]
        yield {**names, "mode": mode, "benchmarks": benchmarks, **effect, "no_headline": withheld}


def _differences(accounts: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the difference of every two systems, A minus B, over the benchmarks that both have in a mode."""
    for (key_a, own_a), (key_b, own_b) in combinations(_systems(accounts).items(), 2):
        shared = {account["benchmark"] for account in own_a} & {account["benchmark"] for account in own_b}
        if key_a[0] != key_b[0] or not shared:
            continue
        sides = [[account for account in own if account["benchmark"] in shared] for own in (own_a, own_b)]
        names = [dict(zip(SYSTEM, key[1:], strict=True)) for key in (key_a, key_b)]
        effect = dataclasses.asdict(difference_effect(*sides))
        yield {"a": names[0], "b": names[1], "mode": key_a[0], "benchmarks": sorted(shared), **effect}


def _missing(items: pa.Table, scores: pa.Table) -> list[dict[str, Any]]:
    """List the items without a response, a row per run; a benchmark without any run has nulls for its names."""
    runs: dict[tuple[Any, ...], list[str]] = {}
    for row in missing_items(items, scores).to_pylist():
        item_id = row.pop("item_id")
        runs.setdefault(tuple(row.items()), []).append(item_id)
    return [{**dict(run), "item_ids": ids} for run, ids in runs.items()]


def shown(document: Mapping[str, Any]) -> str:
    """Return an account as lines for the terminal."""
    lines = [line for entry in document["scores"] for line in _score_lines(entry)]
    for run in document["missing"]:
        ids = run["item_ids"]
        who = "no run" if run["model"] is None else f"{_system(run)} {run['mode']} sample {run['sample']}"
        lines.append(f"missing: {run['benchmark']}, {who}: {len(ids)} items without a response, the first {ids[0]}")
    for entry in document["averages"]:
        if entry["flagged"] and len(entry["benchmarks"]) > 1:
            lines.append(f"flag: {_system(entry)} {entry['mode']}: {_moved('average', entry)}")
    for entry in document["differences"]:
        if entry["flagged"]:
            names = f"{_system(entry['a'])} - {_system(entry['b'])} {entry['mode']}"
            lines.append(f"flag: {names}: {_moved('difference', entry)}")
    for entry in document["modes"]:
        if entry["pairs"]:
            lines.append(
                f"{_system(entry)} {entry['benchmark']}: generated {_percent(entry['generated'])}, {entry['mode']} "
                f"{_percent(entry['scored'])}; they answer differently in {_percent(entry['different'])} of "
                f"{entry['pairs']} pairs"
            )
    for entry in document["classes"]:
        lines.append(f"{' '.join(entry[name] for name in GROUP)}: macro-F1 {entry['macro_f1']:.4f}")
    return "\n".join(lines)


def _score_lines(entry: Mapping[str, Any]) -> Iterator[str]:
    of = "" if not entry["partial"] else f" of {entry['n_expected']}: PARTIAL"
    yield f"{_system(entry)} {entry['benchmark']} {entry['mode']}: {entry['n']} responses{of}"
    if entry["no_headline"]:
        yield f"  NO HEADLINE: {entry['no_headline']}"
    wrong, random, excluded = (entry["score"][policy] for policy in POLICIES)
    yield (
        f"  score {_percent(wrong)} (unanswered is wrong), {_percent(random)} (a guess), "
        f"{_percent(excluded)} (left out)"
    )
    if entry["several_correct"]:
        yield (
            f"  any of several correct options counts in {entry['several_correct']} responses; "
            f"if only the first named did: {_percent(entry['accuracy_first'])}"
        )
    failures = [f"{name} {_percent(share)}" for name, share in entry["statuses"].items() if share]
    yield f"  {', '.join(failures)}"
    yield "  read as " + ", ".join(f"{name} {_percent(share)}" for name, share in entry["stages"].items() if share)


def _system(entry: Mapping[str, Any]) -> str:
    return "/".join(entry[name] for name in SYSTEM)


def _moved(what: str, entry: Mapping[str, Any]) -> str:
    figures = ", ".join(f"{policy} {_percent(value)}" for policy, value in entry["by_policy"].items())
    return f"the {what} moves by {entry['moved_points']:.2f} points with the policy for unanswered items: {figures}"


def _percent(share: float | None) -> str:
    return "n/a" if share is None else f"{100 * share:.2f} %"
