"""Logs that Inspect wrote (tests/unit/scores/imports/record_inspect.py), and variations of them."""

import json
import re
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


def test_choices_in_another_order_are_mapped_to_the_options_of_the_item(tmp_path: Path) -> None:
    def reverse(document: dict[str, Any]) -> None:
        document["samples"][0]["choices"] = document["samples"][0]["choices"][::-1]

    rows, found = imported(tmp_path, [changed(tmp_path, reverse)], INSPECT)
    assert [row["shown_order"] for row in rows[:2]] == [[3, 2, 1, 0], None]
    assert any("shown in another order than the item's: kept in shown_order (1 rows)" in note for note in found.notes)


@pytest.mark.parametrize("head", ["", "Answer with one letter.\n\n", "Question: "])
def test_options_in_the_text_of_the_question_are_found_there(tmp_path: Path, head: str) -> None:
    def as_text(document: dict[str, Any]) -> None:
        for sample in document["samples"]:
            options = "\n".join(f"{label}) {text}" for label, text in zip("ABCD", sample["choices"], strict=True))
            sample |= {"input": f"{head}{sample['input']}\n{options}\nThink first.", "choices": None}

    rows, _ = imported(tmp_path, [changed(tmp_path, as_text)], INSPECT)
    assert [row["item_id"] for row in rows[:3]] == ["i0", "i1", "i2"]
    assert {row["shown_order"] for row in rows} == {None}


def test_a_later_version_of_the_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match="a log of format version 3, this reads 2"):
        imported(tmp_path, [changed(tmp_path, lambda document: document.update(version=3))], INSPECT)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("choices", "ABCD"),
        ("choices", [1]),
        ("input", 7),
        ("input", ["text"]),
        ("input", [{"role": "user", "content": {"text": "x"}}]),
        ("epoch", "1"),
        ("id", {}),
        ("metadata", []),
        ("limit", "token"),
        ("error", "boom"),
        ("attachments", []),
        ("output", []),
        ("output.usage", [7]),
        ("output.usage.input_tokens", "7"),
        ("output.choices", {"0": {}}),
        ("output.choices[0]", "text"),
        ("output.choices[0].message", "text"),
        ("output.choices[0].message.content", {"text": "B"}),
        ("output.choices[0].message.content", None),
        ("output.choices[0].message.content", ["B"]),
        ("output.choices[0].message.content", [{"type": "text", "text": ["B"]}]),
    ],
)
def test_a_field_of_another_shape_is_an_error_that_names_it(tmp_path: Path, field: str, value: Any) -> None:
    def change(document: dict[str, Any]) -> None:
        *steps, last = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", field)]
        place = document["samples"][0]
        for step in steps:
            place = place[step]
        place[last] = value

    with pytest.raises(MedevalError, match=rf"(sample number 0|sample 'q0' epoch 1): {re.escape(field)}"):
        imported(tmp_path, [changed(tmp_path, change)], INSPECT)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("log.eval", b"PK nothing", "not a ZIP archive"),
        ("log.json", b"{", "not JSON"),
        ("log.json", b"[]", "expected an object"),
        ("log.json", b"{}", "has no eval"),
        ("log.json", b'{"eval": {}, "samples": [{"id": 1}]}', "sample number 0: has no epoch"),
        ("log.json", b'{"eval": []}', "eval is a list"),
        ("log.json", b'{"eval": {"model": 7}}', "eval.model is a number"),
        ("log.json", b'{"eval": {}, "samples": {"0": {}}}', "samples is an object"),
        ("log.json", b'{"eval": {}, "samples": ["text"]}', "sample number 0: it is text"),
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
