"""A system answers batches of items of several benchmarks, its weights loaded once."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from medeval.errors import MedevalError
from medeval.responses.engines.types import Chat, Engine
from medeval.responses.evaluate import EvaluationRun, evaluate
from medeval.responses.record import Identity
from medeval.responses.subject import Subject
from medeval.run.config import RunConfig
from medeval.run.plan import Plan


class HeldSubject(Subject):
    """A subject that stays loaded from one benchmark to the next."""

    @cached_property
    def _opened(self) -> tuple[Engine, Chat]:
        return super().open()

    def open(self) -> tuple[Engine, Chat]:
        """Return the engine, which does not close when it is told to, and the chat template."""
        engine, chat = self._opened
        return cast(Engine, _Kept(engine)), chat

    def release(self) -> None:
        """Close the engine."""
        self._opened[0].close()


class _Kept:
    """An engine that is closed by whoever holds it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def close(self) -> None:
        """Stay open."""


def settings_of(run: RunConfig, results: Path, system: str, target: str) -> EvaluationRun:
    """Return how a system is asked in an audit: as in the whole run, but in the mode alone that decides claims.

    Args:
        run: The run.
        results: Its results folder, where weights and probes are.
        system: MODEL/VARIANT.
        target: Where it answers.
    """
    plan = Plan(run, results)
    name, variant = system.split("/")
    model = run.model(name)
    probe = plan.probe(name, variant, target)
    subject = HeldSubject(
        target=target,
        weights=plan.loaded(name, variant, target),
        settings=plan.settings(name, variant, target),
        probe=Path(probe[0]) if probe else None,
        reasoning=model.reasoning,
        template_options=model.template_options,
    )
    protocol = run.protocol.model_copy(update={"modes": [run.protocol.headline]})
    return EvaluationRun(model=name, variant=variant, subject=subject, protocol=protocol, seed=run.seed)


def check_unchanged(settings: EvaluationRun, identity: Identity) -> None:
    """Raise MedevalError if weights, protocol or seed are not those that answered before.

    Args:
        settings: How the system would be asked now.
        identity: What determined its responses, as their record states it.
    """
    now = replace(identity, weights_sha256=settings.subject.sha256(), protocol=settings.protocol, seed=settings.seed)
    if different := identity.differences(now):
        raise MedevalError(
            f"{settings.model}/{settings.variant}: other {', '.join(different)} than those that answered before",
            "Undo the change; or begin a new audit: move the audit's folder away and take a new seed.",
        )


def answer(settings: EvaluationRun, batches: Sequence[tuple[Path, Path]], *, command: str) -> None:
    """Answer batches one after the other; an interrupted call continues.

    Args:
        settings: What is asked and how, with a held subject.
        batches: Items table and responses table of each; a table of responses that is there is left alone.
        command: The command line, for the record.

    Raises:
        MedevalError: As for :func:`medeval.responses.evaluate.evaluate`.
    """
    todo = [(items, responses) for items, responses in batches if not responses.exists()]
    for items, responses in todo:
        evaluate(items, responses, settings, command=command)
    if todo and isinstance(settings.subject, HeldSubject):
        settings.subject.release()
