"""Where models answer: one row per target, and the settings of the engines behind them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from medeval.errors import MedevalError
from medeval.run.section import Section


class LlamaCpp(Section):
    """How the llama.cpp engine uses the machine."""

    threads: int = Field(1, ge=1, description="Threads of one evaluation job; they change no result.")
    sequences: Literal["auto", 1, 2, 4, 8, 16, 32, 64] = Field(
        "auto",
        description="Replies decoded together. More changes the last digits, so it is part of the protocol. `auto` "
        "measures the machine once and takes the fewest that are about as fast as any.",
    )
    schedule: Literal["audit", "fast"] = Field(
        "audit",
        description="`audit`: a reply does not depend on what else is asked, nor on interruptions. `fast`: it may.",
    )
    kv_limit_mib: int = Field(
        4096, ge=64, description="Most memory for keys and values of one job. With `auto`, fewer replies go together."
    )
    shards: int = Field(1, ge=1, description="Jobs that each benchmark is divided into.")
    llama_cpp: Path | None = Field(
        None, description="Folder with the libraries of a llama.cpp build of your own; null: the environment's."
    )


class Vllm(Section):
    """How vLLM uses its GPUs; every value may change the last digits of a result."""

    dtype: Literal["bfloat16", "float16", "float32"] = Field("bfloat16", description="Type of weights and activations.")
    max_model_len: int | None = Field(
        None,
        ge=2,
        description="Tokens of prompt and reply together; null: the model's own context, or as much of it as the "
        "memory holds. What is longer is an error of that item, never cut.",
    )
    max_num_seqs: int = Field(
        8, ge=1, description="Replies decoded together. More is faster and changes more of the last digits."
    )
    prefix_caching: bool = Field(
        False,
        description="Keep what was computed for shared beginnings of prompts. A reply then depends on what was asked "
        "before it; log-probabilities of options never read this cache.",
    )
    tensor_parallel_size: int = Field(1, ge=1, description="GPUs that share one model.")
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1, description="Share of the GPU's memory that vLLM takes.")
    enforce_eager: bool = Field(False, description="Run without compilation and CUDA graphs: slower, starts faster.")


class Served(Section):
    """A model behind an OpenAI-compatible server, for the target `api`."""

    url: str = Field(description="Base address of the server, such as http://localhost:8000/v1.")
    model: str = Field(description="The server's name for the model.")
    key_variable: str | None = Field(None, description="Environment variable that holds the API key.")
    concurrency: int = Field(8, ge=1, description="Requests in flight at once.")
    requests_per_minute: float | None = Field(None, gt=0, description="Most requests in a minute; null: no limit.")
    tokens_per_minute: float | None = Field(
        None, gt=0, description="Most tokens of prompts and replies in a minute; null: no limit."
    )
    seconds_timeout: float = Field(600.0, gt=0, description="Most seconds from a request to its whole reply.")
    attempts: int = Field(6, ge=1, description="Times that a request is made at most, when a failure may pass.")
    extra: dict[str, Any] = Field(default_factory=dict, description="Further values of every request's body.")


@dataclass(frozen=True)
class Target:
    """What the plan, the commands and the exports know of a target.

    Attributes:
        engine: The engine's name, for people and exports; None where it is not known, as behind a server.
        loads: What the engine is given: a GGUF file, the folder of a checkpoint, or the address of a server.
        probe: When `medeval probe` looks at the device first: always, only where `sequences` is `auto`, or never.
        gpus: GPUs that a job asks a cluster for: their number, or the key of `settings` that holds it.
        environment: Name of its environment, in workflow/envs and of the folder .venv-NAME.
        settings: How the engine is used.
        section: The key of these settings: of a variant's for a server, of the run's for all others.
        module: What has the engine's `open_engine` (`medeval.responses.engines.types.Opener`). It is text, since
            engines stand above the configuration and import packages that few environments have.
    """

    engine: str | None
    loads: Literal["gguf", "checkpoint", "server"]
    probe: Literal["always", "auto", "never"]
    gpus: int | str
    environment: str
    settings: type[Section]
    section: str
    module: str

    @property
    def option(self) -> str:
        """Option of `medeval evaluate` that names what is loaded."""
        return {"gguf": "--weights", "checkpoint": "--checkpoint", "server": "--served"}[self.loads]


_llama_cpp = partial(
    Target,
    engine="llama.cpp",
    loads="gguf",
    settings=LlamaCpp,
    section="engine",
    module="medeval.responses.engines.llama_open",
)
# By name: lower-case letters only, as in the workflow's paths.
TARGETS: dict[str, Target] = {
    "cpu": _llama_cpp(probe="auto", gpus=0, environment="cpu"),
    "vulkan": _llama_cpp(probe="always", gpus=1, environment="vulkan"),
    "metal": _llama_cpp(probe="always", gpus=0, environment="metal"),
    "cuda": _llama_cpp(probe="always", gpus=1, environment="cuda"),
    "vllm": Target(
        engine="vLLM",
        loads="checkpoint",
        probe="never",
        gpus="tensor_parallel_size",
        environment="vllm",
        settings=Vllm,
        section="vllm",
        module="medeval.responses.engines.vllm_engine",
    ),
    "api": Target(
        engine=None,
        loads="server",
        probe="never",
        gpus=0,
        environment="cpu",
        settings=Served,
        section="served",
        module="medeval.responses.engines.api_engine",
    ),
}

if TYPE_CHECKING:
    TargetName = str
else:
    TargetName = Literal[tuple(TARGETS)]  # what the configuration accepts


def target_named(name: str) -> Target:
    """Return the row of a target.

    Raises:
        MedevalError: There is none of this name.
    """
    if name not in TARGETS:
        raise MedevalError(f"there is no target {name!r}", f"Name one of: {', '.join(TARGETS)}.")
    return TARGETS[name]


def names(fits: Callable[[Target], bool] = lambda _: True) -> str:
    """Return the names of the targets that fit, for help texts."""
    return ", ".join(name for name, target in TARGETS.items() if fits(target))
