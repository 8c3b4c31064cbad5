"""The description of an invented weights file."""

from medeval.weights.document import Head, Quantization, Tokenizer, TokenizerParts, WeightsDescription


def description(bytes_by_type: dict[str, int], tensors_by_type: dict[str, int], size: int) -> WeightsDescription:
    """Describe a file of `size` bytes whose tensors are of these types."""
    return WeightsDescription(
        path="x.gguf",
        sha256="cd" * 32,
        bytes=size,
        name="tiny",
        architecture="llama",
        parameters=1234567,
        bits_per_weight=4.5678,
        tensors=sum(tensors_by_type.values()),
        tensors_by_type=tensors_by_type,
        bytes_by_type=bytes_by_type,
        tied_head=True,
        head=Head(True, "F32", 1000, None, None, 0),
        context_length=512,
        layers=2,
        width=64,
        vocabulary=99,
        tokenizer=Tokenizer("gpt2", "default", None, TokenizerParts(None, None, None, None), {}, {}),
        chat_template_sha256=None,
        quantization=Quantization(None, None, None, None, None),
    )
