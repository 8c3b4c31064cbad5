"""The set-up says what is missing and how to install it, before it downloads anything."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "dirname", "uname", "cat", "git", "cc", "c++", "cmake", "python3", "apt-get", "awk", "sed", "env")


def run_with(tools: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script in a copy of the project's root where only these programs exist."""
    binaries, root = folder / "bin", folder / "root"
    binaries.mkdir()
    for tool in tools:
        # The Python that runs this test, since the one on the path may be a shell script of a version manager.
        if path := sys.executable if tool == "python3" else shutil.which(tool):
            (binaries / tool).symlink_to(Path(path).resolve())
    (root / "workflow/scripts").mkdir(parents=True)
    shutil.copy(ROOT / "workflow/scripts/setup.sh", root / "workflow/scripts/setup.sh")
    return subprocess.run(
        [str(binaries / "sh"), str(root / "workflow/scripts/setup.sh")],
        env={"PATH": str(binaries)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("absent", "named"), [("cmake", "cmake"), ("cc", "C-compiler"), ("c++", "C++-compiler"), ("git", "git")]
)
def test_a_missing_tool_is_named_with_the_install_line(tmp_path: Path, absent: str, named: str) -> None:
    result = run_with([tool for tool in TOOLS if tool != absent], tmp_path)
    assert result.returncode != 0
    assert f"missing: {named}" in result.stderr
    assert "-> Install with:" in result.stderr
    assert not (tmp_path / "root/.venv").exists()


def test_several_missing_tools_are_named_at_once(tmp_path: Path) -> None:
    result = run_with([tool for tool in TOOLS if tool not in ("cmake", "python3")], tmp_path)
    assert "missing: Python>=3.11 cmake" in result.stderr
