"""A GGUF file opened with llama.cpp, on a device that computes what the processor computes."""

from medeval.errors import MedevalError
from medeval.records.files import read_json
from medeval.records.gguf_file import weights_sha256
from medeval.responses.engines.types import Chat, Engine, Opening
from medeval.run.targets import LlamaCpp, target_named


def open_engine(opening: Opening[LlamaCpp]) -> tuple[Engine, Chat]:
    """Load a GGUF file, and check what its probe found.

    Raises:
        MedevalError: The file or the device cannot be had, or was not found to compute what the processor computes.
    """
    settings, weights, target = opening.settings, opening.path, opening.target
    if settings.llama_cpp is not None:
        from medeval.responses.engines.llama_build import use_external_build

        use_external_build(settings.llama_cpp)
    # What these import loads llama.cpp.
    from medeval.responses.engines.chat import ChatTemplate
    from medeval.responses.engines.llama_engine import LlamaEngine

    engine = LlamaEngine(
        weights,
        target=target,
        threads=settings.threads,
        sequences=_sequences(opening),
        schedule=settings.schedule,
        kv_limit_mib=settings.kv_limit_mib,
        may_narrow=settings.sequences == "auto",
    )
    if opening.probe is not None:
        from medeval.responses.engines.probe import Probe, check

        check(Probe.load(opening.probe), weights_sha256(weights), target, engine.identity())
    elif target_named(target).probe == "always":
        raise MedevalError(
            f"target {target}: nobody has looked whether this device computes what the processor computes",
            f"Run `medeval probe --weights {weights} --target {target} --out probe.json` and give it "
            "with --probe probe.json.",
        )
    return engine, ChatTemplate(engine.model, opening.template_options)


def _sequences(opening: Opening[LlamaCpp]) -> int:
    if opening.settings.sequences != "auto":
        return opening.settings.sequences
    if opening.probe is None:
        raise MedevalError(
            "`sequences` is `auto`, and nobody has measured how many go best together",
            "Give --sequences, or the measurement of `medeval probe` with --probe.",
        )
    return int(read_json(opening.probe)["sequences"])
