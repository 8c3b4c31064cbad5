"""A GGUF model loaded through llama-cpp-python's low-level API: weights, vocabulary, metadata."""

import ctypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import llama_cpp

from medeval.errors import MedevalError
from medeval.records.gguf_file import weights_parts
from medeval.responses.engines.devices import Device, device_for

_ALL_LAYERS = 999
_ERROR = 4  # GGML_LOG_LEVEL_ERROR
_BUFFER = re.compile(r"(\S+)\s+(\S+) buffer size\s*=\s*([\d.]+) MiB")
_OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
_recent_errors: list[str] = []
_observer: "Allocations | None" = None


@dataclass
class Allocations:
    """What llama.cpp said it allocated where, and how many layers it gave to a device.

    Attributes:
        mib: Size of each buffer in MiB, by device and purpose, such as `CPU KV` or `Vulkan0 model`.
        layers_offloaded: Layers on a device other than the processor.
        layers: Layers of the model, counting the output as one; None when nothing was said.
    """

    mib: dict[str, float] = field(default_factory=dict)
    layers_offloaded: int = 0
    layers: int | None = None

    def total(self, *purposes: str) -> float:
        """Return the MiB of all buffers of these purposes (model, KV, compute, output)."""
        return sum(size for name, size in self.mib.items() if name.split()[1] in purposes)

    def devices(self) -> set[str]:
        """Return the devices that hold a buffer with something in it."""
        return {name.split()[0] for name, size in self.mib.items() if size > 0}

    def note(self, line: str) -> None:
        """Read one line of llama.cpp's log."""
        if found := _BUFFER.search(line):
            name = f"{found[1]} {found[2]}"
            # A model with sliding windows has two KV buffers; a compute buffer is told again when it is made anew.
            earlier = 0.0 if found[2] == "compute" else self.mib.get(name, 0.0)
            self.mib[name] = earlier + float(found[3])
        elif found := _OFFLOADED.search(line):
            self.layers_offloaded, self.layers = int(found[1]), int(found[2])


@contextmanager
def observed(allocations: Allocations) -> Iterator[None]:
    """Note in `allocations` what llama.cpp logs meanwhile: it tells its buffers nowhere else."""
    global _observer
    _observer = allocations
    try:
        yield
    finally:
        _observer = None


def _on_log(level: int, text: bytes, _: ctypes.c_void_p) -> None:
    """Keep llama.cpp's errors for our own messages; its chatter would bury the progress display."""
    line = text.decode(errors="replace").strip()
    if _observer is not None:
        _observer.note(line)
    if level == _ERROR:
        _recent_errors.append(line)
        del _recent_errors[:-20]


_LOG_CALLBACK = llama_cpp.llama_log_callback(_on_log)


class LlamaModel:
    """Weights and vocabulary of one GGUF file on one target.

    Args:
        path: The GGUF file; of split weights, the first part, with which llama.cpp loads the others.
        target: cpu, vulkan, metal or cuda. On `cpu` no other device sees any work, even when the
            build has one: otherwise large batches would still be sent there.

    Raises:
        MedevalError: The file cannot be loaded, parts of it are missing or of other weights, or the build lacks the
            target's device.
    """

    def __init__(self, path: Path, target: str = "cpu") -> None:
        llama_cpp.llama_log_set(_LOG_CALLBACK, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self.path, self.target = path, target
        self.device: Device = device_for(target)
        if not path.is_file():
            raise MedevalError(f"{path}: no such file", "Run the stage that makes these weights, or correct the path.")
        size = sum(part.stat().st_size for part in weights_parts(path))
        params = llama_cpp.llama_model_default_params()
        # The list ends with a null pointer; an empty one keeps every device but the processor out. Without a list,
        # llama.cpp would choose among all that the build has.
        chosen = [] if target == "cpu" else [self.device.pointer]
        self._devices = (ctypes.c_void_p * (len(chosen) + 1))(*chosen, None)
        params.devices = ctypes.addressof(self._devices)
        params.n_gpu_layers = 0 if target == "cpu" else _ALL_LAYERS
        _recent_errors.clear()
        self.allocations = Allocations()
        with observed(self.allocations):
            self.pointer = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self.pointer:
            reasons = "; ".join(_recent_errors[:3]) or "llama.cpp gave no reason"
            raise MedevalError(
                f"{path}: llama.cpp cannot load this file ({size:,} bytes): {reasons}",
                "The file is probably cut short or not a GGUF: delete it and let the pipeline make it again.",
            )
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.pointer)
        self.vocabulary_size: int = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        self._pieces: dict[int, bytes] = {}
        self.trained_context: int = llama_cpp.llama_model_n_ctx_train(self.pointer)

    def close(self) -> None:
        """Release the weights."""
        if self.pointer:
            llama_cpp.llama_model_free(self.pointer)
            self.pointer = None

    def metadata(self, key: str) -> str | None:
        """Return one metadata value of the GGUF file as text, or None when it is absent."""
        size = llama_cpp.llama_model_meta_val_str(self.pointer, key.encode(), None, 0)
        if size < 0:
            return None
        buffer = ctypes.create_string_buffer(size + 1)
        llama_cpp.llama_model_meta_val_str(self.pointer, key.encode(), buffer, size + 1)
        return buffer.value.decode()

    def tokenize(self, text: str) -> list[int]:
        """Turn rendered text into tokens with exactly one beginning-of-sequence token, if the model uses one.

        Control tokens in the text are recognised. When the text already starts with the model's
        own beginning-of-sequence text, none is added.
        """
        add_special = llama_cpp.llama_vocab_get_add_bos(self.vocabulary) and not text.startswith(self.bos_text or "\0")
        data = text.encode()
        room = len(data) + 8
        tokens = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(self.vocabulary, data, len(data), tokens, room, add_special, True)
        return list(tokens[:count])

    @cached_property
    def kv_bytes_per_token(self) -> int:
        """Bytes of key and value memory that one token takes: two 16-bit numbers per head, dimension and layer."""
        layers: int = llama_cpp.llama_model_n_layer(self.pointer)
        heads: int = llama_cpp.llama_model_n_head_kv(self.pointer)
        width = llama_cpp.llama_model_n_embd(self.pointer) // llama_cpp.llama_model_n_head(self.pointer)
        architecture = self.metadata("general.architecture")
        keys = int(self.metadata(f"{architecture}.attention.key_length") or width)
        values = int(self.metadata(f"{architecture}.attention.value_length") or width)
        return layers * heads * (keys + values) * 2

    def piece(self, token: int) -> bytes:
        """Return the bytes that a generated token stands for; control tokens give none."""
        if (known := self._pieces.get(token)) is None:
            known = self._pieces[token] = self._piece(token)
        return known

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(256)
        length = llama_cpp.llama_token_to_piece(self.vocabulary, token, buffer, 256, 0, False)
        return buffer.raw[: max(length, 0)]

    def ends_generation(self, token: int) -> bool:
        """Whether a token is one of the model's own end-of-generation tokens."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocabulary, token))

    @property
    def bos_text(self) -> str | None:
        """Text of the beginning-of-sequence token, or None when the vocabulary has none."""
        return self._token_text(llama_cpp.llama_vocab_bos(self.vocabulary))

    @property
    def eos_text(self) -> str | None:
        """Text of the end-of-sequence token, or None when the vocabulary has none."""
        return self._token_text(llama_cpp.llama_vocab_eos(self.vocabulary))

    @property
    def chat_template(self) -> str | None:
        """The chat template in the file's metadata, or None when it has none."""
        return self.metadata("tokenizer.chat_template")

    def _token_text(self, token: int) -> str | None:
        if token < 0:
            return None
        return str(llama_cpp.llama_vocab_get_text(self.vocabulary, token).decode())
