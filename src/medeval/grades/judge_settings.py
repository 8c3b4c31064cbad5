"""From a judge's settings to the judge."""

import json
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.grades.judge import GgufJudge, ServerJudge
from medeval.records.yaml_files import load_yaml
from medeval.run.judge import ApiJudge, LocalJudge, judge_of


def read_settings(text: str) -> LocalJudge | ApiJudge:
    """Read a judge's settings, given as JSON or as the path of a YAML file such as those of config/judges.

    Raises:
        MedevalError: The file is missing, or the settings are malformed.
    """
    if text.lstrip().startswith("{"):
        return judge_of(_mapping(text), Path("--judge"))
    return judge_of(load_yaml(Path(text)), Path(text))


def make_judge(settings: str | LocalJudge | ApiJudge, weights: Path | None, threads: int) -> GgufJudge | ServerJudge:
    """Return the judge that settings (JSON, the path of a file, or read already) describe.

    Raises:
        MedevalError: The settings are malformed, or a local judge has no weights file.
    """
    if isinstance(settings, str):
        settings = read_settings(settings)
    if isinstance(settings, ApiJudge):
        return ServerJudge(settings)
    if weights is None:
        raise MedevalError("a local judge needs its weights", "Add --judge-weights FILE.gguf.")
    return GgufJudge(
        weights,
        threads=threads,
        max_tokens=settings.max_tokens,
        sequences=settings.sequences,
        mode=settings.mode,
        title=f"{settings.model}/{settings.variant}",
    )


def _mapping(text: str) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise MedevalError(
            f"--judge: not JSON: {error}", "Quote the whole value for the shell, or give the path of a YAML file."
        ) from error
    return value
