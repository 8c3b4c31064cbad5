"""The vLLM engine over lm-eval's own model class, with vLLM itself replaced by a stand-in of the shape of 0.32.

The stand-in is stricter than it is clever: it refuses what vLLM refuses (a prompt beyond the context,
an unknown parameter) and answers by fixed rules.
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import jinja2
import pytest

from medeval.errors import MedevalError
from medeval.responses.engines import vllm_engine
from medeval.responses.engines.types import Completion, GenerationRequest, Sampling, Scored, ScoreRequest
from medeval.responses.engines.vllm_engine import VllmChat, VllmEngine
from medeval.run.targets import Vllm

ROOT = Path(__file__).parents[4]
SPECIAL = {"<s>": 1, "</s>": 2, "ab": 3}
TEMPLATE = (
    "<s>{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system message') }}{% endif %}"
    "[{{ m['role'] }}]{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
    "{% if enable_thinking is defined and not enable_thinking %}[no thoughts]{% endif %}"
)
REPLY = "It is the pancreas."
TRAINED_CONTEXT = 200


class Tokenizer:
    """One token per character, but one for `ab` and for each control token; `<s>` is put in front."""

    bos_token_id, bos_token, eos_token_id, eos_token, pad_token_id = 1, "<s>", 2, "</s>", 2
    name_or_path = "stand-in"
    chat_template: str | None = TEMPLATE

    def __call__(self, text: str | list[str], *, add_special_tokens: bool = True, **_: Any) -> SimpleNamespace:
        if isinstance(text, list):
            return SimpleNamespace(
                input_ids=[self(part, add_special_tokens=add_special_tokens).input_ids for part in text]
            )
        pieces = [piece for piece in re.split("(<s>|</s>|ab)", text) if piece]
        tokens = [SPECIAL[p] if p in SPECIAL else [ord(c) for c in p] for p in pieces]
        flat = [t for part in tokens for t in (part if isinstance(part, list) else [part])]
        return SimpleNamespace(input_ids=([1] if add_special_tokens else []) + flat)

    def decode(self, tokens: int | Sequence[int]) -> str:
        names = {number: text for text, number in SPECIAL.items()}
        return "".join(names.get(t) or chr(t) for t in ([tokens] if isinstance(tokens, int) else tokens))

    def get_chat_template(self) -> str:
        if self.chat_template is None:
            raise ValueError("Cannot use chat template functions because tokenizer.chat_template is not set")
        return self.chat_template

    def apply_chat_template(
        self, messages: list[dict[str, str]], *, chat_template: str, tokenize: bool, **variables: Any
    ) -> str:
        assert not tokenize

        def refuse(message: str) -> None:
            raise jinja2.TemplateError(message)

        return jinja2.Template(chat_template).render(messages=messages, raise_exception=refuse, **variables)


@dataclass
class SamplingParams:
    """The parameters that the engine and lm-eval set, with vLLM's names and defaults."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    stop: list[str] | None = None
    max_tokens: int | None = 16
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    detokenize: bool = True
    skip_special_tokens: bool = True
    include_stop_str_in_output: bool = False
    structured_outputs: Any = None


def logprob(token: int) -> float:
    return -(token % 7) / 8


@dataclass
class FakeLLM:
    """vLLM's `LLM`: remembers what it was given; replies `REPLY` and scores each token by `logprob`."""

    arguments: dict[str, Any]
    environment: dict[str, str]
    calls: list[list[tuple[list[int], SamplingParams]]] = field(default_factory=list)
    finish_reason: str | None = None
    reverse: bool = False
    closed: bool = False
    requests: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        length = self.arguments["max_model_len"]
        self.context = TRAINED_CONTEXT if length == -1 else length
        config = SimpleNamespace(max_model_len=self.context)
        core = SimpleNamespace(shutdown=lambda: setattr(self, "closed", True))
        self.llm_engine = SimpleNamespace(model_config=config, engine_core=core)

    def generate(
        self, prompts: list[Any], sampling_params: list[SamplingParams], *, use_tqdm: bool, lora_request: Any
    ) -> list[Any]:
        assert not use_tqdm and lora_request is None
        tokens = [list(prompt["prompt_token_ids"]) for prompt in prompts]
        self.calls.append(list(zip(tokens, sampling_params, strict=True)))
        outputs = [self._answer(t, p) for t, p in zip(tokens, sampling_params, strict=True)]
        return outputs[::-1] if self.reverse else outputs

    def _answer(self, prompt: list[int], parameters: SamplingParams) -> Any:
        limit = parameters.max_tokens or 0
        if len(prompt) + 1 > self.context:
            raise ValueError("The decoder prompt is longer than the maximum model length")
        tokens = [*map(ord, REPLY), 2][: min(limit, self.context - len(prompt))]
        finish, stop_reason = ("stop", None) if tokens[-1] == 2 else ("length", None)
        text = "".join(chr(t) for t in tokens if t != 2)
        for stop in parameters.stop or []:
            if stop in text:
                tokens, text = tokens[: text.index(stop) + len(stop)], text[: text.index(stop)]
                finish, stop_reason = "stop", stop
        chosen = [{t: SimpleNamespace(logprob=logprob(t))} for t in tokens] if parameters.logprobs == 0 else None
        read = None
        if parameters.prompt_logprobs == 1:
            # As in vLLM: nothing for the first token; the best token (here "!") and the one that is there.
            best = {ord("!"): SimpleNamespace(logprob=-0.05)}
            read = [None] + [{**best, t: SimpleNamespace(logprob=logprob(t))} for t in prompt[1:]]
        reply = SimpleNamespace(
            text=text,
            token_ids=tokens,
            logprobs=chosen,
            finish_reason=self.finish_reason or finish,
            stop_reason=stop_reason,
        )
        return SimpleNamespace(prompt_token_ids=prompt, prompt_logprobs=read, outputs=[reply])


class Platform:
    """vLLM's `current_platform` on a machine with so many GPUs, or of vLLM's CPU build."""

    def __init__(self, gpus: int, *, cpu: bool = False) -> None:
        self.gpus, self.cpu = gpus, cpu

    def is_cpu(self) -> bool:
        return self.cpu

    def is_cuda(self) -> bool:
        return self.gpus > 0

    def device_count(self) -> int:
        return self.gpus

    def get_device_name(self, device_id: int) -> str:
        return f"NVIDIA L4 number {device_id}"


def module(name: str, **content: Any) -> ModuleType:
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None)
    made.__path__ = []
    vars(made).update(content)
    return made


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Install the stand-in as `vllm`, below lm-eval's real model class; yields what tests may change."""
    world: dict[str, Any] = {"llms": [], "failure": None}

    def make(**arguments: Any) -> FakeLLM:
        if world["failure"]:
            raise world["failure"]
        world["llms"].append(FakeLLM(arguments, dict(os.environ)))
        return world["llms"][-1]

    nvml = module(
        "vllm.third_party.pynvml",
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlSystemGetDriverVersion=lambda: "580.65.06",
    )
    envs = module("vllm.envs", VLLM_BATCH_INVARIANT=False)
    torch = module("torch", version=SimpleNamespace(cuda="13.0"))
    torch.backends = SimpleNamespace(cpu=SimpleNamespace(get_cpu_capability=lambda: "AVX512"))
    world["platforms"] = module("vllm.platforms", current_platform=Platform(1))
    modules = [
        module("vllm", __version__="0.32.0", LLM=make, SamplingParams=SamplingParams, TokensPrompt=dict, envs=envs),
        module("vllm.lora"),
        module("vllm.lora.request", LoRARequest=None),
        module("vllm.renderers"),
        module("vllm.renderers.hf", resolve_chat_template=lambda **_: None),
        module("vllm.tokenizers", get_tokenizer=lambda *_, **__: world["tokenizer"]),
        module("vllm.sampling_params", StructuredOutputsParams=lambda **given: given),
        module("vllm.third_party", pynvml=nvml),
        module("transformers", AutoConfig=SimpleNamespace(from_pretrained=lambda *_, **__: None)),
        world["platforms"],
        envs,
        nvml,
        torch,
    ]
    packages = tmp_path_factory.mktemp("packages")
    for name, version in (("vllm", "0.32.0"), ("torch", "2.13.0"), ("transformers", "5.19.0")):
        folder = packages / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(packages)
        for each in modules:
            patch.setitem(sys.modules, each.__name__, each)
        patch.delitem(sys.modules, "lm_eval.models.vllm_causallms", raising=False)
        yield world
    sys.modules.pop("lm_eval.models.vllm_causallms", None)


@pytest.fixture
def world(loaded: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name in ("VLLM_ENABLE_V1_MULTIPROCESSING", "VLLM_NO_USAGE_STATS", "VLLM_LOGGING_LEVEL"):
        monkeypatch.setenv(name, "as it was")
    loaded.update(tokenizer=Tokenizer(), failure=None, llms=[])
    loaded["platforms"].current_platform = Platform(1)
    return loaded


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").touch()
    return tmp_path


@pytest.fixture
def engine(world: dict[str, Any], checkpoint: Path) -> VllmEngine:
    return VllmEngine(checkpoint, Vllm())


@pytest.fixture
def llm(world: dict[str, Any], engine: VllmEngine) -> FakeLLM:
    return world["llms"][-1]


def one(engine: VllmEngine, request: GenerationRequest) -> Completion:
    [(index, completion)] = engine.generate([request])
    assert index == 0
    return completion


def score_one(engine: VllmEngine, prompt: str, *continuations: str) -> Scored:
    [(_, scored)] = engine.score([ScoreRequest(prompt, continuations)])
    return scored


def total(text: str) -> float:
    return sum(logprob(ord(c)) for c in text)


def test_every_request_is_answered_once_and_finished_blocks_appear_before_the_next_begins(
    engine: VllmEngine, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_engine, "GENERATION_BLOCK", 2)
    results = engine.generate([GenerationRequest(f"<s>{i}", i + 1) for i in range(5)])
    first = [next(results), next(results)]
    assert len(llm.calls) == 1
    finished = [*first, *results]
    assert [(index, completion.text) for index, completion in finished] == [(i, REPLY[: i + 1]) for i in range(5)]
    assert [len(call) for call in llm.calls] == [2, 2, 1]


def test_a_reply_that_reaches_its_limit_is_counted_as_cut(engine: VllmEngine) -> None:
    completion = one(engine, GenerationRequest("<s>Which organ?", 5))
    assert (completion.finish_reason, completion.generated_tokens, completion.text) == ("length", 5, REPLY[:5])


def test_the_token_that_ends_a_reply_is_not_part_of_it(engine: VllmEngine) -> None:
    completion = one(engine, GenerationRequest("<s>Which organ?", 50, token_logprobs=True))
    assert (completion.finish_reason, completion.text) == ("stop", REPLY)
    assert completion.generated_tokens == len(REPLY)
    assert completion.token_ids == tuple(map(ord, REPLY))
    assert completion.token_logprobs == tuple(logprob(ord(c)) for c in REPLY)
    assert completion.prompt_tokens == len("Which organ?") + 1


def test_a_stop_text_ends_the_reply_and_its_tokens_are_counted(engine: VllmEngine) -> None:
    completion = one(engine, GenerationRequest("<s>Which organ?", 50, stop=(" the",), token_logprobs=True))
    assert (completion.finish_reason, completion.text) == ("stop", "It is")
    assert completion.generated_tokens == len("It is the")
    assert completion.token_logprobs is not None and len(completion.token_logprobs) == completion.generated_tokens


def test_tokens_are_kept_always_and_their_log_probabilities_where_asked_for(engine: VllmEngine, llm: FakeLLM) -> None:
    completion = one(engine, GenerationRequest("<s>Which organ?", 5))
    assert len(completion.token_ids or ()) == completion.generated_tokens > 0
    assert completion.token_logprobs is None
    assert llm.calls[0][0][1].logprobs is None


def test_a_prompt_that_does_not_fit_is_an_error_and_no_prompt_is_cut(engine: VllmEngine, llm: FakeLLM) -> None:
    room = TRAINED_CONTEXT - 10
    prompts = ["<s>" + "x" * room, "<s>" + "x" * (room - 1)]
    results = dict(engine.generate([GenerationRequest(prompt, 10) for prompt in prompts]))
    assert (results[0].finish_reason, results[0].text, results[0].prompt_tokens) == ("error", "", room + 1)
    assert results[0].error == "prompt of 191 tokens and limit of 10 exceed the engine's context of 200"
    assert results[1].finish_reason == "length"
    assert [tokens for tokens, _ in llm.calls[0]] == [[1] + [ord("x")] * (room - 1)]


def test_where_nothing_fits_vllm_is_not_called(engine: VllmEngine, llm: FakeLLM) -> None:
    assert one(engine, GenerationRequest("<s>", TRAINED_CONTEXT)).finish_reason == "error"
    assert score_one(engine, "<s>" + "x" * TRAINED_CONTEXT, " a").error is not None
    assert llm.calls == []


def test_each_request_is_drawn_by_its_own_parameters(engine: VllmEngine, llm: FakeLLM) -> None:
    drawn = Sampling(temperature=0.6, top_k=20, top_p=0.95, min_p=0.1, seed=7)
    greedy = Sampling(temperature=0, top_k=20, top_p=0.5, min_p=0.1, seed=7)
    everything = Sampling(temperature=1.0, top_k=0, seed=8)
    list(engine.generate([GenerationRequest("<s>a", 5, sampling) for sampling in (drawn, greedy, everything)]))
    parameters = [given for _, given in llm.calls[0]]
    assert [(p.temperature, p.top_k, p.top_p, p.min_p, p.seed) for p in parameters] == [
        (0.6, 20, 0.95, 0.1, 7),
        (0.0, 0, 1.0, 0.0, None),
        (1.0, -1, 1.0, 0.0, 8),
    ]


def test_a_temperature_that_vllm_would_raise_is_refused(engine: VllmEngine) -> None:
    with pytest.raises(MedevalError, match=r"temperature 0.001: vLLM raises it to 0.01"):
        one(engine, GenerationRequest("<s>a", 5, Sampling(temperature=0.001)))


def test_a_grammar_constrains_the_reply(engine: VllmEngine, llm: FakeLLM) -> None:
    one(engine, GenerationRequest("<s>a", 5, grammar='root ::= "yes"'))
    assert llm.calls[0][0][1].structured_outputs == {"grammar": 'root ::= "yes"'}


def test_log_probabilities_under_a_grammar_are_refused_since_they_are_not_the_models_own(engine: VllmEngine) -> None:
    with pytest.raises(MedevalError, match="not for both"):
        one(engine, GenerationRequest("<s>a", 5, grammar='root ::= "yes"', token_logprobs=True))


@pytest.mark.parametrize("reason", ["abort", "error", "repetition"])
def test_a_reply_that_vllm_gave_up_is_an_error(engine: VllmEngine, llm: FakeLLM, reason: str) -> None:
    llm.finish_reason = reason
    completion = one(engine, GenerationRequest("<s>a", 5))
    assert (completion.finish_reason, completion.text) == ("error", "")
    assert reason in (completion.error or "")


def test_outputs_of_other_prompts_stop_the_run(engine: VllmEngine, llm: FakeLLM) -> None:
    llm.reverse = True
    with pytest.raises(AssertionError, match="not those of the 2 prompts"):
        list(engine.generate([GenerationRequest("<s>a", 5), GenerationRequest("<s>b", 5)]))


def test_a_batchs_time_is_shared_by_its_tokens(engine: VllmEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 114.0, 200.0, 228.0])
    monkeypatch.setattr(vllm_engine.time, "perf_counter", lambda: next(clock))
    results = dict(engine.generate([GenerationRequest("<s>ccc", 2), GenerationRequest("<s>ccccc", 2)]))
    # 4 and 6 tokens are read, 2 and 2 generated: a second for each.
    assert [(r.seconds_prefill, r.seconds_decode) for r in results.values()] == [(4.0, 2.0), (6.0, 2.0)]
    scored = dict(engine.score([ScoreRequest("<s>ccc", (" a", " bcd")), ScoreRequest("<s>ccccc", ("d", "e"))]))
    # Each prompt is read once for each of its options.
    assert [r.seconds for r in scored.values()] == [(4 + 2) + (4 + 4), (6 + 1) + (6 + 1)]


def test_option_scores_are_the_sums_of_their_tokens(engine: VllmEngine, llm: FakeLLM) -> None:
    scored = score_one(engine, "<s>Which?", " liver", " gut", "!!")
    assert scored.logprobs == pytest.approx((total(" liver"), total(" gut"), total("!!")))
    assert scored.greedy == (False, False, True)
    assert scored.prompt_tokens == len("Which?") + 1
    assert all(parameters.prompt_logprobs == 1 for _, parameters in llm.calls[0])


def test_a_token_across_the_boundary_belongs_to_the_continuation(engine: VllmEngine) -> None:
    # "a" + "b" is one token, so that for both options the prompt ends before the "a".
    scored = score_one(engine, "<s>xa", "b", "c")
    assert scored.prompt_tokens == 2
    assert scored.logprobs == pytest.approx((logprob(SPECIAL["ab"]), total("ac")))


def test_an_item_that_cannot_be_scored_is_an_error_and_the_others_are_scored(
    engine: VllmEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_engine, "SCORING_BLOCK", 2)
    long = ScoreRequest("<s>" + "x" * (TRAINED_CONTEXT - 3), (" a", " ab"))
    empty = ScoreRequest("<s>Which?", (" a", ""))
    fine = ScoreRequest("<s>" + "x" * (TRAINED_CONTEXT - 4), (" a", " b"))
    results = dict(engine.score([long, fine, empty]))
    assert sorted(results) == [0, 1, 2]
    assert results[0].error == "201 tokens exceed the engine's context of 200"
    assert results[1].error is None
    assert results[1].logprobs == pytest.approx((total(" a"), total(" b")))
    assert "no tokens of its own" in (results[2].error or "")
    assert results[0].logprobs == results[2].logprobs == ()


def test_a_text_is_scored_after_its_first_token(engine: VllmEngine) -> None:
    assert engine.score_text("heart") == pytest.approx(total("heart"))


def test_a_text_beyond_the_context_is_refused(engine: VllmEngine) -> None:
    with pytest.raises(MedevalError, match="200 tokens does not fit the engine's context of 200"):
        engine.score_text("x" * (TRAINED_CONTEXT - 1))


@pytest.mark.parametrize("text", ["<s>Hello", "Hello"])
def test_a_prompt_begins_with_one_beginning_token_whoever_writes_it(engine: VllmEngine, text: str) -> None:
    assert engine.encode(text) == [1, *map(ord, "Hello")]


def test_a_prompt_with_two_beginning_tokens_is_refused(engine: VllmEngine) -> None:
    with pytest.raises(MedevalError, match="begins with 2 tokens '<s>', not 1"):
        engine.encode("<s><s>Hello")


def test_a_tokenizer_without_a_beginning_token_is_left_alone(
    world: dict[str, Any], checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world["tokenizer"].bos_token_id = None
    engine = VllmEngine(checkpoint, Vllm())
    monkeypatch.setattr(engine._lm, "tok_encode", lambda text: [ord(c) for c in text])
    assert engine.encode("Hello") == [*map(ord, "Hello")]


def test_a_chat_is_rendered_by_the_tokenizers_template_with_the_models_options(engine: VllmEngine) -> None:
    messages = [{"role": "user", "content": "Which organ?"}]
    assert VllmChat(engine, {}).render(messages) == "<s>[user]Which organ?[assistant]"
    chat = VllmChat(engine, {"enable_thinking": False})
    assert chat.render(messages) == "<s>[user]Which organ?[assistant][no thoughts]"
    assert chat.text == TEMPLATE and len(chat.sha256) == 64


def test_the_beginning_of_a_reply_is_continued(engine: VllmEngine) -> None:
    messages = [{"role": "user", "content": "Which organ?"}, {"role": "assistant", "content": "Answer:"}]
    assert VllmChat(engine, {}).render(messages, complete_last=True) == "<s>[user]Which organ?[assistant]Answer:"


def test_a_conversation_that_the_template_refuses_loses_no_message_silently(engine: VllmEngine) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which organ?"}]
    with pytest.raises(MedevalError, match="refuses a conversation of system, user: no system message"):
        VllmChat(engine, {}).render(messages)


def test_a_tokenizer_without_a_chat_template_is_refused(world: dict[str, Any], engine: VllmEngine) -> None:
    world["tokenizer"].chat_template = None
    with pytest.raises(MedevalError, match="no chat template"):
        VllmChat(engine, {})


def test_the_settings_reach_vllm(world: dict[str, Any], checkpoint: Path) -> None:
    world["platforms"].current_platform = Platform(2)
    VllmEngine(checkpoint, Vllm(dtype="float16", max_model_len=64, max_num_seqs=3, tensor_parallel_size=2))
    given = world["llms"][0].arguments
    expected = {
        "model": str(checkpoint),
        "dtype": "float16",
        "max_model_len": 64,
        "max_num_seqs": 3,
        "tensor_parallel_size": 2,
        "gpu_memory_utilization": 0.9,
        "enable_prefix_caching": False,
        "enforce_eager": False,
        "load_format": "safetensors",
        "logprobs_mode": "raw_logprobs",
    }
    assert {name: given[name] for name in expected} == expected


def test_without_a_length_vllm_fits_the_models_own_into_memory(engine: VllmEngine, llm: FakeLLM) -> None:
    assert llm.arguments["max_model_len"] == -1
    assert engine.context == TRAINED_CONTEXT


def test_scheduling_stays_in_this_process_and_nothing_is_reported_home(llm: FakeLLM) -> None:
    assert llm.environment["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    assert llm.environment["VLLM_NO_USAGE_STATS"] == "1"


def test_the_identity_says_what_ran_where(engine: VllmEngine) -> None:
    identity = engine.identity()
    assert json.loads(json.dumps(identity)) == identity
    assert identity == {
        "engine": "vllm",
        "vllm": "0.32.0",
        "torch": "2.13.0",
        "transformers": "5.19.0",
        "device": "cuda",
        "gpus": ["NVIDIA L4 number 0"],
        "driver": "580.65.06",
        "cuda": "13.0",
        "dtype": "bfloat16",
        "max_model_len": None,
        "max_num_seqs": 8,
        "prefix_caching": False,
        "tensor_parallel_size": 1,
        "gpu_memory_utilization": 0.9,
        "enforce_eager": False,
        "batch_invariant": False,
        "generation_block": 256,
        "scoring_block": 64,
    }


def test_vllms_cpu_build_says_that_it_ran_on_the_processor(world: dict[str, Any], checkpoint: Path) -> None:
    world["platforms"].current_platform = Platform(0, cpu=True)
    identity = VllmEngine(checkpoint, Vllm()).identity()
    assert (identity["device"], identity["instructions"]) == ("cpu", "AVX512")
    assert "gpus" not in identity


@pytest.mark.parametrize(("gpus", "wanted"), [(0, 1), (1, 2)])
def test_too_few_gpus_are_refused_before_anything_is_loaded(
    world: dict[str, Any], checkpoint: Path, gpus: int, wanted: int
) -> None:
    world["platforms"].current_platform = Platform(gpus)
    with pytest.raises(MedevalError, match=rf"{wanted} NVIDIA GPU\(s\) are asked for, and vLLM sees {gpus}"):
        VllmEngine(checkpoint, Vllm(tensor_parallel_size=wanted))
    assert world["llms"] == []


def test_what_vllm_says_about_a_model_it_cannot_load_is_shown(world: dict[str, Any], checkpoint: Path) -> None:
    world["failure"] = ValueError("the estimated maximum model length is 1152")
    with pytest.raises(MedevalError, match=r"vLLM cannot load this model: the estimated maximum model length is 1152"):
        VllmEngine(checkpoint, Vllm())


def test_without_vllm_the_remedy_is_named(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(vllm_engine.importlib.metadata, "version", find)
    with pytest.raises(MedevalError, match="make setup-vllm"):
        VllmEngine(checkpoint, Vllm())


@pytest.mark.parametrize("absent", ["config.json", "model.safetensors"])
def test_what_is_no_safetensors_checkpoint_is_refused(checkpoint: Path, absent: str) -> None:
    (checkpoint / absent).unlink()
    with pytest.raises(MedevalError, match="not a checkpoint"):
        VllmEngine(checkpoint, Vllm())


def test_closing_releases_the_model(engine: VllmEngine, llm: FakeLLM) -> None:
    engine.close()
    assert llm.closed


LINUX = {"uname": "case $1 in -s) echo Linux ;; -m) echo x86_64 ;; esac"}
MAC = {"uname": "case $1 in -s) echo Darwin ;; -m) echo arm64 ;; esac"}


def set_up(
    folder: Path, commands: dict[str, str], *arguments: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the set-up in a copy of the project's root, with these commands; returns what `uv` was told, too."""
    binaries, root, log = folder / "bin", folder / "root", folder / "uv.log"
    binaries.mkdir()
    for tool in ("sh", "dirname", "head"):
        (binaries / tool).symlink_to(shutil.which(tool) or "")
    for name, command in (LINUX | {"uv": f"echo $* >> {log}"} | commands).items():
        (binaries / name).write_text(f"#!/bin/sh\n{command}\n")
        (binaries / name).chmod(0o755)
    for program in (
        ".venv/bin/python",
        *(f"{e}/bin/{p}" for e in (".venv-vllm", "conda") for p in ("python", "medeval")),
    ):
        (root / program).parent.mkdir(parents=True, exist_ok=True)
        (root / program).symlink_to(shutil.which("true") or "")
    (root / "workflow/scripts").mkdir(parents=True)
    shutil.copy(ROOT / "workflow/scripts/setup-vllm.sh", root / "workflow/scripts")
    script = [str(binaries / "sh"), str(root / "workflow/scripts/setup-vllm.sh"), *arguments]
    result = subprocess.run(script, env={"PATH": str(binaries)}, capture_output=True, text=True, check=False)
    return result, log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ({}, "no NVIDIA driver answers to nvidia-smi"),
        ({"nvidia-smi": "echo No devices were found"}, "no NVIDIA driver answers to nvidia-smi"),
        ({"nvidia-smi": "echo 550.54.15"}, "the NVIDIA driver is 550.54.15, and CUDA 13 needs 580 or newer"),
        (MAC, "and this is Darwin on arm64"),
    ],
)
def test_the_set_up_says_what_is_missing_before_it_installs_anything(
    tmp_path: Path, commands: dict[str, str], said: str
) -> None:
    result, installed = set_up(tmp_path, commands)
    assert result.returncode != 0 and installed == []
    assert said in result.stderr and "  -> " in result.stderr


def test_the_set_up_installs_the_lock_file_with_its_hashes_and_then_medeval_alone(tmp_path: Path) -> None:
    result, installed = set_up(tmp_path, {"nvidia-smi": "echo 580.65.06"})
    assert result.returncode == 0, result.stderr
    assert installed == [
        "pip sync --require-hashes workflow/envs/vllm.lock --python .venv-vllm/bin/python",
        "pip install --quiet --no-deps --editable . --python .venv-vllm/bin/python",
    ]


def test_the_set_up_keeps_what_is_in_an_environment_that_it_is_given(tmp_path: Path) -> None:
    _, installed = set_up(tmp_path, {"nvidia-smi": "echo 580.65.06"}, "conda")
    assert installed[0] == "pip install --require-hashes -r workflow/envs/vllm.lock --python conda/bin/python"


def test_every_package_of_the_lock_file_has_its_hash_and_names_no_place() -> None:
    lines = (ROOT / "workflow/envs/vllm.lock").read_text().splitlines()
    packages = [i for i, line in enumerate(lines) if line and line[0] not in " #"]
    assert any(lines[i].startswith("vllm==") for i in packages)
    assert not any(lines[i].startswith("llama-cpp-python") for i in packages)
    assert all("==" in lines[i] and lines[i + 1].startswith("    --hash=sha256:") for i in packages)
    assert not any("://" in line or " /" in line for line in lines)
