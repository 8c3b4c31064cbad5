"""What is in a GGUF, and what quantization makes of it."""

import json
from pathlib import Path

import pytest

from medeval.errors import MedevalError
from medeval.weights.inspect import inspect_gguf
from medeval.weights.quantize import quantize


def test_the_description_of_the_demo_model_is_right(smollm2_files: dict[str, Path]) -> None:
    document = inspect_gguf(smollm2_files["f16"])
    # Counts and sizes of the model's own configuration: 30 layers, width 576, vocabulary 49,152.
    assert document.architecture == "llama"
    assert document.parameters == 134_515_008
    assert document.tied_head is True
    assert document.vocabulary == 49_152
    assert document.context_length == 8192
    assert document.tensors_by_type == {"F16": 211, "F32": 61}


def test_fallback_types_of_q4_k_m_are_listed(smollm2_files: dict[str, Path]) -> None:
    record = json.loads(smollm2_files["q4_k_m"].with_name("q4_k_m.gguf.provenance.json").read_text())
    assert record["file_type"] == "Q4_K_M"
    assert record["tensors_by_type"] == {"Q5_0": 166, "F32": 61, "Q4_K": 16, "Q8_0": 15, "Q6_K": 14}
    assert record["importance_matrix"] is None


def test_quantization_does_not_depend_on_threads(tmp_path: Path, smollm2_files: dict[str, Path]) -> None:
    one = quantize(smollm2_files["f16"], tmp_path / "one.gguf", "Q4_K_M", threads=1)
    two = quantize(smollm2_files["f16"], tmp_path / "two.gguf", "Q4_K_M", threads=2)
    assert one["sha256"] == two["sha256"]


def test_a_quantized_source_needs_permission(tmp_path: Path, smollm2_files: dict[str, Path]) -> None:
    with pytest.raises(MedevalError, match=r"q4_1.gguf: llama.cpp cannot quantize this file to Q8_0[\s\S]*-> "):
        quantize(smollm2_files["q4_1"], tmp_path / "out.gguf", "Q8_0")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 3, 100, 5_000_000])
def test_a_file_cut_short_anywhere_is_named(tmp_path: Path, smollm2_files: dict[str, Path], size: int) -> None:
    cut = tmp_path / "cut.gguf"
    with smollm2_files["q4_k_m"].open("rb") as stream:
        cut.write_bytes(stream.read(size))
    with pytest.raises(MedevalError, match=r"cut.gguf: not a complete GGUF file"):
        inspect_gguf(cut)
