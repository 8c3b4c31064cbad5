"""Judges: something that reads judging prompts and says which criteria are met."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from medeval.grades.judge_reply import Grade as Grade
from medeval.grades.judge_reply import parse_grade as parse_grade
from medeval.grades.judge_reply import parse_grades, unusable
from medeval.grades.questions import JudgeQuestion as JudgeQuestion
from medeval.grades.questions import prompt_sha256
from medeval.records.gguf_file import weights_sha256
from medeval.responses.engines.api_engine import NEUTRAL
from medeval.responses.engines.openai_client import Client, Refusal
from medeval.responses.engines.openai_reply import ServerReply
from medeval.responses.engines.openai_server import inspect_server
from medeval.responses.engines.types import GenerationRequest
from medeval.run.judge import ApiJudge, JudgeMode

Grades = tuple[Grade, ...]

_READINGS = 5  # replies of a server until one can be read
_LONGEST_EXPLANATION = 120  # characters; bounds the cost of a grade of a small local judge
_GRADE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "explanation": {"type": "string", "maxLength": _LONGEST_EXPLANATION},
        "criteria_met": {"type": "boolean"},
    },
    "required": ["explanation", "criteria_met"],
    "additionalProperties": False,
}


class Judge(Protocol):
    """Reads prompts, returns grades as they arrive."""

    @property
    def name(self) -> str:
        """Model, revision, mode, prompt and settings: part of the name of every score it gives."""
        ...

    @property
    def mode(self) -> JudgeMode:
        """What one call decides: a criterion, or all criteria of a conversation."""
        ...

    def decide_all(self, questions: Sequence[JudgeQuestion]) -> Iterator[tuple[int, Grades]]:
        """Yield (index, one grade per criterion) for each question, in any order."""
        ...


class _AskedOneByOne:
    """What judges share: questions about one criterion have one grade."""

    def decide(self, questions: Sequence[JudgeQuestion]) -> Iterator[tuple[int, Grade]]:
        """Yield (index, grade) for each question about one criterion, in any order."""
        with closing(self.decide_all(questions)) as decided:  # type: ignore[type-var]
            for index, grades in decided:
                yield index, grades[0]

    def decide_all(self, questions: Sequence[JudgeQuestion]) -> Iterator[tuple[int, Grades]]:
        """Yield (index, one grade per criterion) for each question, in any order."""
        raise NotImplementedError


class GgufJudge(_AskedOneByOne):
    """A GGUF judge whose output can only be the JSON it must return.

    The criterion stands last in the prompt, so that a conversation's criteria share the reading of
    everything before it.

    Args:
        weights: The GGUF file; of split weights, the first part.
        threads: Threads; they change no grade.
        max_tokens: Token limit of one grade.
        sequences: Calls decoded together.
        mode: What one call decides.
        title: Model and variant, for the name; None takes the file's name.
    """

    def __init__(
        self,
        weights: Path,
        *,
        threads: int,
        max_tokens: int,
        sequences: int,
        mode: JudgeMode = "criterion",
        title: str | None = None,
    ) -> None:
        from medeval.responses.engines.chat import ChatTemplate
        from medeval.responses.engines.llama_engine import LlamaEngine

        self.mode: JudgeMode = mode
        self._engine = LlamaEngine(weights, threads=threads, sequences=sequences)
        self._chat = ChatTemplate(self._engine.model, {})
        self._max_tokens = max_tokens
        self._grammars: dict[int | None, str] = {}
        # "a verdict" stands in the names of stored grades and journals, so it stays.
        self.name = (
            f"{title or weights.stem}@{weights_sha256(weights)[:12]}, {_asked(mode)}, greedy, JSON grammar, "
            f"at most {max_tokens} tokens a verdict, {sequences} together"
        )

    def decide_all(self, questions: Sequence[JudgeQuestion]) -> Iterator[tuple[int, Grades]]:
        """Judge the questions in order; one that does not fit the judge's context is unusable."""
        for index, completion in self._engine.generate([self._request(question) for question in questions]):
            if completion.error is not None:
                yield index, _all(questions[index], unusable(completion.error))
            else:
                yield index, _read(questions[index], completion.text)

    def _request(self, question: JudgeQuestion) -> GenerationRequest:
        prompt = self._chat.render([{"role": "user", "content": question.text}])
        # Templates may trim the message; then there is no place to split at, and the prompt is read whole.
        start = prompt.find(question.shared) if question.shared else -1
        prefix = prompt[: start + len(question.shared)] if start >= 0 else ""
        limit = self._max_tokens * (question.criteria or 1)
        return GenerationRequest(prompt, limit, grammar=self._grammar(question.criteria), prefix=prefix)

    def _grammar(self, criteria: int | None) -> str:
        if criteria not in self._grammars:
            from llama_cpp.llama_grammar import json_schema_to_gbnf

            order = ["criterion", "explanation", "criteria_met"]
            self._grammars[criteria] = json_schema_to_gbnf(json.dumps(_schema(criteria)), order)
        return self._grammars[criteria]


def _schema(criteria: int | None) -> dict[str, Any]:
    """Return the JSON schema of a reply: one grade, or a list of numbered ones."""
    if criteria is None:
        return _GRADE_SCHEMA
    numbered = [
        {
            **_GRADE_SCHEMA,
            "properties": {"criterion": {"const": number}, **_GRADE_SCHEMA["properties"]},
            "required": ["criterion", *_GRADE_SCHEMA["required"]],
        }
        for number in range(1, criteria + 1)
    ]
    return {"type": "array", "prefixItems": numbered}


class ServerJudge(_AskedOneByOne):
    """A judge behind an OpenAI-compatible endpoint, asked concurrently, with bounded retries.

    Raises:
        MedevalError: The environment variable with the key is not set.
    """

    def __init__(self, settings: ApiJudge) -> None:
        self._settings = settings
        self.mode: JudgeMode = settings.mode
        self._client = Client(settings)
        extra = f", {json.dumps(settings.extra, sort_keys=True)}" if settings.extra else ""
        model = f"{settings.model}@{settings.revision or 'revision not stated'}"
        self.name = (
            f"{model} at {settings.url}, {_asked(settings.mode)}, "
            f"temperature {settings.temperature:g}, at most {settings.max_tokens} tokens a verdict{extra}"
        )

    def decide_all(self, questions: Sequence[JudgeQuestion]) -> Iterator[tuple[int, Grades]]:
        """Judge the questions, yielding grades as they arrive; when interrupted, nothing more is asked.

        What could not be read is asked again once all else is decided, and is unusable after
        `_READINGS` replies.

        Raises:
            MedevalError: The server cannot be reached, refuses the key, does not have the model, or
                would fail every further question as well.
        """
        todo = list(range(len(questions)))
        for reading in range(1, _READINGS + 1):
            if not todo:
                return
            unreadable = []
            with closing(self._client.stream([self._body(questions[index]) for index in todo])) as results:
                for k, result in results:
                    grades = _grades(questions[todo[k]], result)
                    if reading < _READINGS and any(grade.status == "unusable" for grade in grades):
                        unreadable.append(todo[k])
                    else:
                        yield todo[k], grades
            todo = unreadable

    def _body(self, question: JudgeQuestion) -> dict[str, Any]:
        return {
            **self._neutral,
            "messages": [{"role": "user", "content": question.text}],
            "temperature": self._settings.temperature,
            "max_tokens": self._settings.max_tokens * (question.criteria or 1),
        }

    @cached_property
    def _neutral(self) -> dict[str, float]:
        """What switches off the sampling that the server would add by itself; asks the server who it is."""
        settings = NEUTRAL.get(inspect_server(self._client).kind, {})
        return {name: value for name, value in settings.items() if name not in self._settings.extra}


def _asked(mode: JudgeMode) -> str:
    return f"one call per {mode}, prompt {prompt_sha256(mode)[:12]}"


def _read(question: JudgeQuestion, text: str) -> Grades:
    if question.criteria is None:
        return (parse_grade(text),)
    return parse_grades(text, question.criteria)


def _all(question: JudgeQuestion, grade: Grade) -> Grades:
    return (grade,) * (question.criteria or 1)


def _grades(question: JudgeQuestion, result: ServerReply | Refusal) -> Grades:
    if isinstance(result, Refusal):
        return _all(question, Grade(None, result.error, "error"))
    if result.text is None:
        return _all(question, unusable(f"no text; finish reason {result.finish_reason!r}"))
    if result.finish_reason == "length":  # what a grade seems to be may be a draft
        return _all(question, unusable(f"cut at the limit of tokens: {result.text}"))
    return _read(question, result.text)
