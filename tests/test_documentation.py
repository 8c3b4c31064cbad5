"""The documents say what the software does: links lead somewhere, generated files are current."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.cli.documentation import documentation

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for page in PAGES for word in re.findall(r"^make ([a-z-]+)", page.read_text(), re.MULTILINE)}
    assert named
    assert named <= targets


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


def test_reading_the_workflow_waits_for_no_heavy_package() -> None:
    # Every job reads the Snakefile again.
    files = [ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]
    imports = [
        line for file in files for line in re.findall(r"^(?:from|import) medeval.*", file.read_text(), re.MULTILINE)
    ]
    assert len(imports) >= 3
    code = "\n".join([*imports, "import sys; print([m for m in ('scipy', 'pandas', 'mlflow') if m in sys.modules])"])
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
