"""A lock decides which bytes a run may read."""

from pathlib import Path

import pytest

from medeval.errors import MedevalError
from medeval.records.yaml_files import load_yaml
from medeval.run.config import RunConfig, from_mapping, load_run
from medeval.run.lock import Lock, LockedFile, locked, read_lock, require_complete, write_lock
from medeval.run.sources import HubSource, PypiSource

ROOT = Path(__file__).parents[3]
PATH = Path("lock.yaml")
ONE, TWO = "1" * 40, "2" * 40
HASH = "a" * 64


def source(**changes: object) -> HubSource:
    return HubSource.model_validate({"type": "hub", "repo": "owner/name", "file": "a.gguf"} | changes)


def entry(**changes: object) -> LockedFile:
    known = {"repo": "owner/name", "kind": "model", "file": "a.gguf", "revision": ONE, "size": 3, "sha256": HASH}
    return LockedFile.model_validate(known | changes)


def test_a_source_takes_what_the_lock_states() -> None:
    found = locked(source(), Lock(files=[entry(), entry(file="b.gguf")]), PATH)
    assert (found.revision, found.size, found.sha256) == (ONE, 3, HASH)


def test_an_open_entry_takes_nothing_away() -> None:
    lock = Lock(files=[entry(revision=None, size=None, sha256=None)])
    found = locked(source(revision=TWO, sha256=HASH), lock, PATH)
    assert (found.revision, found.size, found.sha256) == (TWO, None, HASH)


def test_a_source_that_is_not_locked_is_named_with_the_lock() -> None:
    with pytest.raises(MedevalError, match=r"lock.yaml has no entry for hub dataset owner/name@NOT PINNED:a.gguf"):
        locked(source(kind="dataset"), Lock(files=[entry()]), PATH)


@pytest.mark.parametrize(("name", "value"), [("revision", TWO), ("size", 4), ("sha256", "b" * 64)])
def test_a_contradiction_names_both_sides(name: str, value: object) -> None:
    with pytest.raises(MedevalError, match="owner/name:a.gguf: the configuration says") as caught:
        locked(source(**{name: value}), Lock(files=[entry()]), PATH)
    assert f"the configuration says {name} {value}, lock.yaml says {getattr(entry(), name)}" in caught.value.problem


def test_two_locked_revisions_of_a_file_are_told_apart_by_the_configuration() -> None:
    lock = Lock(files=[entry(), entry(revision=TWO, size=4)])
    assert locked(source(revision=TWO), lock, PATH).size == 4
    with pytest.raises(MedevalError, match=f"holds this file at revisions {ONE} and {TWO}"):
        locked(source(), lock, PATH)


@pytest.mark.parametrize("name", ["revision", "size", "sha256"])
def test_an_incomplete_source_is_refused_by_what_is_missing(name: str) -> None:
    complete = source(revision=ONE, size=3, sha256=HASH)
    require_complete(complete, PATH)
    with pytest.raises(MedevalError, match=rf"lock.yaml does not state its {name}\n  -> Run `medeval lock"):
        require_complete(complete.model_copy(update={name: None}), PATH)


def test_a_lock_is_sorted_and_survives_a_round_trip(tmp_path: Path) -> None:
    entries = [entry(file="b"), entry(repo="a/z", note="Why."), entry(file="a", sha256=None), entry(file="a.gguf")]
    write_lock(tmp_path / "lock.yaml", Lock(files=entries))
    read = read_lock(tmp_path / "lock.yaml")
    assert [(e.repo, e.file) for e in read.files] == [
        ("a/z", "a.gguf"), ("owner/name", "a"), ("owner/name", "a.gguf"), ("owner/name", "b"),
    ]  # fmt: skip
    assert sorted(read.files, key=str) == sorted(entries, key=str)
    lines = (tmp_path / "lock.yaml").read_text().splitlines()
    assert lines.count(f"  sha256: {HASH}") == 3  # one line per fact, so that a change shows which fact changed


def test_a_file_is_not_locked_twice(tmp_path: Path) -> None:
    text = "files:\n" + 2 * f"- {{repo: a/b, kind: model, file: c, revision: '{ONE}', size: null, sha256: null}}\n"
    (tmp_path / "lock.yaml").write_text(text)
    with pytest.raises(MedevalError, match=f"a/b@model@c@{ONE} more than once"):
        read_lock(tmp_path / "lock.yaml")


def test_a_missing_lock_says_how_to_write_it() -> None:
    with pytest.raises(MedevalError, match=r"absent.yaml: no such lock file\n  -> Run `medeval lock CONFIG`"):
        read_lock(Path("absent.yaml"))


# The lock of the reproduction.


@pytest.fixture
def medpsy(monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    monkeypatch.chdir(ROOT)
    return load_run(Path("config/medpsy.yaml"))


def test_a_run_takes_revision_size_and_hash_from_its_lock(medpsy: RunConfig) -> None:
    found = medpsy.model("medpsy-4b").variants["published-q4_k_m"].source
    assert isinstance(found, HubSource)
    # As the publisher's card and SDK state them.
    assert found.revision == "ad85e5a6f745027a576595df9acf745b071353b3"
    assert found.size == 2_716_068_640
    assert found.sha256 == "2ecbf622a2856f631001f20f593669aa03acba39977f521bef80cd8600864980"
    assert medpsy.fetch_options == ["--lock=config/locks/medpsy.yaml"]


def test_every_hub_file_of_the_reproduction_is_in_its_lock(medpsy: RunConfig) -> None:
    lock = read_lock(Path("config/locks/medpsy.yaml"))
    hub = [found for found in medpsy.sources() if isinstance(found, HubSource)]
    assert len(hub) == 20
    assert all(lock.find(found, PATH) for found in hub)


def test_the_committed_lock_is_as_medeval_writes_it(tmp_path: Path) -> None:
    committed = ROOT / "config/locks/medpsy.yaml"
    write_lock(tmp_path / "lock.yaml", read_lock(committed))
    assert (tmp_path / "lock.yaml").read_text() == committed.read_text()


def test_a_run_that_contradicts_its_lock_does_not_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    lock = read_lock(Path("config/locks/medpsy.yaml"))
    moved = [e.model_copy(update={"revision": ONE}) if "4B" in e.repo else e for e in lock.files]
    write_lock(tmp_path / "lock.yaml", Lock(files=moved))
    document = load_yaml(Path("config/medpsy.yaml")) | {"lock": str(tmp_path / "lock.yaml")}
    with pytest.raises(MedevalError, match=f"says revision ad85.*lock.yaml says {ONE}"):
        from_mapping(document, Path("config/medpsy.yaml"))
    assert from_mapping(document, Path("config/medpsy.yaml"), with_lock=False).lock == tmp_path / "lock.yaml"


def test_an_unlocked_run_asks_for_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    run = load_run(Path("config/demo.yaml"))
    assert run.fetch_options == []
    assert any(isinstance(found, PypiSource) for found in run.sources())


@pytest.mark.parametrize("mirror", ["https://user:secret@host/", "https://host/?token=secret"])
def test_a_mirror_address_holds_no_credentials(monkeypatch: pytest.MonkeyPatch, mirror: str) -> None:
    monkeypatch.chdir(ROOT)
    document = load_yaml(Path("config/demo.yaml")) | {"hub": {"mirror": mirror}}
    with pytest.raises(MedevalError, match="a mirror's address holds no user, password or query") as caught:
        from_mapping(document, Path("config/demo.yaml"))
    assert "secret" not in str(caught.value).replace("not a secret", "")


def test_a_mirror_reaches_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    document = load_yaml(Path("config/demo.yaml")) | {"hub": {"mirror": "/srv/mirror"}}
    assert from_mapping(document, Path("config/demo.yaml")).fetch_options == ["--mirror=/srv/mirror"]
