"""Audits of pairs of real models on real benchmarks, against what all of their answers say.

The answers are MedAgentsBench's zero-shot letters of five models on MedQA, MedMCQA and MMLU-Pro health.
"""

import gzip
import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from medeval.statistics.sequential.looks import INSIDE, endings
from medeval.verdicts.audit.draws import by_round
from medeval.verdicts.audit.order import Order, draw_order
from medeval.verdicts.audit.units import Unit

SHARED = Path(os.environ.get("MEDEVAL_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")
FOLDER = SHARED / "data" / "oracles" / "medagents"
pytestmark = pytest.mark.skipif(
    not (FOLDER / "PUBLISHED.json").exists(),
    reason=f"AUDITS OF REAL ANSWERS NOT CHECKED: no {FOLDER}; set MEDEVAL_SHARED",
)
MODELS = ("gpt-4o", "DeepSeek-V3", "Llama-3.3-70B-Instruct-Turbo", "gpt-4o-mini", "QwQ-32B-Preview")
BENCHMARKS = ("medqa", "medmcqa", "mmlu-pro")
SEEDS, RISK = 500, 0.05

Answers = Mapping[tuple[str, str], Mapping[str, float]]


def right(benchmark: str, model: str) -> dict[str, float]:
    """Whether a model's letter is the gold one, by row number; the last answer of a repeated row counts."""
    path = FOLDER / benchmark / f"{model}-{benchmark}-test-zero_shot.json.gz"
    rows = json.loads(gzip.decompress(path.read_bytes()))
    return {str(row["realidx"]): float(row["predicted_answer"] == row["answer_idx"]) for row in rows}


@pytest.fixture(scope="module")
def answers() -> Answers:
    return {(benchmark, model): right(benchmark, model) for benchmark in BENCHMARKS for model in MODELS}


@pytest.fixture(scope="module")
def orders(answers: Answers) -> list[Order]:
    """The orders that 500 public seeds give; every model answered the same items."""
    items = {benchmark: sorted(answers[benchmark, MODELS[0]]) for benchmark in BENCHMARKS}
    units = {name: [Unit((item,), (1.0 / len(ids),), (1.0,)) for item in ids] for name, ids in items.items()}
    return [draw_order(units, f"seed {seed}") for seed in range(SEEDS)]


def test_the_answers_are_the_published_ones(answers: Answers) -> None:
    published = json.loads((FOLDER / "PUBLISHED.json").read_text(encoding="utf-8"))["full_vs_hard_zero_shot"]
    for model in ("gpt-4o", "gpt-4o-mini"):
        for benchmark in BENCHMARKS:
            share = 100 * float(np.mean(list(answers[benchmark, model].values())))
            assert share == pytest.approx(published[model][benchmark]["full"], abs=0.051)
    assert [len(answers[benchmark, MODELS[0]]) for benchmark in BENCHMARKS] == [1273, 2816, 818]
    for benchmark, model in answers:
        assert answers[benchmark, model].keys() == answers[benchmark, MODELS[0]].keys()


def differences(answers: Answers, orders: list[Order], a: str, b: str) -> tuple[np.ndarray, np.ndarray]:
    """Differences and sizes in the order of every seed, shape (seeds, rounds, benchmarks)."""
    columns = []
    for name in BENCHMARKS:
        of = {item: answers[name, a][item] - answers[name, b][item] for item in answers[name, a]}
        columns.append(np.array([[of[unit.items[0]] for unit in order.units[name]] for order in orders]))
    sizes = by_round([np.full(c.shape, 1.0 / (len(columns) * c.shape[1])) for c in columns])
    return by_round(columns), sizes


def test_audits_of_real_pairs_decide_as_all_answers_do_and_save_most_of_them(
    answers: Answers, orders: list[Order]
) -> None:
    saved = []
    print("\n| pair | difference | items: median | 90 % | wrong, of 500 |")  # noqa: T201
    for a, b in itertools.combinations(MODELS, 2):
        values, sizes = differences(answers, orders, a, b)
        truth = float((values[0] * sizes[0]).sum())
        found = endings(values, values, sizes, sizes[0].sum(axis=0), (0.0, None), RISK)
        items = np.cumsum((sizes[0] > 0).sum(axis=1))[found.rounds - 1]
        wrong = int(((found.outcomes == INSIDE) != (truth > 0)).sum())
        median, ninth = np.quantile(items, [0.5, 0.9], method="higher")
        print(f"| {a} v {b} | {100 * truth:+.2f} | {median:,} | {ninth:,} | {wrong} |")  # noqa: T201
        # At most the risk, with three standard errors for having tried 500 orders only.
        assert wrong <= SEEDS * RISK + 3 * (SEEDS * RISK * (1 - RISK)) ** 0.5
        saved.append(1.0 - np.median(items) / 4907)
        if abs(truth) > 0.05:
            assert np.median(items) < 0.12 * 4907, (a, b)
    print(f"median saving over pairs: {100 * float(np.median(saved)):.0f} %")  # noqa: T201
    assert np.median(saved) > 0.7
