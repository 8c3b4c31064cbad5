"""Files come from pinned sources, verified, or not at all."""

import json
import zipfile
from pathlib import Path

import pytest

from medeval.config.sources import FileSource, HubSource, PypiSource, parse_source
from medeval.errors import MedevalError
from medeval.hub.fetch import fetch

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
