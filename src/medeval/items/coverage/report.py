"""The whole account of what a set of benchmarks covers, as one JSON document; texts of items are never in it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from medeval.errors import MedevalError
from medeval.items.coverage.baselines import baselines
from medeval.items.coverage.clusters import cluster_names, conflicts, effective_items
from medeval.items.coverage.documents import ComparedItem, documents, first_of_each_item_of
from medeval.items.coverage.duplicates import JACCARD, TOKEN_SET_RATIO, DuplicatePair, find_duplicates
from medeval.items.coverage.strata import SpecialtyCounts, count_specialties, reporting_rule
from medeval.items.coverage.taxonomy import specialties
from medeval.records import tables

JsonObject = dict[str, Any]


def read_tables(paths: Sequence[Path]) -> list[pa.Table]:
    """Read items and conversations tables.

    Raises:
        MedevalError: A file is missing, unusable, of another kind, or holds no row.
    """
    found = []
    for path in paths:
        kind = tables.read_record(path).get("table")
        known = {table_type.name: table_type for table_type in (tables.ITEMS, tables.CONVERSATIONS)}
        if kind not in known:
            raise MedevalError(
                f"{path}: expected an items or conversations table, found {kind or 'no medeval table'}",
                "Give what `medeval items` writes.",
            )
        table = tables.read(path, known[kind])
        if not len(table):
            raise MedevalError(f"{path}: holds no item", "Run `medeval items` again, or leave the file out.")
        found.append(table)
    return found


def coverage(found: Sequence[pa.Table]) -> JsonObject:
    """Return the account: specialties per benchmark, the cross-table, duplicates, conflicting golds, n_eff.

    Args:
        found: Rows of `tables.ITEMS` and `tables.CONVERSATIONS`.

    Raises:
        MedevalError: Two tables hold the same item of the same benchmark.
    """
    docs = documents(found)
    pairs = find_duplicates(docs)
    clusters = cluster_names(docs, pairs)
    of_benchmark: dict[str, list[str]] = {}
    for document, cluster in zip(docs, clusters, strict=True):
        of_benchmark.setdefault(document.benchmark, []).append(cluster)
    counts = {name: count_specialties(name, _strata(found, name)) for name in of_benchmark}
    return {
        "items": len(docs),
        "benchmarks": [_benchmark(found, name, counts[name], of_benchmark[name]) for name in of_benchmark],
        "specialties": [asdict(specialty) for specialty in specialties()],
        "cross_table": cross_table(counts),
        "duplicates": _duplicates(docs, pairs, clusters),
    }


def cross_table(counts: dict[str, SpecialtyCounts]) -> JsonObject:
    """Return items per specialty and benchmark.

    A benchmark of which no item has a specialty has null in every cell, as nothing is known of it; elsewhere 0
    means that no item is of that specialty, and the cell is listed as empty.
    """
    rows = {
        specialty.id: {
            name: count.by_specialty.get(specialty.id, 0) if count.mapped else None for name, count in counts.items()
        }
        for specialty in specialties()
    }
    empty = [[specialty, name] for specialty, row in rows.items() for name, items in row.items() if items == 0]
    return {"cells": rows, "empty": empty, "unknown": [name for name, count in counts.items() if not count.mapped]}


def _rows_of(found: Sequence[pa.Table], benchmark: str) -> list[pa.Table]:
    parts = [first_of_each_item_of(table) for table in found]
    kept = [part.filter(pa.array([name == benchmark for name in part["benchmark"].to_pylist()])) for part in parts]
    return [part for part in kept if len(part)]


def _strata(found: Sequence[pa.Table], benchmark: str) -> list[str]:
    return [stratum for part in _rows_of(found, benchmark) for stratum in part["stratum"].to_pylist()]


def _benchmark(found: Sequence[pa.Table], name: str, counts: SpecialtyCounts, clusters: Sequence[str]) -> JsonObject:
    rows = _rows_of(found, name)
    choice = "options" in rows[0].column_names
    return {
        "benchmark": name,
        "items": counts.items,
        "mapped": counts.mapped,
        "broad": counts.broad,
        "unmapped_share": counts.unmapped_share,
        "unmapped": dict(counts.unmapped),
        "unknown_values": dict(counts.unknown_values),
        "effective_strata": counts.effective,
        "strata": [
            {"specialty": specialty, "items": items, "share": items / counts.items, "rule": reporting_rule(items)}
            for specialty, items in counts.by_specialty.items()
        ],
        "clusters": len(set(clusters)),
        "n_eff": effective_items(clusters),
        "baselines": asdict(baselines(pa.concat_tables(rows))) if choice else None,
    }


def _duplicates(docs: Sequence[ComparedItem], pairs: Sequence[DuplicatePair], clusters: Sequence[str]) -> JsonObject:
    sizes = Counter(clusters)
    members: dict[str, list[list[str]]] = {}
    for document, cluster in zip(docs, clusters, strict=True):
        if sizes[cluster] > 1:
            members.setdefault(cluster, []).append(_key(document))
    return {
        "rule": {"jaccard": JACCARD, "token_set_ratio": TOKEN_SET_RATIO},
        "clusters": len(sizes),
        "n_eff": effective_items(clusters),
        "counts": _counts(docs, pairs),
        "pairs": [
            {
                "kind": pair.kind,
                "items": [_key(docs[pair.left]), _key(docs[pair.right])],
                "jaccard": round(pair.jaccard, 4),
                "token_set_ratio": round(pair.token_set_ratio, 2),
            }
            for pair in pairs
        ],
        "members": [{"cluster": cluster, "items": items} for cluster, items in members.items()],
        "conflicting_golds": [
            {"items": [_key(docs[pair.left]), _key(docs[pair.right])], "same_options": pair.same_options}
            for pair in conflicts(docs)
        ],
    }


def _counts(docs: Sequence[ComparedItem], pairs: Sequence[DuplicatePair]) -> list[JsonObject]:
    """Count the pairs by kind, and the items that have a duplicate, for each two benchmarks."""
    kinds: dict[tuple[str, str], Counter[str]] = {}
    concerned: dict[tuple[str, str], set[int]] = {}
    for pair in pairs:
        first, second = sorted((docs[pair.left].benchmark, docs[pair.right].benchmark))
        kinds.setdefault((first, second), Counter())[pair.kind] += 1
        concerned.setdefault((first, second), set()).update((pair.left, pair.right))
    return [
        {
            "benchmarks": list(key),
            **{kind: kinds[key][kind] for kind in ("same", "near", "vignette")},
            "items": {name: sum(docs[row].benchmark == name for row in concerned[key]) for name in dict.fromkeys(key)},
        }
        for key in sorted(kinds)
    ]


def _key(document: ComparedItem) -> list[str]:
    return [document.benchmark, document.item_id]
