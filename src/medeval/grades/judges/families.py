"""Which family of models a judge or a model belongs to, as far as somebody has said so."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from medeval.errors import MedevalError
from medeval.run.config import load_run


@dataclass(frozen=True)
class Families:
    """Families by name.

    Attributes:
        stated: Name of a model, or the beginning of a judge's name -> family.
    """

    stated: Mapping[str, str]

    def of_model(self, model: str) -> str | None:
        """Return a model's family; None when nobody has said it."""
        return self.stated.get(model)

    def of_judge(self, judge: str) -> str | None:
        """Return a judge's family, by the longest stated name that its name begins with; None likewise."""
        names = [name for name in self.stated if judge.startswith(name)]
        return self.stated[max(names, key=len)] if names else None


def of_run(path: Path) -> list[str]:
    """Return the families that a run's configuration states, as NAME=FAMILY: those of its models and of its judge.

    Raises:
        MedevalError: The configuration is unusable.
    """
    run = load_run(path, with_lock=False)
    stated = {model.id: model.family for model in run.models}
    if run.judge is not None:
        stated.setdefault(run.judge.model, run.judge.family)
    return [f"{name}={family}" for name, family in stated.items() if family is not None]


def parse_families(options: Iterable[str]) -> Families:
    """Read NAME=FAMILY options.

    Raises:
        MedevalError: An option has no `=`, or a name has two families.
    """
    stated: dict[str, str] = {}
    for option in options:
        name, _, family = option.rpartition("=")
        if not name or not family:
            raise MedevalError(f"--family {option}: expected NAME=FAMILY", "Write it as in --family medpsy-4b=qwen.")
        if stated.get(name, family) != family:
            raise MedevalError(f"--family: {name} is stated to be {stated[name]} and {family}", "Give one of them.")
        stated[name] = family
    return Families(stated)
