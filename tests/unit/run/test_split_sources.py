"""Weights that are published in parts: a list of sources, and files under names by which llama.cpp finds them."""

from pathlib import Path
from typing import Any

import pytest

from medeval.errors import MedevalError
from medeval.publication.publication import load_publication
from medeval.records.yaml_files import load_yaml
from medeval.run.check import describe_run
from medeval.run.config import RunConfig, from_mapping
from medeval.run.forecast import weights_bytes
from medeval.run.lock import Lock, LockedFile, write_lock
from medeval.run.plan import Plan
from medeval.run.sources import HubSource

ROOT = Path(__file__).parents[3]
COMMIT = "1" * 40


@pytest.fixture(autouse=True)
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def part(number: int, name: str = "big", **more: object) -> dict[str, Any]:
    return {"type": "hub", "repo": "owner/big", "file": f"BF16/{name}-0000{number}-of-00003.gguf"} | more


def document(source: object, **changes: object) -> dict[str, Any]:
    """Return the demo's configuration with one model, whose reference is fetched in parts and quantized from them."""
    model = {
        "id": "big",
        "title": "Big",
        "licence": "unknown",
        "variants": {"bf16": {"source": source}, "q8": {"quantize_from": "bf16", "type": "Q8_0"}},
        "reference": "bf16",
        "evaluate": ["bf16", "q8"],
    }
    judge = {"type": "local", "model": "judge", "variant": "q4", "source": [part(n, "judge") for n in (1, 2, 3)]}
    return load_yaml(Path("config/demo.yaml")) | {"models": [model], "judge": judge} | changes


def run_of(source: object, **changes: object) -> RunConfig:
    return from_mapping(document(source, **changes), Path("run.yaml"), project=ROOT)


PARTS = [part(1), part(2), part(3)]
FILES = [f"results/r/weights/big/bf16-0000{number}-of-00003.gguf" for number in (1, 2, 3)]


def test_every_part_is_fetched_to_a_name_by_which_the_first_finds_it() -> None:
    plan = Plan(run_of(PARTS), Path("results/r"))
    fetched = [path for path in plan.fetched if path.startswith("weights/big/")]
    assert [f"results/r/{path}" for path in fetched] == FILES
    assert '"file":"BF16/big-00002-of-00003.gguf"' in plan.source(fetched[1])


def test_the_first_part_is_given_and_all_are_needed() -> None:
    plan = Plan(run_of(PARTS), Path("results/r"))
    assert plan.evaluated_files("big", "bf16", "cpu") == plan.weights_files("big", "bf16") == FILES
    assert plan.source_option("big", "bf16", "cpu") == f"--weights={FILES[0]}"
    assert str(plan.loaded("big", "bf16", "cpu")) == plan.weights("big", "bf16") == FILES[0]
    assert plan.weights_descriptions()[0] == "results/r/weights/big/bf16.gguf.json"
    assert plan.judge_weights() == [f"results/r/weights/judge/q4-0000{number}-of-00003.gguf" for number in (1, 2, 3)]


def test_what_is_fetched_or_made_as_one_file_keeps_its_path() -> None:
    plan = Plan(run_of(part(1) | {"file": "big.gguf"}), Path("results/r"))
    assert plan.weights_files("big", "bf16") == ["results/r/weights/big/bf16.gguf"]
    assert plan.source_option("big", "q8", "cpu") == "--weights=results/r/weights/big/q8.gguf"


def test_a_lock_pins_every_part_of_weights_and_judge(tmp_path: Path) -> None:
    files = [part(number, name) for number in (1, 2, 3) for name in ("big", "judge")]
    entries = [
        LockedFile(repo="owner/big", kind="model", file=one["file"], revision=COMMIT, size=5, sha256=f"{n}" * 64)
        for n, one in enumerate(files)
    ]
    write_lock(tmp_path / "lock.yaml", Lock(files=entries))
    run = run_of(PARTS, lock=str(tmp_path / "lock.yaml"))
    pinned = [source for source in run.sources() if isinstance(source, HubSource)]
    assert len(pinned) == 6 and all(source.revision == COMMIT for source in pinned)
    assert {source.file: source.sha256 for source in pinned} == {entry.file: entry.sha256 for entry in entries}
    with pytest.raises(MedevalError, match="big-00002-of-00003.gguf"):
        write_lock(tmp_path / "lock.yaml", Lock(files=[entry for entry in entries if "big-00002" not in entry.file]))
        run_of(PARTS, lock=str(tmp_path / "lock.yaml"))


def test_a_check_describes_the_parts_and_names_each_that_is_not_pinned() -> None:
    text = describe_run(run_of(PARTS))
    assert "    bf16: 3 files, first hub model owner/big@NOT PINNED:BF16/big-00001-of-00003.gguf\n" in text
    assert text.count("\n  hub model owner/big@NOT PINNED") == 6


@pytest.mark.parametrize(("sizes", "expected"), [((10, 20, 3), 33.0), ((10, None, 3), None)])
def test_the_size_of_weights_is_that_of_all_parts_or_not_known(sizes: tuple[Any, ...], expected: float | None) -> None:
    run = run_of([part(number, size=size) for number, size in enumerate(sizes, start=1)])
    plan = Plan(run, Path("results/absent"))
    assert weights_bytes(plan, load_publication(run.claims), "big", "bf16") == expected


def test_parts_that_are_there_are_weighed(tmp_path: Path) -> None:
    run = run_of(PARTS)
    plan = Plan(run, tmp_path)
    for number, path in enumerate(plan.weights_files("big", "bf16"), start=1):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(bytes(number))
    assert weights_bytes(plan, load_publication(run.claims), "big", "bf16") == 6.0


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (part(1), r"big-00001-of-00003.gguf is part 1 of 3 of split weights: give a list"),
        (PARTS[:2], "found big-00001-of-00003.gguf, big-00002-of-00003.gguf; a list names every part"),
        ([part(2), part(1), part(3)], "a list names every part of split weights in order"),
        ([part(1), part(2, "other"), part(3)], "a list names every part"),
        ([part(1) | {"file": "a.gguf"}, part(2) | {"file": "b.gguf"}], "found a.gguf, b.gguf; a list names"),
        ([], "at least 1 item"),
        ([part(1), {"type": "hub", "repo": "owner/big"}], r"variants\.bf16\.source\[1\]\.file: this key is missing"),
        (part(1) | {"sha": "1"}, r"variants\.bf16\.source\.sha: unknown key; did you mean `sha256`"),
    ],
)
def test_a_source_that_is_not_all_parts_in_order_is_refused_under_its_key(source: object, problem: str) -> None:
    with pytest.raises(MedevalError, match=problem) as caught:
        run_of(source)
    assert "bf16.source" in caught.value.problem


def test_a_source_in_one_file_is_written_into_records_as_before() -> None:
    source = run_of(part(1) | {"file": "big.gguf"}).model_dump()["models"][0]["variants"]["bf16"]["source"]
    unknown = {"revision": None, "size": None, "sha256": None}
    assert source == {"type": "hub", "repo": "owner/big", "kind": "model", "file": "big.gguf", **unknown}
