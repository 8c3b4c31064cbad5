"""Responses to grades: a judge decides every rubric criterion of every conversation."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.grades.judge import Grade, Grades, Judge
from medeval.grades.questions import JudgeQuestion, all_criteria, one_criterion, prompt_sha256
from medeval.grades.scoring import LARGEST_MISSING_SHARE
from medeval.records import tables
from medeval.records.files import refuse_to_replace, sha256_file, sha256_text
from medeval.records.journal import Journal
from medeval.records.progress import Tracker
from medeval.records.system import SYSTEM

_NO_REPLY = Grade(None, "there is no reply to judge", "error")
_AGAIN = "See that the judge answers, then run the same command again: it asks for the missing ones only."


@dataclass(frozen=True)
class Call:
    """What is asked of a judge at once.

    Attributes:
        key: Names the call in the journal.
        rows: The rows of grades that it decides, without grade and judge.
        question: The prompt; None when there is no reply to judge.
    """

    key: str
    rows: tuple[dict[str, Any], ...]
    question: JudgeQuestion | None


def grade(conversations_path: Path, responses_path: Path, out: Path, judge: Judge, *, command: str) -> dict[str, int]:
    """Ask the judge about every criterion and write the grades.

    Grades are kept in a journal (`out` + `.journal`), which stays: nothing is asked twice, whatever else changes. A
    grade that cannot be read or obtained is missing (`met` null), never "not met". One that could
    not be obtained is asked for again by the next call; more than a few of them stop this one.

    Returns:
        Number of grades by status.

    Raises:
        MedevalError: A table is unusable, a conversation has no response, or the judge could not be
            reached for more than `LARGEST_MISSING_SHARE` of the criteria. Grades that had come are kept.
    """
    refuse_to_replace(out, [conversations_path, responses_path])
    calls = list(calls_of(conversations_path, responses_path, judge.mode))
    identity = {
        "judge": judge.name,
        "template": prompt_sha256(judge.mode),
        "conversations": sha256_file(conversations_path),
        "responses": sha256_file(responses_path),
    }
    run_id = sha256_text(json.dumps(identity, sort_keys=True))[:16]
    with Journal(
        out.with_name(f"{out.name}.journal"), identity, run_id, earlier=out.with_name(f"{out.name}.{run_id}.journal")
    ) as journal:
        failed = _ask(judge, calls, journal)
        rows = [row for call in calls for row in _grades(call, journal, failed, judge)]
        tables.write(
            out,
            tables.build(tables.GRADES, rows),
            tables.GRADES,
            command=command,
            inputs={"conversations": conversations_path, "responses": responses_path},
        )
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    return counts


def calls_of(conversations_path: Path, responses_path: Path, mode: str) -> Iterator[Call]:
    """Yield every call that a grading takes, a conversation's one after the other.

    Raises:
        MedevalError: A table is unusable, or a conversation has no response.
    """
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
            yield from _calls(conversation, response, mode)


def _calls(conversation: Mapping[str, Any], response: Mapping[str, Any], mode: str) -> Iterator[Call]:
    rubrics, messages, reply = conversation["rubrics"], conversation["messages"], response["text"]
    rows = [_row(conversation, response, index, rubric) for index, rubric in enumerate(rubrics)]
    names = (
        *(response[name] for name in SYSTEM),
        conversation["subset"],
        conversation["item_id"],
    )
    key = "/".join(map(str, (*names, response["sample"])))
    if mode == "conversation":
        yield Call(key, tuple(rows), None if reply is None else all_criteria(messages, reply, rubrics))
        return
    for index, rubric in enumerate(rubrics):
        question = None if reply is None else one_criterion(messages, reply, rubric)
        yield Call(f"{key}/{index}", (rows[index],), question)


def _row(
    conversation: Mapping[str, Any], response: Mapping[str, Any], index: int, rubric: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        **{key: response[key] for key in (*SYSTEM, "benchmark", "item_id", "sample")},
        **{key: conversation[key] for key in ("subset", "example_tags", "stratum")},
        "criterion_index": index,
        "points": rubric["points"],
        "tags": rubric["tags"],
    }


def _ask(judge: Judge, calls: Sequence[Call], journal: Journal) -> dict[str, Grades]:
    """Ask about what the journal lacks; return the grades that could not be obtained, by call.

    Raises:
        MedevalError: The judge answers no more, or too many grades could not be obtained.
    """
    failed: dict[str, Grades] = {}
    todo = [(call, call.question) for call in calls if call.question and _kept(judge, call, journal) is None]
    with Tracker("judging", len(calls), len(calls) - len(todo)) as tracker:
        try:
            with closing(judge.decide_all([question for _, question in todo])) as decided:  # type: ignore[type-var]
                for index, grades in decided:
                    call, question = todo[index]
                    if any(grade.status == "error" for grade in grades):
                        failed[call.key] = grades
                    else:
                        # The key of the journals on disk, whose grades were paid for.
                        journal.add(grade_key(judge, question), {"verdicts": [asdict(grade) for grade in grades]})
                    tracker.advance()
        except MedevalError as error:
            raise _stopped(judge, calls, journal, error.problem, error.remedy) from error
    if sum(map(len, failed.values())) > LARGEST_MISSING_SHARE * sum(len(call.rows) for call in calls):
        first = next(iter(failed.values()))[0].explanation
        raise _stopped(judge, calls, journal, f"{len(failed)} calls brought none; the first: {first}", _AGAIN)
    return failed


def grade_key(judge: Judge, question: JudgeQuestion, sample: int = 0) -> str:
    """Return the hash of everything that can change a grade: the judge with its settings, and what it is asked."""
    return sha256_text(json.dumps([judge.name, question.text, question.criteria, sample]))


def _kept(judge: Judge, call: Call, journal: Journal) -> dict[str, Any] | None:
    """Return a call's grades, by what it asks, or as journals named them before."""
    by_content = journal.get(grade_key(judge, call.question)) if call.question else None
    return by_content or journal.get(call.key)


def _stopped(judge: Judge, calls: Sequence[Call], journal: Journal, problem: str, remedy: str) -> MedevalError:
    wanted = sum(len(call.rows) for call in calls if call.question)
    missing = sum(len(call.rows) for call in calls if call.question and _kept(judge, call, journal) is None)
    return MedevalError(
        f"{missing:,} of {wanted:,} grades are missing, the other {wanted - missing:,} are kept in {journal.path}; "
        f"{judge.name}: {problem}",
        remedy if remedy == _AGAIN else f"{remedy} The same command asks for the missing grades only.",
    )


def _grades(call: Call, journal: Journal, failed: Mapping[str, Grades], judge: Judge) -> Iterator[dict[str, Any]]:
    if call.question is None:
        grades: Grades = (_NO_REPLY,) * len(call.rows)
    elif (kept := _kept(judge, call, journal)) is not None:
        grades = tuple(Grade(**grade) for grade in kept["verdicts"])
    else:
        grades = failed[call.key]
    for row, grade in zip(call.rows, grades, strict=True):
        yield {
            **row,
            "judge": judge.name,
            "judge_prompt_sha256": prompt_sha256(judge.mode),
            **asdict(grade),
        }
