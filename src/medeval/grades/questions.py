"""What a judge is asked: one criterion of a reply, or all criteria of it at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medeval.responses.prompts.render import template, template_sha256

# How often a judge is called -> the template of its prompts.
TEMPLATES = {"criterion": "judge", "conversation": "judge_conversation"}


@dataclass(frozen=True)
class JudgeQuestion:
    """A judging prompt.

    Attributes:
        text: The whole prompt.
        shared: Its beginning up to the criterion, which all criteria of a conversation have in common.
        criteria: How many numbered criteria it asks about at once; None for one criterion without a number.
    """

    text: str
    shared: str
    criteria: int | None = None


def prompt_sha256(mode: str) -> str:
    """Return the SHA-256 of the template behind a mode's prompts."""
    return template_sha256(TEMPLATES[mode])


def one_criterion(messages: Sequence[Mapping[str, str]], reply: str, rubric: Mapping[str, Any]) -> JudgeQuestion:
    """Ask about one criterion, which stands last so that what precedes it is read once per conversation."""
    points = _points(rubric)
    text = template(TEMPLATES["criterion"]).render(
        messages=messages, reply=reply, criterion=rubric["criterion"], points=points
    )
    return JudgeQuestion(text, shared=text[: text.rindex(f"[{points}] {rubric['criterion']}")])


def all_criteria(
    messages: Sequence[Mapping[str, str]], reply: str, rubrics: Sequence[Mapping[str, Any]]
) -> JudgeQuestion:
    """Ask about all criteria of a conversation at once."""
    criteria = [{"points": _points(rubric), "text": rubric["criterion"]} for rubric in rubrics]
    text = template(TEMPLATES["conversation"]).render(messages=messages, reply=reply, criteria=criteria)
    return JudgeQuestion(text, shared="", criteria=len(rubrics))


def _points(rubric: Mapping[str, Any]) -> str:
    return f"{rubric['points']:g}"
