"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest

from medeval.hub.fetch import fetch
from medeval.records.yaml_files import load_yaml
from medeval.run.model import Model
from medeval.weights.quantize import quantize

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def smollm2_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The demo's weights, fetched and quantized as the demo does: q4_1 (as shipped), f16 and q4_k_m."""
    model = Model.model_validate(load_yaml(ROOT / "config/models/smollm2-135m-instruct.yaml"))
    folder = tmp_path_factory.mktemp("weights")
    files = {name: folder / f"{name}.gguf" for name in ("q4_1", "f16", "q4_k_m")}
    source = model.variants["q4_1"].source
    assert source is not None
    fetch(source, files["q4_1"])
    quantize(files["q4_1"], files["f16"], "F16", threads=os.cpu_count() or 1, allow_requantize=True)
    quantize(files["f16"], files["q4_k_m"], "Q4_K_M", threads=os.cpu_count() or 1)
    return files
