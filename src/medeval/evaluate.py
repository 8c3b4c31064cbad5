"""Items to responses: lm-eval runs the tasks, our engine answers, a journal keeps every finished item."""

import importlib.metadata
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import llama_cpp
from lm_eval.api.instance import Instance

from medeval import tables
from medeval.config.model import Reasoning
from medeval.config.run import Protocol
from medeval.engines.lm_eval_model import MedevalLM, Reply
from medeval.engines.types import Completion, Scored
from medeval.errors import MedevalError
from medeval.files import sha256_file, sha256_text, write_json
from medeval.journal import Journal
from medeval.prompts.render import template_sha256

log = logging.getLogger(__name__)

TASKS = Path(__file__).parent / "tasks"


@dataclass(frozen=True)
class Run:
    """What is evaluated, on what, and how; with the files themselves it determines the responses."""

    model: str
    variant: str
    target: str
    protocol: Protocol
    seed: int
    threads: int
    sequences: int
    reasoning: Reasoning | None
    template_options: dict[str, Any]


def evaluate(items_path: Path, weights: Path, out: Path, run: Run, *, command: str) -> dict[str, float]:
    """Answer every item of one benchmark and write the responses.

    An interrupted call continues from its journal (`out` + `.journal`). lm-eval's own accuracies go
    to `out` + `.lm_eval.json`, to be compared with those of the score stage.

    Args:
        items_path: An items or conversations table.
        weights: The GGUF file.
        out: Responses table to write.
        run: How to evaluate.
        command: The command line, for the record.

    Returns:
        lm-eval's accuracy per mode; a conversation benchmark gives none.

    Raises:
        MedevalError: A file is unusable, or an item has no response.
    """
    record = tables.read_record(items_path)
    conversations = record.get("table") == tables.CONVERSATIONS.name
    table = tables.read(items_path, tables.CONVERSATIONS if conversations else tables.ITEMS)
    items = tables.first_of_each_item(table).to_pylist()
    if not items:
        raise MedevalError(f"{items_path}: the table holds no items", "Check the source and make the items again.")
    benchmark = items[0]["benchmark"]
    modes: list[str] = ["generate"] if conversations else list(run.protocol.modes)
    weights_sha256 = sha256_file(weights)
    identity = _identity(run, modes, weights_sha256, sha256_file(items_path))
    run_id = sha256_text(json.dumps(identity, sort_keys=True))[:16]
    with Journal(out.with_name(out.name + ".journal"), run_id) as journal:
        lm = _load(weights, run, _JournalRecorder(journal))
        accuracies = _run_lm_eval(lm, items_path, benchmark, modes, run, conversations)
        rows = list(_rows(items, modes, run, run_id, journal, lm))
        lm.engine.close()
        tables.write(
            out,
            tables.build(tables.RESPONSES, rows),
            tables.RESPONSES,
            command=command,
            inputs={"items": items_path, "weights": weights},
        )
        write_json(out.with_name(out.name + ".lm_eval.json"), {"identity": identity, "accuracy": accuracies})
        journal.remove()
    return accuracies


def _identity(run: Run, modes: Sequence[str], weights_sha256: str, items_sha256: str) -> dict[str, Any]:
    """Collect everything that may change a response; the run id is its hash."""
    return {
        "model": run.model,
        "variant": run.variant,
        "target": run.target,
        "weights_sha256": weights_sha256,
        "items_sha256": items_sha256,
        "engine": f"llama-cpp-python {importlib.metadata.version('llama-cpp-python')}",
        "lm_eval": importlib.metadata.version("lm-eval"),
        "system": llama_cpp.llama_print_system_info().decode(),
        "templates": {mode: template_sha256(mode) for mode in modes},
        "protocol": run.protocol.model_dump(),
        "seed": run.seed,
        "sequences": run.sequences,
        "reasoning": run.reasoning.model_dump() if run.reasoning else None,
        "template_options": run.template_options,
    }


def _load(weights: Path, run: Run, recorder: "_JournalRecorder") -> MedevalLM:
    reasoning = run.reasoning
    return MedevalLM(
        str(weights),
        target=run.target,
        threads=run.threads,
        sequences=run.sequences,
        seed=run.seed,
        think_open=reasoning.open if reasoning else None,
        think_close=reasoning.close if reasoning else None,
        opened_by_template=reasoning.opened_by_template if reasoning else False,
        template_options=run.template_options,
        recorder=recorder,
    )


def _run_lm_eval(
    lm: MedevalLM, items_path: Path, benchmark: str, modes: Sequence[str], run: Run, conversations: bool
) -> dict[str, float]:
    """Let lm-eval build the requests, call the model and score; our journal sees every result."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    protocol = run.protocol
    names = {mode: f"medeval_{benchmark}_{mode}" for mode in modes}
    manager = TaskManager(
        include_path=str(TASKS), include_defaults=False, metadata={"items": str(items_path.resolve())}
    )
    tasks = manager.load(list(names.values()))["tasks"]
    if "generate" in names:
        tasks[names["generate"]].set_config(key="repeats", value=protocol.samples)
    results = lm_eval.simple_evaluate(
        model=lm,
        tasks=list(tasks.values()),
        task_manager=manager,
        apply_chat_template=True,
        system_instruction=protocol.system,
        gen_kwargs={
            "do_sample": protocol.temperature > 0,
            "temperature": protocol.temperature,
            "top_k": protocol.top_k,
            "top_p": protocol.top_p,
            "max_gen_toks": protocol.conversation_max_tokens if conversations else protocol.max_tokens,
            "until": [],
        },
        bootstrap_iters=0,
        log_samples=False,
    )
    if conversations:
        return {}
    return {mode: _accuracy(results["results"][name]) for mode, name in names.items()}


def _accuracy(metrics: dict[str, Any]) -> float:
    """Return lm-eval's accuracy as the benchmark defines it: a mean of subjects where there are subjects."""
    return float(metrics.get("acc_mean_of_subjects,none", metrics["acc,none"]))


class _JournalRecorder:
    """Connects lm-eval's requests with the journal's keys: mode, item and sample."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def find(self, instance: Instance, sample: int) -> Completion | Scored | None:
        value = self._journal.get(_key(instance, sample))
        if value is None:
            return None
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value["result"].items()}
        return Scored(**fields) if value["kind"] == "scored" else Completion(**fields)

    def add(self, instance: Instance, sample: int, prompt: str, result: Completion | Scored) -> None:
        kind = "scored" if isinstance(result, Scored) else "completion"
        value = {"kind": kind, "prompt_sha256": sha256_text(prompt), "result": asdict(result)}
        self._journal.add(_key(instance, sample), value)


def _key(instance: Instance, sample: int) -> str:
    mode = str(instance.task_name).removeprefix(f"medeval_{instance.doc['benchmark']}_")
    return f"{mode}/{instance.doc['item_id']}/{sample}"


def _rows(
    items: Sequence[dict[str, Any]],
    modes: Sequence[str],
    run: Run,
    run_id: str,
    journal: Journal,
    lm: MedevalLM,
) -> Iterator[dict[str, Any]]:
    for mode in modes:
        for item in items:
            for sample in range(run.protocol.samples if mode == "generate" else 1):
                value = journal.get(f"{mode}/{item['item_id']}/{sample}")
                if value is None:
                    raise MedevalError(
                        f"{item['benchmark']}: item {item['item_id']} has no {mode} response (sample {sample})",
                        "Run the same command again; if it happens twice, delete the journal beside the output.",
                    )
                yield {
                    "run_id": run_id,
                    "model": run.model,
                    "variant": run.variant,
                    "target": run.target,
                    "benchmark": item["benchmark"],
                    "item_id": item["item_id"],
                    "sample": sample,
                    "mode": mode,
                    "prompt_sha256": value["prompt_sha256"],
                    **(_scored_columns(value) if value["kind"] == "scored" else _generated_columns(value, lm)),
                }


def _scored_columns(value: dict[str, Any]) -> dict[str, Any]:
    result = value["result"]
    return {
        "finish_reason": "error" if result["error"] else "scored",
        "prompt_tokens": result["prompt_tokens"],
        "generated_tokens": 0,
        "seconds_prefill": result["seconds"],
        "seconds_decode": 0.0,
        "option_logprobs": None if result["error"] else list(result["logprobs"]),
        "error": result["error"],
    }


def _generated_columns(value: dict[str, Any], lm: MedevalLM) -> dict[str, Any]:
    completion = Completion(**value["result"])
    reply: Reply = lm.reply(completion)
    return {
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "generated_tokens": completion.generated_tokens,
        "seconds_prefill": completion.seconds_prefill,
        "seconds_decode": completion.seconds_decode,
        "text": None if completion.error or reply.reasoning_open else str(reply),
        "reasoning": reply.reasoning,
        "error": completion.error,
    }
