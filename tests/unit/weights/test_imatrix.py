"""Importance matrices against llama.cpp's own tool, and what they do to a quantization."""

import json
from pathlib import Path

import numpy as np
import pytest
from gguf_makers import write_gguf

from medeval.errors import MedevalError
from medeval.records.files import sha256_file
from medeval.weights.calibrate import make_imatrix
from medeval.weights.diff import diff_gguf
from medeval.weights.imatrix import ImportanceMatrix, read_imatrix, write_imatrix
from medeval.weights.quantize import quantize
from medeval.weights.requantize import requantize_and_compare

TEXT = Path(__file__).parents[3] / "config/demo/calibration.txt"
TEXT_SHA256 = "01f0f47790f6e16adcaf2f827eee8ca10a55fea736b5b7271016fe57e0dca3eb"

# Recorded from `llama-imatrix -m f16.gguf -f calibration.txt -c 512 -b 512 -fa off --no-ppl`, built from the llama.cpp
# 0c1e57098 that llama-cpp-python 0.3.36 carries: sum over columns, and columns 0, 100 and 500.
RECORDED = {
    "blk.0.attn_q.weight": (2031.448, [0.28204295, 8.3402843, 1.2322794]),
    "blk.15.ffn_down.weight": (89412.50, [18.357512, 72.411713, 28.677872]),
    "blk.29.ffn_down.weight": (30471366.0, [865.31574, 624.63708, 1847.8993]),
    "blk.29.attn_output.weight": (384659.34, [245.23535, 1758.7589, 127.93415]),
}


@pytest.fixture(scope="module")
def matrix_file(tmp_path_factory: pytest.TempPathFactory, smollm2_files: dict[str, Path]) -> Path:
    out = tmp_path_factory.mktemp("imatrix") / "imatrix.gguf"
    make_imatrix(smollm2_files["f16"], TEXT, out, threads=2)
    return out


def test_the_matrix_is_that_of_llama_cpps_own_tool(matrix_file: Path) -> None:
    assert sha256_file(TEXT) == TEXT_SHA256, "the text has changed: record the tool's values again"
    matrix = read_imatrix(matrix_file)
    assert (matrix.chunks, matrix.chunk_tokens, matrix.datasets) == (3, 512, ("calibration.txt",))
    assert len(matrix.sums) == 210  # seven matrices in each of 30 layers; neither the embedding nor the head
    assert {float(count[0]) for count in matrix.counts.values()} == {1536.0}
    for name, (total, columns) in RECORDED.items():
        # Processors round matrix products differently; on the machine of the recording the difference is 2e-5.
        assert matrix.sums[name].sum(dtype=float) == pytest.approx(total, rel=0.02), name
        assert matrix.sums[name].ravel()[[0, 100, 500]] == pytest.approx(columns, rel=0.05), name


def test_the_same_text_gives_the_same_file_whatever_the_threads(tmp_path: Path, smollm2_files: dict[str, Path]) -> None:
    files = [tmp_path / f"{threads}" / "m.gguf" for threads in (1, 2, 2)]
    for file, threads in zip(files, (1, 2, 2), strict=True):
        make_imatrix(smollm2_files["f16"], TEXT, file, chunks=1, chunk_tokens=128, threads=threads)
    assert len({sha256_file(file) for file in files}) == 1


def test_the_record_tells_text_tokens_model_and_build(matrix_file: Path, smollm2_files: dict[str, Path]) -> None:
    record = json.loads(matrix_file.with_name("imatrix.gguf.provenance.json").read_text())
    assert record["calibration"]["sha256"] == TEXT_SHA256
    assert (record["calibration"]["tokens"], record["calibration"]["tokens_used"]) == (1917, 1536)
    assert record["model"]["sha256"] == sha256_file(smollm2_files["f16"])
    assert record["sha256"] == sha256_file(matrix_file)
    assert record["made_by"]["llama_cpp_python"] == "0.3.36" and record["made_by"]["llama_cpp_commit"]


def test_quantizing_with_a_matrix_changes_the_bits_and_lowers_the_weighted_error(
    tmp_path: Path, smollm2_files: dict[str, Path], matrix_file: Path
) -> None:
    weighted = tmp_path / "weighted.gguf"
    record = quantize(smollm2_files["f16"], weighted, "Q4_K_M", threads=2, importance_matrix=matrix_file)
    plain = json.loads(smollm2_files["q4_k_m"].with_name("q4_k_m.gguf.provenance.json").read_text())
    assert record["sha256"] != plain["sha256"] and record["tensors_by_type"] == plain["tensors_by_type"]
    used = record["importance_matrix"]
    assert used["sha256"] == sha256_file(matrix_file) and used["calibration"]["sha256"] == TEXT_SHA256
    assert used["tensors_quantized_without_it"] == ["token_embd.weight"]
    errors = [
        {row["type_b"]: row["weighted_relative_error"] for row in diff["by_type"]}
        for diff in (
            diff_gguf(smollm2_files["f16"], file, importance_matrix=matrix_file)
            for file in (smollm2_files["q4_k_m"], weighted)
        )
    ]
    assert all(errors[1][kind] < 0.9 * errors[0][kind] for kind in ("Q4_K", "Q5_0", "Q6_K"))


def test_a_file_made_with_a_matrix_follows_from_its_source_only_with_that_matrix(tmp_path: Path) -> None:
    source, matrix = tiny_llama(tmp_path)
    weighted = tmp_path / "weighted.gguf"
    quantize(source, weighted, "Q4_K_M", importance_matrix=matrix)
    alone = requantize_and_compare(source, weighted)
    assert not alone["bit_for_bit"] and "not at hand" in alone["explanation"]
    assert alone["importance_matrix"] == {
        "stated_by_b": {"file": "tiny-imatrix.gguf", "dataset": "t", "entries_count": 7, "chunks_count": 1},
        "given": None,
    }
    assert requantize_and_compare(source, weighted, importance_matrix=matrix)["bit_for_bit"]


def test_a_type_that_needs_a_matrix_says_so_and_leaves_nothing(
    tmp_path: Path, smollm2_files: dict[str, Path], matrix_file: Path
) -> None:
    with pytest.raises(MedevalError, match=r"to Q2_K_S .*importance matrix[\s\S]*-> Make a matrix"):
        quantize(smollm2_files["f16"], tmp_path / "out.gguf", "Q2_K_S", threads=2)
    assert list(tmp_path.iterdir()) == []
    record = quantize(smollm2_files["f16"], tmp_path / "out.gguf", "Q2_K_S", threads=2, importance_matrix=matrix_file)
    assert record["tensors_by_type"]["Q2_K"] > 0


@pytest.mark.parametrize("file_type", ["Q8_0", "Q5_K_M", "IQ4_XS", "IQ3_M"])
def test_every_configured_type_can_be_made_with_a_matrix(tmp_path: Path, file_type: str) -> None:
    """On a tiny model, since the small types take seconds on a real one."""
    source, matrix = tiny_llama(tmp_path)
    record = quantize(source, tmp_path / "out.gguf", file_type, importance_matrix=matrix)
    plain = quantize(source, tmp_path / "plain.gguf", file_type)
    assert record["file_type"] == file_type and record["tensors_by_type"].keys() - {"F32"}
    assert (record["bytes_by_type"] == plain["bytes_by_type"]) or file_type.startswith("IQ")


def test_a_matrix_of_another_model_is_refused(
    tmp_path: Path, smollm2_files: dict[str, Path], matrix_file: Path
) -> None:
    source, other = tiny_llama(tmp_path)
    with pytest.raises(MedevalError, match=r"entries do not fit .*f16.gguf"):
        quantize(smollm2_files["f16"], tmp_path / "out.gguf", "Q4_K_M", importance_matrix=other)
    with pytest.raises(MedevalError, match=r"210 of 210|of 210 entries do not fit"):
        quantize(source, tmp_path / "out.gguf", "Q4_K_M", importance_matrix=matrix_file)


def test_what_is_no_matrix_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "model.gguf", {"x": np.ones((1, 32))})
    with pytest.raises(MedevalError, match=r"model.gguf: a GGUF file, but not an importance matrix"):
        read_imatrix(path)


def test_a_matrix_survives_its_file(tmp_path: Path) -> None:
    sums = {"b": np.arange(4, dtype=np.float32).reshape(1, 4), "a": np.ones((2, 3), np.float32)}
    counts = {"b": np.array([2], np.float32), "a": np.array([5, 0], np.float32)}
    write_imatrix(tmp_path / "m.gguf", ImportanceMatrix(sums, counts, ("t",), 7, 512), "llama")
    matrix = read_imatrix(tmp_path / "m.gguf")
    assert (matrix.chunks, matrix.chunk_tokens, matrix.datasets) == (7, 512, ("t",))
    assert matrix.importance("b") == pytest.approx([0, 0.5, 1, 1.5])
    # A matrix that no token reached counts every column alike, as in llama.cpp's quantizer.
    assert matrix.importance("a") == pytest.approx([0.2, 0.2, 0.2, 1, 1, 1])
    assert matrix.importance("absent") is None


@pytest.mark.parametrize(("chunks", "chunk_tokens", "message"), [(9, 512, "make 3 chunks"), (1, 8, "too short")])
def test_a_text_or_chunk_that_is_too_short_is_named(
    tmp_path: Path, smollm2_files: dict[str, Path], chunks: int, chunk_tokens: int, message: str
) -> None:
    with pytest.raises(MedevalError, match=message):
        make_imatrix(smollm2_files["f16"], TEXT, tmp_path / "m", chunks=chunks, chunk_tokens=chunk_tokens)


def test_an_unknown_type_is_named_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match=r"'Q4'[\s\S]*Q4_K_M"):
        quantize(tmp_path / "a.gguf", tmp_path / "b.gguf", "Q4")


def tiny_llama(folder: Path) -> tuple[Path, Path]:
    """A llama of one layer and width 256, whose blocks suit every type, and a matrix for it."""
    from gguf import GGUFWriter

    rng = np.random.default_rng(5)
    matrices = {f"blk.0.attn_{x}.weight": (256, 256) for x in ("q", "k", "v", "output")}
    matrices |= {"blk.0.ffn_gate.weight": (512, 256), "blk.0.ffn_up.weight": (512, 256)}
    matrices |= {"blk.0.ffn_down.weight": (256, 512)}
    writer = GGUFWriter(folder / "tiny.gguf", "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(256)
    writer.add_feed_forward_length(512)
    writer.add_head_count(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tensor("token_embd.weight", rng.standard_normal((32, 256)).astype(np.float16))
    for name, shape in matrices.items():
        writer.add_tensor(name, rng.standard_normal(shape).astype(np.float16))
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(256, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    sums = {name: rng.uniform(0.1, 9, (1, shape[1])).astype(np.float32) for name, shape in matrices.items()}
    counts = {name: np.array([10], np.float32) for name in matrices}
    write_imatrix(folder / "tiny-imatrix.gguf", ImportanceMatrix(sums, counts, ("t",), 1, 512), "llama")
    return folder / "tiny.gguf", folder / "tiny-imatrix.gguf"
