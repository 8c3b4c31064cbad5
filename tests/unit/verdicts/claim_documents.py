"""Parts of a comparisons document, in the shape that the compare stage writes, for tests of the verdict stage."""

import math
from typing import Any


def estimate(value: float, se: float | None, n: int = 100) -> dict[str, Any]:
    half = None if se is None else 1.96 * se
    ends = {"low": None, "high": None} if half is None else {"low": value - half, "high": value + half}
    p_value = math.erfc(abs(value) / se / math.sqrt(2)) if se else None
    return {"value": value, "se": se, **ends, "p_value": p_value, "n": n, "method": "test"}


def system(name: str, target: str) -> dict[str, str]:
    model, variant = name.split("/")
    return {"model": model, "variant": variant, "target": target}


def entry(benchmark: str, value: float, se: float | None = 0.01, **changes: Any) -> dict[str, Any]:
    document = {
        "benchmark": benchmark,
        "items": 100,
        "items_only_in_one": 0,
        "difference": estimate(value, se),
        "constant": False,
        "draws": 100,
        "churn": {"rate": {"value": 0.1}, "floor": None, "excess": None, "missing": "one run"},
    }
    return document | changes


def pair(a: str, b: str, /, *entries: dict[str, Any], target: str = "cpu", **changes: Any) -> dict[str, Any]:
    mean = sum(part["difference"]["value"] for part in entries) / len(entries)
    average = estimate(mean, 0.005, 100 * len(entries))
    document = {
        "a": system(a, target),
        "b": system(b, target),
        "mode": "cloze",
        "benchmarks": list(entries),
        "average": {"normal": average, "bootstrap": average},
        "tokens": None,
        "tokens_missing": "nothing was generated",
    }
    return document | changes


def own(name: str, benchmark: str, value: float, target: str = "cpu", **changes: Any) -> dict[str, Any]:
    document = {
        **system(name, target),
        "benchmark": benchmark,
        "mode": "cloze",
        "items": 100,
        "responses": 100,
        "accuracy": estimate(value, 0.002),
        "statuses": {"answered": 100, "truncated": 0},
        "policies": {"wrong": value, "random": value, "excluded": value},
        "runs": {"runs": 1, "one_run_variance": None, "analysis": None, "missing": "one run"},
    }
    return document | changes


def tokens(value: float, low: float, high: float, failed: int = 0) -> dict[str, Any]:
    bootstrap = {"value": value, "low": low, "high": high, "se": 0.1, "method": "bootstrap"}
    sides = {"mean": {"a": 100.0, "b": 100.0 * value}, "median_of_ratios": value, "budgets": []}
    right = {"both_correct": {"ratio": bootstrap, "n": 40, "missing": None}}
    return {"bootstrap": bootstrap, "n": 100 - failed, "items_with_errors": failed, **sides, **right}


def graded(name: str, overall: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    document = {**system(name, "cpu"), "subset": "main", "items": 50, "missing": 0, "overall": overall}
    document |= {"judge": "judge@1", "runs": {"runs": 1, "one_run_variance": None}}
    return document | changes


def comparisons(**changes: Any) -> dict[str, Any]:
    """Return a document without any measurement but what is given."""
    lists = ("scores", "averages", "comparisons", "not_compared", "conversations", "conversation_comparisons")
    document = {"schema": "comparisons.v3", "headline": "cloze", "items_total": {}, "conversations_total": {}}
    document |= {"margin_points": 1.0, "seed": 1, "references": [], "packages": {}, "inputs": {}}
    return document | {name: [] for name in lists} | changes
