"""Descriptions and comparisons of GGUF files as lines for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from medeval.weights.document import Head, Quantization, WeightsDescription

_FEW = 10


def inspect_lines(found: WeightsDescription) -> Iterator[str]:
    """Render what `inspect_gguf` returns."""
    yield f"{found.path}: {found.architecture}, {found.name or 'no name'}"
    yield f"  size         {found.bytes:,} bytes, SHA-256 {found.sha256 or 'not computed'}"
    yield f"  parameters   {found.parameters:,} in {found.tensors} tensors, {found.bits_per_weight} bits each"
    for kind, count in found.tensors_by_type.items():
        yield f"    {kind:8} {count:5} tensors {found.bytes_by_type[kind]:>16,} bytes"
    yield f"  quantization {_quantization(found.quantization)}"
    yield f"  output head  {_head(found.head)}"
    yield f"  shape        {found.layers} layers, width {found.width}, context {found.context_length}"
    tokenizer = found.tokenizer
    yield f"  tokenizer    {tokenizer.model} ({tokenizer.pre}), {found.vocabulary} tokens"
    yield f"               SHA-256 {tokenizer.sha256}"
    for name, token in tokenizer.special_tokens.items():
        yield f"    {name:8} {token.id:>7} {token.text!r}"
    yield f"  template     {found.chat_template_sha256 or 'none'}"


def _quantization(found: Quantization) -> str:
    matrix = found.importance_matrix
    stated = f"importance matrix {matrix}" if matrix else "no importance matrix stated"
    split = f", in {found.split.count} parts" if found.split else ""
    return f"{found.file_type or 'no file type stated'}, {stated}{split}"


def _head(head: Head) -> str:
    if head.tied:
        return f"tied to the embedding ({head.embedding_type}, {_bytes(head.embedding_bytes)})"
    return (
        f"stored apart ({head.head_type}, {_bytes(head.head_bytes)}); "
        f"a tied head would save {_bytes(head.bytes_tied_would_save)}"
    )


def diff_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Render what `diff_gguf` returns, with `requantized` beside it where that was asked for."""
    for side in ("a", "b"):
        identity = document[side]
        kind = identity["quantization"].file_type or "no file type stated"
        yield f"{side}: {identity['path']} ({kind}, {identity['bytes']:,} bytes)"
    yield _agreement(document)
    for key, what in (("only_in_a", "only in a"), ("only_in_b", "only in b")):
        yield from _named(what, document[key])
    for row in document["shape_differs"][:_FEW]:
        yield f"  {row['name']}: {row['shape_a']} in a, {row['shape_b']} in b"
    yield from _table(document["by_type"])
    yield from _metadata(document)
    yield from _sizes(document["sizes"])
    if "requantized" in document:
        yield from _requantized(document["requantized"])


def _agreement(document: Mapping[str, Any]) -> str:
    if document["same_weights"]:
        return f"The same weights: {document['identical']} tensors, equal bit for bit."
    names = "the same tensors" if document["same_tensors"] else "NOT the same tensors"
    return f"{names.capitalize()}; {document['identical']} of {document['compared']} compared are equal bit for bit."


def _named(what: str, names: list[str]) -> Iterator[str]:
    if names:
        more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
        yield f"  {len(names)} {what}: {', '.join(names[:_FEW])}{more}"


def _table(groups: list[Mapping[str, Any]]) -> Iterator[str]:
    yield f"  {'a':8} {'b':8} {'tensors':>8} {'equal':>6} {'error':>10} {'weighted':>10}  worst tensor"
    for group in groups:
        worst = group["worst"]
        tail = f"{worst['name']} {_ratio(worst['relative_error'])}" if worst else ""
        line = f"  {group['type_a']:8} {group['type_b']:8} {group['tensors']:>8} {group['identical']:>6}"
        line += f" {_ratio(group['relative_error']):>10} {_ratio(group['weighted_relative_error']):>10}  {tail}"
        yield line + (f"  {group['not_finite']} NOT FINITE" if group["not_finite"] else "")
    yield "  (error: ||a-b||/||a|| over the tensors that differ; weighted: columns by importance)"


def _metadata(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"  tokenizer {_equal(document['tokenizer_equal'])}, chat template {_equal(document['chat_template_equal'])}"
    for key, values in document["metadata_differs"].items():
        yield f"    {key}: {values['a']!r} in a, {values['b']!r} in b"


def _sizes(sizes: Mapping[str, Any]) -> Iterator[str]:
    yield f"  b is {sizes['reduction']:.1%} smaller than a"
    if sizes["claimed_reduction"] is not None:
        agreement = "agrees, to the nearest percent" if sizes["agrees"] else "does NOT agree"
        yield f"    claimed: {sizes['claimed_reduction']:.1%}; it {agreement}"
    for side in ("a", "b"):
        head = sizes[f"head_{side}"]
        copy = {True: "; it is a copy of the embedding", False: "; it differs from the embedding", None: ""}
        yield f"    head of {side}: {_head(head)}{copy[head.copies_embedding]}"
    if tied := sizes["if_tied"]:
        yield (
            f"    with a tied head: {tied['bytes_a']:,} and {tied['bytes_b']:,} bytes "
            f"({_bytes(tied['saved_a'])} and {_bytes(tied['saved_b'])} less), {tied['reduction']:.1%} smaller"
        )


def _requantized(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"Quantizing a to {result['file_type']} again: {result['identical']} of {result['compared']} tensors equal b."
    yield f"  {result['explanation']}"
    yield from _named("not in both", result["not_in_both"])
    if result["types_differ"]:
        yield f"  {result['types_differ']} tensors have another type in b than ours"
    if not result["differing"]:
        return
    yield f"  {'tensor':32} {'ours':8} {'theirs':8} {'between':>10} {'ours-a':>10} {'theirs-a':>10}"
    ranked = sorted(result["differing"], key=lambda row: -(row["relative_error_between"] or 0.0))
    for row in ranked[:_FEW]:
        errors = (row[f"relative_error_{key}"] for key in ("between", "ours", "theirs"))
        yield f"  {row['name']:32} {row['type_ours']:8} {row['type_theirs']:8} " + " ".join(
            f"{_ratio(e):>10}" for e in errors
        )
    if len(ranked) > _FEW:
        yield f"  ... and {len(ranked) - _FEW} more; --json lists every tensor"


def _equal(same: bool) -> str:
    return "equal" if same else "DIFFERENT"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _bytes(value: int | None) -> str:
    return "unknown size" if value is None else f"{value:,} bytes"
