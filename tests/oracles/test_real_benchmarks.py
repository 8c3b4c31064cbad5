"""The loaders against the real files: published counts. Skipped without the shared folder."""

import os
from pathlib import Path
from typing import Any

import pytest

from medeval.errors import MedevalError
from medeval.items.benchmarks.registry import find, load_benchmark
from medeval.records import tables

SHARED = Path(os.environ.get("MEDEVAL_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")

pytestmark = pytest.mark.skipif(
    not (SHARED / "hub").is_dir(),
    reason=f"REAL BENCHMARK FILES NOT CHECKED: no {SHARED}/hub; set MEDEVAL_SHARED to the folder that has it",
)


def hub(repository: str, pattern: str) -> list[Path]:
    folder = SHARED / "hub" / ("datasets--" + repository.replace("/", "--")) / "snapshots"
    files = sorted(folder.glob(f"*/{pattern}"))
    assert files, f"no {pattern} of {repository} in {folder}"
    return files


def load(benchmark: str, files: list[Path], **options: Any) -> Any:
    loaded = load_benchmark(benchmark, files, "revision", **options)
    report = loaded.report
    assert report.rows_read == report.items + len(report.unusable) + sum(report.outside.values())
    assert tables.build(find(benchmark).table_type, loaded.items).num_rows == report.items
    return loaded


def test_medqa() -> None:
    report = load("medqa", hub("GBaker/MedQA-USMLE-4-options", "*test.jsonl")).report
    assert report.gold == {"A": 353, "B": 309, "C": 346, "D": 265}
    assert report.strata == {"step1": 679, "step2&3": 594}
    assert [note.row for note in report.look_alikes] == [41, 468]
    assert report.repeats == ()


def test_medmcqa() -> None:
    report = load("medmcqa", hub("openlifescienceai/medmcqa", "data/validation*.parquet")).report
    assert report.items == 4183
    assert len(report.repeated_options) == 21
    assert sum("correct one" in note.detail for note in report.repeated_options) == 4
    assert sum("multi" in note.detail for note in report.remarks) == 1367


def test_medmcqa_refuses_the_unlabelled_split_and_the_wrong_encoding() -> None:
    with pytest.raises(MedevalError, match="cop -1"):
        load("medmcqa", hub("openlifescienceai/medmcqa", "data/test*.parquet"))
    with pytest.raises(MedevalError, match="cop 0"):
        load("medmcqa", hub("openlifescienceai/medmcqa", "data/validation*.parquet"), encoding="authors")


def test_pubmedqa() -> None:
    files = hub("qiaojin/PubMedQA", "pqa_labeled/*.parquet")
    assert load("pubmedqa", files).report.gold == {"yes": 276, "no": 169, "maybe": 55}
    assert load("pubmedqa", files, split="all").report.gold == {"yes": 552, "no": 338, "maybe": 110}


def test_mmlu_health() -> None:
    report = load("mmlu_health", hub("cais/mmlu", "*/test*.parquet")).report
    assert report.strata == {
        "anatomy": 135,
        "clinical_knowledge": 265,
        "college_biology": 144,
        "college_medicine": 173,
        "medical_genetics": 100,
        "professional_medicine": 272,
    }
    # An independent public scan of the whole test split counts 78 exact repeats across subjects, too.
    assert len(report.repeats) == 78
    assert {note.detail for note in report.repeats} == {"with the same answer"}


def test_mmlu_pro_health() -> None:
    loaded = load("mmlu_pro_health", hub("TIGER-Lab/MMLU-Pro", "data/test*.parquet"))
    lengths = [len(item["options"]) for item in loaded.items]
    expected = {3: 3, 4: 72, 5: 8, 6: 8, 7: 20, 8: 42, 9: 67, 10: 598}
    assert {length: lengths.count(length) for length in sorted(set(lengths))} == expected
    assert len(loaded.report.repeats) == 95


def test_medxpertqa() -> None:
    loaded = load("medxpertqa", hub("TsinghuaC3I/MedXpertQA", "Text/test.jsonl"))
    assert loaded.report.items == 2450
    assert not any("Answer Choices:" in item["question"] for item in loaded.items)
    assert [note.source_id for note in loaded.report.remarks] == ["Text-2230", "Text-2270"]


def test_afrimedqa_in_both_layouts() -> None:
    flattened = load("afrimedqa", [SHARED / "data/afrimedqa/expert_mcq_3910_flattened.csv"])
    assert (flattened.report.rows_read, flattened.report.items) == (3910, 3907)
    assert [note.row for note in flattened.report.unusable] == [2018, 2115, 3664]
    canonical = load("afrimedqa", hub("intronhealth/afrimedqa_v2", "*.csv"))
    assert canonical.report.items == 10
    by_id = {item["source_id"]: item for item in flattened.items}
    for item in canonical.items:
        same = by_id[item["source_id"]]
        assert (item["item_id"], item["answer"]) == (same["item_id"], same["answer"])


def test_healthbench() -> None:
    files = hub("openai/healthbench", "*.jsonl")
    loaded = load("healthbench", files)
    subsets = [item["subset"] for item in loaded.items]
    assert (subsets.count("main"), subsets.count("consensus")) == (100, 104)
    assert all(item["canary"] for item in loaded.items)
    main = [item for item in loaded.items if item["subset"] == "main"]
    assert sum(len(item["rubrics"]) for item in main) == 1157
