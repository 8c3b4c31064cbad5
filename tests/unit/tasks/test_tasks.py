"""The lm-eval tasks: complete, and scored as the score stage scores."""

from pathlib import Path

import pytest
import yaml

from medeval.items.benchmarks.registry import BENCHMARKS
from medeval.tasks import metrics

TASKS = Path(__file__).parents[3] / "src/medeval/tasks"
DOC = {"options": ["Liver", "Heart and lungs"], "answers": [1], "stratum": "anatomy"}


class _Loader(yaml.SafeLoader):
    pass


_Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


@pytest.mark.parametrize("benchmark", [name for name in BENCHMARKS if not name.startswith("healthbench")])
@pytest.mark.parametrize("mode", ["generate", "letter", "cloze", "choices_only"])
def test_every_benchmark_has_a_task_per_mode(benchmark: str, mode: str) -> None:
    task = yaml.load((TASKS / benchmark / f"{mode}.yaml").read_text(), Loader=_Loader)  # noqa: S506 - a safe loader
    assert task["task"] == f"medeval_{benchmark}_{mode}"
    assert task["dataset_kwargs"] == {"benchmark": benchmark}
    assert task["include"] == f"../shared/{mode}.yaml"


def test_a_benchmark_that_is_a_mean_of_strata_is_one_in_lm_eval_too() -> None:
    for name, benchmark in BENCHMARKS.items():
        if benchmark.aggregate == "strata":
            assert "acc_mean_of_subjects" in (TASKS / name / "generate.yaml").read_text()


def test_subjects_weigh_the_same_whatever_their_size() -> None:
    outcomes = [("anatomy", 1.0), ("virology", 0.0), ("virology", 0.0), ("virology", 1.0)]
    assert metrics.mean_of_subjects(outcomes) == pytest.approx((1 + 1 / 3) / 2)


def test_a_generated_reply_is_read_as_in_the_score_stage() -> None:
    assert metrics.generated(DOC, ["Answer: B"]) == {"acc": 1.0}
    assert metrics.generated(DOC, ["Answer: A"]) == {"acc": 0.0}
    assert metrics.generated(DOC, [""]) == {"acc": 0.0}


def test_letters_are_compared_as_they_are_and_texts_per_byte() -> None:
    scored = [(-4.0, False), (-6.0, False)]
    assert metrics.letter(DOC, scored) == {"acc": 0.0}
    assert metrics.per_byte(DOC, scored) == {"acc": 1.0}  # -6 over 15 bytes is above -4 over 5


def test_failed_requests_win_nothing() -> None:
    failed = [(float("-inf"), False)] * 2
    assert metrics.letter(DOC, failed) == {"acc": 0.0}
    assert metrics.per_byte(DOC, failed) == {"acc": 0.0}


def test_the_subject_goes_with_the_outcome() -> None:
    assert metrics.generated_with_subject(DOC, ["Answer: B"])["acc_mean_of_subjects"] == ("anatomy", 1.0)
