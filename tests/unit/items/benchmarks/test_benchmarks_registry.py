"""The registry: names, sizes and options of the benchmarks."""

from pathlib import Path

import pytest
from benchmark_rows import jsonl, medqa

from medeval.errors import MedevalError
from medeval.items.benchmarks.registry import BENCHMARKS, find, load_benchmark
from medeval.records.tables import CONVERSATIONS, ITEMS


def test_the_sizes_are_the_published_ones() -> None:
    # Sources: the data sets' cards and papers; AfriMed-QA's 3910 rows less the three without a usable gold.
    assert {name: benchmark.expected_items for name, benchmark in BENCHMARKS.items()} == {
        "medqa": 1273,
        "medmcqa": 4183,
        "pubmedqa": 500,
        "mmlu_health": 1089,
        "mmlu_pro_health": 818,
        "medxpertqa": 2450,
        "afrimedqa": 3907,
        "healthbench": 5000,
        "healthbench_meta": 29511,
    }
    assert BENCHMARKS["pubmedqa"].variants == {"all": 1000}
    assert BENCHMARKS["healthbench"].variants == {"main": 5000, "hard": 1000, "consensus": 3671}


def test_only_mmlu_is_a_mean_of_strata_and_only_healthbench_has_conversations() -> None:
    assert [name for name, benchmark in BENCHMARKS.items() if benchmark.aggregate == "strata"] == ["mmlu_health"]
    assert [name for name, benchmark in BENCHMARKS.items() if benchmark.table_type is CONVERSATIONS] == ["healthbench"]
    assert BENCHMARKS["medqa"].table_type is ITEMS


def test_unknown_benchmarks_and_options_are_refused_with_those_known(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match="no benchmark is called 'mmlu'"):
        find("mmlu")
    file = jsonl(tmp_path / "a.jsonl", [medqa()])
    with pytest.raises(MedevalError, match="medqa takes no option split") as caught:
        load_benchmark("medqa", [file], "rev", split="all")
    assert caught.value.remedy == "It takes: none."
    with pytest.raises(MedevalError, match="no split 'train'"):
        load_benchmark("pubmedqa", [file], "rev", split="train")
