"""Two GGUF files compared: errors against numpy's own norms, sizes against sums done by hand."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from gguf import GGMLQuantizationType
from gguf.quants import dequantize, quantize
from gguf_makers import write_gguf

from medeval.cli.app import main
from medeval.errors import MedevalError
from medeval.records.gguf_file import GgufFile
from medeval.weights.diff import diff_gguf
from medeval.weights.imatrix import ImportanceMatrix, write_imatrix
from medeval.weights.requantize import requantize_and_compare

RNG = np.random.default_rng(11)
NAME = "blk.0.ffn_up.weight"
A = RNG.standard_normal((50, 64)).astype(np.float32)
B = (A + 0.05 * RNG.standard_normal(A.shape)).astype(np.float32)


def only_row(document: dict) -> dict:
    (row,) = document["differing"]
    return row


def test_a_file_is_equal_to_itself(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "a.gguf", {NAME: A})
    document = diff_gguf(path, path)
    assert document["same_weights"] and document["identical"] == 1 and document["differing"] == []
    assert document["by_type"][0]["relative_error"] == 0.0
    assert document["sizes"]["reduction"] == 0.0


@pytest.mark.parametrize("block", [1, 64, 1000, 1 << 20])
def test_the_relative_error_is_numpys_whatever_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("medeval.records.gguf_file._BLOCK_ELEMENTS", block)
    files = [write_gguf(tmp_path / f"{i}.gguf", {NAME: data}) for i, data in enumerate((A, B))]
    row = only_row(diff_gguf(*files))
    assert row["relative_error"] == pytest.approx(np.linalg.norm(A - B) / np.linalg.norm(A), rel=1e-6)
    assert row["largest_error"] == pytest.approx(np.abs(A - B).max())
    assert row["weighted_relative_error"] is None


def test_a_quantized_tensor_is_compared_after_dequantization(tmp_path: Path) -> None:
    q8 = GGMLQuantizationType.Q8_0
    a = write_gguf(tmp_path / "a.gguf", {NAME: A})
    b = write_gguf(tmp_path / "b.gguf", {NAME: A}, types={NAME: q8})
    back = dequantize(quantize(A, q8), q8)
    row = only_row(diff_gguf(a, b))
    assert (row["type_a"], row["type_b"]) == ("F32", "Q8_0")
    assert row["relative_error"] == pytest.approx(np.linalg.norm(A - back) / np.linalg.norm(A), rel=1e-5)


def test_weighted_errors_follow_the_formula(tmp_path: Path) -> None:
    sums, tokens = RNG.uniform(0, 9, (1, 64)).astype(np.float32), 4
    matrix = ImportanceMatrix({NAME: sums}, {NAME: np.array([tokens], np.float32)}, ("text",), 1, 512)
    write_imatrix(tmp_path / "m.gguf", matrix, "llama")
    files = [write_gguf(tmp_path / f"{i}.gguf", {NAME: data}) for i, data in enumerate((A, B))]
    row = only_row(diff_gguf(*files, importance_matrix=tmp_path / "m.gguf"))
    weights = sums[0].astype(float) / tokens
    expected = np.sqrt((weights * (A - B).astype(float) ** 2).sum() / (weights * A.astype(float) ** 2).sum())
    assert row["weighted_relative_error"] == pytest.approx(expected, rel=1e-5)


def test_undefined_errors_are_missing_and_not_a_number_is_counted(tmp_path: Path) -> None:
    broken = A.copy()
    broken[3, :2] = np.nan
    a = write_gguf(tmp_path / "a.gguf", {"zero": np.zeros((1, 32)), "broken": A})
    b = write_gguf(tmp_path / "b.gguf", {"zero": np.ones((1, 32)), "broken": broken})
    zero, nan = diff_gguf(a, b)["differing"]
    assert zero["relative_error"] is None and zero["largest_error"] == 1.0 and zero["not_finite"] == 0
    assert nan["relative_error"] is None and nan["not_finite"] == 2


def test_missing_tensors_and_other_shapes_are_named(tmp_path: Path) -> None:
    a = write_gguf(tmp_path / "a.gguf", {"both": A, "left": A, "shape": A})
    b = write_gguf(tmp_path / "b.gguf", {"both": A, "right": A, "shape": A[:40]})
    document = diff_gguf(a, b)
    assert not document["same_tensors"] and not document["same_weights"]
    assert (document["only_in_a"], document["only_in_b"]) == (["left"], ["right"])
    assert document["shape_differs"] == [{"name": "shape", "shape_a": [50, 64], "shape_b": [40, 64]}]
    assert document["identical"] == document["compared"] == 1


def test_differences_of_tokenizer_and_metadata_are_named(tmp_path: Path) -> None:
    a = write_gguf(tmp_path / "a.gguf", {NAME: A}, file_type=1)
    b = write_gguf(tmp_path / "b.gguf", {NAME: A}, file_type=15, merges=("b a",))
    document = diff_gguf(a, b)
    assert document["same_weights"] and not document["tokenizer_equal"] and document["chat_template_equal"]
    assert document["metadata_differs"]["general.file_type"] == {"a": 1, "b": 15}


def test_the_effect_of_a_head_stored_apart_is_spelled_out(tmp_path: Path) -> None:
    big = RNG.standard_normal((2000, 64)).astype(np.float32)
    tensors = {"token_embd.weight": big, "output.weight": big, NAME: A}
    a = write_gguf(tmp_path / "a.gguf", tensors)
    b = write_gguf(tmp_path / "b.gguf", tensors, types=dict.fromkeys(tensors, GGMLQuantizationType.Q8_0))
    sizes = diff_gguf(a, b, claimed_reduction=0.73)["sizes"]
    assert sizes["head_a"].copies_embedding is True
    assert sizes["agrees"] and sizes["reduction"] == pytest.approx(1 - b.stat().st_size / a.stat().st_size)
    saved_a, saved_b = 2000 * 64 * 4, 2000 * 64 // 32 * 34
    assert (sizes["if_tied"]["saved_a"], sizes["if_tied"]["saved_b"]) == (saved_a, saved_b)
    expected = 1 - (b.stat().st_size - saved_b) / (a.stat().st_size - saved_a)
    assert sizes["if_tied"]["reduction"] == pytest.approx(expected)
    tied = write_gguf(tmp_path / "tied.gguf", {"token_embd.weight": big})
    assert diff_gguf(tied, tied)["sizes"]["if_tied"] is None


def test_a_quantized_file_is_shown_to_follow_from_its_source(smollm2_files: dict[str, Path]) -> None:
    result = requantize_and_compare(smollm2_files["f16"], smollm2_files["q4_k_m"], threads=2)
    assert result["bit_for_bit"] and result["identical"] == result["compared"] == 272
    assert list(smollm2_files["q4_k_m"].parent.glob(".requantize*")) == []


def test_one_changed_byte_names_its_tensor(tmp_path: Path, smollm2_files: dict[str, Path]) -> None:
    name, changed = "blk.7.ffn_down.weight", tmp_path / "changed.gguf"
    data = bytearray(smollm2_files["q4_k_m"].read_bytes())
    data[GgufFile(smollm2_files["q4_k_m"]).tensors[name].offset + 20] ^= 1
    changed.write_bytes(data)
    result = requantize_and_compare(smollm2_files["f16"], changed, threads=2)
    assert not result["bit_for_bit"] and result["identical"] == 271
    assert "states no importance matrix" in result["explanation"]
    (row,) = result["differing"]
    assert row["name"] == name and 0 < row["relative_error_between"] < 0.01
    assert row["relative_error_ours"] < row["relative_error_theirs"] < 0.1


def test_a_file_without_a_type_cannot_be_made_again(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "a.gguf", {NAME: A})
    with pytest.raises(MedevalError, match=r"states no file type[\s\S]*without --requantize"):
        requantize_and_compare(path, path)


def test_the_command_prints_the_agreement_and_writes_the_document(tmp_path: Path) -> None:
    a = write_gguf(tmp_path / "a.gguf", {NAME: A})
    b = write_gguf(tmp_path / "b.gguf", {NAME: A}, types={NAME: GGMLQuantizationType.Q8_0})
    result = CliRunner().invoke(
        main, ["gguf", "diff", str(a), str(b), "--claimed-reduction", "69", "--out", str(tmp_path / "d.json")]
    )
    assert result.exit_code == 0, result.output
    assert "The same tensors; 0 of 1 compared are equal" in result.output
    assert "claimed: 69.0%; it agrees" in result.output or "it does NOT agree" in result.output
    assert (tmp_path / "d.json").is_file()
    assert CliRunner().invoke(main, ["gguf", "inspect", str(a), "--no-hash"]).exit_code == 0
