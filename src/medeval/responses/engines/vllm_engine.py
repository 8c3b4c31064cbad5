"""lm-eval's vLLM model class behind the engine protocol: a checkpoint on NVIDIA GPUs, nothing cut, nothing dropped.

vLLM, torch and transformers live in an environment of their own (docs/run/vllm.md) and are imported only
when an engine is made, so that this module can be read where they are absent.
"""

import importlib.metadata
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from medeval.errors import MedevalError
from medeval.records.files import sha256_text
from medeval.responses.engines.types import (
    Chat,
    Completion,
    Engine,
    FinishReason,
    GenerationRequest,
    Opening,
    Sampling,
    Scored,
    ScoreRequest,
    ids_sha256,
)
from medeval.run.targets import Vllm

log = logging.getLogger(__name__)

# Requests that are handed to vLLM together; their results appear together. Scoring holds the
# log-probabilities of every prompt token of a block in memory, once for each option.
GENERATION_BLOCK = 256
SCORING_BLOCK = 64

_AUTOMATIC_LENGTH = -1
_LOWEST_TEMPERATURE = 0.01


def open_engine(opening: Opening[Vllm]) -> tuple[Engine, Chat]:
    """Load a checkpoint on vLLM.

    Raises:
        MedevalError: As for `VllmEngine`.
    """
    engine = VllmEngine(opening.path, opening.settings)
    return engine, VllmChat(engine, opening.template_options)


class VllmEngine:
    """Generates and scores with one Safetensors checkpoint through lm-eval's `VLLM` class.

    That class loads model and tokenizer, encodes prompts and reads log-probabilities. Its
    `generate_until` and `loglikelihood` are not used: they cut long prompts from the left, and return
    neither finish reasons nor token counts.

    vLLM's scheduler runs in this process, where the order of the requests alone decides which of them
    share a batch; in a process of its own their arrival times would. Results may still change with a
    request's neighbours, so repeatability is to be measured.

    Args:
        checkpoint: Folder with `config.json`, the tokenizer and `*.safetensors`.
        settings: How the GPUs are used.

    Raises:
        MedevalError: vLLM is not installed, sees too few GPUs (unless it is vLLM's CPU build), or the
            folder is no Safetensors checkpoint.
    """

    def __init__(self, checkpoint: Path, settings: Vllm) -> None:
        _require_checkpoint(checkpoint)
        _require_vllm()
        self._settings = settings
        self._device = _device(settings.tensor_parallel_size)
        self._lm = _load(checkpoint, settings)
        self.checkpoint = checkpoint
        self.tokenizer: Any = self._lm.tokenizer
        self.context: int = self._lm.model.llm_engine.model_config.max_model_len
        log.info("%s: vLLM on %s, with a context of %d tokens", checkpoint, self._device["device"], self.context)
        bos = self.tokenizer.bos_token_id
        self._adds_bos = bos is not None and self.tokenizer("a").input_ids[:1] == [bos]

    def close(self) -> None:
        """Release the model."""
        self._lm.model.llm_engine.engine_core.shutdown()

    def identity(self) -> dict[str, Any]:
        """Return versions, device and settings, as JSON values."""
        import vllm
        from vllm import envs

        versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers")}
        return {
            "engine": "vllm",
            "vllm": vllm.__version__,
            **versions,
            **self._device,
            **self._settings.model_dump(),
            "batch_invariant": envs.VLLM_BATCH_INVARIANT,
            "generation_block": GENERATION_BLOCK,
            "scoring_block": SCORING_BLOCK,
        }

    def prompt_ids_sha256(self, prompt: str) -> str:
        """Return the `ids_sha256` of a prompt's tokens."""
        return ids_sha256(self.encode(prompt))

    def prepare(self, requests: Sequence[GenerationRequest]) -> None:
        """Do nothing: how long a request may be was decided when the model was loaded, whatever is asked."""

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[tuple[int, Completion]]:
        """Continue each prompt, yielding (index, completion) block by block.

        A prompt that does not fit the context with its token limit is an error for that request, never
        cut. The token that ends a reply is not part of the completion. `prefix` is not used: what
        requests share is found by vLLM itself, if `prefix_caching` is on.

        Raises:
            MedevalError: A request asks for what vLLM cannot do.
        """
        for first in range(0, len(requests), GENERATION_BLOCK):
            block = requests[first : first + GENERATION_BLOCK]
            for index, completion in self._generate_block(block):
                yield first + index, completion

    def score(self, requests: Sequence[ScoreRequest]) -> Iterator[tuple[int, Scored]]:
        """Score each prompt's continuations, yielding (index, result) block by block.

        The prompt is read anew for each continuation, without vLLM's prefix cache.
        """
        for first in range(0, len(requests), SCORING_BLOCK):
            for index, scored in self._score_block(requests[first : first + SCORING_BLOCK]):
                yield first + index, scored

    def score_text(self, text: str) -> float:
        """Return the log-probability (nats) of a whole text after its beginning-of-sequence token.

        Without such a token the first token cannot be predicted and is left out.

        Raises:
            MedevalError: The text is longer than the context.
        """
        tokens = self.encode(text)
        if len(tokens) >= self.context:
            raise MedevalError(
                f"a text of {len(tokens):,} tokens does not fit the engine's context of {self.context:,}",
                "Score a shorter text, or raise `max_model_len`.",
            )
        [output] = self._run([tokens])
        return float(self._lm._parse_logprobs(tokens, output, 1)[0])

    def encode(self, text: str) -> list[int]:
        """Turn rendered text into tokens with exactly one beginning-of-sequence token, if the model uses one.

        Raises:
            MedevalError: The tokenizer gives none, or more than one.
        """
        tokens: list[int] = self._lm.tok_encode(text)
        bos = self.tokenizer.bos_token_id
        if bos is None:
            return tokens
        found = sum(1 for _ in takewhile(lambda token: token == bos, tokens))
        wanted = int(self._adds_bos or text.startswith(self.tokenizer.bos_token))
        if text and found != wanted:
            raise MedevalError(
                f"{self.checkpoint}: a prompt begins with {found} tokens {self.tokenizer.bos_token!r}, "
                f"not {wanted}: {tokens[:8]}",
                "The chat template and the tokenizer's settings disagree: correct the checkpoint's tokenizer files.",
            )
        return tokens

    def _generate_block(self, requests: Sequence[GenerationRequest]) -> Iterator[tuple[int, Completion]]:
        prompts = [self.encode(request.prompt) for request in requests]
        fitting = []
        for index, (prompt, request) in enumerate(zip(prompts, requests, strict=True)):
            if len(prompt) + request.max_tokens <= self.context:
                fitting.append(index)
            else:
                yield index, self._too_long(len(prompt), request.max_tokens)
        if not fitting:
            return
        parameters = [_sampling_parameters(requests[index]) for index in fitting]
        began = time.perf_counter()
        outputs = self._run([prompts[index] for index in fitting], parameters)
        tokens = sum(len(output.prompt_token_ids) + len(output.outputs[0].token_ids) for output in outputs)
        seconds_per_token = (time.perf_counter() - began) / tokens
        for index, output in zip(fitting, outputs, strict=True):
            yield index, _completion(requests[index], output, seconds_per_token)

    def _score_block(self, requests: Sequence[ScoreRequest]) -> Iterator[tuple[int, Scored]]:
        encoded = [self._encode_options(request) for request in requests]
        fitting = []
        for index, (prompt, options) in enumerate(encoded):
            problem = self._unscorable(prompt, options)
            if problem:
                yield index, Scored((), (), len(prompt), 0.0, problem, ids_sha256(prompt))
            else:
                fitting.append(index)
        if not fitting:
            return
        rows = [encoded[index][0] + option for index in fitting for option in encoded[index][1]]
        began = time.perf_counter()
        outputs = iter(zip(rows, self._run(rows), strict=True))
        seconds_per_token = (time.perf_counter() - began) / sum(map(len, rows))
        for index in fitting:
            prompt, options = encoded[index]
            results = [self._lm._parse_logprobs(*next(outputs), len(prompt)) for _ in options]
            logprobs, greedy = zip(*results, strict=True)
            read = sum(len(prompt) + len(option) for option in options)
            values, seconds = tuple(map(float, logprobs)), read * seconds_per_token
            yield index, Scored(values, greedy, len(prompt), seconds, prompt_ids_sha256=ids_sha256(prompt))

    def _encode_options(self, request: ScoreRequest) -> tuple[list[int], list[list[int]]]:
        """Tokenize prompt and continuations together, since a boundary may merge into one token."""
        prompt = self.encode(request.prompt)
        whole = [self.encode(request.prompt + text) for text in request.continuations]
        shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(prompt, *whole, strict=False)))
        return prompt[:shared], [tokens[shared:] for tokens in whole]

    def _unscorable(self, prompt: list[int], options: Sequence[list[int]]) -> str | None:
        if not prompt or not all(options):
            return "the prompt or one of its continuations has no tokens of its own"
        needed = len(prompt) + max(map(len, options)) + 1  # vLLM always generates a token as well
        return f"{needed:,} tokens exceed the engine's context of {self.context:,}" if needed > self.context else None

    def _too_long(self, prompt_tokens: int, max_tokens: int) -> Completion:
        error = (
            f"prompt of {prompt_tokens:,} tokens and limit of {max_tokens:,} "
            f"exceed the engine's context of {self.context:,}"
        )
        return Completion("", "error", prompt_tokens, 0, 0.0, 0.0, error)

    def _run(self, prompts: Sequence[list[int]], parameters: Sequence[Any] | None = None) -> list[Any]:
        """Return vLLM's output for each prompt; without parameters, the log-probabilities of its tokens."""
        outputs: list[Any] = self._lm._model_generate(
            prompts, generate=parameters is not None, sampling_params=parameters
        )
        if [list(output.prompt_token_ids) for output in outputs] != list(prompts):
            raise AssertionError(f"vLLM's {len(outputs)} outputs are not those of the {len(prompts)} prompts it got")
        return outputs


class VllmChat:
    """The chat template of a checkpoint's tokenizer, with fixed values for its switches.

    lm-eval's own method is not used: where a template refuses a conversation, it drops the system
    message and goes on.

    Args:
        engine: The engine whose tokenizer is used.
        options: Variables for the template, such as `enable_thinking`.

    Raises:
        MedevalError: The tokenizer has no chat template; there is no default that would be right.
    """

    def __init__(self, engine: VllmEngine, options: Mapping[str, Any]) -> None:
        try:
            self.text: str = engine.tokenizer.get_chat_template()
        except ValueError:
            raise MedevalError(
                f"{engine.checkpoint}: the tokenizer has no chat template",
                "Use an instruction-tuned model's checkpoint; a base model cannot be asked in chat form.",
            ) from None
        self.sha256 = sha256_text(self.text)
        self._engine, self._options = engine, dict(options)

    def render(self, messages: Sequence[Mapping[str, str]], *, complete_last: bool = False) -> str:
        """Render a conversation up to the point where the assistant speaks.

        Args:
            messages: Role and content of each message, oldest first.
            complete_last: The last message is the beginning of the assistant's reply, to be continued.

        Raises:
            MedevalError: The template refuses the conversation.
        """
        history = [dict(message) for message in (messages[:-1] if complete_last else messages)]
        try:
            prompt: str = self._engine.tokenizer.apply_chat_template(
                history, chat_template=self.text, tokenize=False, add_generation_prompt=True, **self._options
            )
        except TemplateError as error:
            roles = ", ".join(message["role"] for message in history)
            raise MedevalError(
                f"{self._engine.checkpoint}: the chat template refuses a conversation of {roles}: {error}",
                "Many templates know no system message: set the protocol's `system` to null.",
            ) from None
        return prompt + (messages[-1]["content"] if complete_last else "")


def _require_checkpoint(checkpoint: Path) -> None:
    if not (checkpoint / "config.json").is_file() or not any(checkpoint.glob("*.safetensors")):
        raise MedevalError(
            f"{checkpoint}: not a checkpoint: a folder with config.json and *.safetensors is expected",
            "The vllm target reads the checkpoint itself, not a GGUF: give its folder.",
        )


def _require_vllm() -> None:
    """Refuse to go on without vLLM, and set what it reads from the environment when it is imported.

    Raises:
        MedevalError: vLLM is not installed.
    """
    try:
        importlib.metadata.version("vllm")
    except importlib.metadata.PackageNotFoundError:
        raise MedevalError(
            "target 'vllm': the package vllm is not installed in this environment",
            "Run `make setup-vllm`, and then .venv-vllm/bin/medeval.",
        ) from None
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ["VLLM_NO_USAGE_STATS"] = "1"
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")  # it logs to the standard output


def _load(checkpoint: Path, settings: Vllm) -> Any:
    """Make lm-eval's model.

    Raises:
        MedevalError: vLLM cannot load the checkpoint with these settings.
    """
    from lm_eval.models.vllm_causallms import VLLM

    try:
        return VLLM(
            str(checkpoint),
            dtype=settings.dtype,
            tokenizer_mode="hf",
            max_model_len=settings.max_model_len or _AUTOMATIC_LENGTH,
            tensor_parallel_size=settings.tensor_parallel_size,
            batch_size=GENERATION_BLOCK,
            seed=0,  # of nothing: every request that draws tokens has its own
            load_format="safetensors",
            max_num_seqs=settings.max_num_seqs,
            enable_prefix_caching=settings.prefix_caching,
            gpu_memory_utilization=settings.gpu_memory_utilization,
            enforce_eager=settings.enforce_eager,
            logprobs_mode="raw_logprobs",  # those of the model, before temperature and filters
        )
    except (RuntimeError, ValueError) as error:
        raise MedevalError(
            f"{checkpoint}: vLLM cannot load this model: {error}",
            "Keep `max_model_len` within the model's own context; if memory is short, lower it, free the GPU, or "
            "spread the model over several with `tensor_parallel_size`.",
        ) from error


def _device(gpus: int) -> dict[str, Any]:
    """Describe the GPUs that vLLM will use, or the processor where vLLM's CPU build is installed.

    Raises:
        MedevalError: vLLM sees fewer NVIDIA GPUs than asked for.
    """
    import torch
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        return {"device": "cpu", "instructions": torch.backends.cpu.get_cpu_capability()}
    visible = current_platform.device_count() if current_platform.is_cuda() else 0
    if visible < gpus:
        raise MedevalError(
            f"target 'vllm': {gpus} NVIDIA GPU(s) are asked for, and vLLM sees {visible}",
            "Compare with `nvidia-smi` and CUDA_VISIBLE_DEVICES (under Slurm: ask for GPUs), or set "
            "`tensor_parallel_size` to what there is. A CPU is used only by vLLM's CPU build: docs/run/vllm.md.",
        )
    from vllm.third_party import pynvml

    pynvml.nvmlInit()
    driver = pynvml.nvmlSystemGetDriverVersion()
    pynvml.nvmlShutdown()
    names = [current_platform.get_device_name(index) for index in range(gpus)]
    return {"device": "cuda", "gpus": names, "driver": driver, "cuda": torch.version.cuda}


def _sampling_parameters(request: GenerationRequest) -> Any:
    """Translate a request for vLLM.

    Raises:
        MedevalError: vLLM would do something else than what is asked.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    if request.grammar is not None and request.token_logprobs:
        raise MedevalError(
            "vLLM gives no log-probabilities of the model's own distribution under a grammar",
            "Ask for the grammar or for the log-probabilities, not for both.",
        )
    grammar = None if request.grammar is None else StructuredOutputsParams(grammar=request.grammar)
    return SamplingParams(
        max_tokens=request.max_tokens,
        stop=list(request.stop),
        include_stop_str_in_output=False,
        skip_special_tokens=True,  # as with llama.cpp, control tokens have no text
        logprobs=0 if request.token_logprobs else None,
        structured_outputs=grammar,
        **_draw(request.sampling),
    )


def _draw(sampling: Sampling) -> dict[str, Any]:
    if sampling.temperature == 0:
        return {"temperature": 0.0}
    if sampling.temperature < _LOWEST_TEMPERATURE:
        raise MedevalError(
            f"temperature {sampling.temperature}: vLLM raises it to {_LOWEST_TEMPERATURE}",
            f"Set it to 0, which is greedy, or to {_LOWEST_TEMPERATURE} or more.",
        )
    return {
        "temperature": sampling.temperature,
        "top_k": sampling.top_k or -1,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "seed": sampling.seed,
    }


def _completion(request: GenerationRequest, output: Any, seconds_per_token: float) -> Completion:
    """Read one output. vLLM reads and generates in the same batches, so every token gets the same share of the time."""
    reply, prompt_tokens = output.outputs[0], len(output.prompt_token_ids)
    reasons: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
    reason = reasons.get(reply.finish_reason)
    if reason is None:
        problem = f"vLLM ended the reply with {reply.finish_reason!r}"
        return Completion("", "error", prompt_tokens, 0, prompt_tokens * seconds_per_token, 0.0, problem)
    tokens = tuple(reply.token_ids)
    if reason == "stop" and not isinstance(reply.stop_reason, str):
        tokens = tokens[:-1]  # the end-of-reply token
    logprobs = None
    if request.token_logprobs:
        positions = reply.logprobs[: len(tokens)]
        logprobs = tuple(float(position[token].logprob) for token, position in zip(tokens, positions, strict=True))
    return Completion(
        text=reply.text,
        finish_reason=reason,
        prompt_tokens=prompt_tokens,
        generated_tokens=len(tokens),
        seconds_prefill=prompt_tokens * seconds_per_token,
        seconds_decode=len(reply.token_ids) * seconds_per_token,
        token_ids=tokens,
        token_logprobs=logprobs,
        prompt_ids_sha256=ids_sha256(list(output.prompt_token_ids)),
    )
