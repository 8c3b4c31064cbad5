"""Which build of llama.cpp did the work."""

import ctypes
import importlib.metadata


def llama_cpp_versions() -> dict[str, str]:
    """Return the versions of llama-cpp-python and ggml, and the llama.cpp commit that the library itself states."""
    from llama_cpp._ggml import libggml

    libggml.ggml_commit.restype = libggml.ggml_version.restype = ctypes.c_char_p
    return {
        "llama_cpp_python": importlib.metadata.version("llama-cpp-python"),
        "llama_cpp_commit": libggml.ggml_commit().decode(),
        "ggml": libggml.ggml_version().decode(),
    }
