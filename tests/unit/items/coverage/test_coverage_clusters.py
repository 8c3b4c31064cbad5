"""Clusters, contradicting golds and the number of separate items."""

import pytest
from coverage_rows import Row, conversation, conversations, item, items

from medeval.errors import MedevalError
from medeval.items.coverage.clusters import conflicts, duplicate_clusters, effective_items
from medeval.items.coverage.documents import documents

STEM = "A man of seventy with diabetes has had pain in his left leg on walking for the last four months"
OPTIONS = ["Claudication", "Neuropathy", "Arthrosis", "Thrombosis"]


def contradictions(*rows: Row) -> list[bool]:
    return [conflict.same_options for conflict in conflicts(documents([items(rows)]))]


@pytest.mark.parametrize(
    ("clusters", "expected"),
    [("abcd", 4.0), ("aaaa", 1.0), ("aabc", 16 / 6), ("aabbcc", 3.0), ("aaaab", 25 / 17)],
)
def test_n_eff_is_n_squared_over_the_sum_of_squared_sizes(clusters: str, expected: float) -> None:
    assert effective_items(clusters) == pytest.approx(expected)


def test_a_chain_of_duplicates_is_one_cluster_across_benchmarks_named_for_its_smallest_member() -> None:
    words = STEM.split()
    middle = " ".join([*words[:4], "hypertension", *words[5:]])
    last = " ".join([*middle.split()[:-1], "years"])
    table = items(
        [
            item("c", STEM, OPTIONS),
            item("b", middle, OPTIONS, benchmark="medmcqa"),
            item("a", last, OPTIONS, benchmark="mmlu_health"),
            item("z", "Which vitamin is missing in scurvy among sailors", ["A", "B", "C", "D"]),
        ]
    )
    found = duplicate_clusters(table)
    assert found.column_names == ["benchmark", "item_id", "cluster"]
    assert found["cluster"].to_pylist() == ["a", "a", "a", "z"]
    assert found["benchmark"].to_pylist() == ["medqa", "medmcqa", "mmlu_health", "medqa"]


def test_clusters_that_the_loader_made_are_kept() -> None:
    rows = [item("q", "Short one here", OPTIONS), item("q-2", "Entirely other words", ["x", "y"], cluster_id="q")]
    assert duplicate_clusters(items(rows))["cluster"].to_pylist() == ["q", "q"]


def test_tables_of_both_kinds_go_together() -> None:
    found = duplicate_clusters(items([item("a", STEM, OPTIONS)]), conversations([conversation("p", "My arm hurts")]))
    assert found.to_pylist() == [
        {"benchmark": "medqa", "item_id": "a", "cluster": "a"},
        {"benchmark": "healthbench", "item_id": "p", "cluster": "p"},
    ]


def test_an_item_in_two_tables_is_refused() -> None:
    table = items([item("a", STEM, OPTIONS)])
    with pytest.raises(MedevalError, match="item a of medqa is in more than one table"):
        duplicate_clusters(table, table)


def test_the_same_gold_in_another_place_is_no_contradiction() -> None:
    assert contradictions(item("a", STEM, OPTIONS, 0), item("b", STEM, OPTIONS[::-1], 3)) == []


def test_another_gold_text_among_the_same_options_is_a_contradiction() -> None:
    assert contradictions(item("a", STEM, OPTIONS, 0), item("b", STEM, OPTIONS[::-1], 0)) == [True]
    assert contradictions(item("a", STEM, OPTIONS, 0), item("b", STEM, [*OPTIONS, "Gout"], 1)) == [False]


def test_a_gold_that_the_other_does_not_offer_or_also_lists_is_no_contradiction() -> None:
    assert contradictions(item("a", STEM, OPTIONS, 0), item("b", STEM, ["Gout", "Neuropathy"], 0)) == []
    assert contradictions(item("a", STEM, OPTIONS, 0), item("b", STEM, OPTIONS, 1, answers=[0, 1])) == []


def test_options_that_differ_in_case_alone_stay_apart() -> None:
    genes = ["BB", "Bb", "bb", "B0"]
    assert contradictions(item("a", STEM, genes, 0), item("b", STEM, genes, 1)) == [True]
    assert contradictions(item("a", STEM, OPTIONS, 0), item("b", STEM, [o.upper() for o in OPTIONS], 0)) == []


def test_a_changed_word_in_the_stem_may_change_the_gold() -> None:
    assert contradictions(item("a", STEM, OPTIONS, 0), item("b", STEM.replace("left", "no"), OPTIONS, 1)) == []
