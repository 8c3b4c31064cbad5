"""Time of the paired bootstrap on two models of 15,000 items: python tests/bench/bench_bootstrap.py

10,000 resamples of whole clusters of items, single and in clusters of four, of the mean difference and of an average of
seven benchmarks. Right-or-wrong scores, and averages of three runs, have few distinct differences, whose multinomial
counts are drawn; scores that all differ, such as those of rubrics, are drawn item by item. docs/use/verdicts.md has the
figures of one run.
"""

import time
from collections.abc import Callable

import numpy as np

from medeval.statistics.estimates import BootstrapEstimate
from medeval.statistics.macro import Component, macro_bootstrap
from medeval.statistics.paired import paired_bootstrap

ITEMS, RESAMPLES, BENCHMARKS, CLUSTER = 15_000, 10_000, 7, 4
LIMIT_SECONDS = 3.0


def main() -> None:
    """Print one row per kind of score, with and without clusters."""
    rng = np.random.default_rng(20260101)
    kinds = {
        "right or wrong": lambda: rng.integers(0, 2, ITEMS).astype(float),
        "mean of three runs": lambda: rng.integers(0, 4, ITEMS) / 3.0,
        "rubric scores": lambda: rng.normal(0.5, 0.3, ITEMS),
    }
    print(f"{ITEMS:,} items, {RESAMPLES:,} resamples, seconds (best of 3)")  # noqa: T201
    print("| scores | clusters | mean difference | average of 7 benchmarks |\n| --- | --- | --- | --- |")  # noqa: T201
    slowest = 0.0
    for name, draw in kinds.items():
        a, b = draw(), draw()
        for size in (1, CLUSTER):
            clusters = np.arange(ITEMS) // size
            seconds = _seconds(lambda a=a, b=b, c=clusters: paired_bootstrap(a, b, c, resamples=RESAMPLES))
            macro = _seconds(lambda a=a, b=b, c=clusters: macro_bootstrap(_parts(a - b, c), resamples=RESAMPLES))
            slowest = max(slowest, seconds, macro)
            print(f"| {name} | {'single' if size == 1 else f'of {size}'} | {seconds:.2f} | {macro:.2f} |")  # noqa: T201
    print(f"slowest {slowest:.2f} s, limit {LIMIT_SECONDS:g} s: {'ok' if slowest < LIMIT_SECONDS else 'TOO SLOW'}")  # noqa: T201


def _parts(differences: np.ndarray, clusters: np.ndarray) -> list[Component]:
    return [
        Component(scores, labels)
        for scores, labels in zip(
            np.array_split(differences, BENCHMARKS), np.array_split(clusters, BENCHMARKS), strict=True
        )
    ]


def _seconds(call: Callable[[], BootstrapEstimate]) -> float:
    times = []
    for _ in range(3):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    main()
