"""From a judge's settings to the judge."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from medeval.config.run import ApiJudge, LocalJudge
from medeval.errors import MedevalError
from medeval.healthbench.judge import GgufJudge, Judge, ServerJudge

_SETTINGS: TypeAdapter[LocalJudge | ApiJudge] = TypeAdapter(LocalJudge | ApiJudge)


def make_judge(settings_json: str, weights: Path | None, threads: int) -> Judge:
    """Return the judge that settings (JSON) describe.

    Raises:
        MedevalError: The settings are malformed, or a local judge has no weights file.
    """
    try:
        settings = _SETTINGS.validate_json(settings_json)
    except ValidationError as error:
        raise MedevalError(
            f"--judge {settings_json}: {error.errors()[0]['msg']}",
            "Give the keys that docs/configuration.md lists for a judge.",
        ) from error
    if isinstance(settings, ApiJudge):
        return ServerJudge(settings)
    if weights is None:
        raise MedevalError("a local judge needs its weights", "Add --judge-weights FILE.gguf.")
    return GgufJudge(weights, threads=threads, max_tokens=settings.max_tokens, sequences=settings.sequences)
