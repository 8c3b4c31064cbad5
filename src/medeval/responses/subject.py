"""What answers the questions: a GGUF file, a checkpoint or a server, opened as an engine with its chat template."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.records.files import read_json, sha256_file, sha256_text
from medeval.responses.engines.types import Chat, Engine
from medeval.run.config import Engine as EngineSettings
from medeval.run.config import Vllm
from medeval.run.model import Reasoning, Served


@dataclass(frozen=True)
class Subject:
    """One form of a model on one target.

    Attributes:
        target: cpu, vulkan, metal, cuda, vllm or api.
        weights: A GGUF file, or a checkpoint's folder for vllm; None for api.
        served: The server; None for all but api.
        engine: How the llama.cpp engine uses the machine.
        vllm: How vLLM uses it.
        probe: What `medeval probe` found of this file on this target, where it was asked.
        reasoning: The model's reasoning delimiters.
        template_options: Variables for the chat template.
    """

    target: str
    weights: Path | None
    served: Served | None
    engine: EngineSettings
    vllm: Vllm
    probe: Path | None
    reasoning: Reasoning | None
    template_options: Mapping[str, Any]

    def __post_init__(self) -> None:
        if (self.target == "api") != (self.served is not None) or (self.target == "api") == (self.weights is not None):
            raise MedevalError(
                f"target {self.target!r} does not go with what is to be asked",
                "Give --served for api, --checkpoint for vllm, and --weights for every other target.",
            )

    def sha256(self) -> str | None:
        """Return the hash of the weights: of the file, or of a checkpoint's names and hashes; None for a server."""
        if self.weights is None or self.weights.is_file():
            return None if self.weights is None else sha256_file(self.weights)
        files = sorted(path for path in self.weights.iterdir() if path.is_file())
        return sha256_text("\n".join(f"{path.name} {sha256_file(path)}" for path in files))

    def inputs(self) -> dict[str, Path]:
        """Return the files that are read, by role, for the record."""
        if self.weights is None or self.weights.is_file():
            return {} if self.weights is None else {"weights": self.weights}
        return {path.name: path for path in sorted(self.weights.iterdir()) if path.is_file()}

    def open(self) -> tuple[Engine, Chat]:
        """Load the model, or reach the server.

        Raises:
            MedevalError: It cannot be had as asked; nothing else is taken instead.
        """
        if self.served is not None:
            return self._open_server(self.served)
        if self.weights is None:
            raise ValueError("a subject has either a server or weights")
        return self._open_checkpoint(self.weights) if self.target == "vllm" else self._open_gguf(self.weights)

    def _open_server(self, served: Served) -> tuple[Engine, Chat]:
        from medeval.responses.engines.api_engine import ApiEngine
        from medeval.responses.engines.openai_endpoint import Endpoint

        if self.template_options:
            raise MedevalError(
                f"`template_options` {dict(self.template_options)} cannot be given to a server as such",
                "Put them into the server's own form, such as `extra: {chat_template_kwargs: {...}}` below `served`.",
            )
        delimiters = (self.reasoning.open, self.reasoning.close) if self.reasoning else None
        engine = ApiEngine(Endpoint(**served.model_dump()), reasoning=delimiters)
        return engine, engine.chat

    def _open_checkpoint(self, folder: Path) -> tuple[Engine, Chat]:
        from medeval.responses.engines.vllm_engine import VllmChat, VllmEngine, VllmSettings

        engine = VllmEngine(folder, VllmSettings(**self.vllm.model_dump()))
        return engine, VllmChat(engine, self.template_options)

    def _open_gguf(self, weights: Path) -> tuple[Engine, Chat]:
        if self.engine.llama_cpp is not None:
            from medeval.responses.engines.llama_build import use_external_build

            use_external_build(self.engine.llama_cpp)
        from medeval.responses.engines.chat import ChatTemplate
        from medeval.responses.engines.llama_engine import LlamaEngine

        engine = LlamaEngine(
            weights,
            target=self.target,
            threads=self.engine.threads,
            sequences=self._sequences(),
            schedule=self.engine.schedule,
            kv_limit_mib=self.engine.kv_limit_mib,
            may_narrow=self.engine.sequences == "auto",
        )
        if self.probe is not None:
            from medeval.responses.engines.probe import Probe, check

            check(Probe.load(self.probe), sha256_file(weights), self.target, engine.identity())
        elif self.target != "cpu":
            raise MedevalError(
                f"target {self.target}: nobody has looked whether this device computes what the processor computes",
                f"Run `medeval probe --weights {weights} --target {self.target} --out probe.json` and give it "
                "with --probe probe.json.",
            )
        return engine, ChatTemplate(engine.model, self.template_options)

    def _sequences(self) -> int:
        if self.engine.sequences != "auto":
            return self.engine.sequences
        if self.probe is None:
            raise MedevalError(
                "`sequences` is `auto`, and nobody has measured how many go best together",
                "Give --sequences, or the measurement of `medeval probe` with --probe.",
            )
        return int(read_json(self.probe)["sequences"])
