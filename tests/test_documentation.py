"""The documents say what the software does: commands run, links lead somewhere, generated files are current."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.config.documentation import documentation

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Needs an hour, a hub or a cluster; the workflow tests run these stages on small data.
NOT_RUN_HERE = re.compile(r"^make |/snakemake (?!-n)|lm_eval run|hf auth|medeval track|--workflow-profile")


def commands(page: Path) -> list[str]:
    """Return the commands of a page's shell blocks, continued lines joined and comments removed."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [" ".join(shlex.split(line, comments=True, posix=False)) for line in lines if line.strip()]


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for page in PAGES for word in re.findall(r"^make ([a-z-]+)", page.read_text(), re.MULTILINE)}
    assert named
    assert named <= targets


def runnable() -> list[str]:
    found = [command for page in PAGES for command in commands(page)]
    return [command for command in found if not NOT_RUN_HERE.search(command)]


def test_there_are_commands_to_check() -> None:
    assert len(runnable()) >= 2


@pytest.mark.parametrize("command", runnable())
def test_a_documented_command_runs(command: str) -> None:
    result = subprocess.run(  # noqa: S602 - our own documents
        command.replace(".venv/bin/", f"{Path(sys.executable).parent}/"),
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_that_documents_name_exist(page: Path) -> None:
    named = re.findall(r"`((?:src|config|workflow|docs|tests)/[\w./-]+)`", page.read_text(encoding="utf-8"))
    invented = [name for name in named if "NAME" not in name and not (ROOT / name).exists()]
    assert invented == []


def test_generated_schema_and_page_are_current() -> None:
    for path, text in documentation().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"run `medeval schema`: {path} is out of date"


def test_every_command_explains_itself_with_an_example() -> None:
    for name, command in main.commands.items():
        result = CliRunner().invoke(main, [name, "--help"])
        assert result.exit_code == 0
        assert f"Example: medeval {name}" in " ".join(result.output.split()), name
        assert command.help


def test_the_command_line_starts_quickly_because_heavy_packages_wait() -> None:
    code = (
        "import sys, medeval.cli.app; print([m for m in ('scipy', 'pandas', 'datasets', 'mlflow') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
