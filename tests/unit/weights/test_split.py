"""Weights in parts are one set: every part counts for hash, description and comparison, and none may be foreign."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from gguf_makers import split_gguf, write_gguf

from medeval.errors import MedevalError
from medeval.grades.judge import GgufJudge
from medeval.records.gguf_file import GgufFile, weights_parts, weights_sha256
from medeval.responses.engines.llama_model import LlamaModel
from medeval.responses.engines.probe import probe
from medeval.responses.subject import Subject
from medeval.run.targets import LlamaCpp
from medeval.weights.diff import diff_gguf
from medeval.weights.inspect import inspect_gguf
from medeval.weights.quantize import quantize
from medeval.weights.text import inspect_lines

RNG = np.random.default_rng(3)
TENSORS = {f"blk.{layer}.ffn_up.weight": RNG.standard_normal((32, 32)).astype(np.float32) for layer in range(4)}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "whole.gguf", {"token_embd.weight": TENSORS["blk.0.ffn_up.weight"], **TENSORS})


@pytest.fixture
def parts(tmp_path: Path, whole: Path) -> list[Path]:
    return split_gguf(whole, tmp_path / "m", [2, 2, 1])


def zero_a_tensor(part: Path) -> None:
    GGUFReader(part, "r+").tensors[0].data[:] = 0


def test_the_hash_of_weights_in_parts_is_of_the_number_and_hash_of_each(whole: Path, parts: list[Path]) -> None:
    digests = [hashlib.sha256(part.read_bytes()).hexdigest() for part in parts]
    lines = f"00001-of-00003 {digests[0]}\n00002-of-00003 {digests[1]}\n00003-of-00003 {digests[2]}"
    assert weights_sha256(parts[0]) == hashlib.sha256(lines.encode()).hexdigest()
    assert weights_sha256(whole) == hashlib.sha256(whole.read_bytes()).hexdigest()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_tensor_that_changes_in_any_part_changes_hash_and_comparison(
    tmp_path: Path, parts: list[Path], number: int
) -> None:
    other = [Path(shutil.copy(part, (tmp_path / f"b{part.name[1:]}"))) for part in parts]
    assert weights_sha256(other[0]) == weights_sha256(parts[0]), "names of files are no part of the weights"
    zero_a_tensor(other[number])
    assert weights_sha256(other[0]) != weights_sha256(parts[0])
    found = diff_gguf(parts[0], other[0])
    assert (found["same_weights"], found["compared"], found["identical"]) == (False, 5, 4)
    assert found["differing"][0]["relative_error"] == 1.0


def test_parts_hold_the_same_weights_as_the_file_they_were_made_from(whole: Path, parts: list[Path]) -> None:
    found, file = diff_gguf(parts[0], whole), GgufFile(parts[0])
    assert found["same_weights"] and found["identical"] == 5
    assert file.parts == weights_parts(parts[0]) == parts
    for name, tensor in GgufFile(whole).tensors.items():
        ours = file.tensors[name]
        assert b"".join(file.raw(ours)) == b"".join(GgufFile(whole).raw(tensor))


@pytest.mark.parametrize("counts", [[2, 3], [0, 2, 3], [1, 1, 1, 1, 1]])
def test_a_description_is_of_all_parts_even_if_the_first_has_no_tensor(
    tmp_path: Path, whole: Path, counts: list[int]
) -> None:
    parts, one = split_gguf(whole, tmp_path / "n", counts), inspect_gguf(whole)
    found = inspect_gguf(parts[0])
    assert found.bytes == sum(part.stat().st_size for part in parts)
    assert (found.tensors, found.parameters) == (one.tensors, one.parameters)
    assert (found.bytes_by_type, found.head, found.tokenizer) == (one.bytes_by_type, one.head, one.tokenizer)
    assert found.sha256 == weights_sha256(parts[0])
    assert f"in {len(counts)} parts" in "\n".join(inspect_lines(found))


def another_part(parts: list[Path]) -> None:
    shutil.copy(parts[1], parts[2])


def of_a_set_of_two(parts: list[Path]) -> None:
    shutil.copy(split_gguf(parts[0].with_name("whole.gguf"), parts[0].with_name("t"), [2, 3])[1], parts[1])


def of_other_weights(parts: list[Path]) -> None:
    tensors = {f"blk.{layer}.attn.weight": TENSORS["blk.1.ffn_up.weight"] for layer in range(7)}
    other = write_gguf(parts[0].with_name("other.gguf"), tensors)
    shutil.copy(split_gguf(other, parts[0].with_name("o"), [3, 3, 1])[2], parts[2])


def split_elsewhere(parts: list[Path]) -> None:
    shutil.copy(split_gguf(parts[0].with_name("whole.gguf"), parts[0].with_name("e"), [1, 1, 3])[2], parts[2])


def with_a_tensor_less(parts: list[Path]) -> None:
    shutil.copy(split_gguf(parts[0].with_name("whole.gguf"), parts[0].with_name("l"), [2, 1, 2])[1], parts[1])


def in_one_piece(parts: list[Path]) -> None:
    write_gguf(parts[1], {"blk.9.ffn_up.weight": TENSORS["blk.1.ffn_up.weight"]})


def cut(parts: list[Path]) -> None:
    parts[2].write_bytes(parts[2].read_bytes()[:-64])


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda parts: parts[1].unlink(), "m-00002-of-00003.gguf: no such file; m-00001-of-00003.gguf is the first of"),
        (another_part, "m-00003-of-00003.gguf: not part 3 of .*: its header says part 2 of 3"),
        (of_a_set_of_two, "m-00002-of-00003.gguf: not part 2 of .*: its split.count is 2, that of the first part 3"),
        (of_other_weights, "m-00003-of-00003.gguf: not part 3 of .*: its split.tensors.count is 7"),
        (split_elsewhere, "m-00003-of-00003.gguf: not part 3 of .*: blk.1.ffn_up.weight is in another part as well"),
        (with_a_tensor_less, "m-00001-of-00003.gguf: its 3 parts hold 4 tensors, and it says 5"),
        (in_one_piece, "m-00002-of-00003.gguf: not part 2 of .*: its header says nothing of parts"),
        (cut, "m-00003-of-00003.gguf: not a complete GGUF file"),
        (lambda parts: parts[1].write_text("version https://git-lfs"), "m-00002-of-00003.gguf: not a complete GGUF"),
    ],
)
def test_a_part_that_is_missing_damaged_or_foreign_is_named(
    parts: list[Path], damage: Callable[[list[Path]], None], problem: str
) -> None:
    damage(parts)
    for read in (inspect_gguf, weights_sha256, LlamaModel):
        with pytest.raises(MedevalError, match=problem):
            read(parts[0])


def test_another_part_than_the_first_is_refused_with_the_first_as_the_remedy(parts: list[Path]) -> None:
    for read in (inspect_gguf, weights_sha256, LlamaModel):
        with pytest.raises(MedevalError, match="m-00002-of-00003.gguf: part 2 of 3 of split weights") as caught:
            read(parts[1])
        assert caught.value.remedy.startswith(f"Give part 1, {parts[0]}")


@pytest.mark.parametrize("name", ["model.gguf", "m-00002-of-00003.gguf", "m-00001-of-00002.gguf", "m-1-of-3.gguf"])
def test_a_first_part_under_a_name_by_which_no_other_is_found_is_refused(parts: list[Path], name: str) -> None:
    renamed = parts[0].with_name(name)
    shutil.move(parts[0], renamed)
    with pytest.raises(MedevalError, match="by its header part 1 of 3 of split weights, but not by its name") as caught:
        weights_sha256(renamed)
    assert "NAME-00001-of-00003.gguf" in caught.value.remedy


@pytest.mark.parametrize("counts", [None, [5]])
def test_a_single_file_named_as_a_part_is_a_single_file(tmp_path: Path, whole: Path, counts: list[int] | None) -> None:
    path = split_gguf(whole, tmp_path / "s", counts)[0] if counts else whole.rename(tmp_path / "s-00001-of-00002.gguf")
    assert weights_parts(path) == [path]
    assert weights_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert inspect_gguf(path).quantization.split is None


def test_real_weights_in_parts_are_loaded_hashed_probed_and_quantized_as_one(
    tmp_path: Path, smollm2_files: dict[str, Path]
) -> None:
    parts = split_gguf(smollm2_files["q4_1"], tmp_path / "m", [0, 100, 172])
    digest = weights_sha256(parts[0])
    subject = Subject("cpu", parts[0], LlamaCpp(), None, None, {})
    assert subject.sha256() == digest
    assert subject.inputs() == {part.name: part for part in parts}
    assert Subject("cpu", smollm2_files["q4_1"], LlamaCpp(), None, None, {}).inputs().keys() == {"weights"}
    assert probe(parts[0], "cpu", threads=1, sequences=1).weights_sha256 == digest
    assert GgufJudge(parts[0], threads=1, max_tokens=16, sequences=1, title="a/b").name.startswith(f"a/b@{digest[:12]}")
    record = quantize(parts[0], tmp_path / "f16.gguf", "F16", allow_requantize=True)
    assert record["source_sha256"] == digest
    assert record["sha256"] == weights_sha256(smollm2_files["f16"])
