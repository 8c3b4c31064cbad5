"""Logs that Inspect wrote (tests/unit/scores/imports/record_inspect.py), and variations of them."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from exchange_items import RECORDED, imported

from medeval.errors import MedevalError
from medeval.scores.imports.archive import Archive
from medeval.scores.imports.importing import Import
from medeval.scores.layout import Stated

INSPECT = Import("inspect")
ARCHIVE, DOCUMENT = (RECORDED / "inspect" / f"toy.{kind}" for kind in ("eval", "json"))


def changed(folder: Path, change: Any) -> Path:
    document = json.loads(DOCUMENT.read_text())
    change(document)
    path = folder / "log.json"
    path.write_text(json.dumps(document))
    return path


def test_the_release_that_wrote_the_logs_is_recorded() -> None:
    assert (RECORDED / "inspect" / "VERSION").read_text().startswith("inspect_ai 0.3.")


@pytest.mark.parametrize("path", [ARCHIVE, DOCUMENT], ids=["eval", "json"])
def test_epochs_are_samples_and_reasoning_limits_and_filters_are_kept(tmp_path: Path, path: Path) -> None:
    rows, _ = imported(tmp_path, [path], INSPECT)
    found = {(row["item_id"], row["sample"]): row for row in rows}
    assert list(found) == [(f"i{number}", sample) for sample in (0, 1) for number in range(3)]
    assert (found["i0", 0]["text"], found["i0", 0]["finish_reason"]) == ("ANSWER: B", "stop")
    assert (found["i1", 0]["text"], found["i1", 0]["reasoning"]) == ("ANSWER: A", "The portal vein? No.")
    cut = found["i2", 0]
    assert (cut["text"], cut["reasoning"], cut["finish_reason"]) == (None, "It may be C", "length")
    filtered = found["i2", 1]
    assert (filtered["finish_reason"], filtered["error"]) == ("error", "withheld by a content filter")
    assert {(row["model"], row["prompt_tokens"]) for row in rows} == {("mockllm/toy", 40)}


def test_an_archive_and_a_document_of_one_run_say_the_same(tmp_path: Path) -> None:
    rows = [imported(tmp_path, [path], INSPECT)[0] for path in (ARCHIVE, DOCUMENT)]
    for part in rows:
        for row in part:
            row.pop("run_id")
            row.pop("prompt_sha256")
    assert rows[0] == rows[1]


def test_an_archive_is_read_however_it_is_compressed(tmp_path: Path) -> None:
    path = tmp_path / "log.eval"
    with Archive(ARCHIVE) as archive, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in archive.names():
            copy.writestr(name, archive.read(name))
    assert len(imported(tmp_path, [path], INSPECT)[0]) == 6


def test_items_are_found_by_the_id_of_a_sample(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda document: [sample.update(input="?") for sample in document["samples"]])
    rows, _ = imported(tmp_path, [path], Import("inspect", stated=Stated(match="source_id")))
    assert [row["item_id"] for row in rows[:3]] == ["i0", "i1", "i2"]


def test_a_run_that_did_not_end_well_is_told(tmp_path: Path) -> None:
    _, found = imported(tmp_path, [changed(tmp_path, lambda document: document.update(status="error"))], INSPECT)
    assert any("status is error" in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"error": {"message": "boom"}}, "boom"),
        ({"limit": {"type": "time"}}, "halted by the time limit"),
        ({"output": {"choices": [], "error": "gone"}}, "gone"),
        ({"invalidation": {"reason": "x"}}, "the sample was declared invalid"),
    ],
)
def test_a_sample_that_failed_is_an_error_with_its_reason(tmp_path: Path, change: dict[str, Any], error: str) -> None:
    path = changed(tmp_path, lambda document: document["samples"][0].update(change))
    rows, _ = imported(tmp_path, [path], INSPECT)
    assert (rows[0]["finish_reason"], rows[0]["error"], rows[0]["text"]) == ("error", error, None)


def test_texts_that_the_log_keeps_apart_are_put_back(tmp_path: Path) -> None:
    def apart(document: dict[str, Any]) -> None:
        sample = document["samples"][0]
        sample["attachments"] = {"abc": "ANSWER: D", "def": sample["input"]}
        sample["output"]["choices"][0]["message"]["content"] = "attachment://abc"
        sample["input"] = "attachment://def"

    rows, _ = imported(tmp_path, [changed(tmp_path, apart)], INSPECT)
    assert rows[0]["text"] == "ANSWER: D"


def test_a_call_of_a_tool_is_no_answer_and_is_refused(tmp_path: Path) -> None:
    def calls(document: dict[str, Any]) -> None:
        document["samples"][0]["output"]["choices"][0]["stop_reason"] = "tool_calls"

    with pytest.raises(MedevalError, match=r"sample 'q0' epoch 1: the last message calls a tool"):
        imported(tmp_path, [changed(tmp_path, calls)], INSPECT)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("log.eval", b"PK nothing", "not a ZIP archive"),
        ("log.json", b"{", "not JSON"),
        ("log.json", b"[]", "expected an object"),
        ("log.json", b"{}", "has no eval"),
        ("log.json", b'{"eval": {}, "samples": [{"id": 1}]}', "sample number 0: has no epoch"),
    ],
)
def test_what_is_no_log_is_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MedevalError, match=words) as refused:
        imported(tmp_path, [path], INSPECT)
    assert name in str(refused.value)


def test_a_damaged_member_of_an_archive_is_named(tmp_path: Path) -> None:
    content = bytearray(ARCHIVE.read_bytes())
    place = content.find(b"samples/q0_epoch_1.json") + 200
    content[place : place + 100] = b"\xff" * 100
    path = tmp_path / "log.eval"
    path.write_bytes(bytes(content))
    with pytest.raises(MedevalError, match=r"log\.eval: samples/q0_epoch_1\.json"):
        imported(tmp_path, [path], INSPECT)
