"""Squared inputs of every weight matrix while llama.cpp runs, seen through its evaluation callback.

The rules are those of llama.cpp's own imatrix tool: products with the weights of the layers (`blk.*`), not the output
head; every token of a chunk counts. Sums are kept in double precision here and in single precision there.
"""

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt
from llama_cpp._ggml import libggml

_DIMENSIONS, _SOURCES, _PARAMETERS, _NAME_BYTES = 4, 10, 16, 64
_OBJECT_HEADER_BYTES = 32
_F32 = 0


class GgmlTensor(ctypes.Structure):
    """`struct ggml_tensor` of ggml.h, as far as this module needs it: the whole, since the size is checked."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * _DIMENSIONS),
        ("nb", ctypes.c_size_t * _DIMENSIONS),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * _PARAMETERS),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * _SOURCES),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * _NAME_BYTES),
        ("extra", ctypes.c_void_p),
        ("padding", ctypes.c_char * 8),
    )


def _library() -> Any:
    libggml.ggml_tensor_overhead.restype = ctypes.c_size_t
    libggml.ggml_nbytes.argtypes, libggml.ggml_nbytes.restype = [ctypes.c_void_p], ctypes.c_size_t
    libggml.ggml_op_name.argtypes, libggml.ggml_op_name.restype = [ctypes.c_int], ctypes.c_char_p
    libggml.ggml_backend_tensor_get.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
    libggml.ggml_backend_tensor_get.restype = None
    return libggml


class ActivationCollector:
    """Sums the squared inputs of the layers' weight matrices; `callback` is for `cb_eval` of a llama.cpp context.

    Attributes:
        sums: float64 [matrices, columns] by tensor name.
        counts: Tokens summed, by tensor name.
        error: The first exception met. It cannot cross llama.cpp's frames, so the caller must look here.
    """

    def __init__(self) -> None:
        self._ggml = _library()
        expected = self._ggml.ggml_tensor_overhead() - _OBJECT_HEADER_BYTES
        if ctypes.sizeof(GgmlTensor) != expected:
            raise RuntimeError(
                f"this ggml's tensors take {expected} bytes, not {ctypes.sizeof(GgmlTensor)}: "
                "medeval.weights.activations must follow ggml.h of the installed llama-cpp-python"
            )
        self.sums: dict[str, npt.NDArray[np.float64]] = {}
        self.counts: dict[str, int] = {}
        self.error: Exception | None = None

    def callback(self, pointer: int, ask: bool, _: int | None) -> bool:
        """Say whether a tensor is wanted (`ask`), or take the inputs of one that has just been computed."""
        try:
            tensor = GgmlTensor.from_address(pointer)
            if ask:
                return self._wanted(tensor)
            self._add(tensor)
        except Exception as error:
            self.error = self.error or error
            return False
        return True

    def _wanted(self, tensor: GgmlTensor) -> bool:
        operation = self._ggml.ggml_op_name(tensor.op)
        if operation == b"MUL_MAT_ID":
            raise NotImplementedError("mixture-of-experts models are not supported by this importance matrix")
        if operation != b"MUL_MAT":
            return False
        inputs = GgmlTensor.from_address(tensor.src[1])
        # The tool skips batches below 16 tokens; whole chunks are never that small.
        return inputs.type == _F32 and inputs.ne[1] >= 16 and _weight_name(tensor).startswith("blk.")

    def _add(self, tensor: GgmlTensor) -> None:
        name, weight = _weight_name(tensor), GgmlTensor.from_address(tensor.src[0])
        if weight.ne[2] * weight.ne[3] != 1:
            raise NotImplementedError(f"{name}: several matrices in one tensor are not supported")
        inputs = self._inputs(tensor.src[1])
        squares = np.einsum("tc,tc->c", inputs, inputs, dtype=np.float64)
        if not np.isfinite(squares).all():
            raise ArithmeticError(f"{name}: an input is not finite")
        self.sums[name] = self.sums.get(name, np.zeros((1, len(squares)))) + squares
        self.counts[name] = self.counts.get(name, 0) + len(inputs)

    def _inputs(self, pointer: int) -> npt.NDArray[np.float32]:
        """Copy an operation's input from whichever device holds it: float32 [tokens, columns]."""
        tensor = GgmlTensor.from_address(pointer)
        size = self._ggml.ggml_nbytes(pointer)
        data = np.empty(size, np.uint8)
        self._ggml.ggml_backend_tensor_get(pointer, data.ctypes.data, 0, size)
        strided = np.ndarray(tuple(tensor.ne[::-1]), np.float32, data, strides=tuple(tensor.nb[::-1]))
        return strided.reshape(-1, tensor.ne[0])


def _weight_name(tensor: GgmlTensor) -> str:
    """Name of the weights of a product; a copy on another device is called DEVICE#NAME#NUMBER."""
    name: str = GgmlTensor.from_address(tensor.src[0]).name.decode()
    return name.split("#")[1] if "#" in name else name
