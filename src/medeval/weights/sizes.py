"""How much smaller one weights file is than another, and what an output head stored apart has to do with it."""

from dataclasses import dataclass
from typing import Any

from medeval.records.gguf_file import GgufFile
from medeval.weights.document import Head
from medeval.weights.inspect import EMBEDDING, HEAD, describe_head
from medeval.weights.tensor_error import same_bytes


@dataclass(frozen=True)
class ComparedHead(Head):
    """A head; `copies_embedding` is whether it holds the embedding's bytes, None when it is tied or of another type."""

    copies_embedding: bool | None


def compare_sizes(a: GgufFile, b: GgufFile, claimed: float | None = None) -> dict[str, Any]:
    """Return the reduction in size from `a` to `b`, as it is and as it would be with a tied head.

    Args:
        a: The larger file, such as the BF16 one.
        b: The smaller file.
        claimed: A published reduction as a fraction, such as 0.69, or None.

    Returns:
        A document, for `as_json`. `agrees` says whether the claim is right to the nearest percent. `if_tied` is None
        when both heads are tied already; otherwise the sizes after removing the embedding from each file whose head is
        stored apart, since a tied file keeps one tensor for both, of the head's type.
    """
    reduction = 1 - b.size / a.size
    return {
        "bytes_a": a.size,
        "bytes_b": b.size,
        "reduction": reduction,
        "claimed_reduction": claimed,
        "agrees": None if claimed is None else abs(reduction - claimed) <= 0.005,
        "head_a": _head(a),
        "head_b": _head(b),
        "if_tied": _if_tied(a, b),
    }


def _head(file: GgufFile) -> ComparedHead:
    head = describe_head(file)
    copies = None if head.tied or EMBEDDING not in file.tensors else _head_copies_embedding(file)
    return ComparedHead(**vars(head), copies_embedding=copies)


def _head_copies_embedding(file: GgufFile) -> bool | None:
    """Whether the two tensors hold the same bytes; None when their types differ, so that bytes cannot tell."""
    embedding, head = file.tensors[EMBEDDING], file.tensors[HEAD]
    return same_bytes(file, file, embedding, head) if embedding.type == head.type else None


def _if_tied(a: GgufFile, b: GgufFile) -> dict[str, Any] | None:
    saved_a, saved_b = (describe_head(file).bytes_tied_would_save for file in (a, b))
    if not saved_a and not saved_b:
        return None
    bytes_a, bytes_b = a.size - (saved_a or 0), b.size - (saved_b or 0)
    return {
        "bytes_a": bytes_a,
        "bytes_b": bytes_b,
        "saved_a": saved_a or 0,
        "saved_b": saved_b or 0,
        "reduction": 1 - bytes_b / bytes_a,
    }
