"""Files come from pinned sources, verified, or not at all."""

import io
import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError
from rich.console import Console

from medeval.errors import MedevalError
from medeval.hub import disk
from medeval.hub.fetch import fetch
from medeval.hub.mirror import parse_checksums
from medeval.hub.progress import Transfer
from medeval.hub.redaction import redact
from medeval.hub.retry import Attempts, Patience, retry_after
from medeval.run.sources import FileSource, HubSource, PypiSource, parse_source

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def abc(tmp_path: Path) -> Path:
    path = tmp_path / "abc.txt"
    path.write_bytes(b"abc")
    return path


def test_a_local_file_arrives_with_a_record_of_its_origin(tmp_path: Path, abc: Path) -> None:
    record = fetch(FileSource(type="file", path=abc, sha256=ABC), tmp_path / "deep" / "out.txt")
    assert (tmp_path / "deep" / "out.txt").read_bytes() == b"abc"
    assert json.loads((tmp_path / "deep" / "out.txt.source.json").read_text()) == record
    assert (record["sha256"], record["bytes"], record["revision"]) == (ABC, 3, ABC)


def test_other_bytes_than_pinned_leave_nothing_behind(tmp_path: Path, abc: Path) -> None:
    with pytest.raises(MedevalError, match=r"SHA-256 is ba7816bf.*, expected 0000"):
        fetch(FileSource(type="file", path=abc, sha256="0" * 64), tmp_path / "deep" / "out.txt")
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_missing_local_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match=r"absent.txt: no such file"):
        fetch(FileSource(type="file", path=tmp_path / "absent.txt"), tmp_path / "out.txt")


def test_a_hub_source_without_a_commit_is_refused(tmp_path: Path) -> None:
    source = HubSource(type="hub", repo="owner/name", file="a.gguf")
    with pytest.raises(MedevalError, match=r"owner/name@NOT PINNED:a.gguf: no revision is pinned"):
        fetch(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_branch_is_not_a_commit() -> None:
    with pytest.raises(MedevalError, match="--source"):
        parse_source('{"type": "hub", "repo": "owner/name", "revision": "main", "file": "a"}')


@pytest.mark.parametrize("text", ["{}", "nonsense", '{"type": "ftp"}', '{"type": "pypi", "package": "a"}'])
def test_an_incomplete_source_says_how_to_write_one(text: str) -> None:
    with pytest.raises(MedevalError, match="-> Give JSON such as"):
        parse_source(text)


@pytest.mark.parametrize("file", ["../outside", "/etc/passwd", "a/../../b", "", "a//b"])
def test_a_path_that_leaves_its_repository_is_no_source(file: str) -> None:
    with pytest.raises(MedevalError, match="is not a path inside the repository or package"):
        parse_source(json.dumps({"type": "hub", "repo": "owner/name", "revision": "1" * 40, "file": file}))


def local_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pip look for packages in a folder only."""
    wheel = folder / "carrier-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("carrier/data.bin", b"abc")
        archive.writestr("carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
        archive.writestr(
            "carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("carrier-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


def test_a_file_inside_a_package_is_extracted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_index(tmp_path, monkeypatch)
    source = PypiSource(type="pypi", package="carrier", version="1.0", member="carrier/data.bin", sha256=ABC)
    fetch(source, tmp_path / "out.bin")
    assert (tmp_path / "out.bin").read_bytes() == b"abc"


def test_a_package_without_the_member_says_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_index(tmp_path, monkeypatch)
    source = PypiSource(type="pypi", package="carrier", version="1.0", member="carrier/other.bin", sha256=ABC)
    with pytest.raises(MedevalError, match=r"no such file; it holds carrier/data.bin"):
        fetch(source, tmp_path / "out.bin")


def test_a_version_that_does_not_exist_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_index(tmp_path, monkeypatch)
    source = PypiSource(type="pypi", package="carrier", version="2.0", member="carrier/data.bin", sha256=ABC)
    with pytest.raises(MedevalError, match=r"carrier==2.0:carrier/data.bin: pip could not download"):
        fetch(source, tmp_path / "out.bin")


# Waiting.


def reply(status: int, **headers: str) -> HfHubHTTPError:
    response = httpx2.Response(status, headers=headers, request=httpx2.Request("GET", "https://hub.example/file"))
    return HfHubHTTPError("trouble", response=response)


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert retry_after(reply(429, **{"Retry-After": "120"})) == 120
    assert retry_after(reply(429, **{"Retry-After": later})) == pytest.approx(100, abs=5)
    assert retry_after(reply(429)) is None
    assert retry_after(reply(429, **{"Retry-After": "soon"})) is None


def test_waits_double_up_to_the_longest_and_end_after_so_many_attempts() -> None:
    waits: list[float] = []
    attempts = Attempts("file", Patience(attempts=6, first_delay=2, longest_delay=9, sleep=waits.append))
    with pytest.raises(MedevalError, match="file: gave up after 6 attempts that brought nothing"):
        while True:
            attempts.failed(reply(500))
    assert waits == [2, 4, 8, 9, 9]


# Progress.


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_log_line_states_part_rate_and_time_left(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with (
        caplog.at_level("INFO"),
        Transfer("w.gguf", 16_000_000_000, 1_000_000_000, clock, Console(file=io.StringIO())) as t,
    ):
        clock.seconds = 5
        t.advance(1_000_000_000)  # five seconds: too soon for a line
        clock.seconds = 10
        t.advance(1_000_000_000)
    assert caplog.messages[:2] == [
        "w.gguf: resuming after 1.00 GB",
        "w.gguf: 3.00 GB of 16.00 GB (19 %) at 200.0 MB/s, 0:01:05 left",
    ]


def test_a_terminal_shows_rate_and_time_left() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    with Transfer("w.gguf", 2_000_000, console=console) as transfer:
        transfer.advance(1_000_000)
    assert "w.gguf" in screen.getvalue()
    assert "2.0 MB" in screen.getvalue()


# Disk, secrets, checksums.


def test_a_copy_to_another_disk_needs_room_there(tmp_path: Path, abc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=2))
    monkeypatch.setattr("medeval.hub.fetch.same_disk", lambda *_: False)
    with pytest.raises(MedevalError, match="needs 3 bytes more and its disk has 2 free"):
        fetch(FileSource(type="file", path=abc), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def", "Authorization: Bearer <token>"),
        ("token hf_abcdefghij is expired", "token <token> is expired"),
        ("see https://cdn.example/a?X-Amz-Signature=1&b=2 now", "see https://cdn.example/a?<signature> now"),
        ("my-own-token", "<token>"),
        ("nothing to hide at https://hub.example/a", "nothing to hide at https://hub.example/a"),
    ],
)
def test_secrets_are_taken_out_of_messages(monkeypatch: pytest.MonkeyPatch, text: str, shown: str) -> None:
    monkeypatch.setenv("HF_TOKEN", "my-own-token")
    assert redact(text) == shown


def test_a_malformed_checksum_list_names_the_line() -> None:
    with pytest.raises(MedevalError, match=r"list, line 2: expected `SHA256  PATH`"):
        parse_checksums(f"{ABC}  a b\nnonsense\n", "list")
    assert parse_checksums(f"{ABC}  a b\n", "list") == {"a b": ABC}


# The ban on other doors.


@pytest.mark.parametrize(
    "code",
    [
        "from huggingface_hub import hf_hub_download\n",
        "from huggingface_hub import snapshot_download\n",
        "import huggingface_hub\n\nhuggingface_hub.snapshot_download('a/b')\n",
        "from datasets import load_dataset\n",
        "import datasets\n\ndatasets.load_dataset('a/b')\n",
    ],
)
def test_other_ways_to_the_hub_are_banned_by_lint(code: str) -> None:
    root = Path(__file__).parents[3]
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--select",
        "TID251",
        "--stdin-filename",
        "src/medeval/new.py",
        "-",
    ]
    result = subprocess.run(command, input=code, cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Fetch through medeval.hub, which demands a revision." in result.stdout


def test_nothing_in_the_package_is_exempt_from_the_ban() -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--ignore-noqa", "src"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_a_users_own_file_keeps_its_permissions_and_its_copy_keeps_its_bytes(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_bytes(b"abc")
    own.chmod(0o600)
    fetch(FileSource(type="file", path=own), tmp_path / "out" / "own.jsonl")
    own.write_bytes(b"changed in place")
    assert (tmp_path / "out" / "own.jsonl").read_bytes() == b"abc"
    assert own.stat().st_mode & 0o777 == 0o600
