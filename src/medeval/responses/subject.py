"""What answers the questions: a GGUF file, a checkpoint or a server, opened as an engine with its chat template."""

import importlib
from dataclasses import dataclass
from pathlib import Path

from medeval.errors import MedevalError
from medeval.records.files import sha256_file, sha256_text
from medeval.records.gguf_file import weights_parts, weights_sha256
from medeval.responses.engines.types import Chat, Engine, Opener, Opening
from medeval.run.section import Section
from medeval.run.targets import target_named


@dataclass(frozen=True)
class Subject(Opening[Section]):
    """One form of a model on one target.

    Raises:
        MedevalError: There is no such target, or weights and settings are not those of this one.
    """

    def __post_init__(self) -> None:
        row = target_named(self.target)
        if (self.weights is None) != (row.loads == "server") or not isinstance(self.settings, row.settings):
            raise MedevalError(
                f"target {self.target!r} does not go with what is to be asked",
                f"Give {row.option} for this target, and what is to be asked in no other way.",
            )

    def sha256(self) -> str | None:
        """Return the hash of the weights: of a GGUF, or of a checkpoint's names and hashes; None for a server."""
        if self.weights is None or self.weights.is_file():
            return None if self.weights is None else weights_sha256(self.weights)
        files = sorted(path for path in self.weights.iterdir() if path.is_file())
        return sha256_text("\n".join(f"{path.name} {sha256_file(path)}" for path in files))

    def inputs(self) -> dict[str, Path]:
        """Return the files that are read, by role, for the record; several of one form of a model by their names."""
        if self.weights is None:
            return {}
        if self.weights.is_dir():
            return {path.name: path for path in sorted(self.weights.iterdir()) if path.is_file()}
        parts = weights_parts(self.weights)
        return {"weights": self.weights} if len(parts) == 1 else {part.name: part for part in parts}

    def open(self) -> tuple[Engine, Chat]:
        """Load the model, or reach the server.

        Raises:
            MedevalError: It cannot be had as asked; nothing else is taken instead.
        """
        open_engine: Opener = importlib.import_module(target_named(self.target).module).open_engine
        return open_engine(self)
