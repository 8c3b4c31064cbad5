"""The lm-eval model class honours what it is told, or refuses."""

from pathlib import Path
from typing import Any

import pytest

from medeval.errors import MedevalError
from medeval.responses.engines.lm_eval_model import MedevalLM


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 8}, "batch_size 8 has no meaning here"),
        ({"batch_size": "auto"}, "batch_size auto has no meaning here"),
        ({"think_open": "<think>"}, "think_open and think_close go together"),
        ({"target": "cuda"}, "target 'cuda': the llama.cpp in use was not compiled for it"),
    ],
)
def test_an_argument_that_cannot_be_honoured_is_refused(
    smollm2_files: dict[str, Path], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(MedevalError, match=message):
        MedevalLM(str(smollm2_files["q4_k_m"]), **arguments)


def test_an_unknown_argument_is_refused(smollm2_files: dict[str, Path]) -> None:
    with pytest.raises(TypeError, match="thread"):
        MedevalLM(str(smollm2_files["q4_k_m"]), thread=8)  # type: ignore[call-arg]


def test_the_device_that_lm_eval_passes_by_default_changes_nothing(smollm2_files: dict[str, Path]) -> None:
    model = MedevalLM(str(smollm2_files["q4_k_m"]), device="cuda:0", batch_size=1)
    assert model.engine.model.target == "cpu"
    model.engine.close()
