"""The words of the report: names of benchmarks, modes, verdicts, flags and failures."""

from collections.abc import Mapping
from typing import Any

from medeval.errors import MedevalError
from medeval.records.system import System

AVERAGE = "average"
BENCHMARKS = {
    "medqa": "MedQA",
    "medmcqa": "MedMCQA",
    "pubmedqa": "PubMedQA",
    "mmlu_health": "MMLU (Health)",
    "mmlu_pro_health": "MMLU-Pro (Health)",
    "medxpertqa": "MedXpertQA",
    "afrimedqa": "AfriMed-QA",
    "healthbench": "HealthBench",
}
MODES = {
    "generate": ("generated answer", "the model writes a reply, and its letter is read from the text"),
    "letter": ("letter likelihood", "the most probable letter after the question and its options"),
    "cloze": ("option likelihood", "the most probable option text after the question alone, per byte"),
    "choices_only": ("choices only", "the options without the question: a control, not a test of medicine"),
}
VERDICTS = {
    "REPRODUCED": ("Reproduced", "✓", "The claim holds in this run, at the stated error level."),
    "NOT_REPRODUCED": ("Not reproduced", "✕", "This run shows the contrary, or shows that there is no difference."),
    "INCONCLUSIVE": ("Undecided", "?", "This run cannot tell. That is not evidence for or against the claim."),
    "NOT_TESTABLE": ("Not testable", "–", "Nothing that this run measured bears on the claim."),
}
FLAGS = {
    "PROTOCOL_MISMATCH": "The publication does not disclose its protocol, or ours is known to differ.",
    "FRAGILE": "The sign turns when one benchmark is left out, items are weighted alike, or few benchmarks agree.",
    "UNDERPOWERED": "The smallest difference that this many items show with 80 % power is larger than the stated one.",
    "PARTIAL_COVERAGE": "Not all of what the claim is about was run.",
    "EXCEEDS": "The measured value is above the stated one.",
    "TRUNCATED": "More replies were cut by the token limit than a verdict on the model can stand.",
    "EXTRACTION_SENSITIVE": "The figure depends on how replies without a readable answer are counted.",
    "HEADLINE_FIRST": "The claim is about a part of a headline claim, which did not reproduce, so it is not tested.",
    "JUDGE_NOT_CREDIBLE": "The agreement of the HealthBench judge with physicians is not established.",
    "ARITHMETIC": "The printed figures do not agree with each other.",
    "COMPARATOR_MISMATCH": "The compared model has other figures where its makers report it, or a quantized file stood "
    "for a published model.",
}
FAILURES = {
    "no_answer": "no answer",
    "ambiguous": "ambiguous",
    "truncated": "truncated",
    "refused": "refused",
    "error": "error",
}
POLICIES = {"wrong": "as wrong %", "random": "as guess %", "excluded": "left out %"}
OUTCOMES = {"holds": ("✓", "good"), "caution": ("!", "open"), "fails": ("✕", "bad"), "not testable": ("–", "none")}


def benchmark_name(benchmark: str) -> str:
    """Return the name of a benchmark for people; an unlisted one keeps its id."""
    return BENCHMARKS.get(benchmark, benchmark)


def known(table: Mapping[str, Any], key: str, what: str) -> Any:
    """Look up a word that the report must know.

    Raises:
        MedevalError: The documents use a word that this version of the report has no text for.
    """
    if key not in table:
        raise MedevalError(
            f"the report knows no {what} called {key!r}; it knows: {', '.join(table)}",
            "Write the documents and the report with the same version of medeval.",
        )
    return table[key]


class Systems:
    """Names, colours and shapes of the systems of a run.

    Args:
        config: The run's configuration.
        systems: Every system in the comparisons, in order.
    """

    def __init__(self, config: Mapping[str, Any], systems: list[System]) -> None:
        self._titles = {model["id"]: model["title"] for model in config["models"]}
        self._variants = [(model["id"], name) for model in config["models"] for name in model["variants"]]
        self._references = {model["id"]: model["reference"] for model in config["models"]}
        self._models = list(dict.fromkeys([*self._titles, *(system.model for system in systems)]))
        self._several_targets = len({system.target for system in systems}) > 1
        self.order = sorted(dict.fromkeys(systems), key=self._rank)

    @property
    def only_model(self) -> str:
        """The title of the model when all systems are of one; else empty."""
        models = {system.model for system in self.order}
        return self._title(next(iter(models))) if len(models) == 1 else ""

    def label(self, system: System) -> str:
        """Return the name of a system for people, with its model and target when the run has several of these."""
        text = system.variant if self.only_model else f"{self._title(system.model)} {system.variant}"
        return f"{text} on {system.target}" if self._several_targets else text

    def pair(self, a: System, b: System) -> str:
        """Return `A minus B`, naming the model once when both are of one model."""
        if a.model != b.model or self.only_model:
            names = f"{self.label(a)} minus {self.label(b)}"
            return f"{self.only_model}: {names}" if self.only_model else names
        one, two = (
            system.variant if a.target == b.target else f"{system.variant} on {system.target}" for system in (a, b)
        )
        target = f" on {a.target}" if self._several_targets and a.target == b.target else ""
        return f"{self._title(a.model)}: {one} minus {two}{target}"

    def _title(self, model: str) -> str:
        return str(self._titles.get(model, model))

    def tone(self, system: System) -> int:
        """Return the index of the colour that stands for the system's model."""
        return self._models.index(system.model) % 6

    def shape(self, system: System) -> int:
        """Return 0 (filled) for a model's reference and 1 (hollow) for its other variants."""
        return 0 if self._references.get(system.model) == system.variant else 1

    def rank(self, system: System) -> int:
        """Return the place of a system in the order of the report."""
        return self.order.index(System(system.model, system.variant, system.target))

    def _rank(self, system: System) -> tuple[int, bool, int, str, str]:
        """Order by model, the reference first, then as configured; what is not configured comes last."""
        model, variant, target = system.model, system.variant, system.target
        configured = (model, variant) in self._variants
        place = self._variants.index((model, variant)) if configured else len(self._variants)
        return self._models.index(model), self._references.get(model) != variant, place, variant, target
