"""One build of llama.cpp runs, it is the one that was named, and one that does not fit is refused."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import llama_cpp
import pytest

from medeval.errors import MedevalError
from medeval.responses.engines.llama_abi import packaged_folder, require_fit
from medeval.responses.engines.llama_build import build_info, loaded_libraries, use_external_build

DECLARED = re.findall(r"@ctypes_function\(\s*\"(\w+)\"", Path(llama_cpp.llama_cpp.__file__).read_text())
RETURNED = {
    "llama_model_default_params": bytes(llama_cpp.llama_model_default_params()),
    "llama_context_default_params": bytes(llama_cpp.llama_context_default_params()),
    "llama_model_quantize_default_params": bytes(llama_cpp.llama_model_quantize_default_params()),
    "llama_batch_init": bytes(llama_cpp.llama_batch_init(1, 0, 1)),
}
STATED = {"llama_version": "9.8.7", "ggml_version": "0.1.2", "ggml_commit": "abcdef0"}


@pytest.fixture(scope="module")
def external(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A build elsewhere: the same libraries, copied, with links to them as a build of llama.cpp has."""
    folder = tmp_path_factory.mktemp("llama.cpp") / "bin"
    folder.mkdir()
    names = {path.name for path in packaged_folder().iterdir()}
    for name in sorted(names):
        shorter = max((other for other in names if name.startswith(f"{other}.")), key=len, default=None)
        shutil.copy(packaged_folder() / name, folder / name)
        if shorter is not None:
            (folder / shorter).unlink()
            (folder / shorter).symlink_to(name)
    yield folder
    shutil.rmtree(folder)


def stub(folder: Path, returned: dict[str, bytes], *, absent: str | None = None, body: str = "") -> Path:
    """Compile a libllama that has every declared function, returns these bytes as structures and computes nothing."""
    folder.mkdir()
    special = {*returned, *STATED, absent}
    lines = [f"void {name}(void) {{ {body} }}" for name in dict.fromkeys(DECLARED) if name not in special]
    lines += [f'const char *{name}(void) {{ return "{text}"; }}' for name, text in STATED.items()]
    lines.append("unsigned long ggml_backend_reg_count(void) { return 1; }")
    for name, data in returned.items():
        values = ", ".join(map(str, data))
        lines.append(f"struct {name}_s {{ unsigned char data[{len(data)}]; }};")
        lines.append(f"struct {name}_s {name}(void) {{ return (struct {name}_s) {{{{ {values} }}}}; }}")
    (folder / "stub.c").write_text("\n".join(lines))
    compiler = ["cc", "-shared", "-fPIC", "-w", "-o"]
    subprocess.run([*compiler, "libllama.so", "stub.c"], cwd=folder, check=True)
    subprocess.run([*compiler, "libggml.so", "-x", "c", "/dev/null"], cwd=folder, check=True)
    return folder


def in_new_process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    lines = "import json\nfrom pathlib import Path\nfrom medeval.responses.engines import devices, llama_build\n"
    return subprocess.run(
        [sys.executable, "-c", lines + code], env=os.environ | environment, capture_output=True, text=True, check=False
    )


def mapped_from() -> str:
    """Code that prints the folders of all libraries named like llama.cpp's, as the operating system lists them."""
    return (
        "lines = Path('/proc/self/maps').read_text().splitlines()\n"
        "paths = {Path(line.split()[-1]) for line in lines if '/libllama' in line or '/libggml' in line}\n"
        "print(json.dumps(sorted({str(path.parent) for path in paths})))\n"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_external_build_brings_libllama_and_all_of_ggml(external: Path) -> None:
    code = f"llama_build.use_external_build(Path({str(external)!r}))\ndevices.devices()\n{mapped_from()}"
    result = in_new_process(code)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [str(external)]


def test_an_external_build_is_described_as_such(external: Path) -> None:
    code = f"llama_build.use_external_build(Path({str(external)!r}))\nprint(json.dumps(llama_build.build_info()))"
    info = json.loads(in_new_process(code).stdout)
    assert (info["external"], info["folder"]) == (True, str(external))
    [name] = [name for name in info["libraries"] if name.startswith("libllama.")]
    assert info["libraries"][name] == hashlib.sha256((external / name).read_bytes()).hexdigest()
    assert info["commit"] == build_info()["commit"]


def test_the_packaged_build_is_described() -> None:
    info = build_info()
    assert (info["external"], info["folder"]) == (False, str(packaged_folder()))
    assert re.match(r"[0-9a-f]{7}", info["commit"])
    assert (
        info["libraries"]["libllama.so"] == hashlib.sha256((packaged_folder() / "libllama.so").read_bytes()).hexdigest()
    )
    assert {name.split(".")[0] for name in info["libraries"]} >= {"libllama", "libggml", "libggml-base", "libggml-cpu"}
    assert "CPU" in info["system_info"]


def test_every_loaded_library_is_listed() -> None:
    assert {path.parent for path in loaded_libraries()} == {packaged_folder()}


def test_what_was_chosen_is_not_passed_on_to_other_processes(external: Path) -> None:
    code = (
        f"import os\nllama_build.use_external_build(Path({str(external)!r}))\nprint('LLAMA_CPP_LIB_PATH' in os.environ)"
    )
    assert in_new_process(code).stdout.strip() == "False"


def test_a_build_that_nothing_has_checked_is_refused(external: Path) -> None:
    result = in_new_process("devices.devices()", LLAMA_CPP_LIB_PATH=str(external))
    assert f"LLAMA_CPP_LIB_PATH led to the llama.cpp in {external}, which nothing has checked" in result.stderr


def test_parts_of_two_builds_are_refused(external: Path) -> None:
    code = f"llama_build.use_external_build(Path({str(external)!r}))\nimport llama_cpp._ggml\ndevices.devices()"
    result = in_new_process(code)
    assert f"two builds of llama.cpp are loaded: libllama from {external}, but libggml" in result.stderr


def test_a_folder_without_the_libraries_is_refused(tmp_path: Path) -> None:
    code = f"llama_build.use_external_build(Path({str(tmp_path)!r}))"
    result = in_new_process(code)
    assert f"{tmp_path}: has no libllama and no libggml as a shared library" in result.stderr
    assert "-DBUILD_SHARED_LIBS=ON" in result.stderr


def test_a_build_cannot_be_exchanged_for_another(external: Path) -> None:
    with pytest.raises(RuntimeError, match="before llama_cpp is imported"):
        use_external_build(external)


def test_naming_the_loaded_build_again_does_nothing() -> None:
    use_external_build(packaged_folder())
    assert build_info()["external"] is False


def test_a_build_with_the_declared_functions_and_structures_fits(tmp_path: Path) -> None:
    require_fit(stub(tmp_path / "same", RETURNED))


def test_a_build_without_a_declared_function_is_refused_with_both_versions(tmp_path: Path) -> None:
    folder = stub(tmp_path / "older", RETURNED, absent="llama_sampler_chain_add")
    with pytest.raises(MedevalError) as refusal:
        require_fit(folder)
    message = str(refusal.value)
    assert "undefined symbol: llama_sampler_chain_add" in message
    assert "libllama 9.8.7, ggml 0.1.2, commit abcdef0" in message
    own = build_info()
    assert f"libllama {own['llama_version']}, ggml {own['ggml_version']}, commit {own['commit']}" in message
    assert f"Build llama.cpp at commit {own['commit'].removesuffix('-dirty')} " in refusal.value.remedy


@pytest.mark.parametrize("function", RETURNED)
def test_a_structure_with_a_field_inserted_is_refused(tmp_path: Path, function: str) -> None:
    data = RETURNED[function]
    changed = data[:8] + b"\x01\x02\x03\x04\x05\x06\x07\x08" + data[8:-8]
    with pytest.raises(MedevalError, match="does not fit llama-cpp-python"):
        require_fit(stub(tmp_path / "inserted", RETURNED | {function: changed}))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="structures are measured on x86-64 alone")
@pytest.mark.parametrize("function", RETURNED)
def test_a_structure_with_a_field_appended_is_refused_though_its_default_is_zero(tmp_path: Path, function: str) -> None:
    data = RETURNED[function]
    with pytest.raises(MedevalError, match=rf"has {len(data) + 8} bytes instead of {len(data)}"):
        require_fit(stub(tmp_path / "appended", RETURNED | {function: data + bytes(8)}))


def test_where_structures_cannot_be_measured_another_commit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medeval.responses.engines.llama_abi._can_measure", lambda: False)
    with pytest.raises(MedevalError, match="the commits differ"):
        require_fit(stub(tmp_path / "same", RETURNED))
    monkeypatch.setitem(STATED, "ggml_commit", build_info()["commit"][:7] + "00")
    require_fit(stub(tmp_path / "longer_hash_of_same_commit", RETURNED))


def test_a_build_that_crashes_is_refused(tmp_path: Path) -> None:
    remaining = {name: data for name, data in RETURNED.items() if name != "llama_batch_init"}
    with pytest.raises(MedevalError, match="the process that loaded it ended with -6"):
        require_fit(stub(tmp_path / "crashing", remaining, body="abort();"))
