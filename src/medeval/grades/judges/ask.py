"""A judge is asked about meta-evaluation rows; an interrupted call continues."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.grades.grade import grade_key
from medeval.grades.judge import Judge
from medeval.grades.judges.meta_grades import ERROR, write_meta_grades
from medeval.grades.judges.rows import MetaRows
from medeval.grades.questions import JudgeQuestion
from medeval.records.files import sha256_file, sha256_text
from medeval.records.journal import Journal
from medeval.records.progress import Tracker
from medeval.responses.prompts.render import template, template_sha256

TEMPLATE = "judge_without_points"  # the meta-evaluation does not tell the points of a criterion
LARGEST_ERROR_SHARE = 0.005


@dataclass(frozen=True)
class _Ask:
    key: str
    item_id: str
    sample: int
    question: JudgeQuestion


def question(row: Mapping[str, Any]) -> JudgeQuestion:
    """Render the judging prompt of one row; it tells the criterion and not its points, as the rows do not."""
    text = template(TEMPLATE).render(messages=row["messages"], reply=row["completion"], criterion=row["criterion"])
    return JudgeQuestion(text, shared=text[: text.rindex(row["criterion"])])


def questions_left(rows: MetaRows, judge: Judge, out: Path, samples: int) -> list[JudgeQuestion]:
    """Return what `ask` would ask now, in its order; nothing is asked."""
    with _journal(out, rows, judge) as journal:
        return [one.question for one in _asks(rows, samples) if _kept(judge, one, journal) is None]


def ask(rows: MetaRows, judge: Judge, out: Path, *, samples: int = 1, command: str) -> None:
    """Ask the judge about every row and write the grades.

    Grades are kept in a journal as they arrive; the next call asks for what is missing. What could not be obtained
    is a row of status `error`, and too many of them stop this call.

    Args:
        rows: The rows.
        judge: The judge.
        out: Table of grades to write.
        samples: How often each row is judged.
        command: The command line, for the record.

    Raises:
        MedevalError: The judge decides whole conversations, or could not be reached for over 0.5 % of the questions.
    """
    if judge.mode != "criterion":
        raise MedevalError(
            f"{judge.name}: decides all criteria of a conversation at once, but the meta-evaluation asks one by one",
            "Audit the judge with mode criterion, and grade with that mode.",
        )
    asks = _asks(rows, samples)
    with _journal(out, rows, judge) as journal:
        failed = _decide(judge, asks, journal)
        if len(failed) > LARGEST_ERROR_SHARE * len(asks):
            raise MedevalError(
                f"{len(failed)} of {len(asks)} grades could not be obtained from {judge.name}; "
                f"the first: {next(iter(failed.values()))['explanation']}",
                "See that the judge answers, then run the same command again: it asks for the missing ones only.",
            )
        prompt = template_sha256(TEMPLATE)
        written = [
            {
                "item_id": one.item_id,
                "sample": one.sample,
                "judge": judge.name,
                "judge_prompt_sha256": prompt,
                **(_kept(judge, one, journal) or failed[one.key]),
            }
            for one in asks
        ]
        write_meta_grades(out, written, rows.path, command)


def _asks(rows: MetaRows, samples: int) -> list[_Ask]:
    """Return the questions, those that begin alike together, so that a local judge reads each beginning once."""
    questions = sorted(((question(row), row["item_id"]) for row in rows.rows), key=lambda pair: pair[0].text)
    return [
        _Ask(f"{item_id}/{sample}", item_id, sample, asked) for sample in range(samples) for asked, item_id in questions
    ]


def _decide(judge: Judge, asks: Sequence[_Ask], journal: Journal) -> dict[str, dict[str, Any]]:
    """Ask about what the journal lacks; return the grades that could not be obtained, by key."""
    failed: dict[str, dict[str, Any]] = {}
    todo = [one for one in asks if _kept(judge, one, journal) is None]
    decided = judge.decide_all([one.question for one in todo])
    with Tracker("judging", len(asks), len(asks) - len(todo)) as tracker, closing(decided):  # type: ignore[type-var]
        for index, (grade,) in decided:
            if grade.status == ERROR:
                failed[todo[index].key] = dict(vars(grade))
            else:
                journal.add(grade_key(judge, todo[index].question, todo[index].sample), dict(vars(grade)))
            tracker.advance()
    return failed


def _journal(out: Path, rows: MetaRows, judge: Judge) -> Journal:
    """Open the journal of this judge and these rows, which is kept: more samples ask for nothing twice."""
    identity = {"judge": judge.name, "template": template_sha256(TEMPLATE), "rows": sha256_file(rows.path)}
    run_id = sha256_text(json.dumps(identity, sort_keys=True))[:16]
    earlier = out.with_name(f"{out.name}.{run_id}.journal")
    return Journal(out.with_name(f"{out.name}.journal"), identity, run_id, earlier)


def _kept(judge: Judge, one: _Ask, journal: Journal) -> dict[str, Any] | None:
    """Return a grade, by what is asked, or as journals named it before."""
    return journal.get(grade_key(judge, one.question, one.sample)) or journal.get(one.key)
