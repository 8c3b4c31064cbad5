"""Score tables of a small publication's models, and the publication itself, for tests of the verdict stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from medeval.records import tables

BENCHMARKS = {"medqa": 400, "pubmedqa": 300, "mmlu_health": 300}
STRATA = {"anatomy": 120, "virology": 180}
# MODEL/VARIANT -> chance of a right answer, and mean tokens of a reply.
SYSTEMS = {
    "alpha-1b/bf16": (0.70, 400),
    "alpha-1b/q4_k_m": (0.69, 400),
    "alpha-1b/published-q4_k_m": (0.69, 400),
    "beta-2b/bf16": (0.50, 1280),
}


def stratum(benchmark: str, index: int) -> str:
    """Return the subject of an item: the first 120 of MMLU are anatomy, the rest virology."""
    if benchmark != "mmlu_health":
        return ""
    return "anatomy" if index < STRATA["anatomy"] else "virology"


def score_rows(
    system: str, benchmark: str, items: int, *, runs: int = 3, truncated: float = 0.0, seed: int = 1
) -> list[dict[str, Any]]:
    """Draw correctness: items differ in difficulty alike for all systems, runs of an item vary about it."""
    chance, tokens = SYSTEMS[system]
    level = np.random.default_rng([seed, len(benchmark), 0]).normal(size=items)
    rng = np.random.default_rng([seed, len(benchmark), 1 + list(SYSTEMS).index(system)])
    own = level + 0.4 * rng.normal(size=items)
    cut = np.quantile(own, chance)
    right = own[:, None] + 0.5 * rng.normal(size=(items, runs)) < cut
    lengths = rng.gamma(8.0, tokens / 8.0, size=(items, runs)).astype(int) + 1
    lost = rng.random((items, runs)) < truncated
    model, variant = system.split("/")
    return [
        {
            "model": model,
            "variant": variant,
            "target": "cpu",
            "benchmark": benchmark,
            "item_id": f"{benchmark}-{index}",
            "sample": run,
            "mode": "generate",
            "stratum": stratum(benchmark, index),
            "cluster_id": f"{benchmark}-{index}",
            "status": "truncated" if lost[index, run] else "answered",
            "stage": "none" if lost[index, run] else "strict",
            "correct": bool(right[index, run] and not lost[index, run]),
            "method": "reader@1",
            "generated_tokens": int(lengths[index, run]),
            "choice": None if lost[index, run] else 0,
        }
        for index in range(items)
        for run in range(runs)
    ]


def write_tables(
    folder: Path, sizes: Mapping[str, int] = BENCHMARKS, *, runs: int = 3, truncated: float = 0.0
) -> list[Path]:
    """Write one table of scores per system, and the items of every benchmark."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for system in SYSTEMS:
        rows = [
            row
            for name, count in sizes.items()
            for row in score_rows(system, name, count, runs=runs, truncated=truncated)
        ]
        paths.append(folder / f"{system.replace('/', '-')}.parquet")
        tables.write(paths[-1], tables.build(tables.SCORES, rows), tables.SCORES, command="test", inputs={})
    items = [item_row(name, index) for name, count in BENCHMARKS.items() for index in range(count)]
    paths.append(folder / "items.parquet")
    tables.write(paths[-1], tables.build(tables.ITEMS, items), tables.ITEMS, command="test", inputs={})
    return paths


def item_row(benchmark: str, index: int) -> dict[str, Any]:
    name = f"{benchmark}-{index}"
    texts = {"question": f"{name}?", "stratum": stratum(benchmark, index), "cluster_id": name, "source_revision": "r"}
    choices = {"options": ["one", "two", "three"], "answer": 0, "answers": [0]}
    return {"benchmark": benchmark, "item_id": name, "source_row": index, **texts, **choices}


def comparison(metric: str, a: str = "Alpha-1B", b: str | None = "Beta-2B", **stated: Any) -> dict[str, Any]:
    return {"metric": metric, "a": a, "b": b, **stated}


def claim(claim_id: str, kind: str, *comparisons: dict[str, Any], **more: Any) -> dict[str, Any]:
    document = {"id": claim_id, "type": kind, "sentence": f"Claim {claim_id} holds.", "source": ["s"]}
    return {**document, "status": "derived", "comparisons": list(comparisons), **more}


ALL_TYPES = [
    claim("lead", "T2", comparison("average", stated_difference=20.0)),
    claim("value", "T1", comparison("average", b=None, stated_a=68.0)),
    claim("single", "T1", comparison("medqa", b=None, stated_a=50.0)),
    claim("loss", "T3", comparison("average", "alpha-q4", "Alpha-1B"), margin=3.0),
    claim("tie", "T5", comparison("average", "alpha-q4", "Alpha-1B"), margin=3.0),
    claim("shorter", "T4", comparison("tokens", stated_ratio=3.2)),
    claim("lag", "T2", comparison("pubmedqa", "Beta-2B", "Alpha-1B")),
    claim("part", "T2", comparison("medqa"), after="lead"),
    claim("closed", "T2", comparison("mmlu_health", "Beta-2B", "Alpha-1B"), after="lag"),
]


def publication(folder: Path, claims: list[dict[str, Any]] | None = None, **changes: Any) -> Path:
    """Write a publication of two models and one quantized file; `evaluation` and others may be replaced."""
    evaluation = {"runs": 3, "spread_published": False, "source": ["s"], "status": "derived"}
    document = {
        "title": "Alpha against Beta",
        "decimals": 2,
        "sources": [{"key": "s", "what": "a test", "kind": "derived"}],
        "evaluation": evaluation | changes.pop("evaluation", {}),
        "benchmarks": [
            {"id": "medqa", "label": "MedQA", "candidates": [{"n": 400, "reason": "all"}]},
            {"id": "pubmedqa", "label": "PubMedQA"},
            {"id": "mmlu_health", "label": "MMLU", "aggregate": "mean_of_strata", "strata": STRATA},
        ],
        "average": {"label": "Average", "over": list(BENCHMARKS)},
        "models": [
            {"id": "Alpha-1B", "label": "Alpha 1B", "hub": "org/Alpha-1B", "role": "audited"},
            {"id": "Beta-2B", "label": "Beta-2B", "role": "comparator"},
        ],
        "weights": [
            {"id": "alpha-q4", "model": "Alpha-1B", "quantization": "Q4_K_M", "source": ["s"], "status": "derived"}
        ],
        "claims": ALL_TYPES if claims is None else claims,
    }
    path = folder / "publication.yaml"
    path.write_text(yaml.safe_dump(document | changes), encoding="utf-8")
    return path
