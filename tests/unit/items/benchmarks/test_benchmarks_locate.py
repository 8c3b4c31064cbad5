"""From a folder to the benchmark's files in it, or an error that says what was there."""

from pathlib import Path

import pytest
from benchmark_rows import jsonl, medqa, mmlu, parquet, pubmedqa
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.errors import MedevalError
from medeval.items.benchmarks.locate import revision_of
from medeval.items.benchmarks.mmlu_health import SUBJECTS
from medeval.items.benchmarks.registry import BENCHMARKS, source_files
from medeval.records import tables

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def snapshot(root: Path, repository: str, commit: str = COMMIT) -> Path:
    folder = root / ("datasets--" + repository.replace("/", "--")) / "snapshots" / commit
    folder.mkdir(parents=True)
    return folder


def test_a_cache_a_data_set_in_it_and_a_snapshot_lead_to_the_same_file(tmp_path: Path) -> None:
    folder = snapshot(tmp_path, "GBaker/MedQA-USMLE-4-options")
    file = jsonl(folder / "phrases_no_exclude_test.jsonl", [medqa()])
    jsonl(folder / "phrases_no_exclude_train.jsonl", [medqa()])
    for source in (tmp_path, folder.parents[1], folder, file):
        assert source_files("medqa", [source]) == [file]


def test_a_benchmark_of_several_files_needs_every_one(tmp_path: Path) -> None:
    for subject in SUBJECTS:
        (tmp_path / subject).mkdir()
        for split in ("test", "dev"):
            parquet(tmp_path / subject / f"{split}-00000-of-00001.parquet", [mmlu(subject)])
    found = source_files("mmlu_health", [tmp_path])
    assert found == [tmp_path / subject / "test-00000-of-00001.parquet" for subject in SUBJECTS]
    found[0].unlink()
    with pytest.raises(MedevalError, match=r"no files of mmlu_health .*anatomy/test-\*\.parquet with .* holds anatomy"):
        source_files("mmlu_health", [tmp_path])


def test_shards_of_one_file_are_taken_together_and_a_missing_one_is_noticed(tmp_path: Path) -> None:
    shards = [tmp_path / f"data/validation-0000{i}-of-00002.parquet" for i in range(2)]
    shards[0].parent.mkdir()
    for shard in shards:
        shard.touch()
    assert source_files("medmcqa", [tmp_path]) == shards
    shards[1].unlink()
    with pytest.raises(MedevalError, match="not every shard of it"):
        source_files("medmcqa", [tmp_path])


def test_files_that_could_both_be_meant_are_named(tmp_path: Path) -> None:
    for version in ("v2.4", "v2.5"):
        (tmp_path / f"afri_med_qa_15k_{version}_phase_2_15275.csv").touch()
    with pytest.raises(MedevalError, match=r"v2\.4_phase_2_15275\.csv, afri_med_qa_15k_v2\.5"):
        source_files("afrimedqa", [tmp_path])


def test_several_snapshots_or_a_cache_without_the_benchmark_are_refused(tmp_path: Path) -> None:
    first = snapshot(tmp_path, "qiaojin/PubMedQA")
    with pytest.raises(MedevalError, match="a cache without GBaker/MedQA-USMLE-4-options"):
        source_files("medqa", [tmp_path])
    snapshot(tmp_path, "qiaojin/PubMedQA", "f" * 40)
    with pytest.raises(MedevalError, match=f"expected one snapshot, found {COMMIT}, f{{40}}"):
        source_files("pubmedqa", [tmp_path])
    with pytest.raises(MedevalError, match="no files of pubmedqa .* the folder holds no files"):
        source_files("pubmedqa", [first])
    with pytest.raises(MedevalError, match="no such file or folder"):
        source_files("pubmedqa", [tmp_path / "absent"])


def test_a_subset_of_healthbench_has_its_own_file(tmp_path: Path) -> None:
    names = ["2025-05-07-06-14-12_oss_eval.jsonl", "hard_2025-05-08-21-00-10.jsonl", "consensus_2025-05-09.jsonl"]
    for name in [*names, "2025-05-07-06-14-12_oss_meta_eval.jsonl"]:
        (tmp_path / name).touch()
    found = [source_files("healthbench", [tmp_path], split) for split in (None, "main", "hard", "consensus", "all")]
    assert [[file.name for file in files] for files in found] == [[names[0]], *([name] for name in names), names]


def test_every_benchmark_says_where_its_files_are() -> None:
    assert all(benchmark.files.repositories and benchmark.files.layouts for benchmark in BENCHMARKS.values())


def test_the_revision_of_a_cached_file_is_its_commit(tmp_path: Path) -> None:
    folder = snapshot(tmp_path, "qiaojin/PubMedQA")
    assert revision_of(folder / "pqa_labeled" / "train-00000-of-00001.parquet") == COMMIT
    assert revision_of(tmp_path / "a.parquet") is None


def test_the_command_takes_a_folder_and_a_split(tmp_path: Path) -> None:
    folder = snapshot(tmp_path, "qiaojin/PubMedQA") / "pqa_labeled"
    folder.mkdir()
    parquet(folder / "train-00000-of-00001.parquet", [pubmedqa(1), pubmedqa(2, "no")])
    out = tmp_path / "items.parquet"
    arguments = ["items", "--benchmark", "pubmedqa", "--source", str(tmp_path), "--out", str(out)]
    result = CliRunner().invoke(main, [*arguments, "--split", "all"])
    assert result.exit_code == 0, result.output
    assert "pubmedqa: 2 items of 2 rows (the whole benchmark has 1000 items)" in result.output
    assert set(tables.read(out, tables.ITEMS)["source_revision"].to_pylist()) == {COMMIT}
    refused = CliRunner().invoke(main, [*arguments, "--split", "some"])
    assert (refused.exit_code, "no split 'some'" in refused.output) == (2, True)
    refused = CliRunner().invoke(main, [*arguments, "--gold", "first"])
    assert (refused.exit_code, "pubmedqa takes no option gold" in refused.output) == (2, True)
