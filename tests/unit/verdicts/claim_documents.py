"""Parts of a comparisons document, as the compare stage writes them, for tests of the verdict stage."""

import math
from typing import Any

from medeval.comparisons.document import (
    Bounds,
    ComparedAverage,
    ComparedBenchmark,
    ComparedPair,
    Comparisons,
    ConversationRuns,
    CountedChurn,
    GradedSystem,
    Policies,
    RightReplies,
    Runs,
    Score,
    Sides,
    Stages,
    Statuses,
    Tokens,
)
from medeval.records.documents import as_json
from medeval.records.system import System
from medeval.statistics.estimates import BootstrapEstimate, ClusteredEstimate, Estimate
from medeval.statistics.macro import MacroEstimate
from medeval.statistics.paired import PairedDifference


def _values(value: float, se: float | None, n: int, method: str = "test") -> dict[str, Any]:
    half = None if se is None else 1.96 * se
    low, high = (None, None) if half is None else (value - half, value + half)
    return {"value": value, "se": se, "low": low, "high": high, "n": n, "method": method}


def _p_value(value: float, se: float | None) -> float | None:
    return math.erfc(abs(value) / se / math.sqrt(2)) if se else None


def estimate(value: float, se: float | None, n: int = 100) -> dict[str, Any]:
    """An accuracy or a score of conversations."""
    return dict(as_json(Estimate(**_values(value, se, n))))


def average(value: float, se: float | None, n: int) -> dict[str, Any]:
    """A difference of averages."""
    return dict(as_json(MacroEstimate(**_values(value, se, n), p_value=_p_value(value, se))))


def system(name: str, target: str) -> dict[str, str]:
    return dict(vars(_system(name, target)))


def _system(name: str, target: str) -> System:
    model, variant = name.split("/")
    return System(model, variant, target)


def statuses(answered: int, truncated: int = 0) -> dict[str, int]:
    return dict(vars(Statuses(answered, 0, 0, truncated, 0, 0)))


def entry(benchmark: str, value: float, se: float | None = 0.01, **changes: Any) -> dict[str, Any]:
    document = ComparedBenchmark(
        benchmark=benchmark,
        items=100,
        items_only_in_one=0,
        difference=PairedDifference(**_values(value, se, 100), p_value=_p_value(value, se)),
        constant=False,
        draws=100,
        flips=None,
        churn=CountedChurn(ClusteredEstimate(**_values(0.1, None, 100)), None, None, 0.1, 100, 1, 1, "one run"),
        minimum_detectable_effect=None,
        holm_p_value=1.0,
    )
    return dict(as_json(document)) | changes


def pair(a: str, b: str, /, *entries: dict[str, Any], target: str = "cpu", **changes: Any) -> dict[str, Any]:
    mean = sum(part["difference"]["value"] for part in entries) / len(entries)
    values, p_value = _values(mean, 0.005, 100 * len(entries)), _p_value(mean, 0.005)
    document = ComparedPair(
        a=_system(a, target),
        b=_system(b, target),
        mode="cloze",
        benchmarks=(),
        average=ComparedAverage(
            normal=MacroEstimate(**values, p_value=p_value),
            bootstrap=BootstrapEstimate(**values, p_value=p_value),
            minimum_detectable_effect=None,
            non_inferiority=None,
            equivalence=None,
            micro=mean,
            wins=0,
            leave_one_out=None,
            over_benchmarks=None,
        ),
        strata=(),
        tokens=None,
        tokens_missing="nothing was generated",
    )
    return dict(as_json(document)) | {"benchmarks": list(entries)} | changes


def own(name: str, benchmark: str, value: float, target: str = "cpu", **changes: Any) -> dict[str, Any]:
    document = Score(
        **system(name, target),
        benchmark=benchmark,
        mode="cloze",
        items=100,
        responses=100,
        aggregate="mean of items",
        accuracy=Estimate(**_values(value, 0.002, 100)),
        runs=Runs(1, None, None, "one run"),
        statuses=Statuses(100, 0, 0, 0, 0, 0),
        stages=Stages(100, 0, 0, 0, 0),
        policies=Policies(value, value, value),
        no_headline=None,
        chance=None,
        several_correct=None,
        accuracy_first=None,
        methods=("reader@1",),
        mean_generated_tokens=None,
        strata=(),
    )
    return dict(as_json(document)) | changes


def tokens(value: float, low: float, high: float, failed: int = 0) -> dict[str, Any]:
    bootstrap = BootstrapEstimate(value, 0.1, low, high, 100 - failed, "bootstrap")
    document = Tokens(
        delta=Estimate(value, 0.1, low, high, 100 - failed, "delta"),
        log=Estimate(value, 0.1, low, high, 100 - failed, "log"),
        bootstrap=bootstrap,
        median_of_ratios=value,
        n=100 - failed,
        items_with_errors=failed,
        mean=Sides(100.0, 100.0 * value),
        truncated=Sides(0.0, 0.0),
        both_correct=RightReplies(bootstrap, 40, None),
        budgets=(),
    )
    return dict(as_json(document))


def graded(name: str, overall: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    document = GradedSystem(
        **system(name, "cpu"),
        subset="main",
        items=50,
        missing=0,
        missing_share=0.0,
        judge="judge@1",
        runs=ConversationRuns(1, None),
        overall=None,
        clipped=None,
        bounds=Bounds(None, None, None, None),
        themes={},
        axes={},
    )
    return dict(as_json(document)) | {"overall": overall} | changes


def comparisons(**changes: Any) -> dict[str, Any]:
    """Return a document without any measurement but what is given."""
    lists = ("scores", "averages", "comparisons", "not_compared", "conversations", "conversation_comparisons")
    document = {"headline": "cloze", "margin_points": 1.0, "seed": 1, "references": [], "packages": {}, "inputs": {}}
    document |= {"items_total": {}, "conversations_total": {}} | {name: [] for name in lists} | changes
    return Comparisons.model_validate(document).as_json()
