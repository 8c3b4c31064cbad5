"""Rendering of the prompt templates, and their hashes for the record."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from medeval.records.files import sha256_text

TEMPLATES = Path(__file__).parent / "templates"
LABELS = "ABCDEFGHIJ"
LETTERED = ("generate", "letter")  # the templates that show options behind their letters


@cache
def template(name: str) -> Template:
    """Load `templates/NAME.jinja`; a variable that a template needs and is not given is an error."""
    environment = Environment(  # noqa: S701 - prompts are plain text, in which nothing is to be escaped
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    environment.globals["labels"] = LABELS
    return environment.get_template(f"{name}.jinja")


def template_sha256(name: str) -> str:
    """Return the SHA-256 of a template file's text, for the record of how prompts were built."""
    return sha256_text((TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8"))


def render_question(name: str, item: Mapping[str, Any]) -> str:
    """Render a multiple-choice item with template NAME; option i gets the i-th label from A to J."""
    return template(name).render(
        question=item["question"].strip(),
        context=(item.get("context") or "").strip(),
        options=[option.strip() for option in item["options"]],
    )
