"""Items to responses: lm-eval runs the tasks, our engine answers, a journal keeps every finished item."""

import importlib.metadata
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.documents import as_json
from medeval.records.files import sha256_file
from medeval.records.journal import Journal
from medeval.records.shards import Shard, record_path, timings_path
from medeval.responses.engines.lm_eval_model import EngineLM, Reply
from medeval.responses.engines.types import Chat, Completion, Engine, Scored
from medeval.responses.prompts.render import LETTERED, template_sha256
from medeval.responses.record import EvaluationRecord, Identity, Software
from medeval.responses.replies import Replies
from medeval.responses.subject import Subject
from medeval.run.config import Protocol

log = logging.getLogger(__name__)

TASKS = Path(__file__).parents[1] / "tasks"


@dataclass(frozen=True)
class EvaluationRun:
    """What is evaluated and how; with the files themselves it determines the responses."""

    model: str
    variant: str
    subject: Subject
    protocol: Protocol
    seed: int
    shard: Shard | None = None


def evaluate(
    items_path: Path, out: Path, run: EvaluationRun, *, command: str, replies: Sequence[Path] = ()
) -> dict[str, float]:
    """Answer every item of one benchmark, or of a shard of it, and write the responses.

    Every reply is kept in a journal (`out` + `.journal`), which stays: an interrupted call continues from it, and one
    with other modes, samples or items asks only for what is not in it. Beside the responses go their
    timings (`out` + `.timings.parquet`) and a record (`out` + `.lm_eval.json`) of what determined them,
    with lm-eval's own accuracies, to be compared with those of the score stage.

    Args:
        items_path: An items or conversations table.
        out: Responses table to write.
        run: What to ask, and how.
        command: The command line, for the record.
        replies: Folders below which the journals of other evaluations may hold replies already.

    Returns:
        lm-eval's accuracy per mode; a conversation benchmark gives none.

    Raises:
        MedevalError: A file is unusable, or an item has no response.
    """
    conversations = tables.read_record(items_path).get("table") == tables.CONVERSATIONS.name
    table = tables.read(items_path, tables.CONVERSATIONS if conversations else tables.ITEMS)
    table = tables.first_of_each_item(table)
    if run.shard is not None:
        table = run.shard.take(table)
    items = table.to_pylist()
    if not items:
        part = f" in shard {run.shard}" if run.shard else ""
        raise MedevalError(
            f"{items_path}: the table holds no items{part}",
            "Check the source and make the items again; there cannot be more shards than items.",
        )
    benchmark = items[0]["benchmark"]
    modes: list[str] = ["generate"] if conversations else list(run.protocol.modes)
    engine, chat = run.subject.open()
    identity = _identity(run, modes, sha256_file(items_path), engine, chat)
    run_id = identity.run_id
    software = Software.here()
    stated = {**as_json(identity), "software": as_json(software)}
    with Journal(out.with_name(out.name + ".journal"), stated, run_id) as journal:
        known = Replies(engine, identity.weights_sha256, journal, replies)
        lm = _language_model(engine, chat, run, known)
        accuracies = _run_lm_eval(lm, items_path, benchmark, modes, run, conversations)
        results = list(_results(items, modes, run, known))
        log.info("%s: %d of %d replies were there already", out, len(results) - known.asked, len(results))
        rows = [_row(key, value, run_id, lm, lettered=not conversations) for key, value in results]
        timings = [_timing(key, value) for key, value in results]
        record = EvaluationRecord(
            identity=identity,
            software=software,
            shard=str(run.shard) if run.shard else None,
            sequences=engine.identity().get("sequences"),
            accuracy=accuracies,
            shards=None,
        )
        engine.close()
        inputs = {"items": items_path, **run.subject.inputs()}
        # The responses go last: what is beside them is complete whenever they are there.
        record.write(record_path(out))
        for path, rows_of, kind in ((timings_path(out), timings, tables.TIMINGS), (out, rows, tables.RESPONSES)):
            tables.write(path, tables.build(kind, rows_of), kind, command=command, inputs=inputs)
    return accuracies


def _identity(run: EvaluationRun, modes: Sequence[str], items_sha256: str, engine: Engine, chat: Chat) -> Identity:
    return Identity(
        model=run.model,
        variant=run.variant,
        target=run.subject.target,
        weights_sha256=run.subject.sha256(),
        items_sha256=items_sha256,
        engine=engine.identity(),
        lm_eval=importlib.metadata.version("lm-eval"),
        templates={mode: template_sha256(mode) for mode in modes},
        chat_template=chat.sha256,
        protocol=run.protocol,
        seed=run.seed,
        reasoning=run.subject.reasoning,
        template_options=run.subject.template_options,
    )


def _language_model(engine: Engine, chat: Chat, run: EvaluationRun, recorder: Replies) -> EngineLM:
    reasoning = run.subject.reasoning
    return EngineLM(
        engine,
        chat,
        seed=run.seed,
        delimiters=(reasoning.open, reasoning.close) if reasoning else None,
        opened_by_template=reasoning.opened_by_template if reasoning else False,
        token_logprobs=run.protocol.token_logprobs,
        recorder=recorder,
    )


def _run_lm_eval(
    lm: EngineLM, items_path: Path, benchmark: str, modes: Sequence[str], run: EvaluationRun, conversations: bool
) -> dict[str, float]:
    """Let lm-eval build the requests, call the model and score; our journal sees every result."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    protocol = run.protocol
    names = {mode: f"medeval_{benchmark}_{mode}" for mode in modes}
    metadata = {"items": str(items_path.resolve()), **({"shard": str(run.shard)} if run.shard else {})}
    manager = TaskManager(include_path=str(TASKS), include_defaults=False, metadata=metadata)
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
            "min_p": protocol.min_p,
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


def _results(
    items: Sequence[dict[str, Any]], modes: Sequence[str], run: EvaluationRun, known: Replies
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the key columns and the journal's result of every response, in the order of the table."""
    for mode in modes:
        for item in items:
            for sample in range(run.protocol.samples if mode == "generate" else 1):
                value = known.found.get((mode, item["item_id"], sample))
                if value is None:
                    raise MedevalError(
                        f"{item['benchmark']}: item {item['item_id']} has no {mode} response (sample {sample})",
                        "Run the same command again; what has come is kept in the journal beside the output.",
                    )
                key = {
                    "model": run.model,
                    "variant": run.variant,
                    "target": run.subject.target,
                    "benchmark": item["benchmark"],
                    "item_id": item["item_id"],
                    "sample": sample,
                    "mode": mode,
                }
                yield key, value


def _timing(key: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    result = value["result"]
    scored = value["kind"] == "scored"
    return {
        **key,
        "seconds_prefill": result["seconds"] if scored else result["seconds_prefill"],
        "seconds_decode": 0.0 if scored else result["seconds_decode"],
    }


def _row(key: dict[str, Any], value: dict[str, Any], run_id: str, lm: EngineLM, *, lettered: bool) -> dict[str, Any]:
    columns = _scored_columns(value) if value["kind"] == "scored" else _generated_columns(value, lm)
    shown = lettered and key["mode"] in LETTERED
    return {"run_id": run_id, **key, "prompt_sha256": value["prompt_sha256"], "labels_shown": shown, **columns}


def _scored_columns(value: dict[str, Any]) -> dict[str, Any]:
    result = Scored(**value["result"])
    return {
        "finish_reason": "error" if result.error else "scored",
        "prompt_tokens": result.prompt_tokens,
        "generated_tokens": 0,
        "prompt_ids_sha256": result.prompt_ids_sha256,
        "option_logprobs": None if result.error else list(result.logprobs),
        "error": result.error,
    }


def _generated_columns(value: dict[str, Any], lm: EngineLM) -> dict[str, Any]:
    completion = Completion(**value["result"])
    reply: Reply = lm.reply(completion)
    return {
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "generated_tokens": completion.generated_tokens,
        "text": None if completion.error or reply.reasoning_open else str(reply),
        "reasoning": reply.reasoning,
        "prompt_ids_sha256": completion.prompt_ids_sha256,
        "token_ids": completion.token_ids,
        "token_logprobs": completion.token_logprobs if lm.token_logprobs else None,
        "error": completion.error,
    }
