"""The configuration of a judge: who grades HealthBench, how it is asked, and what that costs."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from medeval.errors import MedevalError
from medeval.records.yaml_files import load_yaml, validate
from medeval.run.section import Section, Slug
from medeval.run.sources import WeightsSource
from medeval.run.targets import Served

JudgeMode = Literal["criterion", "conversation"]
_MODE = (
    "Calls: one per `criterion`, as the benchmark's authors do, or one per `conversation`, which decides all of its "
    "criteria. The two give other grades, so the mode is part of the judge's name."
)
_FAMILY = "Model family that the judge was made from; null: not known."
_CREDIBLE = "Whether its agreement with physicians was found good: `medeval judge meta-eval` says CREDIBLE."
# What changes no grade, and therefore grades nothing again.
_TERMS = frozenset(
    {
        "credible",
        "family",
        "note",
        "concurrency",
        "requests_per_minute",
        "tokens_per_minute",
        "seconds_timeout",
        "attempts",
        "key_variable",
        "usd_per_million_prompt_tokens",
        "usd_per_million_completion_tokens",
    }
)


class _Judge(Section):
    def identity(self) -> str:
        """Return, as JSON, the settings on which grades depend."""
        return self.model_dump_json(exclude=set(_TERMS))


class LocalJudge(_Judge):
    """A judge that is a GGUF file, of this run or of its own, its output constrained to valid JSON."""

    type: Literal["local"]
    model: Slug = Field(description="A model of this run; with `source`, the judge's own name.")
    variant: Slug = Field(description="One of that model's variants; with `source`, the name of the file's variant.")
    source: WeightsSource | None = Field(
        None,
        description="Where the file is fetched from; of split weights, a list with the source of each part. "
        "Null: this run makes it.",
    )
    family: str | None = Field(None, description=_FAMILY)
    credible: bool = Field(False, description=_CREDIBLE)
    mode: JudgeMode = Field("criterion", description=_MODE)
    max_tokens: int = Field(96, ge=16, description="Token limit of one grade.")
    sequences: Literal[1, 2, 4, 8, 16, 32, 64] = Field(
        8, description="Calls decoded together; changes the last digits, so it is part of the judge's name."
    )
    note: str = Field("", description="What a reader of the report must know about this judge.")


class ApiJudge(Served, _Judge):
    """A judge behind an OpenAI-compatible server."""

    type: Literal["api"]
    revision: str | None = Field(
        None, description="Commit of the weights that the server was started with, as far as it is known."
    )
    family: str | None = Field(None, description=_FAMILY)
    credible: bool = Field(False, description=_CREDIBLE)
    mode: JudgeMode = Field("criterion", description=_MODE)
    temperature: float = Field(0.0, ge=0, description="Sampling temperature of grades.")
    max_tokens: int = Field(512, ge=16, description="Token limit of one grade, reasoning included.")
    usd_per_million_prompt_tokens: float | None = Field(
        None, ge=0, description="Price in US dollars, for the estimate; null: not known."
    )
    usd_per_million_completion_tokens: float | None = Field(
        None, ge=0, description="Price in US dollars, for the estimate; null: not known."
    )
    note: str = Field("", description="What a reader of the report must know about this judge.")


def read_judge(path: Path) -> LocalJudge | ApiJudge:
    """Read a judge's file, such as one of config/judges.

    Raises:
        MedevalError: The file is missing, or a key of it is wrong.
    """
    return judge_of(load_yaml(path), path)


def judge_of(document: dict[str, Any], path: Path) -> LocalJudge | ApiJudge:
    """Validate a judge that is already read; `path` is the file that errors name.

    Raises:
        MedevalError: A key is wrong.
    """
    kind = document.get("type")
    if kind == "local":
        return validate(LocalJudge, document, path)
    if kind == "api":
        return validate(ApiJudge, document, path)
    raise MedevalError(f"{path}: type: expected 'local' or 'api', found {kind!r}", "Correct this key in the file.")
