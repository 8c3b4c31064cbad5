"""The prompts and continuations of the lm-eval tasks."""

from typing import Any

from medeval.responses.prompts.render import LABELS, render_question


def generate(doc: dict[str, Any]) -> str:
    """Ask for a reasoned reply that ends in `Answer: X`."""
    return render_question("generate", doc)


def letter(doc: dict[str, Any]) -> str:
    """List the options and ask for a letter."""
    return render_question("letter", doc)


def cloze(doc: dict[str, Any]) -> str:
    """Ask the question without its options."""
    return render_question("cloze", doc)


def choices_only(doc: dict[str, Any]) -> str:
    """Ask nothing: what the options alone give away."""
    return render_question("choices_only", doc)


def letters(doc: dict[str, Any]) -> list[str]:
    """Return the labels of the options."""
    return list(LABELS[: len(doc["options"])])


def option_texts(doc: dict[str, Any]) -> list[str]:
    """Return the texts of the options."""
    return [option.strip() for option in doc["options"]]
