"""Clusters of duplicates: which items belong together, where their golds contradict, and how many are separate."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from medeval.items.coverage.documents import ComparedItem, documents
from medeval.items.coverage.duplicates import DuplicatePair, find_duplicates

CLUSTERS_SCHEMA = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in ("benchmark", "item_id", "cluster")]
)


@dataclass(frozen=True)
class Conflict:
    """Two items that ask the same and offer both golds, yet call different ones right.

    Attributes:
        left: Index of the first document.
        right: Index of the second.
        same_options: Whether the options are the same; otherwise they only overlap.
    """

    left: int
    right: int
    same_options: bool


def duplicate_clusters(items: pa.Table, *further: pa.Table) -> pa.Table:
    """Return the duplicate cluster of every item, within and across benchmarks.

    Args:
        items: Rows of `tables.ITEMS` or `tables.CONVERSATIONS`, of one or several benchmarks.
        further: More such tables.

    Returns:
        Columns benchmark, item_id and cluster, one row per item in the order given (of a conversation that stands
        in several subsets, one row). A cluster has the smallest `cluster_id` of its members, so an item without
        duplicates keeps its own.

    Raises:
        MedevalError: Two tables hold the same item of the same benchmark.
    """
    found = documents([items, *further])
    names = cluster_names(found, find_duplicates(found))
    rows = {"benchmark": [doc.benchmark for doc in found], "item_id": [doc.item_id for doc in found], "cluster": names}
    return pa.table(rows, schema=CLUSTERS_SCHEMA)


def cluster_names(found: Sequence[ComparedItem], pairs: Iterable[DuplicatePair]) -> list[str]:
    """Return the cluster of each document: connected by duplicate pairs or by the cluster the loader gave them."""
    edges = [(pair.left, pair.right) for pair in pairs]
    first: dict[str, int] = {}
    edges += [(first.setdefault(doc.cluster_id, row), row) for row, doc in enumerate(found)]
    left, right = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(len(found), len(found)))
    labels = connected_components(graph, directed=False)[1]
    names: dict[int, str] = {}
    for label, document in zip(labels.tolist(), found, strict=True):
        names[label] = min(names.get(label, document.cluster_id), document.cluster_id)
    return [names[label] for label in labels.tolist()]


def effective_items(clusters: Iterable[Hashable]) -> float:
    """Return n_eff = n^2 / (sum of squared cluster sizes): n if all are separate, 1 if all are one cluster.

    It is exact if the items of a cluster are answered alike (docs/read/coverage.md).

    Args:
        clusters: The cluster of each item, at least one.
    """
    sizes = Counter(clusters).values()
    return sum(sizes) ** 2 / sum(size**2 for size in sizes)


def conflicts(found: Sequence[ComparedItem]) -> list[Conflict]:
    """Return the pairs with the same stem and context whose golds contradict each other.

    Both golds stand among the options of both items, and neither is listed as correct by the other: direct evidence
    that one of the two is wrong.
    """
    by_stem: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for row, document in enumerate(found):
        if document.gold is not None:
            by_stem[document.words, document.context].append(row)
    return [
        Conflict(left, right, found[left].exact_options == found[right].exact_options)
        for rows in by_stem.values()
        for place, left in enumerate(rows)
        for right in rows[place + 1 :]
        if _contradict(found[left], found[right])
    ]


def _contradict(left: ComparedItem, right: ComparedItem) -> bool:
    both = left.exact_options & right.exact_options
    return left.gold in both and right.gold in both and left.gold not in right.golds and right.gold not in left.golds
