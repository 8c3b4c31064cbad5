"""Any engine as an lm-eval model class; the llama.cpp engine is registered as `medeval`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from medeval.errors import MedevalError
from medeval.records.files import sha256_text
from medeval.records.progress import Tracker
from medeval.responses.engines.types import (
    Chat,
    Completion,
    Engine,
    GenerationRequest,
    Sampling,
    ScheduleName,
    Scored,
    ScoreRequest,
    shared_length,
)
from medeval.text.reasoning import split_reasoning

DEFAULT_SEED = 20260101


class Reply(str):
    """A generated answer, reasoning removed, that remembers how its generation ended."""

    finish_reason: str
    reasoning: str | None
    reasoning_open: bool

    def __new__(cls, text: str, finish_reason: str, reasoning: str | None, reasoning_open: bool) -> "Reply":
        """Wrap the answer text; it behaves as a plain string for lm-eval."""
        reply = super().__new__(cls, text)
        reply.finish_reason, reply.reasoning, reply.reasoning_open = finish_reason, reasoning, reasoning_open
        return reply


class Recorder(Protocol):
    """Keeps finished results, so that an interrupted evaluation does not compute them again."""

    def find(
        self, instance: Instance, sample: int, request: GenerationRequest | ScoreRequest
    ) -> Completion | Scored | None:
        """Return an earlier result for this request, or None."""
        ...

    def add(
        self, instance: Instance, sample: int, request: GenerationRequest | ScoreRequest, result: Completion | Scored
    ) -> None:
        """Keep a finished result."""
        ...


class _NoRecorder:
    def find(self, instance: Instance, sample: int, request: GenerationRequest | ScoreRequest) -> None:
        return None

    def add(
        self, instance: Instance, sample: int, request: GenerationRequest | ScoreRequest, result: Completion | Scored
    ) -> None:
        return None


class EngineLM(LM):
    """lm-eval's view of an engine.

    Args:
        engine: Answers the requests.
        chat: Renders conversations for this engine.
        seed: Seed from which each item's and sample's own seed is derived.
        delimiters: Texts that start and end the model's reasoning, if it has any.
        opened_by_template: The chat template writes the opening text itself.
        token_logprobs: Keep every token of a reply with its log-probability.
        recorder: Keeps finished results; None keeps none.
    """

    def __init__(
        self,
        engine: Engine,
        chat: Chat,
        *,
        seed: int = DEFAULT_SEED,
        delimiters: tuple[str, str] | None = None,
        opened_by_template: bool = False,
        token_logprobs: bool = False,
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__()
        self.engine, self.chat = engine, chat
        self._seed = seed
        self._delimiters = delimiters
        self._opened_by_template = opened_by_template
        self.token_logprobs = token_logprobs
        self._recorder: Recorder = recorder or _NoRecorder()
        self._prefixes: dict[str, str] = {}

    @property
    def tokenizer_name(self) -> str:
        """Fingerprint of the chat template, which lm-eval uses to key its request cache."""
        return self.chat.sha256

    def chat_template(self, chat_template: bool | str = False) -> str:
        """Return the text of the chat template, for lm-eval's log."""
        return self.chat.text

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """Render a conversation with the model's own template.

        What stands before the last message (system message, worked examples) is remembered as the
        prompt's prefix: a property of the prompt itself, so that it is the same in every shard.
        """
        prompt = self.chat.render(chat_history, complete_last=not add_generation_prompt)
        if chat_history and add_generation_prompt:
            other = self.chat.render([*chat_history[:-1], {**chat_history[-1], "content": "\u2022"}])
            self._prefixes[prompt] = prompt[: shared_length(prompt, other)]
        return prompt

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Generate one reply per request; the text that follows the reasoning is returned."""
        samples = _sample_indices(requests)
        everything = [self._generation_request(*each) for each in zip(requests, samples, strict=True)]
        self.engine.prepare(everything)
        results: list[Completion | None] = []
        for request, sample, asked in zip(requests, samples, everything, strict=True):
            found = self._recorder.find(request, sample, asked)
            results.append(found if isinstance(found, Completion) else None)
        todo = [i for i, result in enumerate(results) if result is None]
        prepared = [everything[i] for i in todo]
        # Longest prompts first: a last long straggler would leave the other sequences idle.
        order = sorted(range(len(todo)), key=lambda k: -len(prepared[k].prompt))
        with Tracker("generating", len(requests), len(requests) - len(todo)) as tracker:
            for k, completion in self.engine.generate([prepared[k] for k in order]):
                i = todo[order[k]]
                results[i] = completion
                self._recorder.add(requests[i], samples[i], everything[i], completion)
                tracker.advance(completion.generated_tokens)
        replies = [self.reply(completion) for completion in results if completion is not None]
        _assert_one_each(replies, requests)
        return list(replies)

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Score continuations; those of one question share a single reading of its prompt."""
        groups = [list(group) for _, group in groupby(requests, key=_question_key)]
        everything = [self._score_request(group) for group in groups]
        results: list[Scored | None] = []
        for group, asked in zip(groups, everything, strict=True):
            found = self._recorder.find(group[0], 0, asked)
            results.append(found if isinstance(found, Scored) else None)
        todo = [g for g, result in enumerate(results) if result is None]
        prepared = [everything[g] for g in todo]
        with Tracker("scoring", len(groups), len(groups) - len(todo)) as tracker:
            for k, scored in self.engine.score(prepared):
                results[todo[k]] = scored
                self._recorder.add(groups[todo[k]][0], 0, prepared[k], scored)
                tracker.advance(scored.prompt_tokens)
        flat = [pair for group, result in zip(groups, results, strict=True) for pair in _pairs(group, result)]
        _assert_one_each(flat, requests)
        return flat

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """Score whole texts."""
        return [self.engine.score_text(request.args[0]) for request in requests]

    def _score_request(self, group: Sequence[Instance]) -> ScoreRequest:
        prompt = group[0].args[0]
        return ScoreRequest(prompt, tuple(request.args[1] for request in group), self._prefixes.get(prompt, ""))

    def _generation_request(self, request: Instance, sample: int) -> GenerationRequest:
        prompt, kwargs = request.args
        greedy = not kwargs.get("do_sample", False) or float(kwargs.get("temperature", 0)) == 0
        item = str(request.doc.get("item_id", request.doc_id))
        sampling = Sampling(
            temperature=0.0 if greedy else float(kwargs["temperature"]),
            top_k=int(kwargs.get("top_k", 0)),
            top_p=float(kwargs.get("top_p", 1.0)),
            min_p=float(kwargs.get("min_p", 0.0)),
            seed=int(sha256_text(f"{self._seed}:{item}:{sample}")[:8], 16),
        )
        limit = int(kwargs.get("max_gen_toks") or kwargs.get("max_new_tokens") or kwargs.get("max_tokens") or 1024)
        until = kwargs.get("until") or []
        stops = (until,) if isinstance(until, str) else tuple(until)
        return GenerationRequest(
            prompt,
            limit,
            sampling,
            stops,
            # Samples of one item follow each other and share the reading of the whole prompt, however many there are.
            prefix=self._prefixes.get(prompt, "") if greedy else prompt,
            token_logprobs=self.token_logprobs,
        )

    def reply(self, completion: Completion) -> Reply:
        """Separate a completion into reasoning and answer by the model's delimiters."""
        if self._delimiters is None:
            return Reply(completion.text, completion.finish_reason, None, False)
        text = completion.text
        if self._opened_by_template and not text.startswith(self._delimiters[0]):
            text = self._delimiters[0] + text
        reasoning, answer, unfinished = split_reasoning(text, *self._delimiters)
        return Reply(answer, completion.finish_reason, reasoning, unfinished)


@register_model("medeval")
class MedevalLM(EngineLM):
    """lm-eval's view of one GGUF file, for its stock command line.

    Args:
        pretrained: Path of the GGUF file (the usual name of this argument in lm-eval).
        target: cpu, vulkan, metal or cuda.
        threads: Threads of the engine.
        sequences: Replies decoded together.
        schedule: audit or fast.
        seed: Seed from which each item's and sample's own seed is derived.
        think_open: Text that starts the model's reasoning, if it has any.
        think_close: Text that ends it.
        opened_by_template: The chat template writes the opening text itself.
        template_options: Variables for the chat template.
        batch_size: lm-eval passes it; only 1 is accepted, since `sequences` is ours.
        max_batch_size: lm-eval passes it; must be None.
        device: Not used: lm-eval passes its own default (`cuda:0`) whatever the machine has; `target` decides.

    Raises:
        MedevalError: An argument cannot be honoured.
    """

    def __init__(
        self,
        pretrained: str,
        *,
        target: str = "cpu",
        threads: int = 1,
        sequences: int = 1,
        schedule: ScheduleName = "audit",
        seed: int = DEFAULT_SEED,
        think_open: str | None = None,
        think_close: str | None = None,
        opened_by_template: bool = False,
        template_options: dict[str, Any] | None = None,
        batch_size: Any = None,
        max_batch_size: Any = None,
        device: str | None = None,
    ) -> None:
        # Other engines come without llama-cpp-python.
        from medeval.responses.engines.chat import ChatTemplate
        from medeval.responses.engines.llama_engine import LlamaEngine

        if batch_size not in (None, 1, "1") or max_batch_size is not None:
            raise MedevalError(f"batch_size {batch_size} has no meaning here", "Set `sequences` in --model_args.")
        if (think_open is None) != (think_close is None):
            raise MedevalError("think_open and think_close go together", "Give both, or neither.")
        engine = LlamaEngine(
            Path(pretrained), target=target, threads=int(threads), sequences=int(sequences), schedule=schedule
        )
        super().__init__(
            engine,
            ChatTemplate(engine.model, template_options or {}),
            seed=int(seed),
            delimiters=(think_open, think_close) if think_open and think_close else None,
            opened_by_template=opened_by_template,
        )


def _question_key(request: Instance) -> tuple[str | None, int | None, str]:
    return request.task_name, request.doc_id, request.args[0]


def _sample_indices(requests: Sequence[Instance]) -> list[int]:
    """Number the repeats of each request: lm-eval sends the same object once per sample."""
    seen: Counter[int] = Counter()
    indices = []
    for request in requests:
        indices.append(seen[id(request)])
        seen[id(request)] += 1
    return indices


def _pairs(group: Sequence[Instance], scored: Scored | None) -> Iterator[tuple[float, bool]]:
    if scored is None or scored.error is not None:
        # lm-eval has no notion of a failed request; minus infinity for every option cannot win by itself.
        return iter([(float("-inf"), False)] * len(group))
    return zip(scored.logprobs, scored.greedy, strict=True)


def _assert_one_each(results: Sequence[object], requests: Sequence[Instance]) -> None:
    if len(results) != len(requests):
        raise AssertionError(f"{len(results)} results for {len(requests)} requests: scores would be misaligned")
