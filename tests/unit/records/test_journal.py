"""A journal survives any interruption and never mixes runs."""

import json
from pathlib import Path

import pytest

from medeval.errors import MedevalError
from medeval.records.journal import Journal


def test_finished_work_is_found_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", "run") as journal:
        journal.add("a", {"x": 1})
    with Journal(tmp_path / "j", "run") as journal:
        assert journal.get("a") == {"x": 1}
        assert journal.get("b") is None


def test_finished_work_is_on_disk_before_the_journal_is_closed(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", "run") as journal:
        journal.add("a", {"x": 1})
        assert json.loads((tmp_path / "j").read_text().splitlines()[-1]) == {"key": "a", "value": {"x": 1}}


def test_two_processes_cannot_write_one_journal(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "j", "run"),
        pytest.raises(MedevalError, match="another process is writing this journal"),
    ):
        Journal(tmp_path / "j", "run")


def test_half_a_surrogate_pair_can_be_recorded(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", "run") as journal:
        journal.add("a", {"x": "cut \ud83d"})
    with Journal(tmp_path / "j", "run") as journal:
        assert journal.get("a") == {"x": "cut \ud83d"}


def test_every_cut_of_the_last_record_is_healed(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", "run") as journal:
        journal.add("a", {"x": "é"})
        journal.add("b", {"x": 2})
    data = (tmp_path / "j").read_bytes()
    start = data.rindex(b"\n", 0, len(data) - 1) + 1
    for cut in range(start, len(data)):
        (tmp_path / "j").write_bytes(data[:cut])
        with Journal(tmp_path / "j", "run") as journal:
            assert (journal.get("a"), journal.get("b")) == ({"x": "é"}, None)
            journal.add("b", {"x": 3})
        with Journal(tmp_path / "j", "run") as journal:
            assert journal.get("b") == {"x": 3}


def test_a_journal_cut_inside_its_first_line_starts_afresh(tmp_path: Path) -> None:
    (tmp_path / "j").write_text('{"run_i')
    with Journal(tmp_path / "j", "run") as journal:
        assert len(journal) == 0


def test_a_journal_of_another_run_is_not_reused(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", "run") as journal:
        journal.add("a", {"x": 1})
    with Journal(tmp_path / "j", "other weights") as journal:
        assert journal.get("a") is None


def test_a_removed_journal_is_gone(tmp_path: Path) -> None:
    Journal(tmp_path / "j", "run").remove()
    assert not (tmp_path / "j").exists()
