"""A journal survives any interruption and damage, says what it found, and is never emptied."""

import errno
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from medeval.errors import MedevalError
from medeval.records.journal import Journal, results, sealed

RUN = {"weights": "w"}


def opened(path: Path, record: dict[str, Any] | None = None, **further: Any) -> Journal:
    return Journal(path, record or RUN, "run", **further)


def filled(path: Path, count: int = 3) -> list[bytes]:
    with opened(path) as journal:
        for number in range(count):
            journal.add(f"k{number}", {"x": number})
    return path.read_bytes().splitlines(keepends=True)


def kinds(path: Path) -> list[str]:
    return [json.loads(line)["kind"] for line in path.read_text().splitlines()]


def test_finished_work_is_found_again(tmp_path: Path) -> None:
    filled(tmp_path / "j", 1)
    with opened(tmp_path / "j") as journal:
        assert journal.get("k0") == {"x": 0}
        assert journal.get("b") is None
    assert kinds(tmp_path / "j") == ["run", "result", "start"]


def test_finished_work_is_on_disk_before_the_journal_is_closed(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        journal.add("a", {"x": 1})
        entry = json.loads((tmp_path / "j").read_text().splitlines()[-1])
        assert (entry["kind"], entry["key"], entry["value"]) == ("result", "a", {"x": 1})


def test_two_processes_cannot_write_one_journal(tmp_path: Path) -> None:
    with opened(tmp_path / "j"), pytest.raises(MedevalError, match="another process is writing this journal"):
        opened(tmp_path / "j")


def test_half_a_surrogate_pair_can_be_recorded(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        journal.add("a", {"x": "cut \ud83d"})
    with opened(tmp_path / "j") as journal:
        assert journal.get("a") == {"x": "cut \ud83d"}


def test_every_cut_of_the_last_line_is_healed(tmp_path: Path) -> None:
    data = b"".join(filled(tmp_path / "j", 2))
    start = data.rindex(b"\n", 0, len(data) - 1) + 1
    for cut in range(start, len(data)):
        (tmp_path / "j").write_bytes(data[:cut])
        with opened(tmp_path / "j") as journal:
            assert (journal.get("k0"), journal.get("k1")) == ({"x": 0}, None)
            journal.add("k1", {"x": 3})
        with opened(tmp_path / "j") as journal:
            assert journal.get("k1") == {"x": 3}
        assert "damage" not in kinds(tmp_path / "j")


def test_another_run_empties_nothing_and_is_a_line_of_its_own(tmp_path: Path) -> None:
    before = b"".join(filled(tmp_path / "j"))
    with opened(tmp_path / "j", {"weights": "other"}) as journal:
        # Its key says whether a result is of use, and not the run that it came in.
        assert journal.get("k0") == {"x": 0}
    assert (tmp_path / "j").read_bytes().startswith(before)
    assert kinds(tmp_path / "j")[-1] == "run"
    assert [run for run, _, _ in results(tmp_path / "j")] == [RUN] * 3


def test_a_changed_line_is_named_and_it_alone_is_done_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = filled(tmp_path / "j")
    lines[2] = lines[2].replace(b'{"x": 1}', b'{"x": 7}')
    (tmp_path / "j").write_bytes(b"".join(lines))
    with opened(tmp_path / "j") as journal:
        assert [journal.get(f"k{number}") for number in range(3)] == [{"x": 0}, None, {"x": 2}]
        journal.add("k1", {"x": 1})
    assert "line 3 was changed after it was written, the result of 'k1': it counts as not done" in caplog.text
    assert (tmp_path / "j").read_bytes().startswith(b"".join(lines))
    opened(tmp_path / "j").__exit__()
    assert kinds(tmp_path / "j").count("damage") == 1


@pytest.mark.parametrize(("change", "lost"), [("removed", {1, 2}), ("moved", {1, 2, 3}), ("put in", {1})])
def test_a_line_that_was_removed_moved_or_put_in_is_seen_and_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str, lost: set[int]
) -> None:
    lines = filled(tmp_path / "j", 4)
    if change == "removed":
        del lines[2]
    elif change == "moved":
        lines[2], lines[3] = lines[3], lines[2]
    else:
        lines.insert(2, sealed({"previous": None, "kind": "result", "key": "k9", "value": {"x": 9}})[0])
    (tmp_path / "j").write_bytes(b"".join(lines))
    with opened(tmp_path / "j") as journal:
        assert journal.get("k9") is None
        assert {number for number in range(4) if journal.get(f"k{number}") is None} == lost
        assert all(journal.get(f"k{number}") == {"x": number} for number in set(range(4)) - lost)
    assert "line 3 does not follow the line before" in caplog.text


def test_the_first_result_of_a_key_counts(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        journal.add("a", {"x": 1})
        journal.retry("a", "another limit")
        journal.add("a", {"x": 2})
    with opened(tmp_path / "j") as journal:
        assert journal.get("a") == {"x": 1}
        assert journal.all("a") == [{"x": 1}, {"x": 2}]


def test_any_single_flip_of_a_bit_changes_no_result(tmp_path: Path) -> None:
    data = b"".join(filled(tmp_path / "j", 5))
    whole = {f"k{number}": {"x": number} for number in range(5)}
    rng = random.Random(11)  # noqa: S311
    for _ in range(150):
        place, bit = rng.randrange(len(data)), 1 << rng.randrange(8)
        (tmp_path / "j").write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
        with opened(tmp_path / "j") as journal:
            found = {key: journal.get(key) for key in whole}
        lost = [key for key, value in found.items() if value is None]
        # A flipped line break joins two lines.
        assert len(lost) <= 2
        assert all(found[key] == whole[key] for key in whole if key not in lost)


@pytest.mark.parametrize("line", [b"[1]\n", b"\xff\xfe\n", b'{"a": ' + b"[" * 100_000 + b"\n", b"\n", b"null\n"])
def test_a_line_that_is_no_entry_is_damage(tmp_path: Path, line: bytes) -> None:
    lines = filled(tmp_path / "j")
    (tmp_path / "j").write_bytes(b"".join([*lines[:2], line, *lines[2:]]))
    with opened(tmp_path / "j") as journal:
        assert [journal.get(f"k{number}") for number in range(3)] == [{"x": 0}, {"x": 1}, {"x": 2}]


def test_a_full_disk_is_an_error_with_a_remedy_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def full(descriptor: int, line: bytes) -> int:
        if len(line) < 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, line[: len(line) - 50])

    filled(tmp_path / "j")
    journal = opened(tmp_path / "j")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(MedevalError, match="cannot be written .No space left on device") as error:
        journal.add("k9", {"x": 9})
    assert "Make room on that disk" in error.value.remedy
    monkeypatch.undo()
    journal.__exit__()
    with opened(tmp_path / "j") as again:
        assert again.get("k2") == {"x": 2}


FIRST_FORMAT = '{"run_id": "run"}\n{"key": "letter/q1/0", "value": {"x": 1}}\n{"key": "cut sh'


def test_a_journal_of_the_first_format_is_taken_up_and_kept(tmp_path: Path) -> None:
    (tmp_path / "j").write_text(FIRST_FORMAT)
    for _ in range(2):
        with opened(tmp_path / "j") as journal:
            assert journal.get("letter/q1/0") == {"x": 1}
    assert (tmp_path / "j.v1").read_text() == FIRST_FORMAT
    with Journal(tmp_path / "j", RUN, "another run") as journal:
        assert journal.get("letter/q1/0") is None
    with Journal(tmp_path / "j", RUN, "another run"):
        pass
    assert (tmp_path / "j.v1").read_text() == FIRST_FORMAT
    assert kinds(tmp_path / "j").count("discard") == 1


def test_a_journal_of_the_first_format_may_have_another_name(tmp_path: Path) -> None:
    (tmp_path / "old").write_text(FIRST_FORMAT)
    with opened(tmp_path / "j", earlier=tmp_path / "old") as journal:
        assert journal.get("letter/q1/0") == {"x": 1}
    assert (tmp_path / "old").read_text() == FIRST_FORMAT
