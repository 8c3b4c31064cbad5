"""Which llama.cpp runs: the one inside llama-cpp-python, or a build of the user's own.

llama-cpp-python can be pointed to another libllama (LLAMA_CPP_LIB_PATH), but its module for ggml always opens the
libggml beside itself, which has a second list of devices. The engines therefore ask ggml through libllama's own handle:
there the linker finds the functions of the libggml that libllama itself uses.
"""

import ctypes
import importlib
import importlib.metadata
import os
import re
import sys
from pathlib import Path
from typing import Any, TypedDict

from medeval.errors import MedevalError
from medeval.records.files import sha256_file
from medeval.responses.engines.llama_abi import LIB_PATH, library_file, packaged_folder, require_fit, versions

_PART_OF_LLAMA_CPP = re.compile(r"lib(llama|ggml)[\w-]*\.(so|dylib)")
_accepted: set[Path] = set()  # folders of external builds that fit


class BuildInfo(TypedDict):
    """The build of llama.cpp that is loaded.

    Attributes:
        llama_cpp_python: Version of the Python package that calls it.
        llama_version: Version of libllama. llama.cpp's build number is not in its libraries.
        ggml_version: Version of libggml.
        commit: Short hash of llama.cpp's commit: with "-dirty" when git saw changed files, "unknown" without git.
        external: Whether it is a build of the user's own.
        folder: Where its libraries are.
        libraries: SHA-256 of each of its libraries that is loaded, by file name.
        system_info: Processor features and backends, as llama.cpp states them.
    """

    llama_cpp_python: str
    llama_version: str
    ggml_version: str
    commit: str
    external: bool
    folder: str
    libraries: dict[str, str]
    system_info: str


def use_external_build(folder: Path) -> None:
    """Load llama.cpp from a folder instead of the one inside llama-cpp-python.

    To be called before anything imports `llama_cpp`. The comparison runs in two more processes, for about a second.

    Args:
        folder: Where libllama and the libggml that it was linked to are.

    Raises:
        MedevalError: The folder has no such libraries, they do not fit llama-cpp-python, or the linker took a part
            of them from elsewhere.
        RuntimeError: `llama_cpp` has been imported already, with another build.
    """
    folder = folder.resolve()
    if "llama_cpp" in sys.modules:
        if _folder() == folder:
            return
        raise RuntimeError("use_external_build must be called before llama_cpp is imported")
    missing = [f"lib{name}" for name in ("llama", "ggml") if library_file(folder, name) is None]
    if missing:
        raise MedevalError(
            f"{folder}: has no {' and no '.join(missing)} as a shared library",
            "Name the folder of a build of llama.cpp made with -DBUILD_SHARED_LIBS=ON, such as build/bin.",
        )
    require_fit(folder)
    _accepted.add(folder)
    os.environ[LIB_PATH] = str(folder)
    try:
        llama = library()
    finally:
        del os.environ[LIB_PATH]  # processes that this one starts choose for themselves
    if not llama.ggml_backend_reg_count():
        # Built with GGML_BACKEND_DL=ON: its backends are files that llama.cpp would look for beside Python's program.
        llama.ggml_backend_load_all_from_path(str(folder).encode())
    require_one_build()


def build_info() -> BuildInfo:
    """Describe the build that is loaded; llama-cpp-python's own when none has been chosen.

    Raises:
        MedevalError: Parts of two builds are loaded together.
    """
    require_one_build()
    llama = library()
    stated = versions(llama)
    llama.llama_print_system_info.restype = ctypes.c_char_p
    return BuildInfo(
        llama_cpp_python=importlib.metadata.version("llama-cpp-python"),
        llama_version=stated["llama"],
        ggml_version=stated["ggml"],
        commit=stated["commit"],
        external=_folder() != packaged_folder(),
        folder=str(_folder()),
        libraries={path.name: sha256_file(path) for path in loaded_libraries()},
        system_info=llama.llama_print_system_info().decode().strip(),
    )


def library() -> Any:
    """Return libllama as ctypes opened it; the functions of its libggml are reached through it too."""
    return importlib.import_module("llama_cpp.llama_cpp")._lib


def loaded_libraries() -> list[Path]:
    """List the shared libraries of llama.cpp and ggml that this process has loaded."""
    if sys.platform == "darwin":
        process = ctypes.CDLL(None)
        process._dyld_get_image_name.restype = ctypes.c_char_p
        paths = [process._dyld_get_image_name(index).decode() for index in range(process._dyld_image_count())]
    else:
        # Addresses, rights, offset, device, inode and, for what comes from a file, its path.
        lines = Path("/proc/self/maps").read_text().splitlines()
        paths = [fields[5] for line in lines if len(fields := line.split(maxsplit=5)) == 6]
    return sorted({Path(path) for path in paths if _PART_OF_LLAMA_CPP.match(Path(path).name)})


def require_one_build() -> None:
    """Check that libllama and all of ggml come from one folder: llama-cpp-python's, or that of an accepted build.

    Raises:
        MedevalError: They do not; devices and numbers could be those of another build than is recorded.
    """
    library()
    remedy = f"Unset {LIB_PATH} and LD_LIBRARY_PATH, and name an external build in medeval's own option."
    if _folder() != packaged_folder() and _folder() not in _accepted:
        raise MedevalError(f"{LIB_PATH} led to the llama.cpp in {_folder()}, which nothing has checked", remedy)
    for path in loaded_libraries():
        if path.resolve().parent != _folder():
            raise MedevalError(
                f"two builds of llama.cpp are loaded: libllama from {_folder()}, but {path.name} from {path.parent}",
                remedy,
            )


def _folder() -> Path:
    return Path(library()._name).resolve().parent
