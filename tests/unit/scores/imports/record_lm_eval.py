"""Records the logs of lm-eval that the tests read: python tests/unit/scores/imports/record_lm_eval.py

Runs lm-eval itself on three questions with a model whose replies are written down here, in three tasks: generated
replies, drawn twice and under two filters; the options' letters; and the options' texts with mutual information.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import lm_eval
from lm_eval.api.model import LM
from lm_eval.loggers import EvaluationTracker

HERE = Path(__file__).parent / "recorded" / "lm_eval"
QUESTIONS = (
    ("Which organ makes bile?", ["Spleen", "Liver", "Kidney", "Heart"], 1),
    ("Which vessel leaves the left ventricle?", ["Aorta", "Portal vein", "Vena cava", "Pulmonary vein"], 0),
    ("Which bone is in the thigh?", ["Ulna", "Tibia", "Femur", "Radius"], 2),
)
# Question -> the two replies that are drawn.
REPLIES = {
    "bile": ("<think>The spleen? No.</think>\nAnswer: B", "The answer is (A)."),
    "ventricle": ("Answer: A", "Answer: C"),
    "thigh": ("I cannot decide.", "<think>It may be C"),
}
_LETTERED = "{{question}}\nA. {{options[0]}}\nB. {{options[1]}}\nC. {{options[2]}}\nD. {{options[3]}}\nAnswer:"


class Scripted(LM):
    """Gives the replies above; finds the correct option the most probable, but for the question on the thigh."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: dict[str, int] = {}

    def generate_until(self, requests: list[Any]) -> list[str]:
        return [self._reply(request.args[0]) for request in requests]

    def _reply(self, prompt: str) -> str:
        name = next(name for name in REPLIES if name in prompt)
        number = self._asked[name] = self._asked.get(name, -1) + 1
        return REPLIES[name][number % 2]

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        return [self._logprob(*request.args) for request in requests]

    def _logprob(self, prompt: str, continuation: str) -> tuple[float, bool]:
        text = continuation.strip()
        right = any(
            question in prompt and text in (options[answer], "ABCD"[answer]) and "thigh" not in question
            for question, options, answer in QUESTIONS
        )
        return -0.5 if right else -2.0 - len(text) / 10 - ord(text[0]) / 1000, right

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        raise NotImplementedError


def tasks(documents: Path) -> list[dict[str, Any]]:
    common = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(documents)}},
        "test_split": "test",
        "metadata": {"version": 1.0},
    }
    choice = {**common, "output_type": "multiple_choice", "doc_to_target": "{{answer}}"}
    return [
        {
            **common,
            "task": "toy_generate",
            "output_type": "generate_until",
            "repeats": 2,
            "doc_to_text": _LETTERED,
            "doc_to_target": "{{'ABCD'[answer]}}",
            "generation_kwargs": {"until": ["Question:"], "do_sample": True, "temperature": 0.7},
            "metric_list": [{"metric": "exact_match"}],
            "filter_list": [
                {"name": name, "filter": [{"function": "regex", "regex_pattern": pattern}, {"function": "take_first"}]}
                for name, pattern in (("strict", "Answer: ([A-D])"), ("flexible", "([A-D])"))
            ],
        },
        {**choice, "task": "toy_letters", "doc_to_text": _LETTERED, "doc_to_choice": ["A", "B", "C", "D"]},
        {
            **choice,
            "task": "toy_texts",
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_choice": "{{options}}",
            "metric_list": [{"metric": "acc"}, {"metric": "acc_mutual_info"}],
        },
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        documents = folder / "questions.jsonl"
        rows = [{"question": q, "options": options, "answer": answer} for q, options, answer in QUESTIONS]
        documents.write_text("".join(json.dumps(row) + "\n" for row in rows))
        tracker = EvaluationTracker(output_path=str(folder / "out"))
        found = lm_eval.simple_evaluate(
            model=Scripted(), tasks=tasks(documents), log_samples=True, evaluation_tracker=tracker
        )
        tracker.general_config_tracker.log_experiment_args("scripted", "pretrained=toy-model", "", "", False)
        tracker.save_results_aggregated(results={**found, "samples": None}, samples=found["samples"])
        for task, samples in found["samples"].items():
            tracker.save_results_samples(task_name=task, samples=samples)
        shutil.rmtree(HERE, ignore_errors=True)
        HERE.mkdir(parents=True)
        for path in sorted((folder / "out").rglob("samples_*.jsonl")):
            shutil.copy(path, HERE / path.name)
        (result,) = (folder / "out").rglob("results_*.json")
        kept = {key: json.loads(result.read_text())[key] for key in ("model_name", "lm_eval_version")}
        (HERE / result.name).write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
