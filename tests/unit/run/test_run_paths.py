"""Where the files are that a configuration names: where the user stands, or else in the project."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from medeval.errors import MedevalError
from medeval.hub.locking import lock_run
from medeval.run.config import load_run
from medeval.run.lock import Lock, LockedFile, read_lock, write_lock
from medeval.run.shipped import CHECKOUT, project_of

ROOT = Path(__file__).parents[3]


def configuration(folder: Path, **changes: Any) -> Path:
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load((ROOT / "config/demo.yaml").read_text()) | changes))
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the demo's files, and a lock of one file that no run uses."""
    folder = tmp_path / "project"
    (folder / "config/locks").mkdir(parents=True)
    for name in ("models", "benchmarks", "claims", "demo"):
        (folder / "config" / name).symlink_to(ROOT / "config" / name)
    (folder / "workflow/rules").mkdir(parents=True)
    (folder / "workflow/rules/evaluate.smk").touch()
    entry = LockedFile(repo="a/b", kind="model", file="c", revision=None, size=None, sha256=None)
    write_lock(folder / "config/locks/run.yaml", Lock(files=[entry]))
    return folder


def test_a_configuration_belongs_to_the_project_above_it_or_to_that_of_the_package(project: Path) -> None:
    assert project_of(project / "config/demo.yaml") == project
    assert project_of(project.parent / "mine.yaml") == CHECKOUT == ROOT


@pytest.mark.parametrize("name", ["{model}.jsonl", "{ file ,x}", "a{0}", "{wildcards.x}", "<results>.jsonl"])
def test_a_path_that_the_workflow_would_fill_in_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    corpora = {"contamination": {"corpora": [{"type": "file", "path": f"texts/{name}"}]}}
    for changes in (corpora, {"claims": name}, {"desk_audits": [f"{name}/a.yaml"]}):
        with pytest.raises(MedevalError, match=r"run.yaml: '.*' holds a name in braces or in < >"):
            load_run(configuration(tmp_path, **changes))


@pytest.mark.parametrize("name", ["{}.jsonl", "{a b}", "a } { b", "<>", "a < b > c", "it's", 'a "b"', "$HOME", "a\nb"])
def test_any_other_path_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    run = load_run(configuration(tmp_path, contamination={"corpora": [{"type": "file", "path": name}]}))
    assert run.contamination.corpora[0].path == Path(name)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"desk_audits": ["a/p.yaml", "b/p.yaml"]}, "more than once"),
        ({"desk_audits": ["a/med psy.yaml"]}, "only letters, digits"),
        ({"contamination": {"corpora": [{"type": "file", "path": "a.source.json"}]}}, "ends as the records do"),
    ],
)
def test_names_under_which_results_would_be_mixed_up_are_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(MedevalError, match=said):
        load_run(configuration(tmp_path, **changes))


def test_a_shipped_lock_is_read_in_the_project_and_written_where_the_user_stands(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = configuration(project, lock="config/locks/run.yaml")
    assert load_run(path).lock == project / "config/locks/run.yaml"
    shipped = (project / "config/locks/run.yaml").read_bytes()
    lines = lock_run(load_run(path, with_lock=False), path, update=False)
    assert lines[0] == "nothing changed"
    assert not (tmp_path / "config").exists()
    (project / "config/locks/run.yaml").unlink()
    lock_run(load_run(path, with_lock=False), path, update=False)
    assert read_lock(tmp_path / "config/locks/run.yaml").files == []
    assert len(shipped) > 100
