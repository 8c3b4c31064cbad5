"""Coverage of the real benchmark files: published relations between them. Skipped without the shared folder."""

import os
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from medeval.items.benchmarks.registry import load_benchmark, source_files
from medeval.items.coverage.clusters import cluster_names, conflicts, effective_items
from medeval.items.coverage.documents import ComparedItem, documents
from medeval.items.coverage.duplicates import DuplicatePair, find_duplicates
from medeval.items.coverage.strata import count_specialties
from medeval.records import tables

SHARED = Path(os.environ.get("MEDEVAL_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")

pytestmark = pytest.mark.skipif(
    not (SHARED / "hub").is_dir(),
    reason=f"REAL BENCHMARK FILES NOT CHECKED: no {SHARED}/hub; set MEDEVAL_SHARED to the folder that has it",
)
COMPLETE = ("medqa", "medmcqa", "pubmedqa", "mmlu_health", "mmlu_pro_health", "medxpertqa")

Found = tuple[list[ComparedItem], list[DuplicatePair]]


@pytest.fixture(scope="module")
def real_items() -> dict[str, pa.Table]:
    loaded = {name: load_benchmark(name, source_files(name, [SHARED / "hub"]), "revision") for name in COMPLETE}
    return {name: tables.build(tables.ITEMS, each.items) for name, each in loaded.items()}


@pytest.fixture(scope="module")
def found(real_items: dict[str, pa.Table]) -> Found:
    docs = documents(list(real_items.values()))
    return docs, find_duplicates(docs)


def pairs_of(found: Found, first: str, second: str) -> Counter[str]:
    docs, pairs = found
    return Counter(pair.kind for pair in pairs if {*names(docs, pair)} == {first, second})


def names(docs: list[ComparedItem], pair: DuplicatePair) -> tuple[str, str]:
    return docs[pair.left].benchmark, docs[pair.right].benchmark


def test_every_specialty_of_medmcqa_and_mmlu_is_known(real_items: dict[str, pa.Table]) -> None:
    counts = {name: count_specialties(name, table["stratum"].to_pylist()) for name, table in real_items.items()}
    assert (counts["medmcqa"].items, counts["medmcqa"].unmapped) == (4183, {"not_a_specialty": 2})
    assert counts["medmcqa"].by_specialty["dentistry"] == 1318
    assert counts["mmlu_health"].unmapped == {}
    assert counts["medxpertqa"].by_specialty["basic_science"] == 654
    assert all(not count.unknown_values for count in counts.values())
    assert {name for name, count in counts.items() if not count.mapped} == {"medqa", "pubmedqa", "mmlu_pro_health"}


def test_copies_within_mmlu_and_mmlu_pro_are_those_that_independent_scans_count(found: Found) -> None:
    """78 exact repeats in MMLU's six subjects; 94 question texts of MMLU-Pro health with identical option sets."""
    assert pairs_of(found, "mmlu_health", "mmlu_health")["same"] == 78
    assert pairs_of(found, "mmlu_pro_health", "mmlu_pro_health")["same"] == 95  # one text stands there three times


def test_mmlu_pro_reuses_mmlu_and_medqa_shares_nothing_with_either(found: Found) -> None:
    shared = pairs_of(found, "mmlu_health", "mmlu_pro_health")
    assert shared["same"] + shared["near"] > 500
    assert not pairs_of(found, "medqa", "mmlu_health") + pairs_of(found, "medqa", "mmlu_pro_health")


def test_medxpertqa_rewords_questions_of_medqa(found: Found) -> None:
    assert pairs_of(found, "medqa", "medxpertqa") == {"near": 13}


def test_one_pair_of_medmcqa_contradicts_itself(found: Found) -> None:
    docs, _ = found
    contradictions = conflicts(docs)
    assert [docs[conflict.left].benchmark for conflict in contradictions] == ["medmcqa"]


def test_the_separate_items_of_mmlu_pro_health_are_far_fewer_than_its_rows(found: Found) -> None:
    docs, pairs = found
    clusters = cluster_names(docs, pairs)
    of_pro = [cluster for cluster, doc in zip(clusters, docs, strict=True) if doc.benchmark == "mmlu_pro_health"]
    assert len(of_pro) == 818
    assert 600 < effective_items(of_pro) < 640
