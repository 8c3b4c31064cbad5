"""What the header of a GGUF says, read without the tensors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader
from gguf_makers import TOKENS, write_gguf

from medeval.errors import MedevalError
from medeval.records.gguf_file import GgufFile
from medeval.weights.document import SpecialToken
from medeval.weights.inspect import inspect_gguf

RNG = np.random.default_rng(7)
EMBEDDING = RNG.standard_normal((6, 32)).astype(np.float32)
HEAD = RNG.standard_normal((6, 32)).astype(np.float32)


def test_the_header_is_read_as_the_gguf_package_reads_it(smollm2_files: dict[str, Path]) -> None:
    ours, oracle = GgufFile(smollm2_files["q4_k_m"]), GGUFReader(smollm2_files["q4_k_m"])
    assert list(ours.tensors) == [tensor.name for tensor in oracle.tensors]
    for theirs in oracle.tensors:
        tensor = ours.tensors[theirs.name]
        assert tensor.shape == tuple(int(n) for n in reversed(theirs.shape))
        assert (tensor.type, tensor.offset, tensor.bytes) == (theirs.tensor_type, theirs.data_offset, theirs.n_bytes)
    keys = [key for key in oracle.fields if not key.startswith("GGUF.")]
    assert list(ours.metadata) == keys
    for key in keys:
        expected, got = oracle.fields[key].contents(), ours.metadata[key]
        if isinstance(got, list):
            got = [text.decode() for text in got]
        assert (got.tolist() if isinstance(got, np.ndarray) else got) == expected, key


def test_the_dequantized_rows_are_those_of_the_gguf_package(
    smollm2_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gguf.quants import dequantize

    monkeypatch.setattr("medeval.records.gguf_file._BLOCK_ELEMENTS", 10_000)  # many blocks, the last one shorter
    ours = GgufFile(smollm2_files["q4_k_m"])
    for theirs in GGUFReader(smollm2_files["q4_k_m"]).tensors[:12]:
        blocks = list(ours.blocks(ours.tensors[theirs.name]))
        expected = dequantize(theirs.data, theirs.tensor_type).reshape(-1, theirs.shape[0])
        assert np.array_equal(np.concatenate(blocks), expected)


def test_a_head_stored_apart_is_told_with_what_a_tied_one_would_save(tmp_path: Path) -> None:
    types = {"output.weight": GGMLQuantizationType.Q8_0}
    tied = inspect_gguf(write_gguf(tmp_path / "tied.gguf", {"token_embd.weight": EMBEDDING}))
    apart = inspect_gguf(
        write_gguf(tmp_path / "apart.gguf", {"token_embd.weight": EMBEDDING, "output.weight": HEAD}, types=types)
    )
    assert tied.tied_head and tied.head.bytes_tied_would_save == 0
    assert not apart.tied_head
    assert apart.head.head_bytes == 6 * 34  # a Q8_0 block: 32 bytes and a scale of 2
    assert apart.head.bytes_tied_would_save == 6 * 32 * 4
    assert apart.bytes_by_type == {"F32": 768, "Q8_0": 204}


def test_tokenizer_special_tokens_and_template_are_described(tmp_path: Path) -> None:
    document = inspect_gguf(write_gguf(tmp_path / "x.gguf", {"token_embd.weight": EMBEDDING}))
    assert document.vocabulary == len(TOKENS)
    assert document.tokenizer.special_tokens == {
        "bos": SpecialToken(1, "<s>"),
        "eos": SpecialToken(2, "</s>"),
    }
    assert document.tokenizer.flags == {"add_bos_token": True}
    assert document.tokenizer.parts_sha256.scores is None
    # printf '{{ messages }}' | sha256sum
    assert document.chat_template_sha256.startswith("f24189f08c85a1eb")


def test_one_changed_merge_changes_the_tokenizers_hash_and_no_other_part(tmp_path: Path) -> None:
    one = inspect_gguf(write_gguf(tmp_path / "1.gguf", {"token_embd.weight": EMBEDDING})).tokenizer
    two = inspect_gguf(write_gguf(tmp_path / "2.gguf", {"token_embd.weight": EMBEDDING}, merges=("b a",))).tokenizer
    assert one.sha256 != two.sha256
    assert replace(one.parts_sha256, merges=two.parts_sha256.merges) == two.parts_sha256


def test_the_files_hash_can_be_left_out_and_is_then_missing(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "x.gguf", {"token_embd.weight": EMBEDDING})
    assert inspect_gguf(path, hash_file=False).sha256 is None


def test_no_tensor_data_is_read(tmp_path: Path) -> None:
    """A sparse file of 1 TB: anything that touched the weights would not come back."""
    path = write_gguf(tmp_path / "x.gguf", {"token_embd.weight": EMBEDDING})
    header = path.read_bytes()[: GgufFile(path).tensors["token_embd.weight"].offset]
    name = b"token_embd.weight"
    at = header.rindex(name) + len(name) + 4  # after the number of dimensions
    huge = header[:at] + (2**20).to_bytes(8, "little") + (2**18).to_bytes(8, "little") + header[at + 16 :]
    with path.open("wb") as stream:
        stream.write(huge)
        try:
            stream.truncate(len(huge) + 2**40)
        except OSError:
            pytest.skip("this file system holds no sparse file of 1 TB")
    assert inspect_gguf(path, hash_file=False).bytes_by_type == {"F32": 2**40}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04" + bytes(60), "does not begin with `GGUF`"),
        (b"GGUF\x00\x00\x00\x03" + bytes(60), "the other byte order"),
        (b"GGUF\x01\x00\x00\x00" + bytes(60), "version 1 "),
        (b"GGUF\x03\x00\x00\x00" + bytes(16), "no tensors"),
        (b"GGUF\x03\x00\x00\x00" + bytes(8) + b"\x01" + bytes(7) + b"\xff" * 8, "beyond the end"),
    ],
)
def test_what_is_no_gguf_is_refused_with_the_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(data)
    with pytest.raises(MedevalError, match=f"odd.gguf: not a complete GGUF file.*{reason}"):
        inspect_gguf(path)
