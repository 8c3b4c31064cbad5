"""Responses to grades: a judge decides every rubric criterion of every conversation."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medeval import tables
from medeval.errors import MedevalError
from medeval.files import sha256_file, sha256_text
from medeval.healthbench.judge import Judge, Question
from medeval.journal import Journal
from medeval.progress import Tracker
from medeval.prompts.render import template, template_sha256

log = logging.getLogger(__name__)

# Beyond this share of missing verdicts a HealthBench score is not to be used.
_LARGEST_ERROR_SHARE = 0.005


def grade(conversations_path: Path, responses_path: Path, out: Path, judge: Judge, *, command: str) -> dict[str, int]:
    """Ask the judge about every criterion and write the grades.

    Verdicts are kept in a journal as they arrive, so an interrupted call asks nothing twice. A
    verdict that cannot be read or obtained is missing (`met` null), never "not met". One that could
    not be obtained is asked for again by the next call; more than a few of them stop this one.

    Returns:
        Number of grades by status.

    Raises:
        MedevalError: A table is unusable, a conversation has no response, or the judge could not be
            reached for more than `_LARGEST_ERROR_SHARE` of the criteria.
    """
    calls = list(_calls(conversations_path, responses_path))
    identity = {
        "judge": judge.name,
        "template": template_sha256("judge"),
        "conversations": sha256_file(conversations_path),
        "responses": sha256_file(responses_path),
    }
    run_id = sha256_text(json.dumps(identity, sort_keys=True))[:16]
    with Journal(out.with_name(out.name + ".journal"), run_id) as journal:
        failed = _ask(judge, calls, journal)
        if len(failed) > _LARGEST_ERROR_SHARE * len(calls):
            raise MedevalError(
                f"{len(failed)} of {len(calls)} verdicts could not be obtained from {judge.name}; "
                f"the first: {next(iter(failed.values()))['explanation']}",
                "See that the judge answers, then run the same command again: it asks for the missing ones only.",
            )
        rows = [_grade_row(row, journal.get(_key(row)) or failed.get(_key(row)), judge.name) for row, _ in calls]
        tables.write(
            out,
            tables.build(tables.GRADES, rows),
            tables.GRADES,
            command=command,
            inputs={"conversations": conversations_path, "responses": responses_path},
        )
        journal.remove()
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    return counts


def _calls(conversations_path: Path, responses_path: Path) -> Iterator[tuple[dict[str, Any], Question | None]]:
    """Yield a grade row and its judging prompt for every criterion; the prompt is None without a reply."""
    conversations = tables.read(conversations_path, tables.CONVERSATIONS).to_pylist()
    responses: dict[str, list[dict[str, Any]]] = {}
    for response in tables.read(responses_path, tables.RESPONSES).to_pylist():
        responses.setdefault(response["item_id"], []).append(response)
    for conversation in conversations:
        if conversation["item_id"] not in responses:
            raise MedevalError(
                f"{responses_path}: no response to conversation {conversation['item_id']}",
                "Evaluate the conversations that are to be graded.",
            )
        for response in responses[conversation["item_id"]]:
            for index, rubric in enumerate(conversation["rubrics"]):
                yield _row(conversation, response, index, rubric), _prompt(conversation, response, rubric)


def _row(conversation: dict[str, Any], response: dict[str, Any], index: int, rubric: dict[str, Any]) -> dict[str, Any]:
    return {
        **{key: response[key] for key in ("model", "variant", "target", "benchmark", "item_id", "sample")},
        **{key: conversation[key] for key in ("subset", "example_tags", "stratum")},
        "criterion_index": index,
        "points": rubric["points"],
        "tags": rubric["tags"],
    }


def _prompt(conversation: dict[str, Any], response: dict[str, Any], rubric: dict[str, Any]) -> Question | None:
    if response["text"] is None:
        return None
    points = f"{rubric['points']:g}"
    text = template("judge").render(
        messages=conversation["messages"], reply=response["text"], criterion=rubric["criterion"], points=points
    )
    return Question(text, shared=text[: text.rindex(f"[{points}] {rubric['criterion']}")])


def _ask(
    judge: Judge, calls: list[tuple[dict[str, Any], Question | None]], journal: Journal
) -> dict[str, dict[str, Any]]:
    """Ask about what the journal lacks; return the verdicts that could not be obtained, by key."""
    failed = {}
    todo = [(row, prompt) for row, prompt in calls if prompt is not None and journal.get(_key(row)) is None]
    with Tracker("judging", len(calls), len(calls) - len(todo)) as tracker:
        for index, verdict in judge.decide([prompt for _, prompt in todo]):
            key, value = _key(todo[index][0]), vars(verdict)
            if verdict.status == "error":
                failed[key] = value
            else:
                journal.add(key, value)
            tracker.advance()
    return failed


def _key(row: dict[str, Any]) -> str:
    return f"{row['subset']}/{row['item_id']}/{row['sample']}/{row['criterion_index']}"


def _grade_row(row: dict[str, Any], value: dict[str, Any] | None, judge_name: str) -> dict[str, Any]:
    missing = {"met": None, "explanation": "there is no reply to judge", "status": "error"}
    return {**row, "judge": judge_name, "judge_prompt_sha256": template_sha256("judge"), **(value or missing)}
