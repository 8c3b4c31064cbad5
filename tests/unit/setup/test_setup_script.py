"""The set-up says what is missing before it downloads anything, and never hands one target the build of another."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOLS = """sh dirname uname cat git cc c++ cmake python3 apt-get awk sed env tr xargs grep id mkdir rm mktemp mv cut
    find sort sha256sum tail tee date ln printf chmod"""
CUDA = {"CUDA_HOME": "/nowhere"}
LLAMA = "llama-cpp-python==1.2.3"
COMMON = "-DLLAVA_BUILD=OFF;-DCMAKE_C_FLAGS=-U__AMX_INT8__;-DCMAKE_CXX_FLAGS=-U__AMX_INT8__"

# Knows all headers and libraries but ABSENT, and says which release the Vulkan headers are of.
COMPILER = """
case "$*" in
    *-lvulkan*) [ "${ABSENT:-}" != -lvulkan ] ;;
    *) read -r include; [ -z "${ABSENT:-}" ] || [ "$include" != "#include <$ABSENT>" ] && echo "${RELEASE:-300}" ;;
esac"""
# Notes what it is asked, makes environments, and has nothing in its cache.
UV = """
echo "$* CMAKE_ARGS=${CMAKE_ARGS:-} Vulkan_ROOT=${Vulkan_ROOT:-}" >> "$LOG"
for last; do :; done
case "$*" in
    venv*) mkdir -p "$last/bin"; ln -s "$(command -v python3)" "$last/bin/python"
           printf '#!/bin/sh\\n' > "$last/bin/medeval"; chmod +x "$last/bin/medeval" ;;
    "pip freeze"*) if [ -f "$LOG.installed" ]; then cat "$LOG.installed"; fi ;;
    "pip install"*--offline*) exit 1 ;;
    "pip install"*llama*) echo VERSION > "$LOG.installed" ;;
esac""".replace("VERSION", LLAMA)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of what the script reads, beside a folder `bin` with the only programs that exist."""
    root, binaries = tmp_path / "root", tmp_path / "bin"
    binaries.mkdir()
    for tool in TOOLS.split():
        # The Python that runs this test, since the one on the path may be a shell script of a version manager.
        if path := sys.executable if tool == "python3" else shutil.which(tool):
            (binaries / tool).symlink_to(Path(path).resolve())
    shutil.copytree(ROOT / "workflow/scripts", root / "workflow/scripts")
    (root / "requirements.lock").write_text(f"{LLAMA} \\\n    --hash=sha256:{'0' * 64}\nother==1\n")
    return root


def program(root: Path, name: str, text: str) -> None:
    """Put a shell script in the place of a program."""
    path = root.parent / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def vulkan_machine(root: Path) -> None:
    program(root, "uname", "echo Linux")
    program(root, "c++", COMPILER)
    program(root, "glslc", "")


def run(root: Path, *arguments: str, script: str = "setup.sh", **environment: str) -> subprocess.CompletedProcess[str]:
    binaries = root.parent / "bin"
    return subprocess.run(
        [str(binaries / "sh"), str(root / "workflow/scripts" / script), *arguments],
        env={"PATH": str(binaries), "LOG": str(root / "uv.log"), **CUDA, **environment},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def asked_of_uv(root: Path, *words: str) -> list[str]:
    """Return the calls of uv that have these words."""
    log = root / "uv.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [line for line in lines if all(word in line for word in words)]


@pytest.mark.parametrize(
    ("absent", "named"), [("cmake", "cmake"), ("cc", "C-compiler"), ("c++", "C++-compiler"), ("git", "git")]
)
def test_a_missing_tool_is_named_with_the_install_line(root: Path, absent: str, named: str) -> None:
    (root.parent / "bin" / absent).unlink()
    result = run(root)
    assert result.returncode != 0
    assert f"missing: {named}" in result.stderr
    assert "-> Install with:" in result.stderr
    assert not (root / ".venv").exists()


def test_several_missing_tools_are_named_at_once(root: Path) -> None:
    for tool in ("cmake", "python3"):
        (root.parent / "bin" / tool).unlink()
    assert "missing: Python>=3.11 cmake" in run(root).stderr


@pytest.mark.parametrize(
    ("absent", "named"),
    [
        ("vulkan/vulkan.hpp", "Vulkan-headers"),
        ("-lvulkan", "Vulkan-loader"),
        ("spirv/unified1/spirv.hpp", "SPIRV-headers"),
    ],
)
def test_what_vulkan_needs_is_named_before_anything_is_fetched(root: Path, absent: str, named: str) -> None:
    vulkan_machine(root)
    program(root, "uv", UV)
    result = run(root, "vulkan", ABSENT=absent)
    assert result.returncode != 0
    assert f"missing: {named} \n" in result.stderr
    assert asked_of_uv(root) == []


def test_vulkan_asks_for_its_shader_compiler(root: Path) -> None:
    vulkan_machine(root)
    (root.parent / "bin/glslc").unlink()
    program(root, "apt-get", "")
    result = run(root, "vulkan")
    assert "missing: glslc" in result.stderr
    assert "libvulkan-dev glslc spirv-headers mesa-vulkan-drivers" in result.stderr


def test_cuda_asks_for_its_compiler(root: Path) -> None:
    program(root, "uname", "echo Linux")
    result = run(root, "cuda")
    assert result.returncode != 0
    assert "missing: nvcc(CUDA-toolkit)" in result.stderr


@pytest.mark.parametrize(
    ("target", "system", "remedy"),
    [("metal", "Linux", "make setup-vulkan"), ("cuda", "Darwin", "make setup-metal"), ("vulkan", "Darwin", "metal")],
)
def test_a_target_that_the_system_cannot_have_is_refused(root: Path, target: str, system: str, remedy: str) -> None:
    program(root, "uname", f"echo {system}")
    result = run(root, target)
    assert result.returncode != 0
    assert f"target {target} " in result.stderr
    assert remedy in result.stderr


def test_an_unknown_target_is_refused_with_the_known_ones(root: Path) -> None:
    result = run(root, "rocm")
    assert result.returncode != 0
    assert "cpu, vulkan, metal, cuda" in result.stderr


@pytest.mark.parametrize(
    ("target", "environment", "settings"),
    [
        ("cpu", ".venv", COMMON),
        ("vulkan", ".venv-vulkan", f"{COMMON};-DGGML_VULKAN=ON"),
        ("cuda", ".venv-cuda", f"{COMMON};-DGGML_CUDA=ON"),
    ],
)
def test_each_target_is_compiled_by_settings_that_uv_tells_apart(
    root: Path, target: str, environment: str, settings: str
) -> None:
    vulkan_machine(root)
    program(root, "nvcc", "")
    program(root, "uv", UV)
    result = run(root, target)
    assert result.returncode == 0, result.stderr
    [compilation] = asked_of_uv(root, "pip install", "llama", " -v ")
    assert f" --config-settings-package llama-cpp-python:cmake.args={settings} " in compilation
    assert f"--python {environment}/bin/python" in compilation
    assert "--require-hashes" in compilation


def test_options_of_the_user_reach_the_compiler_through_the_settings_alone(root: Path) -> None:
    program(root, "uv", UV)
    assert run(root, CMAKE_ARGS="-DGGML_NATIVE=OFF  -DGGML_OPENMP=OFF").returncode == 0
    [compilation] = asked_of_uv(root, " -v ")
    assert f"cmake.args={COMMON};-DGGML_NATIVE=OFF;-DGGML_OPENMP=OFF " in compilation
    assert "CMAKE_ARGS= " in compilation


def test_a_second_run_compiles_nothing_and_other_options_compile_again(root: Path) -> None:
    program(root, "uv", UV)
    for _ in range(2):
        assert run(root).returncode == 0
        assert len(asked_of_uv(root, " -v ")) == 1
    assert run(root, CMAKE_ARGS="-DGGML_NATIVE=OFF").returncode == 0
    assert len(asked_of_uv(root, " -v ")) == 2
    assert len(asked_of_uv(root, "pip uninstall", "llama-cpp-python")) == 1


def test_what_uv_has_kept_is_not_compiled_again(root: Path) -> None:
    program(root, "uv", UV.replace("exit 1", "echo kept"))
    result = run(root)
    assert result.returncode == 0
    assert asked_of_uv(root, "--offline", "--no-build-isolation")
    assert asked_of_uv(root, " -v ") == []
    assert "compiling" not in result.stderr


def test_an_environment_that_exists_can_be_filled_and_keeps_its_packages(root: Path) -> None:
    program(root, "uv", UV)
    folder = root.parent / "conda"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(sys.executable)
    (folder / "bin/medeval").write_text("#!/bin/sh\n")
    (folder / "bin/medeval").chmod(0o755)
    result = run(root, "cpu", str(folder))
    assert result.returncode == 0, result.stderr
    assert asked_of_uv(root, "pip install", "-r requirements.lock", str(folder))
    assert asked_of_uv(root, "pip sync") == asked_of_uv(root, "venv") == []


def test_newer_vulkan_headers_can_be_named(root: Path) -> None:
    vulkan_machine(root)
    program(root, "uv", UV)
    headers = root.parent / "Vulkan-Headers"
    (headers / "include/vulkan").mkdir(parents=True)
    (headers / "include/vulkan/vulkan.hpp").touch()
    result = run(root, "vulkan", VULKAN_HEADERS=str(headers), ABSENT="vulkan/vulkan.hpp")
    assert result.returncode == 0, result.stderr
    assert asked_of_uv(root, " -v ", f"Vulkan_ROOT={headers}")
    result = run(root, "vulkan", VULKAN_HEADERS=str(headers), RELEASE="271")
    assert result.returncode != 0
    assert f"VULKAN_HEADERS={headers}" in result.stderr


def fetched_headers(root: Path, text: str) -> None:
    """Let both ways of fetching headers succeed with one header of this text."""
    place = f'mkdir -p "$1/include"; echo "{text}" > "$1/include/vulkan.hpp"'
    release = 'release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")'
    program(root, "apt-get", f'case "$*" in indextargets*) {release}; echo "mirror $release main" ;; esac')
    program(root, "dpkg-deb", f'for last; do :; done; set -- "$last/usr"; {place}')
    program(root, "git", f'for last; do :; done; set -- "$last"; {place}')


def test_headers_other_than_those_whose_hash_is_known_are_refused(root: Path) -> None:
    fetched_headers(root, "something else")
    result = run(root, "headers", script="vulkan-headers.sh")
    assert result.returncode != 0
    assert "could not be fetched, or are not those whose SHA-256 is known" in result.stderr
    assert "make setup-vulkan VULKAN_HEADERS=" in result.stderr
    assert not (root / "headers").exists()


def test_headers_whose_hash_is_known_are_kept_and_fetched_once(root: Path) -> None:
    fetched_headers(root, "known")
    (root / "include").mkdir()
    (root / "include/vulkan.hpp").write_text("known\n")
    listing = 'find include -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d " " -f 1'
    known = subprocess.run(listing, shell=True, cwd=root, capture_output=True, text=True, check=True)  # noqa: S602
    script = root / "workflow/scripts/vulkan-headers.sh"
    text = script.read_text()
    before = next(line for line in text.splitlines() if line.startswith("sha256="))
    script.write_text(text.replace(before, f"sha256={known.stdout.strip()}"))
    assert run(root, "headers", script="vulkan-headers.sh").returncode == 0
    assert (root / "headers/include/vulkan.hpp").read_text() == "known\n"
    fetched_headers(root, "something else")
    assert run(root, "headers", script="vulkan-headers.sh").returncode == 0


def test_headers_that_are_too_old_and_cannot_be_replaced_stop_the_set_up(root: Path) -> None:
    vulkan_machine(root)
    program(root, "uv", UV)
    program(root, "apt-get", "exit 1")
    program(root, "git", "exit 1")
    result = run(root, "vulkan", RELEASE="239")
    assert result.returncode != 0
    assert "this system's are of 239" in result.stderr
    assert asked_of_uv(root) == []


def test_every_target_of_make_reaches_the_script(root: Path) -> None:
    make = shutil.which("make")
    assert make is not None
    for name, target in [("", "cpu"), ("-vulkan", "vulkan"), ("-metal", "metal"), ("-cuda", "cuda")]:
        plan = subprocess.run(
            [make, "--dry-run", "--always-make", f"setup{name}"],
            cwd=ROOT,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"workflow/scripts/setup.sh {target}" in plan.stdout
        assert f"touch .venv{name}/.complete" in plan.stdout
