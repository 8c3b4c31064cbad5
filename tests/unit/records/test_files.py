"""Files are complete or absent."""

import errno
import os
import re
import stat
from pathlib import Path

import pytest

from medeval.errors import MedevalError
from medeval.records.files import atomic_path, read_json, sha256_file, write_json


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "out.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("old")
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "out.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "out.txt").read_text() == "old"


def test_a_written_file_is_readable_by_others(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", {"a": 1})
    assert stat.S_IMODE((tmp_path / "deep" / "a.json").stat().st_mode) == 0o644


def test_a_hash_is_that_of_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert sha256_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_version_of_a_file_is_read_once_and_a_changed_one_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opened = tmp_path / "a", []
    original = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode="r", **more: (opened.append(self), original(self, mode, **more))[1]
    )
    path.write_bytes(b"abc")
    opened.clear()
    first = [sha256_file(path) for _ in range(3)]
    assert (len(set(first)), opened) == (1, [path])
    times = path.stat().st_mtime_ns
    with original(path, "r+b") as stream:  # the same size, and then the same time of change
        stream.write(b"abd")
    os.utime(path, ns=(times, times))
    assert sha256_file(path) != first[0]
    assert opened == [path, path]


@pytest.mark.parametrize("content", ["{", "\xff"])
def test_a_broken_json_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(MedevalError, match=r"a.json: not a JSON document"):
        read_json(tmp_path / "a.json")


def test_a_missing_json_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match=r"a.json: no such file"):
        read_json(tmp_path / "a.json")


def test_a_number_that_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    for target in (tmp_path / "folder", tmp_path / "file" / "below.json"):
        with pytest.raises(MedevalError, match=re.escape(f"{target}: cannot be written")):
            write_json(target, {})
    assert (tmp_path / "file").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match="No space left"), atomic_path(tmp_path / "out.json"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())
