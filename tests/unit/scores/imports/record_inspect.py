"""Records the logs of Inspect that the tests read: python tests/unit/scores/imports/record_inspect.py

Needs inspect_ai, which the project does not install: run it in an environment of its own. The replies are written
down here and given by Inspect's own mock model: letters, a limit reached inside of reasoning, a model's error.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import inspect_ai
from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.scorer import choice
from inspect_ai.solver import multiple_choice

HERE = Path(__file__).parent / "recorded" / "inspect"
QUESTIONS = (
    ("Which organ makes bile?", ["Spleen", "Liver", "Kidney", "Heart"], "B"),
    ("Which vessel leaves the left ventricle?", ["Aorta", "Portal vein", "Vena cava", "Pulmonary vein"], "A"),
    ("Which bone is in the thigh?", ["Ulna", "Tibia", "Femur", "Radius"], "C"),
)


def output(text: str, stop: Any = "stop", thought: str | None = None) -> ModelOutput:
    content: Any = text
    if thought is not None:
        content = [ContentReasoning(reasoning=thought), *([ContentText(text=text)] if text else [])]
    message = ChatMessageAssistant(content=content, source="generate")
    usage = ModelUsage(input_tokens=40, output_tokens=7, total_tokens=47)
    return ModelOutput(
        model="mockllm/toy", choices=[ChatCompletionChoice(message=message, stop_reason=stop)], usage=usage
    )


# In the order of the samples, epoch by epoch.
REPLIES = (
    output("ANSWER: B"),
    output("ANSWER: A", thought="The portal vein? No."),
    output("", stop="max_tokens", thought="It may be C"),
    output("The answer is (A)."),
    output("ANSWER: A"),
    output("I cannot answer this.", stop="content_filter"),
)


def main() -> None:
    samples = [
        Sample(input=question, choices=options, target=target, id=f"q{number}", metadata={"subject": "anatomy"})
        for number, (question, options, target) in enumerate(QUESTIONS)
    ]
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        for log_format in ("eval", "json"):
            model = get_model("mockllm/toy", custom_outputs=list(REPLIES), memoize=False)
            task = Task(dataset=MemoryDataset(samples), solver=multiple_choice(), scorer=choice(), name="toy")
            (log,) = inspect_ai.eval(
                task,
                model=model,
                epochs=2,
                log_dir=name,
                log_format=log_format,  # type: ignore[arg-type]
                display="none",
                max_samples=1,
            )
            written = Path(str(log.location).removeprefix("file://"))
            if log_format == "eval":
                shutil.copy(written, HERE / "toy.eval")
                continue
            document = json.loads(written.read_text())
            for sample in document["samples"]:
                del sample["events"], sample["events_data"]  # nine tenths of the file, and not read
            document["eval"]["model_args"] = {}  # the replies again
            (HERE / "toy.json").write_text(json.dumps(document, indent=1) + "\n")
    (HERE / "VERSION").write_text(f"inspect_ai {inspect_ai.__version__}\n")


if __name__ == "__main__":
    main()
