"""Every fault of a hub: what the user sees, and what is on disk afterwards."""

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from medeval.errors import MedevalError
from medeval.hub import disk
from medeval.hub.download import download
from medeval.hub.huggingface import look_up
from medeval.hub.transfer import PartialFile
from medeval.run.sources import HubSource
from tests.services.hub.conftest import (
    BLOB,
    COMMIT,
    COMPLETE,
    EARLIER,
    PARTIAL,
    ROWS,
    WEIGHTS,
    Machine,
    weights,
)
from tests.services.hub.server import Hub, git_hash, sha256

DIGEST = sha256(WEIGHTS)
NAME = f"hub model owner/model@{COMMIT}:weights.gguf"


def assert_complete(machine: Machine) -> None:
    assert machine.out.read_bytes() == WEIGHTS
    assert machine.files() == COMPLETE


# Nothing goes wrong.


def test_a_file_arrives_in_the_cache_and_in_its_place(hub: Hub, machine: Machine) -> None:
    result = machine.fetch(sha256=DIGEST, size=len(WEIGHTS))
    assert result.returncode == 0, result.stderr
    assert f"1,024,000 bytes, SHA-256 {DIGEST}" in result.stdout
    assert_complete(machine)
    assert machine.out.samefile(machine.folder / BLOB)  # linked, so it takes room once
    assert "weights.gguf: 1.0 MB of 1.0 MB (100 %)" in result.stderr  # progress as log lines


def test_a_file_in_the_cache_is_verified_and_not_asked_for_again(hub: Hub, machine: Machine) -> None:
    machine.fetch()
    hub.seen.clear()
    assert machine.fetch(sha256=DIGEST).returncode == 0
    assert hub.seen == []


def test_a_small_file_is_served_by_the_hub_itself(hub: Hub, machine: Machine) -> None:
    result = machine.fetch(repo="owner/data", kind="dataset", file="data/rows.jsonl", sha256=sha256(ROWS))
    assert result.returncode == 0, result.stderr
    blob = machine.cache / "datasets--owner--data" / "blobs" / git_hash(ROWS)
    assert blob.read_bytes() == machine.out.read_bytes() == ROWS


# Transport.


def test_a_connection_cut_twice_is_resumed_where_it_stopped(hub: Hub, machine: Machine) -> None:
    hub.fail("GET", "cdn", cut_after=300_000)
    hub.fail("GET", "cdn", cut_after=300_000)
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 0, result.stderr
    assert [seen.range for seen in hub.asked("GET", "cdn")] == [None, "bytes=300000-", "bytes=600000-"]
    assert machine.waits == [1, 1]  # bytes arrived in between, so the second cut counts as the first in a row
    assert f"{NAME}: the connection failed" in result.stderr
    assert_complete(machine)


def test_a_connection_that_is_always_cut_leaves_its_bytes_for_the_next_run(hub: Hub, machine: Machine) -> None:
    hub.fail("GET", "cdn", cut_after=500_000)
    hub.fail("GET", "cdn", cut_after=0, times=6)
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 2
    assert f"{NAME}: gave up after 6 attempts that brought nothing" in result.stderr
    assert "run the same command again; it resumes where it stopped" in result.stderr
    assert machine.files() == {PARTIAL}
    assert (machine.folder / PARTIAL).read_bytes() == WEIGHTS[:500_000]

    hub.seen.clear()
    hub.faults.clear()
    again = machine.fetch(sha256=DIGEST)
    assert "resuming after 500.0 kB" in again.stderr
    assert [seen.range for seen in hub.asked("GET", "cdn")] == ["bytes=500000-"]
    assert_complete(machine)


def test_a_killed_download_is_resumed_by_the_next(hub: Hub, machine: Machine) -> None:
    hub.fail("GET", "cdn", stall_after=400_000)
    process = machine.start("fetch", "--source", weights(sha256=DIGEST), "--out", str(machine.out))
    partial = machine.folder / PARTIAL
    deadline = time.monotonic() + 30
    while not (partial.exists() and partial.stat().st_size >= 300_000):
        assert time.monotonic() < deadline, "nothing arrived"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = partial.stat().st_size
    hub.seen.clear()
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 0, result.stderr
    assert [seen.range for seen in hub.asked("GET", "cdn")] == [f"bytes={kept}-"]
    assert machine.out.read_bytes() == WEIGHTS
    assert machine.files() >= COMPLETE


def test_a_stalled_reply_is_left_and_resumed(hub: Hub, machine: Machine) -> None:
    hub.fail("GET", "cdn", stall_after=200_000)
    machine.timeout = 1
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 0, result.stderr
    assert "the connection stalled; trying again" in result.stderr
    assert [seen.range for seen in hub.asked("GET", "cdn")] == [None, "bytes=200000-"]
    assert_complete(machine)


@pytest.mark.parametrize(("method", "stage"), [("HEAD", "resolve"), ("GET", "resolve"), ("GET", "cdn")])
def test_too_many_requests_are_met_by_the_wait_that_is_asked_for(
    hub: Hub, machine: Machine, method: str, stage: str
) -> None:
    hub.fail(method, stage, status=429, headers={"Retry-After": "7"})
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 0, result.stderr
    assert "the hub answered 429 Too Many Requests; trying again in 7 s (1 of 6)" in result.stderr
    assert machine.waits == [7]
    assert_complete(machine)


def test_a_wait_of_an_hour_is_not_waited_for(hub: Hub, machine: Machine) -> None:
    hub.fail("HEAD", "resolve", status=429, headers={"Retry-After": "3600"})
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 2
    assert "429 Too Many Requests, and the hub asks to wait 3,600 s" in result.stderr
    assert machine.waits == []
    assert machine.files() == set()


@pytest.mark.parametrize("stage", ["resolve", "cdn"])
def test_server_errors_are_met_by_growing_waits(hub: Hub, machine: Machine, stage: str) -> None:
    hub.fail("GET", stage, status=503, times=3)
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 0, result.stderr
    assert machine.waits == [1, 2, 4]
    assert_complete(machine)


def test_a_server_that_stays_broken_ends_the_command_after_six_requests(hub: Hub, machine: Machine) -> None:
    hub.fail("HEAD", "resolve", status=500, times=99)
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 2
    assert f"{NAME}: gave up after 6 attempts" in result.stderr
    assert "the hub answered 500 Internal Server Error" in result.stderr
    assert hub.count("HEAD", "resolve") == 6
    assert machine.waits == [1, 2, 4, 8, 16]
    assert machine.files() == set()


def test_a_hub_that_is_not_there_says_so(hub: Hub, machine: Machine) -> None:
    hub.close()
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 2
    assert "the connection failed" in result.stderr
    assert "Traceback" not in result.stderr
    assert machine.files() == set()


def test_a_server_without_ranges_starts_the_file_again(hub: Hub, machine: Machine) -> None:
    hub.fail("GET", "cdn", cut_after=300_000)
    hub.fail("GET", "cdn", ignore_range=True)
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 0, result.stderr
    assert_complete(machine)


# The wrong bytes.


def test_bytes_that_do_not_match_the_pinned_hash_are_not_kept(hub: Hub, machine: Machine) -> None:
    hub.fail("GET", "cdn", corrupt=True, times=9)
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 2
    assert f"{NAME}: this is not the pinned file: SHA-256 is " in result.stderr
    assert f"expected {DIGEST}" in result.stderr
    assert "size" not in result.stderr.split("not the pinned file")[1].split("->")[0]
    assert machine.files() == set()


def test_even_without_a_pinned_hash_the_bytes_must_match_the_hubs_own(hub: Hub, machine: Machine) -> None:
    hub.fail("GET", "cdn", corrupt=True, times=9)
    result = machine.fetch()
    assert result.returncode == 2
    assert "SHA-256 is" in result.stderr
    assert machine.files() == set()


def test_another_hash_at_the_hub_stops_before_a_byte_is_downloaded(hub: Hub, machine: Machine) -> None:
    result = machine.fetch(sha256="0" * 64, size=1)
    assert result.returncode == 2
    assert f"size in bytes is 1024000, expected 1; SHA-256 is {DIGEST}, expected {'0' * 64}" in result.stderr
    assert hub.count("GET", "resolve") == 0
    assert machine.files() == set()


@pytest.mark.parametrize("found", [1_023_999, 1_024_001])
def test_another_size_from_the_cdn_is_refused(hub: Hub, machine: Machine, found: int) -> None:
    hub.fail("GET", "cdn", size=found, times=9)
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 2
    assert f"this is not the pinned file: size in bytes is {found}, expected 1024000" in result.stderr
    assert machine.files() == set()


def test_a_small_file_with_other_bytes_than_pinned_is_not_kept(hub: Hub, machine: Machine) -> None:
    result = machine.fetch(repo="owner/data", kind="dataset", file="data/rows.jsonl", sha256=DIGEST)
    assert result.returncode == 2
    assert f"SHA-256 is {sha256(ROWS)}, expected {DIGEST}" in result.stderr
    assert machine.files() == set()


def test_damaged_bytes_of_an_earlier_run_are_replaced(hub: Hub, machine: Machine) -> None:
    partial = machine.folder / PARTIAL
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"damaged")
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 0, result.stderr
    assert "the bytes of an earlier run were damaged; starting again" in result.stderr
    assert_complete(machine)


def test_damaged_bytes_in_the_cache_are_refused_by_name(hub: Hub, machine: Machine) -> None:
    machine.fetch()
    blob = machine.folder / BLOB
    blob.unlink()
    blob.write_bytes(WEIGHTS[:-1] + b"x")
    machine.out.unlink()
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 2
    assert f"it lies in the cache, as {blob}" in result.stderr
    assert "Delete that file" in result.stderr
    assert not machine.out.exists()


def test_a_revision_that_moved_is_refused_before_a_byte_is_downloaded(hub: Hub, machine: Machine) -> None:
    hub.commit_header = EARLIER
    result = machine.fetch(sha256=DIGEST)
    assert result.returncode == 2
    assert f"this is not the pinned file: revision is {EARLIER}, expected {COMMIT}" in result.stderr
    assert hub.count("GET", "resolve") == 0
    assert machine.files() == set()


def test_a_commit_that_is_gone_is_a_revision_that_differs(hub: Hub, machine: Machine) -> None:
    result = machine.fetch(revision="1" * 40)
    assert result.returncode == 2
    assert "the revision differs: the repository has no such commit (any more)" in result.stderr
    assert f"{hub.url}/owner/model/commits/main" in result.stderr
    assert machine.files() == set()


def test_a_file_that_the_commit_lacks_is_named(hub: Hub, machine: Machine) -> None:
    result = machine.fetch(file="other.gguf")
    assert result.returncode == 2
    assert "this commit has no such file" in result.stderr
    assert f"{hub.url}/owner/model/tree/{COMMIT}" in result.stderr


def test_a_repository_that_does_not_exist_is_named(hub: Hub, machine: Machine) -> None:
    result = machine.fetch(repo="owner/absent")
    assert result.returncode == 2
    assert "no such model repository, or it is private" in result.stderr


# The machine.


def test_a_full_disk_is_noticed_before_the_download_begins(
    hub: Hub, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_023_999))
    source = HubSource(type="hub", repo="owner/model", revision=COMMIT, file="weights.gguf")
    with pytest.raises(MedevalError, match="needs 1,024,000 bytes more and its disk has 1,023,999 free"):
        download(source, partial(look_up, endpoint=hub.url), cache=machine.cache)
    assert hub.count("GET", "resolve") == 0


def test_four_processes_share_one_download(hub: Hub, machine: Machine) -> None:
    outs = [machine.folder / f"out{number}" / "weights.gguf" for number in range(4)]
    hub.fail("GET", "cdn", stall_after=100_000)  # holds the first for a second, while the others come
    machine.timeout = 1
    processes = [machine.start("fetch", "--source", weights(sha256=DIGEST), "--out", str(out)) for out in outs]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], errors
    assert all(out.read_bytes() == WEIGHTS for out in outs)
    assert [seen.range for seen in hub.asked("GET", "cdn")] == [None, "bytes=100000-"]  # one download, once cut
    assert list((machine.folder / BLOB).parent.iterdir()) == [machine.folder / BLOB]


# huggingface_hub itself.


def test_what_we_download_is_found_by_huggingface_hub_and_the_other_way_round(hub: Hub, machine: Machine) -> None:
    machine.fetch()
    read = (
        "from huggingface_hub import hf_hub_download as get, snapshot_download as all_of\n"
        f"ours = get('owner/model', 'weights.gguf', revision='{COMMIT}', local_files_only=True)\n"
        f"theirs = all_of('owner/model', revision='{EARLIER}')\n"
        "print(ours, theirs)"
    )
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(machine.folder / "home")}
    result = subprocess.run([sys.executable, "-c", read], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    ours, theirs = result.stdout.split()
    assert (machine.folder / "home/hub").as_posix() in ours
    assert re.search(rf"snapshots/{EARLIER}$", theirs)
    hub.seen.clear()
    again = machine.fetch(revision=EARLIER, sha256=sha256(WEIGHTS[::-1]))
    assert again.returncode == 0, again.stderr
    assert hub.seen == []
    assert machine.out.read_bytes() == WEIGHTS[::-1]


def test_two_writers_whose_file_system_ignores_locks_leave_one_good_file(tmp_path: Path) -> None:
    path, target = tmp_path / "file.incomplete", tmp_path / "file"
    with PartialFile(path) as first, PartialFile(path) as second:
        first.write(b"abcd")
        second.write(b"ab")
        first.write(b"ef")
        assert first.land(target)
        second.write(b"cdef")
        assert first.sha256 == second.sha256 == sha256(b"abcdef")
        assert not second.land(target)
    assert target.read_bytes() == b"abcdef"
    assert not path.exists()


def test_a_writer_that_starts_again_leaves_the_other_one_its_file(tmp_path: Path) -> None:
    path, target = tmp_path / "file.incomplete", tmp_path / "file"
    with PartialFile(path) as first, PartialFile(path) as second:
        first.write(b"abc")
        second.restart()
        second.write(b"a")
        first.write(b"def")
        assert not first.land(target)  # what lies at the path is the second's, and not whole
        second.write(b"bcdef")
        assert second.land(target)
    assert target.read_bytes() == b"abcdef"
