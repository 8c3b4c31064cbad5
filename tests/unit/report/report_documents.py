"""Small documents of a run, in the shape that the other stages write, for the tests of the report."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

from medeval.run.config import RunConfig
from medeval.verdicts.document import Verdicts

F16 = {"model": "tiny", "variant": "f16", "target": "cpu"}
Q4 = {"model": "tiny", "variant": "q4", "target": "cpu"}


def config(**changes: Any) -> dict[str, Any]:
    """Return a configuration with one model, two files and two benchmarks."""
    source = {"type": "file", "path": "rows.jsonl"}
    document = {
        "name": "small",
        "title": "A small run",
        "models": [
            {
                "id": "tiny",
                "title": "Tiny",
                "licence": "Apache-2.0",
                "variants": {
                    "f16": {"source": {"type": "file", "path": "f16.gguf"}},
                    "q4": {"quantize_from": "f16", "type": "Q4_K_M", "note": "A note on <q4>."},
                },
                "reference": "f16",
                "evaluate": ["f16", "q4"],
            }
        ],
        "benchmarks": [
            {"id": "medqa", "licence": "MIT", "sources": [source]},
            {"id": "pubmedqa", "licence": "MIT", "sources": [source]},
        ],
        "protocol": {"modes": ["generate", "choices_only"], "headline": "generate"},
        "claims": "claims.yaml",
        "notes": ["Scores say <b>nothing</b> & prove nothing."],
    }
    return RunConfig.model_validate({**document, **changes}).model_dump()


def estimate(value: float, low: float | None, high: float | None, n: int = 40, **more: Any) -> dict[str, Any]:
    se = None if low is None or high is None else (high - low) / 3.92
    base = {"value": value, "se": se, "low": low, "high": high, "n": n, "method": "test interval"}
    return {**base, "confidence": 0.95, "seed": None, **more}


def score(system: dict[str, str], benchmark: str, mode: str, value: float, **failures: int) -> dict[str, Any]:
    statuses = {"no_answer": 0, "ambiguous": 0, "truncated": 0, "refused": 0, "error": 0, **failures}
    return {
        **system,
        "benchmark": benchmark,
        "mode": mode,
        "items": 40,
        "responses": 40,
        "aggregate": "mean of items",
        "accuracy": estimate(value, max(value - 0.15, 0.0), min(value + 0.15, 1.0)),
        "statuses": {"answered": 40 - sum(failures.values()), **statuses},
        "stages": {"strict": 40, "lenient": 0, "content": 0, "logprob": 0, "none": 0},
        "policies": {
            "wrong": value,
            "random": value + 0.0123,
            "excluded": None if sum(failures.values()) == 40 else value,
        },
        "methods": ["reader@1"],
        "mean_generated_tokens": 5.0,
        "strata": [
            {"stratum": "Heart", "items": 20, "accuracy": value},
            {"stratum": "Lung", "items": 20, "accuracy": value},
        ],
    }


def comparison(mode: str) -> dict[str, Any]:
    """Return f16 minus q4: +4.32 points on MedQA, -1.08 on PubMedQA, +1.62 on average."""
    values = {"medqa": 0.0432, "pubmedqa": -0.0108}
    average = sum(values.values()) / 2
    return {
        "a": F16,
        "b": Q4,
        "mode": mode,
        "benchmarks": [
            {
                "benchmark": benchmark,
                "items": 40,
                "items_only_in_one": 0,
                "difference": estimate(value, value - 0.03, value + 0.05, p_value=0.25, test="exact McNemar"),
                "constant": False,
                "draws": 40,
                "flips": {"rate": estimate(0.1, 0.04, 0.23), "lost": 3, "gained": 1, "n": 40},
                "churn": {"rate": estimate(0.1, 0.03, 0.17), "floor": None, "excess": None, "missing": "one run"},
                "minimum_detectable_effect": 0.0571,
                "holm_p_value": 0.5,
            }
            for benchmark, value in values.items()
        ],
        "average": {
            "normal": estimate(average, average - 0.02, average + 0.03, 80, p_value=0.2),
            "bootstrap": estimate(average, average - 0.021, average + 0.031, 80, p_value=0.2),
            "minimum_detectable_effect": 0.0357,
            "non_inferiority": {
                "value": average,
                "se": 0.0128,
                "margin": 0.01,
                "low": average - 0.021,
                "high": average + 0.021,
                "p_value": 0.68,
                "within": False,
                "exceeded": False,
                "df": None,
                "alpha": 0.05,
                "method": "one-sided non-inferiority",
            },
            "equivalence": {"low": -0.0048, "high": 0.0372, "margin": 0.01, "equivalent": False},
            "micro": 0.0166,
            "wins": 1,
            "leave_one_out": {
                "value": average,
                "low": -0.0108,
                "high": 0.0432,
                "low_index": 0,
                "high_index": 1,
                "sign_changes": True,
            },
            "over_benchmarks": estimate(average, -0.3, 0.33, 2),
        },
        "tokens": None,
        "tokens_missing": "nothing was generated",
    }


def comparisons(**changes: Any) -> dict[str, Any]:
    """Return a document in which f16 never fails and q4 fails often."""
    scores = [
        score(F16, "medqa", "generate", 0.4567),
        score(Q4, "medqa", "generate", 0.4135, no_answer=7, ambiguous=1, truncated=5, refused=2, error=3),
        score(F16, "pubmedqa", "generate", 0.6250),
        score(Q4, "pubmedqa", "generate", 0.6358, truncated=40),
        score(F16, "medqa", "choices_only", 0.3),
        score(Q4, "medqa", "choices_only", 0.7) | {"chance": 0.25},
    ]
    averages = [
        {
            **system,
            "mode": mode,
            "benchmarks": ["medqa", "pubmedqa"],
            "normal": estimate(0.54085, 0.47, 0.61, 80),
            "bootstrap": estimate(0.54085, 0.471, 0.612, 80),
            "error_agreement": {"ratio": 0.98, "agree": True, "trusted": "bootstrap"},
        }
        for system in (F16, Q4)
        for mode in ("generate", "choices_only")
    ]
    return {
        "schema": "comparisons.v3",
        "headline": "generate",
        "margin_points": 1.0,
        "seed": 7,
        "references": ["tiny/f16"],
        "packages": {"medeval": ["0.1.0"], "numpy": ["2.4.6"]},
        "inputs": {"scores/medqa.parquet": "ab" * 32},
        "scores": scores,
        "averages": averages,
        "comparisons": [comparison("generate")],
        "not_compared": [],
        "items_total": {"medqa": 40, "pubmedqa": 40},
        "conversations_total": {},
        "conversations": [],
        "conversation_comparisons": [],
        **changes,
    }


def graded(system: dict[str, str], overall: dict[str, Any] | None) -> dict[str, Any]:
    tag = {"score": 0.5, "unclipped": 0.5, "n": 2, "n_missing": 0, "n_undefined": 0, "se": 0.1}
    return {
        **system,
        "subset": "main",
        "items": 12,
        "missing": 3,
        "missing_share": 0.0625,
        "judge": "judge@1",
        "overall": overall,
        "clipped": None if overall is None else max(overall["value"], 0.0),
        "bounds": {"all_met": 0.4, "none_met": 0.3, "highest": 0.45, "lowest": 0.21},
        "themes": {
            "hedging": tag,
            "emergency_referrals": {**tag, "score": None, "unclipped": None, "se": None, "n": 0},
        },
        "axes": {"accuracy": tag},
    }


def part(verdict: str, **changes: Any) -> dict[str, Any]:
    return {
        "metric": "average",
        "a": "tiny/q4",
        "b": "tiny/f16",
        "verdict": verdict,
        "reasons": ["the data cannot separate the two"],
        "unit": "points",
        "estimate": -1.62,
        "low": -4.62,
        "high": 0.38,
        "se": 1.28,
        "alpha": 0.05,
        "p_value": 0.2,
        "method": "test interval",
        "items": 80,
        "items_total": 80,
        "target": "cpu",
        "flags": [],
        "rule": "size" if changes.get("metric") == "size" else "order",
        "estimand": "sampled items",
        "name_a": "tiny-q4",
        "name_b": "tiny",
        "numbers": {"resolution_ratio": 0.21, "fixed_se": None},
        **changes,
    }


def verdict(claim_id: str, outcome: str, *parts: dict[str, Any], flags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "claim_id": claim_id,
        "type": "T2",
        "sentence": f"Claim {claim_id} holds.",
        "verdict": outcome,
        "flags": list(flags),
        "plain": f"In words for {claim_id}.",
        "after": None,
        "published_figures": [],
        "parts": list(parts) or [part(outcome)],
    }


def verdicts() -> list[dict[str, Any]]:
    """Return one claim per verdict."""
    untested = dict.fromkeys(("estimate", "low", "high", "se", "p_value", "items", "items_total"))
    return [
        verdict(
            "c1", "REPRODUCED", part("REPRODUCED", metric="size", unit="percent", estimate=69.2, low=None, high=None)
        ),
        verdict("c2", "NOT_REPRODUCED", part("NOT_REPRODUCED", metric="medqa", estimate=-4.32)),
        verdict("c3", "INCONCLUSIVE", flags=("UNDERPOWERED", "FRAGILE")),
        verdict(
            "c4", "NOT_TESTABLE", part("NOT_TESTABLE", reasons=["this run evaluates no other"], method="", **untested)
        ),
    ]


def weights(kind: str, size: int) -> dict[str, Any]:
    return {
        "path": "x.gguf",
        "sha256": "cd" * 32,
        "bytes": size + 1000,
        "name": "tiny",
        "architecture": "llama",
        "parameters": 1234567,
        "bits_per_weight": 4.5678,
        "tensors_by_type": {"F32": 3, kind: 17},
        "bytes_by_type": {"F32": 1000, kind: size},
        "tied_head": True,
        "context_length": 512,
        "vocabulary": 99,
        "chat_template_sha256": None,
    }


def overlap() -> dict[str, Any]:
    rule = {"dirty": 2, "tested": 30, "whole": 1, "untestable": 9}
    rule |= {"share": 0.0667, "low": 0.0185, "high": 0.2132, "share_of_all": 0.05}
    untested = dict.fromkeys(("share", "low", "high")) | {"dirty": 0, "tested": 0, "whole": 0, "untestable": 40}
    summary = {"items": 40, "n": 11, "mean_coverage": 0.031, "gpt3": rule, "palm": {**untested, "share_of_all": 0.0}}
    seen = {"gpt3": True, "palm": None, "coverage": 0.75, "longest_run": 21, "documents": 1}
    seen |= {"matches": [{"document": "corpus.jsonl:3"}]}
    clean = {**seen, "gpt3": False, "documents": 0, "matches": []}
    views = ("question", "question_gold", "question_options")
    return {
        "method": "ngram-overlap@1",
        "corpus": {"files": ["corpus.jsonl"], "documents": 1200, "words": 34567},
        "benchmarks": {"medqa": {view: copy.deepcopy(summary) for view in views}},
        "items": [
            {"benchmark": "medqa", "item_id": "found0001", **dict.fromkeys(views, seen)},
            {"benchmark": "medqa", "item_id": "clean0001", **dict.fromkeys(views, clean)},
        ],
        "inputs": {},
    }


def audit() -> dict[str, Any]:
    numbers = {"difference": 0.5914285714285725, "p": None, "wins": 3, "fragile": "without medqa"}
    finding = {"check": "resolution", "outcome": "fails", "sentence": "NOT resolvable: +0.59", "numbers": numbers}
    claim = {
        "id": "p01",
        "type": "T2",
        "sentence": "Printed claim <one>.",
        "stated": "70.54 v 69.95",
        "conclusion": "not resolved",
        "flags": ["COMPARATOR_MISMATCH"],
        "findings": [finding],
    }
    return {
        "schema": "desk_audit.v1",
        "title": "A publication",
        "claims": [claim],
        "shared": [{**finding, "outcome": "not testable", "numbers": {}}],
    }


def write_json(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def write_run(
    folder: Path, compared: dict[str, Any] | None = None, decided: list[dict[str, Any]] | None = None
) -> tuple[Path, Path]:
    """Write the comparisons and the verdicts decided on them."""
    first = write_json(folder / "comparisons.json", comparisons() if compared is None else compared)
    measured = {"headline": "generate", "margin_points": 1.0, "seed": 1, "references": ["tiny/f16"]}
    document = {
        "publication": "A publication",
        "alpha": 0.05,
        "headline": "generate",
        "targets": ["cpu"],
        "credible_judge": False,
        "inputs": {"claims": "ef" * 32, "comparisons": hashlib.sha256(first.read_bytes()).hexdigest()},
        "measured": measured | {"packages": {}, "inputs": {}},
        "subjects": [{"name": "tiny", "system": "tiny/f16", "why": "given"}],
        "families": [],
        "verdicts": verdicts() if decided is None else decided,
    }
    Verdicts.model_validate(document).write(folder / "verdicts.json")
    return first, folder / "verdicts.json"


def write_details(folder: Path) -> list[Path]:
    """Write one or two detail documents of every kind."""
    return [
        write_json(folder / "weights/tiny/f16.gguf.json", weights("F16", 200_000_000)),
        write_json(folder / "weights/tiny/q4.gguf.json", weights("Q4_K", 61_600_000)),
        write_json(folder / "contamination/medqa.json", overlap()),
        write_json(folder / "desk_audits/paper.json", audit()),
    ]
