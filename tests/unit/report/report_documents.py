"""Small documents of a run, in the shape that the other stages write, for the tests of the report."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

from tests.unit.weights.descriptions import description

from medeval.contamination.document import VIEWS
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


def paired(value: float, low: float | None, high: float | None, n: int = 40, **more: Any) -> dict[str, Any]:
    """Return the difference on one benchmark."""
    missing = dict.fromkeys(("cr0", "cr1", "naive", "design_effect", "effective_n", "correlation", "unpaired_se"))
    test = {"p_value": 0.25, "test": "exact McNemar", "mcnemar": None, "clusters": n, **missing}
    return estimate(value, low, high, n, **test | more)


def normal(value: float, low: float | None, high: float | None, n: int = 80) -> dict[str, Any]:
    """Return an average with its normal error."""
    return estimate(value, low, high, n, z=None, p_value=0.2, components=[])


def bootstrap(value: float, low: float | None, high: float | None, n: int = 80) -> dict[str, Any]:
    """Return an average, or a ratio, with its bootstrap error."""
    return estimate(value, low, high, n, clusters=n, resamples=10_000, p_value=0.2)


def stratum(name: str, items: int, accuracy: float, rule: str = "interval") -> dict[str, Any]:
    named = {"stratum": name, "tag": "stratum", "value": name, "items": items, "accuracy": accuracy, "rule": rule}
    return named | dict.fromkeys(("low", "high", "method"))


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
        "runs": {"runs": 1, "one_run_variance": None, "analysis": None, "missing": "one run"},
        "statuses": {"answered": 40 - sum(failures.values()), **statuses},
        "stages": {"strict": 40, "lenient": 0, "content": 0, "logprob": 0, "none": 0},
        "policies": {
            "wrong": value,
            "random": value + 0.0123,
            "excluded": None if sum(failures.values()) == 40 else value,
        },
        **dict.fromkeys(("no_headline", "chance", "several_correct", "accuracy_first")),
        "methods": ["reader@1"],
        "mean_generated_tokens": 5.0,
        "strata": [stratum("Heart", 20, value), stratum("Lung", 20, value)],
    }


def comparison(mode: str) -> dict[str, Any]:
    """Return f16 minus q4: +4.32 points on MedQA, -1.08 on PubMedQA, +1.62 on average."""
    values = {"medqa": 0.0432, "pubmedqa": -0.0108}
    average = sum(values.values()) / 2
    churn = {"floor": None, "excess": None, "effective": 0.1, "n": 40, "runs_base": 1, "runs_test": 1}
    clustered = dict.fromkeys(("cr0", "cr1", "naive", "design_effect", "effective_n")) | {"clusters": 40}
    return {
        "a": F16,
        "b": Q4,
        "mode": mode,
        "benchmarks": [
            {
                "benchmark": benchmark,
                "items": 40,
                "items_only_in_one": 0,
                "difference": paired(value, value - 0.03, value + 0.05),
                "constant": False,
                "draws": 40,
                "flips": {
                    "rate": estimate(0.1, 0.04, 0.23),
                    "lost": 3,
                    "gained": 1,
                    "change": paired(-value, -value - 0.05, -value + 0.03),
                    "n": 40,
                },
                "churn": {"rate": estimate(0.1, 0.03, 0.17, **clustered), **churn, "missing": "one run"},
                "minimum_detectable_effect": 0.0571,
                "holm_p_value": 0.5,
            }
            for benchmark, value in values.items()
        ],
        "average": {
            "normal": normal(average, average - 0.02, average + 0.03),
            "bootstrap": bootstrap(average, average - 0.021, average + 0.031),
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
            "equivalence": {
                "value": average,
                "se": 0.0128,
                "margin": 0.01,
                "low": -0.0048,
                "high": 0.0372,
                "wide_low": -0.0089,
                "wide_high": 0.0413,
                "p_value": 0.7,
                "equivalent": False,
                "below": False,
                "above": False,
                "df": None,
                "alpha": 0.05,
                "method": "two one-sided tests",
            },
            "micro": 0.0166,
            "wins": 1,
            "leave_one_out": {
                "value": average,
                "values": [-0.0108, 0.0432],
                "low": -0.0108,
                "high": 0.0432,
                "low_index": 0,
                "high_index": 1,
                "sign_changes": True,
                "n": 2,
                "method": "leave one benchmark out",
            },
            "over_benchmarks": estimate(average, -0.3, 0.33, 2, t=0.6, df=1, p_value=0.66),
        },
        "strata": [],
        "tokens": None,
        "tokens_missing": "nothing was generated",
    }


def tokens(ratio: float, low: float, high: float, median: float) -> dict[str, Any]:
    """Return the generated tokens of q4 over those of f16."""
    one = estimate(ratio, low, high)
    return {
        "delta": one,
        "log": one,
        "bootstrap": bootstrap(ratio, low, high, 40),
        "median_of_ratios": median,
        "n": 40,
        "items_with_errors": 2,
        "mean": {"a": 100.0, "b": 100.0 * ratio},
        "truncated": {"a": 0.0, "b": 0.0},
        "both_correct": {"ratio": None, "n": 0, "missing": "no item was answered correctly by both"},
        "budgets": [],
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
            "normal": normal(0.54085, 0.47, 0.61),
            "bootstrap": bootstrap(0.54085, 0.471, 0.612),
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
    tag = {"score": 0.5, "unclipped": 0.5, "n": 2, "n_missing": 0, "n_undefined": 0, "se": 0.1, "reference_std": 0.1}
    return {
        **system,
        "subset": "main",
        "items": 12,
        "missing": 3,
        "missing_share": 0.0625,
        "judge": "judge@1",
        "runs": {"runs": 1, "one_run_variance": None},
        "overall": overall,
        "clipped": None if overall is None else max(overall["value"], 0.0),
        "bounds": {"all_met": 0.4, "none_met": 0.3, "highest": 0.45, "lowest": 0.21},
        "themes": {
            "hedging": tag,
            "emergency_referrals": {**tag, **dict.fromkeys(("score", "unclipped", "se", "reference_std")), "n": 0},
        },
        "axes": {"accuracy": tag},
    }


SIZE = {"rule": "size", "bytes_a": 61_601_000, "bytes_b": 200_001_000, "stated_reduction": 69.0}
ORDER = {"rule": "order", "benchmarks": [], "tolerance": 1.0, "equal_within": 1.0, "resolution_ratio": 0.21}
ORDER |= dict.fromkeys(("robustness", "churn", "stated_difference", "p_value_alone", "interval_90"))


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
        "estimand": "sampled items",
        "name_a": "tiny-q4",
        "name_b": "tiny",
        "basis": SIZE if changes.get("metric") == "size" else ORDER,
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
    return description({"F32": 1000, kind: size}, {"F32": 3, kind: 17}, size + 1000).as_json()


def overlap() -> dict[str, Any]:
    rule = {"dirty": 2, "tested": 30, "whole": 1, "untestable": 9}
    rule |= {"share": 0.0667, "low": 0.0185, "high": 0.2132, "share_of_all": 0.05}
    untested = dict.fromkeys(("share", "low", "high")) | {"dirty": 0, "tested": 0, "whole": 0, "untestable": 40}
    summary = {"items": 40, "n": 11, "mean_coverage": 0.031, "gpt3": rule, "palm": {**untested, "share_of_all": 0.0}}
    match = {"document": "corpus.jsonl:3", "offset": 0, "item_offset": 0, "words": 21}
    seen = {"words": 28, "n": 11, "status": "tested", "coverage": 0.75, "longest_run": 21}
    seen |= {"gpt3": True, "palm": None, "documents": 1, "matches": [match]}
    clean = {**seen, "gpt3": False, "documents": 0, "matches": []}
    return {
        "schema": "overlap.v1",
        "inputs": {},
        "method": "ngram-overlap@1",
        "corpus": {"files": ["corpus.jsonl"], "documents": 1200, "words": 34567},
        "benchmarks": {"medqa": {view: copy.deepcopy(summary) for view in VIEWS}},
        "items": [
            {"benchmark": "medqa", "item_id": "found0001", **dict.fromkeys(VIEWS, seen)},
            {"benchmark": "medqa", "item_id": "clean0001", **dict.fromkeys(VIEWS, clean)},
        ],
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
        write_json(folder / "contamination/overlap/medqa.json", overlap()),
        write_json(folder / "desk_audits/paper.json", audit()),
    ]
